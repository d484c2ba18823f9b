"""Many rows through one function, in an event loop."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from js_host import AsyncFunction, JSHost
from js_host._client.aio_pool import AsyncPool, pool_of_this_loop
from js_host._client.aio_results import AsyncResults
from js_host._client.aio_rows import RowSource
from js_host._client.job import Job
from js_host._wire import results
from js_host.exceptions import ConfigError, ConnectionError, FunctionError, FunctionTimeout, WorkerDied

CONFIG = """
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
let running = 0
let most = 0
module.exports = { port: 0, functions: {
  echo: (data) => data,
  odd: (n) => { if (n % 2) throw new RangeError('odd: ' + n); return n },
  uneven: async (n) => { await sleep(n % 7); return n },
  count: async (n) => {
    most = Math.max(most, ++running)
    await sleep(5)
    running--
    return process.pid
  },
  hang: function (n) {
    running++
    return new Promise((resolve, reject) => {
      this.signal.addEventListener('abort', () => { running--; reject(new Error()) })
    })
  },
  state: () => ({ running, most }),
  dieAt: (n) => n === 50 ? process.kill(process.pid, 'SIGKILL') : n,
  ask: async ({ f, n }) => f(n),
  block: (ms) => { const end = Date.now() + ms; while (Date.now() < end); return ms }
} }
"""


@pytest.fixture
def start(nothing_left: Any) -> Iterator[Any]:
    started: list[JSHost] = []

    def start(**options: Any) -> JSHost:
        started.append(JSHost(nothing_left.config(CONFIG), **options))
        started[-1].start()
        return started[-1]

    yield start
    for host in started:
        host.close()


async def later(rows: Any, every: int = 10) -> AsyncIterator[Any]:
    for number, row in enumerate(rows):
        if number % every == 0:
            await asyncio.sleep(0)
        yield row


async def collect(results: Any, found: list[Any]) -> None:
    async for result in results:
        found.append(result)


@pytest.mark.parametrize("kind", [list, iter, later])
@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_rows_or_as_they_come(start: Any, kind: Any, workers: int) -> None:
    host = start(workers=workers)

    async def main() -> None:
        echo, uneven = AsyncFunction[Any]("echo", host), AsyncFunction[Any]("uneven", host)
        assert [result async for result in echo.map(kind(range(3000)))] == list(range(3000))
        assert [result async for result in uneven.map(kind(range(300)))] == list(range(300))
        found = [result async for result in uneven.map(kind(range(300)), ordered=False)]
        assert found != sorted(found)
        assert sorted(found) == list(range(300))
        assert [result async for result in echo.map(kind([]))] == []
        large = [b"x" * 3_000_000] * 5
        assert [result async for result in echo.map(kind(large))] == large

    asyncio.run(main())


def test_rows_are_taken_as_results_are_and_an_endless_input_has_no_end(start: Any) -> None:
    host = start()
    taken = 0

    def rows() -> Iterator[int]:
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield number

    async def main() -> None:
        for source in (rows(), later(rows())):
            results = AsyncFunction[Any]("echo", host).map(source, window=10)
            assert [await anext(results) for _ in range(100)] == list(range(100))
            assert taken <= 100 + 3 * 10
            await results.aclose()  # type: ignore[attr-defined]
            before = taken
            await AsyncFunction[Any]("echo", host)(1)
            assert taken == before
            with pytest.raises(StopAsyncIteration):
                await anext(results)
            reset()

    def reset() -> None:
        nonlocal taken
        taken = 0

    asyncio.run(main())


@pytest.mark.parametrize("how", ["break", "aclose", "cancel", "error in a row", "error of the consumer"])
def test_when_the_consumer_stops_the_calls_in_flight_are_aborted(start: Any, how: str) -> None:
    host = start(workers=2)
    hang = AsyncFunction[Any]("hang", host)
    state = AsyncFunction[Any]("state", host)

    async def consume(results: Any) -> None:
        async for _ in results:
            pass

    async def main() -> None:
        task = asyncio.ensure_future(consume(hang.map(range(100), window=20)))
        async with asyncio.timeout(5):
            while (await state.with_options(key=0)())["running"] < 20:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        odd = AsyncFunction[Any]("odd", host).map(itertools.count())
        if how == "break":
            async for _ in odd:
                break
            del odd
        elif how == "aclose":
            await anext(odd)
            await odd.aclose()  # type: ignore[attr-defined]
        elif how == "error in a row":
            with pytest.raises(FunctionError, match="odd: 1"):
                await consume(odd)
        else:
            with pytest.raises(ZeroDivisionError):  # noqa: PT012
                async for _ in odd:
                    1 / 0  # noqa: B018
            del odd
        pool = host._link.loops[asyncio.get_running_loop()]
        async with asyncio.timeout(5):
            for key in range(2):
                while (await state.with_options(key=key)())["running"]:
                    await asyncio.sleep(0.001)
        assert not any(lane.connection.pending for lane in pool._lanes if lane.connection)

    if how != "cancel":
        asyncio.run(main())
    else:
        asyncio.run(main_of_cancel(host))


async def main_of_cancel(host: JSHost) -> None:
    async def consume() -> None:
        async for _ in AsyncFunction[Any]("hang", host).map(range(10)):
            pass

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(consume(), 0.1)
    pool: Any = host._link.loops[asyncio.get_running_loop()]  # type: ignore[union-attr]
    assert not any(lane.connection.pending for lane in pool._lanes if lane.connection)


def test_a_failed_row_raises_at_its_turn_or_is_given_in_its_place(start: Any) -> None:
    host = start()

    class Wrong(Exception):
        pass

    async def main() -> None:
        odd = AsyncFunction[Any]("odd", host, exception_cls=Wrong)
        found: list[Any] = []
        with pytest.raises(Wrong, match="odd: 1"):
            await collect(odd.map(range(10)), found)
        assert found == [0]
        found = [result async for result in odd.map([0, 1, object(), 4], return_exceptions=True)]
        assert found[0] == 0
        assert found[3] == 4
        assert isinstance(found[1], Wrong)
        assert isinstance(found[1].__cause__, FunctionError)
        assert "data is an object" in str(found[2])

    asyncio.run(main())


@pytest.mark.parametrize("kind", [iter, later])
def test_what_the_rows_raise_comes_after_the_results_before_it(start: Any, kind: Any) -> None:
    host = start()

    def rows() -> Iterator[int]:
        yield from range(20)
        raise ZeroDivisionError

    async def main() -> None:
        found: list[Any] = []
        with pytest.raises(ZeroDivisionError):
            await collect(AsyncFunction[Any]("uneven", host).map(kind(rows())), found)
        assert found == list(range(20))

    asyncio.run(main())


@pytest.mark.parametrize("kind", [asyncio.CancelledError, BaseException])
def test_rows_that_are_cancelled_are_no_end_of_the_rows(start: Any, kind: type[BaseException]) -> None:
    host = start()

    async def rows() -> AsyncIterator[int]:
        yield 1
        raise kind

    async def main() -> None:
        found: list[Any] = []
        with pytest.raises(kind):
            await collect(AsyncFunction[Any]("echo", host).map(rows()), found)
        assert found == [1]

    asyncio.run(main())


def test_all_workers_have_calls_and_never_more_than_the_window_or_the_concurrency(start: Any) -> None:
    async def main(host: JSHost, limit: int, **options: Any) -> None:
        pids = [pid async for pid in AsyncFunction[Any]("count", host).map(range(200), **options)]
        assert min(Counter(pids).values()) > 50
        for key in range(2):
            assert (await AsyncFunction[Any]("state", host).with_options(key=key)())["most"] == limit

    asyncio.run(main(start(workers=2), 4, window=4))
    asyncio.run(main(start(workers=2, concurrency=3), 3))
    host = start(workers=2)

    async def keyed() -> None:
        pids = [pid async for pid in AsyncFunction[Any]("count", host).with_options(key=1).map(range(50))]
        assert len(set(pids)) == 1

    asyncio.run(keyed())


def test_rows_of_a_worker_that_dies_fail_with_the_reason_and_the_map_goes_on(start: Any) -> None:
    host = start()

    async def main() -> None:
        found: list[Any] = []
        await collect(AsyncFunction[Any]("dieAt", host).map(range(200), return_exceptions=True, window=8), found)
        assert len(found) == 200
        lost = [result for result in found if isinstance(result, Exception)]
        assert 1 <= len(lost) <= 8
        assert all(isinstance(error, WorkerDied) and "SIGKILL" in str(error) for error in lost)
        assert len({id(error) for error in lost}) == len(lost)
        assert found[:40] == list(range(40))
        assert found[-100:] == list(range(100, 200))

    asyncio.run(main())


def test_the_deadline_of_a_row_counts_from_its_start(start: Any) -> None:
    host = start()

    async def main() -> None:
        block = AsyncFunction[Any]("block", host, timeout=0.5)
        assert [result async for result in block.map([100] * 12)] == [100] * 12
        found: list[Any] = []
        await collect(AsyncFunction[Any]("hang", host, timeout=0.1).map([1, 2], return_exceptions=True), found)
        assert [type(result) for result in found] == [FunctionTimeout] * 2

    asyncio.run(main())


def test_rows_may_hold_callables_of_both_kinds(start: Any) -> None:
    host = start()

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return number * 2

    async def main() -> None:
        rows = [{"f": double if number % 2 else (lambda n: n * 2), "n": number} for number in range(50)]
        assert [result async for result in AsyncFunction[Any]("ask", host).map(rows)] == [n * 2 for n in range(50)]

    asyncio.run(main())


def test_several_maps_and_calls_share_the_connections(start: Any) -> None:
    host = start(workers=2)
    echo = AsyncFunction[Any]("echo", host)

    async def collect(first: int) -> None:
        assert [r async for r in echo.map(range(first, first + 1000))] == list(range(first, first + 1000))

    async def main() -> None:
        await asyncio.gather(*(collect(number) for number in range(10)), *map(echo, range(500)))

    asyncio.run(main())


def test_a_map_does_not_hold_the_loop_up(start: Any) -> None:
    host = start()
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - began)

    async def main() -> None:
        watcher = asyncio.ensure_future(watch())
        async for _ in AsyncFunction[Any]("echo", host).map(range(30_000)):
            pass
        watcher.cancel()

    asyncio.run(main())
    assert longest < 1


def test_a_host_that_was_stopped_and_a_window_that_is_none_are_told(start: Any) -> None:
    host = start()
    echo = AsyncFunction[Any]("echo", host)

    async def main() -> None:
        assert [result async for result in echo.map([1])] == [1]
        host.stop()
        with pytest.raises(ConnectionError, match="was stopped"):
            await anext(echo.map([1]))

    asyncio.run(main())
    for window in (0, -1, 1.5, True):
        with pytest.raises(ConfigError, match="window"):
            echo.map([], window=window)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        echo.map(5)  # type: ignore[arg-type]


def test_a_progress_bar_counts_the_results(
    start: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytest.importorskip("tqdm").tqdm, "monitor_interval", 0)
    host = start()

    async def main() -> None:
        assert [r async for r in AsyncFunction[Any]("echo", host).map(range(10), progress="pages")] == list(range(10))

    asyncio.run(main())
    assert "pages: 100%" in capsys.readouterr().err


def test_a_row_that_is_late_on_a_connection_that_breaks_has_failed_once(evil: Any) -> None:
    may_close, has_closed = threading.Event(), threading.Event()

    def play(client: Any) -> None:
        client.greet()
        client.read()
        may_close.wait(5)
        client.socket.close()
        has_closed.set()

    server = evil(play)

    async def main() -> list[Any]:
        pool = pool_of_this_loop(server.pool)
        assert isinstance(pool, AsyncPool)

        async def connect() -> AsyncPool:
            return pool

        rows = AsyncResults(connect, RowSource(range(1)), Job(b"f", 5.0, results.value, lambda error: error))
        first = asyncio.ensure_future(anext(rows))
        while not server.calls:
            await asyncio.sleep(0.005)
        connection = pool.lanes_for(None)[0].connection
        assert connection is not None
        may_close.set()
        assert has_closed.wait(5)
        [row] = connection.pending.values()
        connection._late(row)  # as the timer does, before the loop sees that the connection is gone
        return [await first, *[row async for row in rows]]

    assert [type(error) for error in asyncio.run(main())] == [WorkerDied]
