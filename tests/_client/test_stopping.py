"""A worker that refuses calls since it stops, and has not yet said goodbye: they run elsewhere, at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from js_host._client.aio_pool import pool_of_this_loop
from js_host._client.aio_results import AsyncResults
from js_host._client.aio_rows import RowSource
from js_host._client.job import Job
from js_host._wire import results
from js_host._wire.frames import ERROR

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
