"""Maps in an event loop whose workers leave, refuse or fall silent: each row has one end, and the others go on."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from js_host._client.address import Address
from js_host._client.aio import _connections
from js_host._client.aio_pool import AsyncPool, pool_of_this_loop
from js_host._client.aio_results import AsyncResults
from js_host._client.aio_rows import RowSource
from js_host._client.job import Job
from js_host._client.pool import Lane, Pool
from js_host._client.window import MOST_BYTES
from js_host._wire import results
from js_host.exceptions import ConnectionError, FunctionTimeout, JSHostError, ProcessError, WorkerDied


@contextmanager
def over_all(servers: list[Any]) -> Iterator[Pool]:
    """Give a pool whose workers are all these."""
    pool = Pool([Lane(Address.unix(server.path)) for server in servers])
    try:
        yield pool
    finally:
        pool.close()


def over(pool: Pool, rows: Any, timeout: float | None = 5.0, **options: Any) -> AsyncResults:
    """Begin a map whose errors are given in their places."""

    async def connect() -> Any:
        return pool_of_this_loop(pool)

    return AsyncResults(connect, RowSource(rows), Job(b"f", timeout, results.value, lambda error: error, **options))


def collect(pool: Pool, rows: Any, timeout: float | None = 5.0, **options: Any) -> list[Any]:
    async def main() -> list[Any]:
        async with asyncio.timeout(10):
            return [result async for result in over(pool, rows, timeout, **options)]

    return asyncio.run(main())


def obey(client: Any) -> None:
    """Answer each call with the number of the connection."""
    client.greet()
    while True:
        client.answer(client.read()[1], client.number)


# The rows and the consumer.


def test_rows_that_stop_the_host_as_they_are_taken_end_the_map(evil: Any) -> None:
    server = evil(obey)

    def rows() -> Iterator[int]:
        yield 1
        server.pool.close()
        yield 2

    with pytest.raises(ConnectionError, match="was stopped"):
        collect(server.pool, rows())


def test_where_there_are_no_workers_the_map_says_so() -> None:
    pool = Pool([])  # as that of a managed host that is stopped before it was reached
    pool.close()
    with pytest.raises(ConnectionError, match="no workers"):
        collect(pool, [1])


def test_rows_that_close_the_map_as_they_are_taken_are_not_sent(evil: Any) -> None:
    server = evil(obey)

    async def main() -> list[object]:
        taken = []

        def rows() -> Iterator[int]:
            for number in range(9):
                taken.append(number)
                if number == 2:
                    answers.close()
                yield number

        answers = over(server.pool, rows())
        assert [answer async for answer in answers] == []
        call = pool_of_this_loop(server.pool).call(b"f", "the only call", 5.0, results.value)
        assert await call == 1
        assert len(server.calls) == 1
        return taken

    assert asyncio.run(main()) == [0, 1, 2]


def test_the_end_of_the_rows_needs_no_worker(evil: Any) -> None:
    server = evil(obey)

    async def main() -> list[object]:
        answered = asyncio.Event()

        async def rows() -> AsyncIterator[int]:
            yield 1
            await answered.wait()
            server.pool.close()

        found = []
        async for result in over(server.pool, rows()):
            found.append(result)
            answered.set()
        return found

    assert asyncio.run(main()) == [1]


def test_the_deadline_of_a_row_does_not_count_how_long_the_rows_took_to_come(
    evil: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("js_host._client.aio.GRACE", 0.0)

    def rows() -> Iterator[int]:
        for number in range(2):
            time.sleep(0.6)
            yield number

    assert collect(evil(obey).pool, rows(), 0.5, window=1) == [1, 1]


def test_a_worker_is_given_no_more_bytes_than_a_window_may_have(evil: Any) -> None:
    def play(client: Any) -> None:
        client.greet(limit=2**31)
        while True:
            client.read()

    server = evil(play)

    async def main() -> int:
        first = asyncio.ensure_future(anext(over(server.pool, [b"x" * (MOST_BYTES // 2)] * 9)))
        async with asyncio.timeout(10):
            while not server.calls:
                await asyncio.sleep(0.001)
        [lane] = server.pool.loops[asyncio.get_running_loop()].lanes_for(None)
        given = len(lane.connection.pending)
        first.cancel()
        return given

    assert asyncio.run(main()) == 2


@pytest.mark.parametrize("when", ["connecting", "waiting"])
def test_whoever_waits_for_a_result_is_told_that_the_map_was_closed(evil: Any, when: str) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            client.read()

    server = evil(play)

    async def main() -> None:
        is_closed = asyncio.Event()

        async def connect() -> Any:
            if when == "connecting":
                await is_closed.wait()
            return pool_of_this_loop(server.pool)

        answers = AsyncResults(connect, RowSource(range(9)), Job(b"f", 5.0, results.value, lambda error: error))
        first = asyncio.ensure_future(anext(answers))
        await asyncio.sleep(0)
        while when == "waiting" and not server.calls:
            await asyncio.sleep(0.001)
        await answers.aclose()
        is_closed.set()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(first, 5)

    asyncio.run(main())


def test_a_host_that_is_stopped_in_a_map_finishes_what_it_has(evil: Any) -> None:
    taken, may_answer = threading.Event(), threading.Semaphore(0)

    def play(client: Any) -> None:
        client.greet()
        ids = [client.read()[1] for _ in range(4)]
        taken.set()
        for id in ids:
            may_answer.acquire(timeout=10)
            client.answer(id, id)
        client.wait_for_end()

    server = evil(play)

    async def main() -> list[Any]:
        found: list[Any] = []
        answers = over(server.pool, range(10), window=4)
        consumer = asyncio.ensure_future(consume(answers, found))
        await asyncio.to_thread(taken.wait, 10)
        server.pool.close()
        for count in range(1, 5):
            may_answer.release()
            async with asyncio.timeout(5):
                while len(found) < count and not consumer.done():
                    await asyncio.sleep(0)
            for _ in range(100):
                await asyncio.sleep(0)  # it looks for other workers meanwhile
        with pytest.raises(ConnectionError, match="was stopped"):
            await asyncio.wait_for(consumer, 10)
        return found

    async def consume(answers: AsyncResults, found: list[Any]) -> None:
        async for answer in answers:
            found.append(answer)

    assert asyncio.run(main()) == [1, 2, 3, 4]


# Workers that leave.


def test_a_row_that_many_workers_refuse_as_they_leave_is_given_to_their_successors(
    evil: Any, bye: Any, stopping: Any
) -> None:
    def play(client: Any) -> None:
        if client.number > 1:
            obey(client)
        client.greet()
        client.send(bye("draining") + stopping(client.read()[1]))
        client.wait_for_end()

    with over_all([evil(play) for _ in range(4)]) as pool:
        assert collect(pool, range(1), window=1) == [2]


@pytest.mark.parametrize("alone", [0, 2])
def test_a_worker_that_refuses_rows_before_it_has_closed_its_door_has_time_to_close_it(
    evil: Any, stopping: Any, alone: int
) -> None:
    began = time.monotonic()
    refused = [threading.Event() for _ in range(9)]
    refused[0].set()

    def play(client: Any) -> None:
        refused[client.number - 1].wait(10)
        client.greet()
        for number in itertools.count(1):
            id = client.read()[1]
            if time.monotonic() > began + 0.1:
                client.answer(id, "of the successor")
                continue
            client.send(stopping(id))
            if number == 3:
                refused[client.number].set()
            if number == 1 and client.number <= alone:  # the map may come again before it hears of the others
                come_again_by(time.monotonic() + 0.02, client.number)

    def come_again_by(end: float, number: int) -> None:
        while server.connections == number and time.monotonic() < end:
            time.sleep(0.001)

    server = evil(play)
    assert collect(server.pool, range(3)) == ["of the successor"] * 3


def test_a_worker_that_takes_over_does_not_wait_for_the_rows_of_its_predecessor(evil: Any, bye: Any) -> None:
    has_taken_over = threading.Event()

    def play(client: Any) -> None:
        client.greet()
        if client.number > 1:
            client.answer(client.read()[1], "of the successor")
            has_taken_over.set()
            client.wait_for_end()
        ids = [client.read()[1] for _ in range(2)]
        client.send(bye("draining"))
        is_in_time = has_taken_over.wait(5)
        for id in ids:
            client.answer(id, is_in_time)

    def rows() -> Iterator[int]:
        end = time.monotonic() + 2
        while not has_taken_over.wait(0.002) and time.monotonic() < end:
            yield 1

    with over_all([evil(play), evil(obey)]) as pool:
        assert False not in collect(pool, rows(), window=2, ordered=False)


@pytest.mark.parametrize("tcp", [False, True])
def test_rows_for_a_worker_that_has_left_while_nobody_looked_are_given_to_its_successor(evil: Any, tcp: bool) -> None:
    leave = threading.Event()

    def play(client: Any) -> None:
        client.greet()
        client.answer(client.read()[1], client.number)
        while client.number > 1 or not leave.wait(10):
            client.answer(client.read()[1], client.number)

    server = evil(play, tcp=tcp)

    async def main() -> list[Any]:
        assert await anext(over(server.pool, [0])) == 1
        leave.set()
        time.sleep(0.1)  # the loop is held up, and does not hear of the end
        return [result async for result in over(server.pool, range(3))]

    assert asyncio.run(main()) == [2, 2, 2]


def test_the_connections_to_workers_that_have_left_do_not_stay_with_a_map(evil: Any, bye: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        for _ in range(16):
            client.answer(client.read()[1], client.number)
        client.send(bye("draining"))

    server = evil(play)

    async def main() -> int:
        before = len(_connections)
        answers = over(server.pool, itertools.count())
        async for _ in answers:
            if server.connections > 20:
                break
        gc.collect()
        return len(_connections) - before

    assert asyncio.run(main()) < 5


def test_what_one_worker_refuses_for_ever_ends_with_the_reason(evil: Any, stopping: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            client.send(stopping(client.read()[1]))

    with pytest.raises(ProcessError, match="stopping"):
        collect(evil(play).pool, range(100))


def test_a_worker_that_says_hello_and_goodbye_for_ever_ends_the_map(evil: Any, bye: Any, hello: Any) -> None:
    def play(client: Any) -> None:
        client.read()
        client.send(hello() + bye("draining"))
        client.wait_for_end()

    server = evil(play)
    with pytest.raises(ConnectionError, match="left before"):
        collect(server.pool, range(100))
    assert server.connections == 3


def test_why_a_worker_was_lost_is_not_why_none_is_there() -> None:
    both_have_asked = threading.Barrier(2)

    def explain(lane: Lane, pid: int) -> JSHostError:
        both_have_asked.wait(5)
        return WorkerDied("it was killed") if pid else ProcessError("none is there")

    pool = Pool([Lane(Address.unix("/nowhere"))], explain)

    async def main() -> list[JSHostError]:
        loops = pool_of_this_loop(pool)
        assert isinstance(loops, AsyncPool)
        [lane] = loops.lanes_for(None)
        return await asyncio.gather(*(lane.reason(pid, WorkerDied("?")) for pid in (0, 7)))

    assert [str(error) for error in asyncio.run(main())] == ["none is there", "it was killed"]


def test_a_worker_that_gives_no_sign_is_a_timeout_of_its_calls_however_many_it_was_given(evil: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        if client.number == 1:
            client.answer(client.read()[1], "first")
            client.wait_for_end()
        while True:
            client.answer(client.read()[1], "later")

    got = collect(evil(play).pool, range(200), 0.2, window=100)
    assert got[0] == "first"
    late = [error for error in got if isinstance(error, FunctionTimeout)]
    assert 1 <= len(late) <= 100
    assert got.count("later") == 199 - len(late)
