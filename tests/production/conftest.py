"""A `js-host run` in the background, and callers that keep it busy."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost

CONFIG = """
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
module.exports = { port: 0, functions: {
  version: () => 1,
  pid: () => process.pid,
  later: async (ms) => { await sleep(ms); return 1 },
  waits: async () => { console.log('it waits'); await sleep(10_000) },
  leak: (megabytes) => { (global.leaked ??= []).push(Buffer.alloc(megabytes * 1e6, 1)); return process.pid },
  throws: () => { throw new TypeError('bad') },
  blocks: (ms) => { for (const end = Date.now() + ms; Date.now() < end;); },
  environment: (name) => process.env[name] ?? null,
  says: (text) => { console.warn(text); return null },
} }
"""


class Running:
    """A `js-host run` in the background. Its lines are collected as they come."""

    def __init__(self, command: list[str], cwd: Path, **more: Any) -> None:
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, cwd=cwd, text=True, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        )
        self.lines: list[str] = []
        self.first = ""
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self.lines.append(line.rstrip("\n"))

    def wait_until_ready(self) -> Running:
        assert self.process.stdout
        self.first = self.process.stdout.readline()
        assert "Host listening at" in self.first, self.first + "\n".join(self.lines)
        return self

    @property
    def url(self) -> str:
        found = re.search(r"127\.0\.0\.1:(\d+)", self.first)
        assert found
        return f"http://127.0.0.1:{found[1]}"

    def said(self, words: str) -> bool:
        return any(words in line for line in self.lines)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Have it end by SIGTERM. Returns its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.code()

    def code(self) -> int:
        code = self.process.wait(30)
        self.reader.join(30)
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def directory(nothing_left: Any) -> Path:
    nothing_left.config(CONFIG)
    return Path(nothing_left.directory)


@pytest.fixture
def launch(directory: Path) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def launch(*options: str, command: tuple[str, ...] = ("-m", "js_host", "run"), **more: Any) -> Running:
        # the path of the config marks its workers as this test's
        made.append(Running([sys.executable, *command, *options, str(directory / "host.config.js")], directory, **more))
        return made[-1]

    yield launch
    for one in made:
        one.close()


@pytest.fixture
def run(launch: Callable[..., Running]) -> Callable[..., Running]:
    return lambda *options, **more: launch(*options, **more).wait_until_ready()


class Load:
    """Callers without a pause, until the block ends. `errors` must stay empty."""

    def __init__(self, url: str, calls: list[tuple[str, object]]) -> None:
        self.host = JSHost(root_url=url)
        self.host.connect()
        self.errors: list[BaseException] = []
        self.answers: list[list[Any]] = [[] for _ in calls]
        self.done = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=(*call, got)) for call, got in zip(calls, self.answers, strict=True)
        ]

    def _run(self, name: str, data: object, got: list[Any]) -> None:
        function = self.host.function(name, timeout=20)
        while not self.done.is_set() and not self.errors:
            try:
                got.append(function(data))
            except BaseException as error:
                self.errors.append(error)

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join(30)
        self.host.close()


@pytest.fixture
def load() -> type[Load]:
    """Give `Load` to the tests."""
    return Load


@pytest.fixture
def release(directory: Path) -> Callable[[str], None]:
    """Put new code in place, as a deployment does."""

    def release(text: str) -> None:
        (directory / "next.js").write_text(text)
        os.replace(directory / "next.js", directory / "host.config.js")

    return release


@pytest.fixture
def code() -> str:
    """The code of the first release."""
    return CONFIG
