"""Cancelling calls of an event loop: JavaScript learns of it, and no answer ever meets another question."""

from __future__ import annotations

import asyncio
import random
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any

import pytest

from js_host import AsyncFunction, JSHost

CONFIG = """
let running = 0
let aborted = 0
module.exports = { port: 0, functions: {
  echo: (data) => data,
  wait: function ([ms, value]) {
    running++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => { running--; resolve(value) }, ms)
      this.signal.addEventListener('abort', () => { running--; aborted++; clearTimeout(timer); reject(new Error()) })
    })
  },
  counts: () => ({ running, aborted }),
  size: (data) => data.byteLength
} }
"""


@pytest.fixture
def host(nothing_left: Any) -> Iterator[JSHost]:
    with JSHost(nothing_left.config(CONFIG)) as host:
        yield host


async def until_none_runs(host: JSHost) -> dict[str, int]:
    counts: AsyncFunction[dict[str, int]] = AsyncFunction("counts", host)
    async with asyncio.timeout(5):
        while (found := await counts())["running"]:
            await asyncio.sleep(0.001)
    return found


def test_a_cancelled_call_is_aborted_in_javascript_and_the_connection_goes_on(host: JSHost) -> None:
    wait, echo = AsyncFunction("wait", host), AsyncFunction("echo", host)

    async def main() -> None:
        await echo(1)
        connections = [lane.connection for lane in pool_here(host)._lanes]
        tasks = [asyncio.ensure_future(wait([60_000, number])) for number in range(100)]
        await echo(2)
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {asyncio.CancelledError}
        assert await until_none_runs(host) == {"running": 0, "aborted": 100}
        assert [lane.connection for lane in pool_here(host)._lanes] == connections

    asyncio.run(main())


def pool_here(host: JSHost) -> Any:
    return host._link.loops[asyncio.get_running_loop()]  # type: ignore[union-attr]


def test_of_ten_thousand_calls_cancelled_at_random_each_answer_belongs_to_its_question(host: JSHost) -> None:
    wait, echo = AsyncFunction("wait", host), AsyncFunction("echo", host)
    chance = random.Random(4)
    ended = {"answered": 0, "cancelled": 0}

    async def one(number: int) -> None:
        value = [number, "x" * chance.choice([0, 10, 1000, 100_000 if number % 50 == 0 else 10])]
        called = wait([chance.randrange(5), value]) if number % 3 else echo(value)
        task = asyncio.ensure_future(called)
        if chance.random() < 0.6:
            asyncio.get_running_loop().call_later(chance.random() * 0.005, task.cancel)
        try:
            assert await task == value
            ended["answered"] += 1
        except asyncio.CancelledError:
            ended["cancelled"] += 1

    async def main() -> None:
        for start in range(0, 10_000, 500):
            await asyncio.gather(*map(one, range(start, start + 500)))
        await until_none_runs(host)
        assert not any(lane.connection.pending for lane in pool_here(host)._lanes)

    asyncio.run(main())
    assert sum(ended.values()) == 10_000
    assert min(ended.values()) > 1000


class Count:
    """How often something was awaited."""

    def __init__(self) -> None:
        self.awaits = 0


@types.coroutine
def cancelled_at(called: Coroutine[Any, Any, Any], at: int, count: Count) -> Generator[Any, Any, Any]:
    """Await the call, and cancel the task while it waits for the time `at`, from 0."""
    task = asyncio.current_task()
    assert task is not None
    send: Callable[[], Any] = lambda: called.send(None)  # noqa: E731
    while True:
        try:
            waits_for = send()
        except StopIteration as stop:
            return stop.value
        if count.awaits == at:
            asyncio.get_running_loop().call_soon(task.cancel)
        count.awaits += 1
        try:
            yield waits_for
            send = lambda: called.send(None)  # noqa: E731
        except BaseException as error:
            send = lambda error=error: called.throw(error)  # type: ignore[misc]  # noqa: E731


@pytest.mark.parametrize("kind", ["the first call of a loop", "a later call", "large data"])
def test_a_call_may_be_cancelled_at_every_point_where_it_waits(host: JSHost, kind: str) -> None:
    wait, echo, size = (AsyncFunction(name, host) for name in ("wait", "echo", "size"))

    async def main(at: int) -> bool:
        if kind != "the first call of a loop":
            await echo(0)
        count = Count()
        called = size(bytes(20_000_000)) if kind == "large data" else wait([1, at])
        task = asyncio.ensure_future(cancelled_at(called, at, count))  # type: ignore[arg-type]
        try:
            await task
        except asyncio.CancelledError:
            pass
        assert await asyncio.gather(*(echo([at, number]) for number in range(10))) == [[at, n] for n in range(10)]
        await until_none_runs(host)
        assert len(asyncio.all_tasks()) == 1
        return count.awaits > at

    at = 0
    while asyncio.run(main(at)):
        at += 1
    assert at >= (2 if kind == "the first call of a loop" else 1)


def test_a_call_whose_frame_waits_to_be_sent_may_be_cancelled(host: JSHost) -> None:
    size, echo = AsyncFunction("size", host), AsyncFunction("echo", host)

    async def main() -> None:
        tasks = [asyncio.ensure_future(size(bytes(5_000_000))) for _ in range(10)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert outcomes[1::2] == [5_000_000] * 5
        assert await echo("next") == "next"

    asyncio.run(main())


def test_a_timeout_of_asyncio_ends_the_call_too(host: JSHost) -> None:
    wait = AsyncFunction("wait", host)

    async def main() -> None:
        await wait([1, 1])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await wait([60_000, 1])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wait([60_000, 1]), 0.3)
        assert await until_none_runs(host) == {"running": 0, "aborted": 2}

    asyncio.run(main())
