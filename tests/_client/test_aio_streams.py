"""Results in parts in an event loop: at the reader's pace, many at once, left early, and broken off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from js_host import AsyncFunction, JSHost
from js_host.exceptions import ConfigError, FunctionError, FunctionTimeout, WorkerDied

CONFIG = """
const { Readable } = require('node:stream')
let made = 0
let open = 0
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
module.exports = { port: 0, functions: {
  echo: (data) => data,
  count: async function * (n) {
    open++
    try { for (let i = 0; i < n; i++) { made = i + 1; yield i } } finally { open-- }
  },
  large: function * ([n, size]) { for (let i = 0; i < n; i++) { made = i + 1; yield Buffer.alloc(size, i) } },
  slowly: async function * ([n, ms]) { for (let i = 0; i < n; i++) { await sleep(ms); yield i } },
  breaks: async function * (n) { yield * Array(n).keys(); throw new RangeError('in the middle') },
  readable: (n) => Readable.from(Array.from({ length: n }, (_, i) => 'part ' + i)),
  dies: async function * () { yield 1; await sleep(10); process.kill(process.pid, 'SIGKILL'); await sleep(10000) },
  state: () => ({ made, open }),
  asks: async function * ({ next, times }) { for (let i = 0; i < times; i++) yield await next(i) }
} }
"""


@pytest.fixture
def host(nothing_left: Any) -> Iterator[JSHost]:
    with JSHost(nothing_left.config(CONFIG)) as host:
        yield host


async def until_closed(host: JSHost) -> None:
    state = AsyncFunction[Any]("state", host)
    async with asyncio.timeout(5):
        while (await state())["open"]:
            await asyncio.sleep(0.001)


def test_parts_come_in_order_from_generators_and_streams_and_a_plain_result_is_the_only_one(host: JSHost) -> None:
    async def main() -> None:
        for name, data, parts in (
            ("count", 5, [0, 1, 2, 3, 4]),
            ("count", 0, []),
            ("readable", 3, ["part 0", "part 1", "part 2"]),
            ("echo", {"a": 1}, [{"a": 1}]),
            ("echo", None, [None]),
        ):
            assert [part async for part in AsyncFunction(name, host).stream(data)] == parts

    asyncio.run(main())


def test_the_readers_pace_is_felt_in_javascript(host: JSHost) -> None:
    state = AsyncFunction[Any]("state", host)

    async def main() -> None:
        stream = AsyncFunction("count", host).stream(100_000)
        for number in range(10):
            assert await anext(stream) == number
        assert (await state())["made"] <= 10 + 64
        await stream.aclose()
        stream = AsyncFunction("large", host).stream([100, 1_000_000])
        assert (await anext(stream))[:1] == b"\0"
        assert (await state())["made"] <= 3
        assert [part[0] async for part in stream] == list(range(1, 100))

    asyncio.run(main())


def test_a_thousand_parts_on_each_of_fifty_streams_at_once_beside_calls(host: JSHost) -> None:
    count, echo = AsyncFunction[Any]("count", host), AsyncFunction[Any]("echo", host)

    async def read() -> None:
        assert [part async for part in count.stream(1000)] == list(range(1000))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(read())
                group.create_task(echo(number))

    asyncio.run(main())


@pytest.mark.parametrize("how", ["break", "aclose", "async with", "cancel", "dropped"])
def test_a_stream_that_is_left_early_ends_in_javascript_at_once(host: JSHost, how: str) -> None:
    count, echo = AsyncFunction[Any]("count", host), AsyncFunction[Any]("echo", host)

    async def leave() -> None:
        stream = count.stream(10**9)
        if how == "break":
            del stream
            async for part in count.stream(10**9):
                if part == 3:
                    break
        elif how == "aclose":
            await anext(stream)
            await stream.aclose()
            await stream.aclose()
        elif how == "async with":
            async with stream as parts:
                await anext(parts)
        elif how == "dropped":
            await anext(stream)
        else:
            task = asyncio.ensure_future(consume(stream))
            await echo(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    async def main() -> None:
        await echo(0)
        await leave()
        (lane,) = host._link.loops[asyncio.get_running_loop()]._lanes  # type: ignore[union-attr, index]
        assert not lane.connection.pending  # type: ignore[union-attr]
        await until_closed(host)
        assert await echo(2) == 2

    asyncio.run(main())


async def collect(stream: Any, parts: list[Any]) -> None:
    async for part in stream:
        parts.append(part)


async def consume(stream: Any) -> None:
    async for _ in stream:
        await asyncio.sleep(0)


def test_an_error_in_mid_stream_comes_after_the_parts_before_it(host: JSHost) -> None:
    class Wrong(Exception):
        pass

    async def main() -> None:
        for kind, raised in ((None, FunctionError), (Wrong, Wrong)):
            parts = []
            with pytest.raises(raised, match="in the middle"):
                await collect(AsyncFunction("breaks", host, exception_cls=kind).stream(3), parts)
            assert parts == [0, 1, 2]

    asyncio.run(main())


def test_the_timeout_is_for_each_part_and_does_not_run_while_nobody_waits_for_one(host: JSHost) -> None:
    slowly = AsyncFunction[Any]("slowly", host, timeout=0.4)

    async def main() -> None:
        parts = []
        async for part in slowly.stream([6, 100]):
            parts.append(part)
            if part == 2:
                await asyncio.sleep(0.5)
        assert parts == list(range(6))
        with pytest.raises(FunctionTimeout):
            await anext(slowly.stream([2, 60_000]))

    asyncio.run(main())


def test_a_worker_that_dies_in_mid_stream_is_told_and_the_next_stream_works(host: JSHost) -> None:
    async def main() -> None:
        parts: list[Any] = []
        with pytest.raises(WorkerDied, match="SIGKILL"):
            await collect(AsyncFunction("dies", host).stream(), parts)
        assert parts == [1]
        assert [part async for part in AsyncFunction("count", host).stream(3)] == [0, 1, 2]

    asyncio.run(main())


def test_a_stream_may_ask_the_program_for_its_parts(host: JSHost) -> None:
    async def main() -> None:
        async def next(number: int) -> int:
            await asyncio.sleep(0)
            return number * 2

        parts = AsyncFunction[Any]("asks", host).stream(next=next, times=5)
        assert [part async for part in parts] == [0, 2, 4, 6, 8]

    asyncio.run(main())


def test_nothing_is_sent_before_the_first_part_is_asked_for(host: JSHost) -> None:
    async def main() -> None:
        stream = AsyncFunction("count", host).stream(5)
        await asyncio.sleep(0)
        assert not host._link.loops  # type: ignore[union-attr]
        await stream.aclose()

    asyncio.run(main())
    with pytest.raises(ConfigError):
        AsyncFunction("", host)
