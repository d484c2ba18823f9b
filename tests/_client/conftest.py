"""Hosts of real workers, and an evil server that says what a test tells it to."""

from __future__ import annotations

import json
import platform
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from js_host._client.address import Address
from js_host._client.channel import Channel
from js_host._client.mailbox import Mailbox
from js_host._client.pool import Lane, Pool
from js_host._client.spin import can_spin
from js_host._wire import results
from js_host._wire.frames import BYE, CALL, ERROR, HEADER, HELLO, RESULT
from js_host.js_host import JSHost

NEEDS_A_MAILBOX = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or not can_spin(),
    reason="mailboxes are for Linux on x86-64, and for two processors",
)

CONFIG = """
const fs = require('node:fs')
const busy = (ms) => { for (const end = performance.now() + ms; performance.now() < end;); }
module.exports = {
  port: 0, requestDataLimit: LIMIT,
  functions: {
    echo: (data) => data,
    repeat: ([unit, count]) => unit.repeat(count),
    pid: () => process.pid,
    size: (data) => typeof data === 'string' ? data.length : data.byteLength,
    text: (n) => 'x'.repeat(n),
    bytes: (n) => Buffer.alloc(n, 7),
    count: (file) => { fs.appendFileSync(file, 'x'); return 'counted' },
    later: (ms) => new Promise((resolve) => setTimeout(resolve, ms, 'late')),
    lateText: (n) => new Promise((resolve) => setTimeout(() => resolve('x'.repeat(n)), 250)),
    laterPid: (ms) => new Promise((resolve) => setTimeout(resolve, ms, process.pid)),
    wait: ([ms, value]) => new Promise((resolve) => setTimeout(resolve, ms, value)),
    soon: async () => 'soon',
    last: (ms) => { busy(ms); queueMicrotask(() => process.exit(0)); return 'the last word' },
    worksOn: (ms) => { busy(ms); queueMicrotask(() => busy(1000)); return 'at once' },
    worksSoon: () => { setImmediate(() => busy(0.5)); return 'at once' },
    boom: () => { throw new TypeError('so it is') },
    never: () => new Promise(() => {}),
    die: () => process.kill(process.pid, 'SIGKILL'),
    many: (n) => Array.from({ length: n }, (_, i) => Buffer.from(String(i))),
    type: (data) => data.constructor.name + ':' + Array.from(data).join(),
    spread: (data) => typeof data.a + Object.prototype.toString.call(data.b)
  }
}
"""


@pytest.fixture
def host(nothing_left: Any) -> Iterator[Callable[..., JSHost]]:
    """Start hosts of our own. `limit` is their requestDataLimit; the rest are options of JSHost."""
    started: list[JSHost] = []

    def start(limit: int = 256 * 1024 * 1024, **options: Any) -> JSHost:
        host = JSHost(nothing_left.config(CONFIG.replace("LIMIT", str(limit))), **options)
        host.start()
        started.append(host)
        return host

    start.started = started  # type: ignore[attr-defined]
    yield start
    for host in started:
        host.close()


def frame(kind: int, id: int, body: bytes) -> bytes:
    """A frame as bytes."""
    return HEADER.pack(len(body), id, kind, 0, 0, 0) + body


def hello(limit: int = 1000_000, **fields: object) -> bytes:
    """The hello of a worker."""
    says = {"protocol": 1, "version": "1.0.0", "node": "v24", "pid": 1, "limit": limit, "functions": []}
    return frame(HELLO, 0, json.dumps(says | fields).encode())


class Client:
    """The evil server's end of one connection."""

    def __init__(self, sock: socket.socket, number: int, calls: list[bytes]) -> None:
        self.socket = sock
        self.number = number
        self._calls = calls

    def read(self) -> tuple[int, int, bytes]:
        """Read a frame: its kind, its id and its body."""
        length, id, kind, _, _, _ = HEADER.unpack(self._exactly(HEADER.size))
        body = self._exactly(length)
        if kind == CALL:
            self._calls.append(body)
        return kind, id, body

    def greet(self, **fields: Any) -> None:
        """Shake hands."""
        self.read()
        self.send(hello(**fields))

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def answer(self, id: int, value: object) -> None:
        """Answer a call."""
        self.send(frame(RESULT, id, json.dumps(value).encode()))

    def wait_for_end(self) -> None:
        """Wait until the client has closed."""
        while self.socket.recv(65536):
            pass

    def reset(self) -> None:
        """Have the closing look like a crash."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data


class Evil:
    """A server on a Unix socket, or on TCP. `play` is called with each connection, and closes it by returning."""

    def __init__(self, path: str, play: Callable[[Client], None], *, tcp: bool) -> None:
        self.path = path
        self.play = play
        #: The body of every call that came in.
        self.calls: list[bytes] = []
        self.connections = 0
        self._listener = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
        self._listener.bind(("127.0.0.1", 0) if tcp else path)
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.pool = Pool([Lane(Address(self._listener.family, self._listener.getsockname(), path))])

    def call(self, value: object = None, timeout: float | None = 5.0) -> object:
        """Call through the pool."""
        return self.pool.call(b"f", value, timeout, results.value)

    def close(self) -> None:
        """End it all."""
        self.pool.close()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(Client(sock, self.connections, self.calls),))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: Client) -> None:
        client.socket.settimeout(20)
        with client.socket:
            try:
                self.play(client)
            except (EOFError, OSError):
                pass  # the client has gone


@pytest.fixture
def evil(nothing_left: Any) -> Iterator[Callable[..., Evil]]:
    """Make evil servers."""
    made: list[Evil] = []

    def make(play: Callable[[Client], None], *, tcp: bool = False) -> Evil:
        made.append(Evil(str(nothing_left.directory / f"evil{len(made)}.sock"), play, tcp=tcp))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def bye() -> Callable[[str], bytes]:
    """Make the goodbyes of a worker."""
    return lambda reason: frame(BYE, 0, json.dumps({"reason": reason, "message": "the reason"}).encode())


@pytest.fixture
def stopping() -> Callable[[int], bytes]:
    """Make the answers of a worker that takes no more calls."""
    says = {"type": "stopping", "name": "Stopping", "message": "stopping", "maybeExecuted": False}
    return lambda number: frame(ERROR, number, json.dumps(says).encode())


@pytest.fixture(name="frame")
def frame_fixture() -> Callable[[int, int, bytes], bytes]:
    """Give `frame`."""
    return frame


@pytest.fixture(name="hello")
def hello_fixture() -> Callable[..., bytes]:
    """Give `hello`."""
    return hello


@pytest.fixture
def by_mailbox(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the calls that went by a mailbox."""
    ids: list[int] = []
    exchange = Channel._exchange

    def noted(self: Channel, box: Mailbox, id: int, frame: bytes) -> int:
        ids.append(id)
        return exchange(self, box, id, frame)

    monkeypatch.setattr(Channel, "_exchange", noted)
    return ids
