"""A call ends at its deadline also where bytes come one by one, and where all that is before the call is slow."""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from js_host._client import link
from js_host._client.address import Address
from js_host._client.channel import GRACE
from js_host._client.http import HttpLink
from js_host._client.link import open_link
from js_host._client.pool import Lane, Pool
from js_host._client.sync import Connection
from js_host._wire import results
from js_host._wire.frames import LOG, RESULT
from js_host.exceptions import HostWarning, JSHostError

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: js-host/1\r\n\r\n"
TIMEOUT = 0.4
#: A call that begins anew with its time at each step takes longer than this, in seconds.
AT_MOST = TIMEOUT + GRACE + 0.5


class Server:
    """A server on TCP: `play` is called with each socket, one after the other in a thread."""

    def __init__(self, *plays: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._plays = plays
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(20)

    def drip(self, sock: socket.socket, data: bytes) -> None:
        """Send the bytes, and then spaces for a while, one every twentieth of a second."""
        for byte in itertools.chain(data, itertools.repeat(32, 60)):
            if self._over.wait(0.05):
                return
            sock.sendall(bytes([byte]))

    def _run(self) -> None:
        for play in self._plays:
            try:
                sock, _ = self._listener.accept()
                with sock:
                    play(sock)
            except OSError:
                pass  # the client has gone, or the test is over


@pytest.fixture
def serve(nothing_left: Any) -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def start(*plays: Callable[[socket.socket], None]) -> Server:
        made.append(Server(*plays))
        return made[-1]

    yield start
    for server in made:
        server.close()


def time_of(deed: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(JSHostError):
        deed()
    return time.monotonic() - began


def test_a_head_that_comes_byte_by_byte(serve: Any) -> None:
    server = serve(lambda sock: server.drip(sock, UPGRADED[:-2]))
    assert time_of(lambda: Connection.open(Address.url(server.url), TIMEOUT)) < AT_MOST


def test_a_handshake_of_tls_that_comes_byte_by_byte(serve: Any) -> None:
    server = serve(lambda sock: server.drip(sock, b"\x16\x03\x03\x40\x00"))  # a record of 16 KiB begins
    address = Address.url(server.url.replace("http:", "https:"))
    assert time_of(lambda: Connection.open(address, TIMEOUT)) < AT_MOST


def test_a_host_that_says_nothing_where_calls_have_no_limit(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "CONNECT_TIMEOUT", TIMEOUT)
    server = serve(lambda sock: time.sleep(3))
    assert time_of(lambda: open_link(server.url, spin=False, gate=None, timeout=None)) < AT_MOST


def test_a_hello_that_comes_byte_by_byte(serve: Any, hello: Any) -> None:
    def play(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(UPGRADED)
        server.drip(sock, hello())

    server = serve(play)
    assert time_of(lambda: Connection.open(Address.url(server.url), TIMEOUT)) < AT_MOST


@pytest.mark.parametrize("begun", [b"HTT", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"], ids=["head", "body"])
def test_plain_http_that_comes_byte_by_byte(serve: Any, begun: bytes) -> None:
    def play(sock: socket.socket) -> None:
        sock.recv(65536)
        server.drip(sock, begun)

    server = serve(play)
    plain = HttpLink(Address.url(server.url))
    assert time_of(lambda: plain.call(b"f", 1, TIMEOUT, results.value)) < AT_MOST


def test_a_result_whose_first_half_comes_at_the_last_moment(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        _, id, _ = client.read()
        time.sleep(TIMEOUT + GRACE / 2)
        client.send(frame(RESULT, id, b"[1,2]")[:-1])
        client.wait_for_end()

    server = evil(play)
    assert time_of(lambda: server.call(timeout=TIMEOUT)) < AT_MOST


def test_a_worker_that_says_other_things_all_the_time(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        client.read()
        for _ in range(60):
            client.send(frame(LOG, 0, b'{"level":"info","text":""}'))
            time.sleep(0.05)

    server = evil(play)
    with pytest.warns(HostWarning):
        assert time_of(lambda: server.call(timeout=TIMEOUT)) < AT_MOST


def test_a_host_that_is_slow_to_tell_of_a_worker_that_is_silent(serve: Any, evil: Any, hello: Any) -> None:
    worker, silent = (evil(lambda client: client.wait_for_end()) for _ in range(2))

    def tell(path: str, after: float) -> Callable[[socket.socket], None]:
        def play(sock: socket.socket) -> None:
            sock.recv(65536)
            sock.sendall(UPGRADED)
            sock.recv(65536)
            time.sleep(after)
            sock.sendall(hello(port=server.port, sockets=[path]))

        return play

    server = serve(tell(worker.path, 0), tell(silent.path, 1.4))
    pool = open_link(server.url, spin=False, gate=None, timeout=5)
    assert isinstance(pool, Pool)
    os.unlink(worker.path)
    assert time_of(lambda: pool.call(b"f", None, 1.5, results.value)) < 2.2
    pool.close()


def test_workers_behind_one_address_of_which_always_the_same_answers(evil: Any) -> None:
    def play(client: Any) -> None:
        time.sleep(0.15)
        client.greet(pid=1)
        client.wait_for_end()

    server = evil(play)
    pool = Pool([Lane(Address.unix(server.path), is_shared=True) for _ in range(2)])
    pool.lanes[1].pid = 1
    assert time_of(lambda: pool.call(b"f", None, TIMEOUT, results.value)) < AT_MOST
    pool.close()
