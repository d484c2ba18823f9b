"""Nobody can hold a host by being slow, large or many."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host._wire.frames import HEADER, HELLO
from js_host._wire.handshake import upgrade_request


def connect(host: Any) -> socket.socket:
    return socket.create_connection(("127.0.0.1", host.port), 30)


def frames(host: Any) -> socket.socket:
    """A connection that speaks frames, on which nothing was said."""
    line = connect(host)
    line.sendall(upgrade_request(f"127.0.0.1:{host.port}"))
    assert b" 101 " in line.recv(4096)
    return line


def seconds_until_closed(line: socket.socket, drip: bytes = b"") -> float:
    """Send one of these bytes four times a second, and see how long the other side listens."""
    began = time.monotonic()
    line.settimeout(0.25)
    for number in range(400):
        try:
            if drip:
                line.sendall(drip[number % len(drip) :][:1])
            if not line.recv(4096):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


@pytest.mark.slow
def test_a_header_that_comes_byte_by_byte_is_cut_off(run: Callable[..., Any]) -> None:
    host = run()
    with connect(host) as line:
        line.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\nA: ")
        assert 10 < seconds_until_closed(line, b"x") < 25


def test_a_client_that_asks_for_frames_and_says_no_hello_is_cut_off(run: Callable[..., Any]) -> None:
    host = run()
    with frames(host) as line:
        assert 4 < seconds_until_closed(line) < 8


def test_a_hello_that_comes_byte_by_byte_is_cut_off(run: Callable[..., Any]) -> None:
    host = run()
    with frames(host) as line:
        assert 4 < seconds_until_closed(line, HEADER.pack(500, 0, HELLO, 0, 0, 0) + b"{" * 500) < 8


def test_the_hello_of_a_stranger_takes_no_memory(run: Callable[..., Any]) -> None:
    host = run(token="a-token-for-the-tests-0123")
    with frames(host) as line:
        line.sendall(HEADER.pack(200_000_000, 0, HELLO, 0, 0, 0))
        said = b"".join(iter(lambda: line.recv(65536), b""))
    assert b'"reason":"protocol"' in said
    assert b"the limit is 16384" in said


def test_connections_over_the_limit_are_closed_at_once_and_there_is_room_again(
    run: Callable[..., Any], wait_for: Callable[..., None]
) -> None:
    host = run(config="module.exports = { port: 0, maxConnections: 3, functions: { one: () => 1 } }")
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(frames(host))
        third = stack.enter_context(connect(host))
        third.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in third.recv(4096)
        assert seconds_until_closed(stack.enter_context(connect(host))) < 2

    def is_served() -> bool:
        return b" 200 " in host.raw("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    def attempt() -> bool:
        try:
            return is_served()
        except OSError:
            return False

    wait_for(attempt)
    with JSHost(root_url=host.url) as known:
        counters = known.request_status()["counters"]  # type: ignore[index]
        assert counters["refusedConnections"] >= 1


@pytest.mark.parametrize("head", ["A: " + "x" * 20_000, "\r\n".join(f"A{n}: {'x' * 200}" for n in range(120))])
def test_headers_over_the_limit_are_refused(run: Callable[..., Any], head: str) -> None:
    answer = run().raw(f"GET /status HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "request_",
    [
        "POST /function/touch HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        "POST /function/touch HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        "GET /status HTTP/1.1\r\nHost: HOST\r\nHost: evil.example\r\n\r\n",
        "GET /status HTTP/1.1\r\nHost : HOST\r\n\r\n",
        "GET /status HTTP/1.1\r\n\r\n",
        "POST /function/touch HTTP/1.1\r\nHost: HOST\nContent-Type: application/json\n\n",
    ],
)
def test_requests_that_two_readers_could_understand_differently_run_nothing(
    run: Callable[..., Any], request_: str
) -> None:
    host = run()
    answer = host.raw(
        request_.replace("HOST", f"127.0.0.1:{host.port}") + "GET /x HTTP/1.1\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 403 ", b"HTTP/1.1 415 ")), answer
    with JSHost(root_url=host.url) as known:
        assert known.function("runs")() == 0


BLOCK = """
const block = (ms) => {
  require('fs').writeFileSync('busy', '')
  const end = Date.now() + ms
  while (Date.now() < end);
  return 'done'
}
module.exports = { port: 0, functions: { block } }
"""


def test_a_client_that_said_hello_while_the_worker_was_busy_is_not_cut_off(
    run: Callable[..., Any], directory: Path, wait_for: Callable[..., None]
) -> None:
    host = run(config=BLOCK)
    with JSHost(root_url=host.url) as known, frames(host) as waiting, ThreadPoolExecutor(1) as pool:
        busy = pool.submit(known.function("block", timeout=30), 6000)
        wait_for((directory / "busy").exists)  # for longer than a hello may take
        waiting.sendall(HEADER.pack(14, 0, HELLO, 0, 0, 0) + b'{"protocol":1}')
        assert b'"functions":["block"]' in waiting.recv(4096)
        assert busy.result() == "done"
