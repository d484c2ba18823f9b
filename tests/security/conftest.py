"""Hosts run by `js-host run` with what protects them, and raw requests to them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host._wire.handshake import upgrade_request
from js_host._wire.messages import hello_frame

CERTIFICATES = Path(__file__).parent / "fixtures"

CONFIG = """
let runs = 0
module.exports = {
  port: 0, maxConnections: 10000,
  functions: {
    echo: (data) => data,
    touch: () => ++runs,
    runs: () => runs,
    env: () => ({ ...process.env }),
    size: (data) => data.length,
    text: (n) => 'x'.repeat(n),
    bytes: (n) => Buffer.alloc(n, 7),
    later: (ms) => new Promise((resolve) => setTimeout(resolve, ms, 'late')),
    spin: () => { for (;;); },
    count: function * () { yield 1; yield 2 },
    ask: async ({ add }) => await add(1, 2)
  }
}
"""

SLOW = 30.0


class Host:
    """A `js-host run`, seen through its output."""

    def __init__(self, command: list[str], environment: dict[str, str], directory: Path) -> None:
        self.process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        first = self.process.stdout.readline()
        found = re.fullmatch(r"Host listening at (\S+):(\d+)\n", first)
        if not found:
            self.end()
        assert found, first + self.log
        self.port = int(found[2])
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.log += line

    def workers(self) -> list[int]:
        """The process ids of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def end(self) -> int:
        """End it; returns its exit code."""
        self.process.terminate()
        code = self.process.wait(SLOW)
        if hasattr(self, "_reader"):
            self._reader.join(SLOW)
        else:
            assert self.process.stderr
            self.log = self.process.stderr.read()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        return code

    def raw(self, request: str | bytes, host: str = "127.0.0.1") -> bytes:
        """Send bytes as they are, and give all that comes back until the other side closes."""
        with socket.create_connection((host, self.port), SLOW) as line:
            line.sendall(request.encode() if isinstance(request, str) else request)
            return b"".join(iter(lambda: line.recv(65536), b""))


@pytest.fixture
def run(nothing_left: Any) -> Iterator[Callable[..., Host]]:
    """Start hosts. `token` goes into the environment, further variables too; the rest is the command line."""
    started: list[Host] = []

    def start(*options: str, config: str = CONFIG, token: str | None = None, **variables: str) -> Host:
        path = nothing_left.config(config)
        environment = {**os.environ, **variables, **({} if token is None else {"JS_HOST_TOKEN": token})}
        command = [sys.executable, "-m", "js_host", "run", str(path), *options]
        started.append(Host(command, environment, nothing_left.directory))
        return started[-1]

    yield start
    for host in started:
        host.end()


@pytest.fixture
def tls() -> list[str]:
    """The options with which a host serves TLS."""
    return ["--tls-cert", str(CERTIFICATES / "server.pem"), "--tls-key", str(CERTIFICATES / "server.key")]


@pytest.fixture
def certificates() -> Path:
    """The directory with the certificates."""
    return CERTIFICATES


@pytest.fixture
def directory(nothing_left: Any) -> Path:
    """The directory of the test, with a config file."""
    nothing_left.config(CONFIG)
    return Path(nothing_left.directory)


@pytest.fixture
def hello_frames() -> Callable[[Host, str], bytes]:
    """Ask for frames with further headers, say hello without a token, and give what comes until the end or a hello."""

    def ask(host: Host, headers: str) -> bytes:
        with socket.create_connection(("127.0.0.1", host.port), SLOW) as line:
            line.sendall(
                upgrade_request(f"127.0.0.1:{host.port}").replace(b"\r\n\r\n", b"\r\n" + headers.encode() + b"\r\n")
            )
            received = b""
            while data := line.recv(65536):
                if not received:
                    line.sendall(hello_frame())
                received += data
                if b'"functions"' in received:
                    break
            return received

    return ask
