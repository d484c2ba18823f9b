"""JavaScript calls the program back, in an event loop: coroutines on it, everything else in threads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from js_host import AsyncFunction, Function, JSHost
from js_host.exceptions import FunctionError

CONFIG = """
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
module.exports = { port: 0, functions: {
  echo: (data) => data,
  ask: async ({ f, data }) => f(data),
  together: async ({ f, n }) => Promise.all(Array.from({ length: n }, (_, i) => f(i))),
  race: async ({ f }) => { f('never').catch(() => {}); return f('quick') },
  all: async ({ items }) => { const found = []; for await (const item of items) found.push(item); return found },
  first: async ({ items }) => { for await (const item of items) return item },
  caught: async ({ f }) => { try { await f() } catch (error) { return [error.name, error.message] } },
  wrapped: async ({ f }) => { try { await f() } catch (error) { throw new Error('outer', { cause: error }) } },
  deep: async ({ again, level }) => level === 0 ? 'bottom' : 'js' + level + ' ' + await again(level - 1),
  never: async ({ f }) => { f(); await sleep(60000) }
} }
"""


@pytest.fixture
def host(nothing_left: Any) -> Iterator[JSHost]:
    with JSHost(nothing_left.config(CONFIG)) as host:
        yield host


def run(host: JSHost, name: str, **fields: Any) -> Any:
    async def main() -> Any:
        return await AsyncFunction[Any](name, host)(**fields)

    return asyncio.run(main())


user = contextvars.ContextVar("user", default="nobody")


def test_a_coroutine_function_runs_in_the_loop_and_another_callable_in_a_thread_with_the_callers_context(
    host: JSHost,
) -> None:
    def here() -> tuple[int, str]:
        return threading.get_ident(), user.get()

    async def on_the_loop(data: object) -> object:
        return [*here(), data]

    def in_a_thread(data: object) -> object:
        return [*here(), data]

    class Callable:
        async def __call__(self, data: object) -> object:
            return [*here(), data]

    async def main() -> None:
        user.set("somebody")
        ask = AsyncFunction[Any]("ask", host)
        loop = threading.get_ident()
        assert await ask(f=on_the_loop, data=1) == [loop, "somebody", 1]
        assert await ask(f=Callable(), data=1) == [loop, "somebody", 1]
        assert await ask(f=lambda data: on_the_loop(data), data=1) == [loop, "somebody", 1]
        thread, name, data = await ask(f=in_a_thread, data=b"x")
        assert thread != loop
        assert (name, data) == ("somebody", b"x")

    asyncio.run(main())


def test_several_run_at_once(host: JSHost) -> None:
    running = most = 0

    async def careful(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        return number * number

    assert run(host, "together", f=careful, n=50) == [number * number for number in range(50)]
    assert most == 50
    barrier = threading.Barrier(3, timeout=10)

    def meet(number: int) -> int:
        barrier.wait()
        return number

    assert run(host, "together", f=meet, n=3) == [0, 1, 2]


def test_iterators_of_both_kinds_are_read_to_their_end_or_closed(host: JSHost) -> None:
    closed = []

    async def later() -> AsyncIterator[int]:
        try:
            for number in range(100):
                await asyncio.sleep(0)
                yield number
        finally:
            closed.append("async")

    def at_once() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.append("sync")

    assert run(host, "all", items=later()) == list(range(100))
    assert run(host, "all", items=at_once()) == list(range(100))
    assert run(host, "all", items=iter([])) == []
    assert closed == ["async", "sync"]
    assert run(host, "first", items=at_once()) == 0
    assert closed[-1] == "sync"


def test_an_exception_crosses_and_comes_back_as_itself(host: JSHost) -> None:
    class Mine(Exception):
        pass

    async def raises(*_: object) -> None:
        raise Mine("of mine")

    def raises_in_a_thread(*_: object) -> None:
        raise StopIteration("of mine")

    assert run(host, "caught", f=raises) == ["Mine", "of mine"]
    assert run(host, "caught", f=raises_in_a_thread) == ["StopIteration", "of mine"]
    for name in ("ask", "wrapped"):
        with pytest.raises(FunctionError) as caught:
            run(host, name, f=raises)
        assert isinstance(caught.value.__cause__, Mine)
        assert caught.value.__cause__.__traceback__ is not None
        told = "".join(traceback.format_exception(caught.value))
        assert "in raises" in told
        assert "host.config.js" in told


@pytest.mark.parametrize("kind", ["async", "blocking", "mixed"])
def test_javascript_and_python_call_each_other_five_levels_deep_on_one_worker(host: JSHost, kind: str) -> None:
    blocking, asynchronous = Function[Any]("deep", host), AsyncFunction[Any]("deep", host)

    async def again(level: int) -> str:
        inner = again_blocking if kind == "mixed" and level % 2 else again
        return f"py{level} " + await asynchronous(again=inner, level=level)

    def again_blocking(level: int) -> str:
        inner = again if kind == "mixed" and level % 2 else again_blocking
        return f"py{level} " + blocking(again=inner, level=level)

    async def main() -> None:
        expected = "js5 py4 js4 py3 js3 py2 js2 py1 js1 py0 bottom"
        first = again_blocking if kind == "blocking" else again
        async with asyncio.timeout(20):
            assert await asynchronous(again=first, level=5) == expected
            assert (
                await asyncio.gather(*(asynchronous(again=again, level=5) for _ in range(20)))
                == [await asynchronous(again=again, level=5)] * 20
            )

    asyncio.run(main())


@pytest.mark.parametrize("how", ["the call ends", "the call is cancelled", "the deadline passes"])
def test_what_still_runs_for_a_call_is_cancelled_with_it(host: JSHost, how: str) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def callback(what: str = "never") -> str:
        if what == "quick":
            return "done"
        try:
            began.set()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "late"

    async def main() -> None:
        if how == "the call ends":
            assert await AsyncFunction[Any]("race", host)(f=callback) == "done"
        else:
            timeout = 0.1 if how == "the deadline passes" else 20
            task = asyncio.ensure_future(AsyncFunction[Any]("never", host, timeout=timeout)(f=callback))
            await began.wait()
            if how == "the call is cancelled":
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled() or isinstance(task.exception(), TimeoutError)
        async with asyncio.timeout(5):
            await cancelled.wait()
        assert await AsyncFunction[Any]("echo", host)(1) == 1

    asyncio.run(main())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["loop", "thread"])
def test_an_interrupt_in_a_callback_ends_the_program_as_anywhere(
    host: JSHost, kind: type[BaseException], where: str
) -> None:
    async def on_the_loop(_: object) -> None:
        raise kind

    def in_a_thread(_: object) -> None:
        raise kind

    with pytest.raises(kind):
        run(host, "ask", f=on_the_loop if where == "loop" else in_a_thread)
    assert run(host, "echo", a=1) == {"a": 1}


@pytest.mark.parametrize("where", ["loop", "thread"])
def test_what_is_no_exception_ends_the_call_that_it_is_raised_in(host: JSHost, where: str) -> None:
    class Failed(BaseException):
        """As pytest.fail raises it."""

    def in_a_thread(_: object) -> None:
        raise Failed("at once")

    async def on_the_loop(_: object) -> None:
        in_a_thread(_)

    with pytest.raises(FunctionError, match="at once") as caught:
        run(host, "ask", f=on_the_loop if where == "loop" else in_a_thread)
    assert isinstance(caught.value.__cause__, Failed)


def test_a_blocking_callback_does_not_hold_the_loop_up(host: JSHost) -> None:
    def block(_: object) -> str:
        time.sleep(0.2)
        return "blocked"

    async def main() -> None:
        ask = asyncio.ensure_future(AsyncFunction[Any]("ask", host)(f=block))
        began = time.monotonic()
        for _ in range(10):
            await asyncio.sleep(0.001)
        assert not ask.done()
        assert time.monotonic() - began < 0.2
        assert await ask == "blocked"

    asyncio.run(main())


def test_what_can_not_cross_is_the_error_of_the_question(host: JSHost) -> None:
    async def wrong() -> object:
        return object()

    name, message = run(host, "caught", f=wrong)
    assert name == "ValueNotSupported"
    assert "can not be given to JavaScript" in message
