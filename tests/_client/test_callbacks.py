"""Python callables and iterators in the data of a call, through the blocking client and a real worker."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from js_host._wire.frames import ASK
from js_host.exceptions import FunctionError, FunctionTimeout, UnexpectedResponse, ValueNotSupported
from js_host.js_host import JSHost

CONFIG = """
let kept
module.exports = {
  port: 0,
  functions: {
    call: async ({ f, args }) => f(...args),
    kind: ({ f }) => `${typeof f} ${Object.prototype.toString.call(f(1))}`,
    all: async ({ f, n }) => Promise.all(Array.from({ length: n }, (_, i) => f(i))),
    caught: ({ f }) => f().catch((e) => [e.name, e.message, e instanceof Error, e.stack]),
    wrapped: async ({ f }) => { try { await f() } catch (cause) { throw new Error('outer', { cause }) } },
    through: async ({ f }) => f(),
    own: async ({ f }) => { await f().catch(() => {}); throw new Error('mine') },
    nest: async ({ f, n }) => n === 0 ? 'bottom' : f(n - 1),
    keep: ({ f }) => { kept = f },
    late: () => kept(1),
    again: async ({ f }) => { const g = await f(); return g(20) },
    callback: function ({ f }, cb) { f(1).then((value) => cb(null, value), cb) },
    sum: async ({ rows }) => { let sum = 0; for await (const row of rows) sum += row; return sum },
    first: async ({ rows }) => { for await (const row of rows) return row },
    twoAtOnce: async ({ rows }) => Promise.all([rows.next(), rows.next(), rows.next()]),
    echo: async function * ({ rows }) { for await (const row of rows) yield row * 2 },
    bad: async ({ f }) => f(() => {}),
    wait: async ({ f }) => { await f(); return 'too late' },
    pid: () => process.pid
  }
}
"""


@pytest.fixture
def host(nothing_left: Any) -> Any:
    with JSHost(nothing_left.config(CONFIG)) as host:
        yield host


@pytest.mark.parametrize("value", [None, 1, "é👋", [1, {"a": 2}], b"bytes", 2**70, {1, 2}, float("inf"), "x" * 200_000])
def test_a_callable_is_called_with_values_and_gives_one(host: JSHost, value: Any) -> None:
    seen: list[Any] = []

    def f(*args: Any) -> Any:
        seen.append(args)
        return value

    assert host.function("call")(f=f, args=[value, 2]) == value
    assert seen == [(value, 2)]


def test_a_callable_runs_in_the_thread_of_the_caller(host: JSHost) -> None:
    assert host.function("call")(f=threading.get_ident, args=[]) == threading.get_ident()


def test_a_callable_arrives_as_an_async_function(host: JSHost) -> None:
    assert host.function("kind")(f=lambda x: x) == "function [object Promise]"


def test_several_questions_at_once_are_answered_each_for_itself(host: JSHost) -> None:
    assert host.function("all")(f=lambda i: i * 10, n=100) == [i * 10 for i in range(100)]


def test_a_coroutine_function_is_awaited(host: JSHost) -> None:
    async def f(i: int) -> int:
        await asyncio.sleep(0)
        return i + 1

    assert host.function("all")(f=f, n=3) == [1, 2, 3]


def test_a_coroutine_function_inside_a_running_loop_says_what_to_use(host: JSHost) -> None:
    async def f() -> int:
        return 1

    async def program() -> Any:
        return host.function("call")(f=f, args=[])

    with pytest.raises(FunctionError, match="Call it with AsyncFunction"):
        asyncio.run(program())


def fail() -> None:
    raise LookupError("no such row")


def test_an_exception_is_caught_in_javascript_with_both_stacks(host: JSHost) -> None:
    name, message, is_error, stack = host.function("caught")(f=fail)
    assert (name, message, is_error) == ("LookupError", "no such row", True)
    assert "test_callbacks.py" in stack
    assert "in fail" in stack
    assert "host.config.js" in stack


@pytest.mark.parametrize("name", ["through", "wrapped", "callback"])
def test_an_exception_that_comes_back_is_the_cause_of_the_error(host: JSHost, name: str) -> None:
    error = LookupError("no such row")

    def f(*args: Any) -> None:
        raise error

    with pytest.raises(FunctionError) as caught:
        host.function(name)(f=f)
    assert caught.value.__cause__ is error
    story = "".join(traceback.format_exception(caught.value))
    assert "host.config.js" in story
    assert "in f\n    raise error" in story


def test_an_exception_that_is_over_the_limit_is_told_by_its_beginning(nothing_left: Any) -> None:
    def fails() -> None:
        raise ValueError("\x00" * 50_000)

    with JSHost(nothing_left.config(CONFIG.replace("port: 0", "port: 0, requestDataLimit: 20000"))) as host:
        name, message, is_error, _ = host.function("caught")(f=fails)
        assert (name, message[:100], is_error) == ("ValueError", "\x00" * 100, True)
        with pytest.raises(FunctionError) as caught:
            host.function("through")(f=fails)
        assert isinstance(caught.value.__cause__, ValueError)


def test_an_error_of_javascripts_own_has_none_of_ours_as_its_cause(host: JSHost) -> None:
    with pytest.raises(FunctionError, match="mine") as caught:
        host.function("own")(f=fail)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_is_not_given_to_javascript(host: JSHost, stop: type[BaseException]) -> None:
    def f() -> None:
        raise stop

    with pytest.raises(stop):
        host.function("through")(f=f)
    assert host.function("pid")()


def test_javascript_and_python_call_each_other_five_deep_on_one_worker(host: JSHost) -> None:
    nest = host.function("nest")
    depths: list[int] = []

    def f(n: int) -> str:
        depths.append(n)
        return str(nest(f=f, n=n))

    assert nest(f=f, n=5) == "bottom"
    assert depths == [4, 3, 2, 1, 0]


def test_an_answer_may_hold_a_callable_too(host: JSHost) -> None:
    assert host.function("again")(f=lambda: lambda x: x + 1) == 21


def test_a_callable_is_gone_when_its_call_has_ended(host: JSHost) -> None:
    host.function("keep")(f=lambda x: x)
    with pytest.raises(FunctionError, match="has ended"):
        host.function("late")()


def test_an_argument_that_can_not_cross_is_javascripts_own_error(host: JSHost) -> None:
    with pytest.raises((FunctionError, ValueNotSupported), match="a function"):
        host.function("bad")(f=print)
    assert host.function("pid")()


def test_a_result_that_can_not_cross_is_javascripts_to_catch(host: JSHost) -> None:
    name, message, *_ = host.function("caught")(f=lambda *_: {"rows": [object()]})
    assert name == "ValueNotSupported"
    assert message.startswith("answer['rows'][0] is an object, which can not be given to JavaScript.")


def test_an_iterator_is_read_as_an_async_iterable(host: JSHost) -> None:
    assert host.function("sum")(rows=iter(range(1000))) == sum(range(1000))


async def later(count: int) -> AsyncIterator[int]:
    for i in range(count):
        await asyncio.sleep(0)
        yield i


def test_an_async_iterator_is_read_too(host: JSHost) -> None:
    assert host.function("sum")(rows=later(100)) == sum(range(100))


def test_an_iterator_is_closed_when_javascript_has_enough(host: JSHost) -> None:
    told: list[str] = []

    def rows() -> Iterator[int]:
        try:
            yield from range(1, 10**9)
        finally:
            told.append("closed")

    assert host.function("first")(rows=rows()) == 1
    assert told == ["closed"]


def test_next_may_be_asked_for_several_times_at_once(host: JSHost) -> None:
    found = host.function("twoAtOnce")(rows=iter([1, 2]))
    assert [(item["done"], item.get("value")) for item in found] == [(False, 1), (False, 2), (True, None)]


def test_an_iterator_that_raises_is_an_error_in_javascript(host: JSHost) -> None:
    def rows() -> Iterator[int]:
        yield 1
        raise LookupError("row two")

    with pytest.raises(FunctionError, match="row two") as caught:
        host.function("sum")(rows=rows())
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_stream_is_made_of_an_iterator(host: JSHost) -> None:
    assert list(host.function("echo").stream(rows=iter(range(500)))) == [i * 2 for i in range(500)]


def test_the_deadline_counts_the_time_of_the_callable(host: JSHost) -> None:
    with pytest.raises(FunctionTimeout):
        host.function("wait", timeout=0.2)(f=lambda: threading.Event().wait(0.4))
    assert host.function("pid")()


def test_a_question_that_is_none_ends_the_connection(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        _, id, _ = client.read()
        client.send(frame(ASK, id, b'[5,"call",[]]'))
        client.wait_for_end()

    with pytest.raises(UnexpectedResponse, match="not understood"):
        evil(play).call({"f": print})


def test_a_question_without_callables_in_the_data_is_an_unexpected_response(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        _, id, _ = client.read()
        client.send(frame(ASK, id, b'[0,"call",[]]'))
        client.wait_for_end()

    with pytest.raises(UnexpectedResponse, match="does not belong there"):
        evil(play).call("plain")
