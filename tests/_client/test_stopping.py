"""A worker that refuses calls since it stops, and has not yet said goodbye: they run elsewhere, at once."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from js_host._client.address import Address
from js_host._client.aio_pool import pool_of_this_loop
from js_host._client.aio_results import AsyncResults
from js_host._client.aio_rows import RowSource
from js_host._client.channel import GRACE
from js_host._client.job import Job
from js_host._client.pool import ATTEMPTS, Lane, Pool
from js_host._wire import results
from js_host._wire.frames import ERROR
from js_host.exceptions import FunctionTimeout

STOPPING = {"type": "stopping", "name": "Stopping", "message": "stopping", "maybeExecuted": False}
COUNT = 20


@pytest.fixture
def server(evil: Any, frame: Any) -> Any:
    """The first connection leads to a worker that stops, every other one to its successor."""

    def play(client: Any) -> None:
        client.greet()
        while True:
            _, id, _ = client.read()
            if client.number == 1:
                client.send(frame(ERROR, id, json.dumps(STOPPING).encode()))
            else:
                client.answer(id, client.number)

    return evil(play)


def call(server: Any) -> list[Any]:
    return [server.call() for _ in range(COUNT)]


def stream(server: Any) -> list[Any]:
    return [part for _ in range(COUNT) for part in server.pool.stream(b"f", None, 5.0, results.value)]


def map_all(server: Any) -> list[Any]:
    return list(server.pool.map(iter(range(COUNT)), job()))


def async_call(server: Any) -> list[Any]:
    async def main() -> list[Any]:
        pool = pool_of_this_loop(server.pool)
        return await asyncio.gather(*(pool.call(b"f", None, 5.0, results.value) for _ in range(COUNT)))

    return asyncio.run(main())


def async_stream(server: Any) -> list[Any]:
    async def main() -> list[Any]:
        pool = pool_of_this_loop(server.pool)
        return [part for _ in range(COUNT) async for part in pool.stream(b"f", None, 5.0, results.value)]

    return asyncio.run(main())


def async_map(server: Any) -> list[Any]:
    async def main() -> list[Any]:
        async def connect() -> Any:
            return pool_of_this_loop(server.pool)

        return [result async for result in AsyncResults(connect, RowSource(range(COUNT)), job())]

    return asyncio.run(main())


def job() -> Job:
    return Job(b"f", 5.0, results.value, lambda error: error)


@pytest.mark.parametrize("ask", [call, stream, map_all, async_call, async_stream, async_map])
def test_what_it_refuses_goes_to_another_connection(server: Any, ask: Callable[[Any], list[Any]]) -> None:
    answers = ask(server)
    assert len(answers) == COUNT
    assert set(answers) <= {2, 3}


@pytest.mark.parametrize("ask", [call, stream, map_all, async_call, async_stream, async_map])
def test_where_no_hello_comes_another_connection_is_made(evil: Any, ask: Callable[[Any], list[Any]]) -> None:
    def play(client: Any) -> None:
        if client.number > 1:
            client.greet()
            while True:
                client.answer(client.read()[1], client.number)

    assert len(ask(evil(play))) == COUNT


@pytest.mark.parametrize("ask", [call, stream])
def test_it_is_asked_once_however_many_idle_connections_lead_to_it(
    evil: Any, frame: Any, ask: Callable[[Any], list[Any]]
) -> None:
    together, stops = threading.Barrier(4), threading.Event()

    def play(client: Any) -> None:
        client.greet()
        while True:
            _, id, _ = client.read()
            if not stops.is_set():
                together.wait(10)
                client.answer(id, client.number)
            elif client.number <= 4:
                client.send(frame(ERROR, id, json.dumps(STOPPING).encode()))
            else:
                client.answer(id, client.number)

    server = evil(play)
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(server.call, range(4))) == {1, 2, 3, 4}
    stops.set()
    assert ask(server) == [5] * COUNT


def test_the_deadline_counts_the_time_that_it_took_to_refuse(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        if client.number == 1:
            client.answer(client.read()[1], "first")
            _, id, _ = client.read()
            time.sleep(0.4)
            client.send(frame(ERROR, id, json.dumps(STOPPING).encode()))
        client.read()
        client.wait_for_end()

    server = evil(play)
    assert server.call() == "first"
    began = time.monotonic()
    with pytest.raises(FunctionTimeout):
        server.call(timeout=0.5)
    assert time.monotonic() - began < 0.5 + GRACE + 0.2


def test_a_host_that_another_thread_found_elsewhere_meanwhile_is_called_there(evil: Any) -> None:
    server = evil(lambda client: (client.greet(), client.answer(client.read()[1], "there"), client.wait_for_end()))
    failures = 0

    def explain(lane: Lane, pid: int) -> None:
        nonlocal failures
        failures += 1
        if failures == ATTEMPTS:
            pool.use(server.pool.lanes)  # what `renew` of the other thread does

    pool = Pool([Lane(Address.unix(server.path + ".gone"))], explain)
    assert pool.call(b"f", None, 5.0, results.value) == "there"
