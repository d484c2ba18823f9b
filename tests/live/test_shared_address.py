"""All workers of a host that is reached at one address are used, though the system decides which gets a connection."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from js_host import AsyncFunction, JSHost

CONFIG = """
module.exports = { port: 0, functions: {
  pid: () => process.pid,
  later: async (ms) => { await new Promise((resolve) => setTimeout(resolve, ms)); return process.pid }
} }
"""
WORKERS = 3


@pytest.fixture
def url(nothing_left: Any) -> Iterator[str]:
    """Where `js-host run` listens."""
    config = nothing_left.config(CONFIG)
    command = [sys.executable, "-m", "js_host", "run", str(config), "--workers", str(WORKERS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        yield "http://" + process.stdout.readline().split()[-1]
        process.terminate()


def test_threads_use_all_workers(url: str) -> None:
    with JSHost(root_url=url) as host, ThreadPoolExecutor(WORKERS) as threads:
        for _ in range(3):
            assert len(set(threads.map(host.function("later"), [200] * WORKERS))) == WORKERS


def test_a_map_uses_all_workers(url: str) -> None:
    with JSHost(root_url=url) as host:
        assert len(set(host.function("later").map([20] * 30, window=1))) == WORKERS


def test_an_event_loop_uses_all_workers(url: str) -> None:
    async def program(host: JSHost) -> list[Any]:
        later = AsyncFunction("later", host)
        return await asyncio.gather(*(later(200) for _ in range(WORKERS)))

    with JSHost(root_url=url) as host:
        assert len(set(asyncio.run(program(host)))) == WORKERS


def test_calls_with_one_key_go_to_one_worker_there_too(url: str) -> None:
    with JSHost(root_url=url) as host:
        found = [{host.function("pid").with_options(key=key)() for _ in range(5)} for key in range(12)]
        assert all(len(pids) == 1 for pids in found)
        assert len(set().union(*found)) > 1
