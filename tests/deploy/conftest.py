"""Several `js-host run`, a proxy before them that has the config of examples/deploy, and callers that count."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host.exceptions import JSHostError

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"

CONFIG = """
const { appendFileSync } = require('fs')
const ran = require('path').join(__dirname, 'ran')
module.exports = { port: 0, allowedHosts: ['js.internal'], functions: {
  count: async (id) => {
    appendFileSync(ran, id + '\\n')
    await new Promise((resolve) => setTimeout(resolve, 2))
    return { id, host: process.ppid }
  }
} }
"""


class Served:
    """A `js-host run` at a port."""

    def __init__(self, config: Path, port: int) -> None:
        self.port = port
        command = [sys.executable, "-m", "js_host", "run", str(config), "--port", str(port)]
        self.log = config.parent / f"{port}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        assert "listening" in self.process.stdout.readline()

    def has_reloaded(self) -> bool:
        """Whether other workers have taken over."""
        return "changed code serves now" in self.log.read_text()

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal, and wait for its end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.communicate(timeout=30)


@pytest.fixture
def two_hosts(nothing_left: Any, free_port: Callable[[], int]) -> Iterator[list[Served]]:
    """Two hosts of one config."""
    config = nothing_left.config(CONFIG)
    made = [Served(config, free_port()) for _ in range(2)]
    yield made
    for one in made:
        one.end()


class Proxy:
    """nginx or HAProxy in the foreground, with its config of examples/deploy."""

    def __init__(self, kind: str, directory: Path, port: int, hosts: list[Served]) -> None:
        self.kind, self.hosts, self.url, self.port = kind, hosts, f"http://127.0.0.1:{port}", port
        program = find_program(kind)
        self.config = directory / {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}[kind]
        self.socket = directory / "admin.sock"
        text = (DEPLOY / self.config.name).read_text().replace("/run/haproxy/admin.sock", str(self.socket))
        for old, new in (("9000", port), ("9009", hosts[0].port), ("9010", hosts[1].port)):
            text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        self.config.write_text(text)
        with (directory / "proxy.log").open("w") as log:
            self.process = subprocess.Popen(command_of(program, self.config), stdout=log, stderr=log)

    def answers(self) -> bool:
        """Whether a host answers there."""
        try:
            return ask(self.port, "GET", "/status")[0] == 200
        except OSError:
            return False

    def drain_first(self) -> None:
        """Have it send nothing new to the first of its hosts."""
        if self.kind == "haproxy":
            with socket.socket(socket.AF_UNIX) as admin:
                admin.connect(str(self.socket))
                admin.sendall(b"set server js_host/one state drain\n")
                assert admin.recv(1000).strip() == b""
            return
        place = f"server 127.0.0.1:{self.hosts[0].port}"
        self.config.write_text(self.config.read_text().replace(place, f"{place} down"))
        self.process.send_signal(signal.SIGHUP)

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(params=["nginx", "haproxy"])
def proxy(
    request: pytest.FixtureRequest,
    two_hosts: list[Served],
    nothing_left: Any,
    free_port: Callable[[], int],
    wait_for: Callable[..., None],
) -> Iterator[Proxy]:
    """A proxy before the two hosts."""
    proxy = Proxy(request.param, nothing_left.directory, free_port(), two_hosts)
    try:
        wait_for(proxy.answers, 20)
        yield proxy
    finally:
        proxy.close()


def find_program(name: str) -> str:
    """The path of nginx or HAProxy; where it is not installed, the test is skipped."""
    for directory in (*os.environ["PATH"].split(os.pathsep), "/usr/sbin"):
        if os.access(os.path.join(directory, name), os.X_OK):
            return os.path.join(directory, name)
    pytest.skip(f"{name} is not installed (on Debian: apt install {name})")


def command_of(program: str, config: Path) -> list[str]:
    """How to run it in the foreground, with its files in the directory of its config."""
    if program.endswith("haproxy"):
        return [program, "-db", "-f", str(config)]
    more = f"daemon off; pid {config.parent}/nginx.pid; error_log stderr;"
    return [program, "-p", str(config.parent), "-e", "stderr", "-c", str(config), "-g", more]


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
    """One request over HTTP, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Load:
    """Callers that call without a pause, over HTTP and by frames, until the block ends; what they got, and when."""

    def __init__(self, url: str, callers: int = 4) -> None:
        self.port = int(url.rpartition(":")[2])
        self.host = JSHost(root_url=url)
        self.done = False
        self.answered: list[tuple[float, str, int]] = []
        self.failed: list[tuple[float, str, bool, object]] = []
        ways = {"http": self._by_http, "frames": self._by_frames}
        self.threads = [
            threading.Thread(target=self._run, args=(f"{way}-{number}", call))
            for way, call in ways.items()
            for number in range(callers)
        ]

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done = True
        for thread in self.threads:
            thread.join(60)
        self.host.close()

    def _run(self, name: str, call: Callable[[str], dict[str, Any]]) -> None:
        number = 0
        while not self.done:
            number += 1
            id = f"{name}-{number}"
            try:
                answer = call(id)
            except (JSHostError, OSError, http.client.HTTPException) as error:
                maybe = getattr(error, "maybe_executed", True)
                self.failed.append((time.monotonic(), id, maybe, error))
                continue
            assert answer["id"] == id
            self.answered.append((time.monotonic(), id, answer["host"]))

    def _by_http(self, id: str) -> dict[str, Any]:
        status, body = ask(self.port, "POST", "/function/count", json.dumps(id))
        if status != 200:
            raise http.client.HTTPException(f"{status} {body!r}")
        answer: dict[str, Any] = json.loads(body)
        return answer

    def _by_frames(self, id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.host.call(b"count", id, 20, self._decode)  # type: ignore[assignment]
        return answer

    @staticmethod
    def _decode(body: Any, attachments: Any) -> object:
        from js_host._wire.results import value

        return value(body, attachments)

    def since(self, moment: float, way: str = "") -> int:
        """How many calls were answered since then."""
        return sum(at > moment and id.startswith(way) for at, id, _ in self.answered)


@pytest.fixture
def load(proxy: Proxy) -> Load:
    """Callers of the proxy."""
    return Load(proxy.url)
