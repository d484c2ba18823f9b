"""A host at a URL that is lost: what its callers are told, whatever the way in which they call."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from js_host import AsyncFunction, Function, JSHost
from js_host.exceptions import ConnectionError, FunctionTimeout, WorkerDied

CONFIG = """
const { appendFileSync } = require('fs')
module.exports = { port: 0, functions: {
  pid: () => process.pid,
  wait: (file) => { appendFileSync(file, 'x'); return new Promise(() => {}) }
} }
"""


class Running:
    """A `js-host run` with one worker."""

    def __init__(self, config: Path) -> None:
        command = [sys.executable, "-m", "js_host", "run", str(config)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout
        self.url = "http://" + self.process.stdout.readline().split()[-1]
        self.host = JSHost(root_url=self.url)
        self.pid: int = self.host.function("pid")()

    def end(self) -> None:
        """End it, if it was not ended before."""
        self.host.close()
        self.process.terminate()
        self.process.communicate()


@pytest.fixture
def running(nothing_left: Any) -> Iterator[Running]:
    made = Running(nothing_left.config(CONFIG))
    yield made
    made.end()


async def awaited(function: AsyncFunction[Any], *data: object) -> object:
    return await function(*data)


async def parts(function: AsyncFunction[Any], *data: object) -> object:
    return [part async for part in function.stream(*data)]


async def mapped(function: AsyncFunction[Any], data: object = None) -> object:
    return [result async for result in function.map([data])]


def ways(host: JSHost, name: str, timeout: float | None = None) -> list[Callable[..., object]]:
    """All ways to call a function."""
    function: Function[Any] = Function(name, host, timeout)
    other: AsyncFunction[Any] = AsyncFunction(name, host, timeout)  # type: ignore[arg-type]
    return [
        function,
        lambda *data: list(function.stream(*data)),
        lambda data=None: list(function.map([data])),
        lambda *data: asyncio.run(awaited(other, *data)),
        lambda *data: asyncio.run(parts(other, *data)),
        lambda data=None: asyncio.run(mapped(other, data)),
    ]


def message(kind: type[Exception], call: Callable[..., object], *data: object) -> str:
    with pytest.raises(kind) as caught:
        call(*data)
    return str(caught.value)


def test_a_worker_that_was_killed_is_told_with_the_function_and_where_to_read_why(
    running: Running, wait_for: Any, tmp_path: Path
) -> None:
    file = tmp_path / "begun"
    calls = ways(running.host, "wait")
    with ThreadPoolExecutor(len(calls)) as threads:
        told = [threads.submit(message, WorkerDied, call, str(file)) for call in calls]
        wait_for(lambda: file.exists() and len(file.read_text()) == len(calls))
        os.kill(running.pid, signal.SIGKILL)
    texts = {future.result() for future in told}
    assert texts == {
        f"wait: the worker closed the connection before it answered. See the log of the host at {running.url}."
    }


def test_a_host_that_is_gone_is_told_by_its_url_and_with_what_to_do(running: Running, wait_for: Any) -> None:
    running.process.kill()
    running.process.wait()
    wait_for(lambda: not JSHost(root_url=running.url).is_running())  # its worker ends a moment later
    expected = f"No host answers at {running.url}: Connection refused. Start the host with `js-host run` where it "
    for call in ways(running.host, "pid"):
        assert message(ConnectionError, call).startswith(expected)
    shutil.rmtree(os.environ["XDG_RUNTIME_DIR"] + "/js-host")  # what was killed so does not clean up


def test_a_call_whose_worker_is_busy_names_the_function_at_its_deadline(
    running: Running, wait_for: Any, tmp_path: Path
) -> None:
    os.kill(running.pid, signal.SIGSTOP)
    try:
        calls = ways(running.host, "pid", 0.2)
        for call in (calls[0], calls[0], calls[1], calls[3], calls[4]):
            text = message(FunctionTimeout, call)
            assert re.match(r"pid: (no worker was free|the worker gave no sign) before the deadline\.", text), text
            assert "w0" not in text
    finally:
        os.kill(running.pid, signal.SIGCONT)
