"""Opening connections from an event loop, to a server that cuts its hello short, says something else, or nothing."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from js_host._client.aio_pool import pool_of_this_loop
from js_host._wire import results
from js_host._wire.frames import HEADER, HELLO
from js_host.exceptions import ConnectionError, FunctionTimeout, JSHostError, UnexpectedResponse

Call = Callable[..., Coroutine[Any, Any, Any]]


def talk(server: Any, main: Callable[[Call], Coroutine[Any, Any, Any]]) -> Any:
    """Run `main` in a loop, with a way to call the server."""

    async def run() -> Any:
        pool = pool_of_this_loop(server.pool)

        def call(value: object = None, timeout: float | None = 5.0) -> Coroutine[Any, Any, Any]:
            return pool.call(b"f", value, timeout, results.value)

        call.pool = pool  # type: ignore[attr-defined]
        return await main(call)

    return asyncio.run(run())


def once(server: Any, value: object = None, timeout: float | None = 5.0) -> Any:
    return talk(server, lambda call: call(value, timeout))


def test_a_hello_cut_at_any_byte_is_no_connection_and_nothing_ran(evil: Any, hello: Any) -> None:
    cuts = iter(range(len(hello())))
    server = evil(lambda client: (client.read(), client.send(hello()[: next(cuts)])))

    async def main(call: Call) -> None:
        for _ in range(len(hello()) // 3):  # each call tries three times
            with pytest.raises(ConnectionError, match="did not answer") as caught:
                await call()
            assert not caught.value.maybe_executed

    talk(server, main)
    assert server.calls == []


@pytest.mark.parametrize(
    "says",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(16), b"\xff" * 64, HEADER.pack(2**32 - 1, 0, HELLO, 0, 0, 0)],
    ids=["HTTP", "zeros", "ones", "a hello of four gigabytes"],
)
def test_a_server_that_is_no_worker_is_an_error_of_ours(evil: Any, says: bytes) -> None:
    server = evil(lambda client: (client.read(), client.send(says), client.wait_for_end()))
    with pytest.raises((UnexpectedResponse, ConnectionError, FunctionTimeout)) as caught:
        once(server, timeout=0.3)
    assert server.calls == []
    assert isinstance(caught.value, JSHostError)


def test_a_server_that_never_greets_is_given_up_at_the_deadline(evil: Any) -> None:
    server = evil(lambda client: client.wait_for_end())
    began = time.monotonic()
    with pytest.raises((ConnectionError, FunctionTimeout)) as caught:
        once(server, timeout=0.1)
    assert not caught.value.maybe_executed
    assert time.monotonic() - began < 3


def test_however_many_call_at_once_one_connection_is_made(evil: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            client.answer(client.read()[1], client.number)

    server = evil(play)

    async def main(call: Call) -> None:
        assert await asyncio.gather(*map(call, range(500))) == [1] * 500

    talk(server, main)
    assert server.connections == 1


def test_each_of_many_calls_that_reach_no_host_has_an_error_with_a_traceback_of_its_own(evil: Any) -> None:
    server = evil(lambda client: None)

    async def main(call: Call) -> None:
        errors = await asyncio.gather(*map(call, range(100)), return_exceptions=True)
        assert all(type(error) is ConnectionError and not error.maybe_executed for error in errors)
        assert len(set(map(id, errors))) == 100
        assert max(len(traceback.extract_tb(error.__traceback__)) for error in errors) < 20

    talk(server, main)


def test_a_connection_that_is_made_when_the_host_was_stopped_does_not_stay(
    evil: Any, hello: Any, wait_for: Any
) -> None:
    asked, stopped, ended = threading.Event(), threading.Event(), threading.Event()

    def play(client: Any) -> None:
        client.read()
        asked.set()
        stopped.wait(10)
        client.send(hello())
        client.wait_for_end()
        ended.set()

    server = evil(play)

    async def main(call: Call) -> None:
        task = asyncio.create_task(call())
        await asyncio.to_thread(asked.wait, 10)
        task.cancel()
        await asyncio.wait((task,))
        server.pool.close()
        stopped.set()
        await asyncio.to_thread(wait_for, ended.is_set)

    talk(server, main)
