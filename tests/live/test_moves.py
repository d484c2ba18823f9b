"""A managed host that is restarted, and so is elsewhere, while streams and maps go on: none of them notices."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from js_host import AsyncFunction, JSHost

CONFIG = """
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
module.exports = { disconnectTimeout: 200, functions: {
  later: async (n) => { await sleep(20); return n },
  parts: async function * (n) { for (let i = 0; i < n; i++) yield i }
} }
"""


@pytest.fixture
def managed(nothing_left: Any) -> Iterator[JSHost]:
    host = JSHost(nothing_left.config(CONFIG), managed=True, workers=2)
    host.connect()
    yield host
    host.stop()


class Restarts(threading.Thread):
    """Restarts a host again and again in a block."""

    def __init__(self, host: JSHost, times: int) -> None:
        super().__init__()
        self.host = host
        self.times = times

    def run(self) -> None:
        for _ in range(self.times):
            self.host.restart()

    def __enter__(self) -> Restarts:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.join()


def test_streams_go_on(managed: JSHost) -> None:
    parts = managed.function("parts")

    def take_all() -> None:
        while restarts.is_alive():
            assert list(parts.stream(10)) == list(range(10))

    with Restarts(managed, 8) as restarts, ThreadPoolExecutor(3) as threads:
        for future in [threads.submit(take_all) for _ in range(3)]:
            future.result()


def test_a_map_goes_on(managed: JSHost) -> None:
    with Restarts(managed, 1):
        assert list(managed.function("later").map(range(400), window=2)) == list(range(400))


def test_a_map_in_an_event_loop_goes_on(managed: JSHost) -> None:
    async def main() -> list[Any]:
        return [result async for result in AsyncFunction("later", managed).map(range(400), window=2)]

    with Restarts(managed, 1):
        assert asyncio.run(main()) == list(range(400))
