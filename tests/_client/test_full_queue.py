"""A socket whose queue of callers is full, as one whose worker is being replaced: callers wait for a place in it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host._client.address import Address
from js_host._client.aio_open import _connect as connect_in_loop
from js_host._client.sync import _connect
from js_host.exceptions import ConnectionError


class Full:
    """A listener whose queue is full until `make_room`."""

    def __init__(self, path: Path) -> None:
        self.address = Address.unix(str(path))
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(0)
        self.callers: list[socket.socket] = []
        try:
            while True:
                self.callers.append(socket.socket(socket.AF_UNIX))
                self.callers[-1].setblocking(False)
                self.callers[-1].connect(str(path))
        except BlockingIOError:
            pass

    def make_room(self) -> None:
        self.listener.accept()[0].close()

    def close(self) -> None:
        for each in (self.listener, *self.callers):
            each.close()


@pytest.fixture
def full(nothing_left: Any) -> Iterator[Full]:
    full = Full(nothing_left.directory / "s")
    yield full
    full.close()


def blocking(address: Address, timeout: float) -> Any:
    return _connect(address, timeout)


def in_a_loop(address: Address, timeout: float) -> Any:
    async def connect() -> Any:
        async with asyncio.timeout(timeout):
            return await connect_in_loop(address)

    return asyncio.run(connect())


CLIENTS = pytest.mark.parametrize("connect", [blocking, in_a_loop])


@CLIENTS
def test_who_comes_to_a_full_queue_gets_the_next_place(full: Full, connect: Callable[..., Any]) -> None:
    timer = threading.Timer(0.05, full.make_room)
    timer.start()
    connect(full.address, 20).close()
    timer.join()


@CLIENTS
def test_who_gets_no_place_in_time_has_not_reached_the_host(full: Full, connect: Callable[..., Any]) -> None:
    with pytest.raises((ConnectionError, TimeoutError)):
        connect(full.address, 0.05)
