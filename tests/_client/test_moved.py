"""A host at an address whose workers' sockets are gone: it is asked anew, and not for longer than a call may take."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from js_host._client.aio_pool import pool_of_this_loop
from js_host._client.channel import GRACE
from js_host._client.link import open_link
from js_host._client.pool import Pool
from js_host._wire import results
from js_host._wire.handshake import upgrade_answer
from js_host.exceptions import FunctionTimeout, JSHostError

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: js-host/1\r\n\r\n"


@pytest.fixture
def silent(evil: Any, hello: Any) -> Iterator[Pool]:
    """The way to a host that has told of its worker's socket, which is gone now, and says nothing more."""
    assert upgrade_answer(UPGRADED) == b""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    worker = evil(lambda client: client.wait_for_end())

    def tell_once() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.recv(65536)
            sock.sendall(UPGRADED)
            sock.recv(65536)
            sock.sendall(hello(port=port, sockets=[worker.path]))
            while sock.recv(65536):
                pass

    thread = threading.Thread(target=tell_once)
    thread.start()
    link = open_link(f"http://127.0.0.1:{port}", spin=False, gate=None, timeout=5)
    assert isinstance(link, Pool)
    os.unlink(worker.path)
    closing = threading.Timer(3, listener.close)  # whoever waits for ever hears of it then
    closing.start()
    yield link
    closing.cancel()
    listener.close()
    link.close()
    thread.join()


def call(pool: Pool) -> float:
    return time_of(lambda: pool.call(b"f", None, 0.3, results.value))


def stream(pool: Pool) -> float:
    return time_of(lambda: list(pool.stream(b"f", None, 0.3, results.value)))


def time_of(deed: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(JSHostError) as caught:
        deed()
    assert not caught.value.maybe_executed
    return time.monotonic() - began


def async_call(pool: Pool) -> float:
    async def main() -> float:
        began = time.monotonic()
        with pytest.raises(FunctionTimeout) as caught:
            await pool_of_this_loop(pool).call(b"f", None, 0.3, results.value)
        assert not caught.value.maybe_executed
        return time.monotonic() - began

    return asyncio.run(main())


@pytest.mark.parametrize("ask", [call, stream, async_call])
def test_a_call_waits_no_longer_than_it_may(silent: Pool, ask: Callable[[Pool], float]) -> None:
    assert ask(silent) < 0.3 + GRACE + 0.4
