"""Hosts that do not upgrade: the original js-host from npm, and a cache in between. They are called over plain HTTP."""

from __future__ import annotations

import asyncio
import errno
import http.client
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from js_host._client.address import Address
from js_host._client.http import HttpLink, _beginning, _Connection, _large_integer, _result
from js_host._client.pool import Pool
from js_host._wire.results import value
from js_host._wire.values import encode, load_quick
from js_host.async_js_host import AsyncJSHost
from js_host.conf import settings
from js_host.exceptions import (
    ConnectionError,
    FunctionError,
    FunctionTimeout,
    JSHostError,
    PayloadTooLarge,
    UnexpectedResponse,
    UnknownFunction,
    ValueNotSupported,
)
from js_host.js_host import JSHost

CONFIG = """
let calls = 0
module.exports = {
  port: 0, silent: false,
  functions: {
    echo: function (data, cb) { cb(null, JSON.stringify(data)) },
    greet: function (data, cb) { cb(null, 'Hello, ' + data.name + '! \\u4e16\\u754c') },
    count: function (data, cb) { cb(null, String(++calls)) },
    fail: function (data, cb) { throw new TypeError('no good & <new>') },
    never: function (data, cb) {}
  }
}
"""


class Program:
    """A host in a process of its own, that tells its address on stdout."""

    def __init__(self, command: list[str], directory: Path) -> None:
        self.process = subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert "listening at" in line, line
        self.url = "http://" + line.rpartition(" at ")[2].strip().removeprefix("http://")

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture
def run(nothing_left: Any) -> Iterator[Callable[[str], Program]]:
    """Run a program of JavaScript with the config."""
    started: list[Program] = []
    config = nothing_left.config(CONFIG)

    def start(program: str) -> Program:
        started.append(Program([settings.get_path_to_node(), program, str(config)], nothing_left.directory))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Install the original js-host from npm; skip where that can not be done."""
    directory = tmp_path_factory.mktemp("original")
    node = Path(settings.get_path_to_node())
    npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node), str(npm), "install", "--no-audit", "--no-fund", "--prefix", str(directory), "js-host@0.12"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=90)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm can not be run here: {error}")
    if ended.returncode:
        pytest.skip(f"npm can not install js-host 0.12 here: {ended.stderr[-300:]}")
    return str(directory / "node_modules" / "js-host" / "bin" / "js-host.js")


class Cache:
    """A proxy that keeps every answer by its path, and knows nothing of upgrades."""

    def __init__(self, target: str) -> None:
        self.target = target.removeprefix("http://")
        self.kept: dict[str, tuple[int, str, bytes]] = {}
        self.asked: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    def fetch(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(self.target, timeout=10)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.getheader("Content-Type", ""), response.read()
        finally:
            connection.close()

    def _handler(cache) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                cache.asked.append(self.path)
                if self.path not in cache.kept:
                    cache.kept[self.path] = cache.fetch(self.command, self.path, body)
                status, kind, text = cache.kept[self.path]
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_GET

            def log_message(self, *_: object) -> None: ...

        return Handler


def assert_it_is_called_as_the_original_was(host: JSHost) -> None:
    assert host.function("greet").call(name="ü") == "Hello, ü! 世界"
    assert host.function("echo").call({"a": [1, None, "x"]}) == '{"a":[1,null,"x"]}'
    with pytest.raises(FunctionError, match="no good") as caught:
        host.function("fail")()
    assert (caught.value.name, caught.value.message) == ("TypeError", "no good & <new>")
    assert caught.value.stack is not None
    assert "\n    at Object.fail (" in caught.value.stack
    with pytest.raises(UnknownFunction, match="`js-host functions --url …` lists"):
        host.function("absent")()
    with pytest.raises(ValueNotSupported, match="plain HTTP only"):
        host.function("echo")(b"bytes")
    with pytest.raises(FunctionTimeout, match=rf"^never: the host at {host.get_url()} gave no result within 0\.2 s\.$"):
        host.function("never", timeout=0.2)()
    with pytest.raises(PayloadTooLarge, match=r"^echo: PayloadTooLargeError: request entity too large$"):
        host.function("echo")("x" * 11_000_000)
    assert set(host.get_config()["functions"]) >= {"echo", "greet"}
    assert isinstance(host._link, HttpLink)


def test_the_original_from_npm_is_called_over_http(run: Any, original: str) -> None:
    with JSHost(root_url=run(original).url) as host:
        assert_it_is_called_as_the_original_was(host)
        assert [host.function("count").call(n=n) for n in range(3)] == ["1", "2", "3"]


def test_a_cache_in_between_answers_the_same_call_once(run: Any) -> None:
    program = run(settings.get_path_to_bin())
    cache = Cache(program.url)
    try:
        with JSHost(root_url=cache.url) as host:
            cache.kept.clear()
            count = host.function("count")
            assert [count.call(a=1), count.call(a=1), count.call(a=2), count.call(a=1)] == ["1", "1", "2", "1"]
            assert len({path for path in cache.asked if path.startswith("/function/count?hash=")}) == 2
    finally:
        cache.close()


def test_what_is_written_over_plain_http_is_sent_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = _Connection(Address.url(f"http://127.0.0.1:{server.getsockname()[1]}"))
        connection.connect()
        options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY), (socket.SOL_SOCKET, socket.SO_KEEPALIVE)]
        assert all(connection.sock.getsockopt(*option) for option in options)
        connection.close()


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (2**53, "9007199254740992"),
        ({"a": [1.5, {"b": -(2**53)}]}, "-9007199254740992"),
        ([10**18, "x"], str(10**18)),
        ({"n": 2**64 - 1}, str(2**64 - 1)),
    ],
)
def test_over_plain_http_an_integer_that_would_be_rounded_is_refused_before_it_is_sent(
    data: object, shown: str
) -> None:
    link = HttpLink(Address.url("http://127.0.0.1:1"))  # where nobody answers
    with pytest.raises(
        ValueNotSupported, match=rf"data for echo holds the integer {shown} .*plain HTTP only"
    ) as caught:
        link.call(b"echo", data, 5, value)
    assert not caught.value.maybe_executed
    with pytest.raises(ValueNotSupported, match="big integers"):
        link.call(b"echo", [b"", data], 5, value)


@pytest.mark.parametrize(
    "data", [2**53 - 1, -(2**53) + 1, 2.0**60, 1e300, -1234567890123456.75, "9007199254740993", {"9007199254740993": 0}]
)
def test_what_only_looks_like_such_an_integer_is_not_refused(data: object) -> None:
    for _ in range(2):  # by the encoder of a program's first calls, and by the quick one
        text, attachments = encode(data)
        assert (attachments, _large_integer(text)) == (None, None)
        load_quick()


def test_of_an_integer_of_a_thousand_digits_the_beginning_is_told() -> None:
    assert _large_integer(b"[1, %b]" % (b"7" * 1000)) == "7" * 40 + "…"
    assert _large_integer(b"-" + b"7" * 5000) == "-" + "7" * 39 + "…"


def test_a_bare_host_upgrades(run: Any) -> None:
    with JSHost(root_url=run(settings.get_path_to_bin()).url) as host:
        assert host.function("greet")(name="you") == "Hello, you! 世界"
        assert isinstance(host._link, Pool)


def test_from_an_event_loop_a_host_is_called_over_http_or_after_the_upgrade(run: Any, original: str) -> None:
    async def main(url: str) -> None:
        async with AsyncJSHost(root_url=url) as host:
            greet, count = host.function("greet"), host.function("count")
            assert await greet.call(name="ü") == "Hello, ü! 世界"
            assert [part async for part in greet.stream(name="you")] == ["Hello, you! 世界"]
            assert [int(n) async for n in count.map({"n": n} for n in range(20))] == list(range(1, 21))
            with pytest.raises(FunctionError, match="no good"):
                await host.function("fail")()
            with pytest.raises(FunctionTimeout):
                await host.function("never", timeout=0.2)()
            found = await asyncio.gather(*(greet(name=n) for n in range(50)))
            assert found == [f"Hello, {n}! 世界" for n in range(50)]

    asyncio.run(main(run(original).url))
    asyncio.run(main(run(settings.get_path_to_bin()).url))


def test_from_an_event_loop_a_host_that_ends_is_a_connection_error_and_nothing_ran(run: Any) -> None:
    program = run(settings.get_path_to_bin())

    async def main() -> None:
        async with AsyncJSHost(root_url=program.url) as host:
            greet = host.function("greet")
            assert await greet(name="a") == "Hello, a! 世界"
            program.close()  # the loop does not see it
            with pytest.raises(ConnectionError) as caught:
                await greet(name="b")
            assert not caught.value.maybe_executed

    asyncio.run(main())


def test_a_host_that_ends_is_a_connection_error_and_nothing_ran(run: Any) -> None:
    program = run(settings.get_path_to_bin())
    with JSHost(root_url=program.url) as host:
        greet = host.function("greet")
        assert greet(name="a") == "Hello, a! 世界"
        program.close()
        with pytest.raises(ConnectionError) as caught:
            greet(name="b")
        assert not caught.value.maybe_executed


def test_of_a_page_that_is_no_hosts_the_first_line_is_told() -> None:
    assert _beginning(b"\n<!DOCTYPE HTML>\n<html>\n") == "'<!DOCTYPE HTML>'"
    assert _beginning("é\u2028".encode() * 200) == repr("é")
    assert (_beginning(b""), _beginning(b"\xff")) == ("and nothing more", "'\ufffd'")


EXPRESS = """<!DOCTYPE html>
<html lang="en">
<head><title>Error</title></head>
<body>
<pre>SyntaxError: Unexpected token &lt;<br> &nbsp; &nbsp;at JSON.parse (&lt;anonymous&gt;)</pre>
</body>"""

NGINX = """<html>\r\n<head><title>413 Request Entity Too Large</title><style>h1 {}</style></head>
<body>\r\n<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>"""


@pytest.mark.parametrize(
    ("status", "page", "error", "message"),
    [
        (
            400,
            EXPRESS,
            UnexpectedResponse,
            "Called function 'f'. The host answered 400: SyntaxError: Unexpected token <",
        ),
        (413, EXPRESS, PayloadTooLarge, "f: SyntaxError: Unexpected token <"),
        (413, NGINX, PayloadTooLarge, "f: 413 Request Entity Too Large nginx/1.22.1"),
        (413, "", PayloadTooLarge, "f: the data is over the limit of the host."),
        (500, EXPRESS, FunctionError, "Unexpected token <"),
        (502, "<p>" + "x" * 9000, UnexpectedResponse, f"Called function 'f'. The host answered 502: {'x' * 500}"),
    ],
)
def test_a_page_of_html_that_tells_an_error_is_shown_as_its_text(
    status: int, page: str, error: type[JSHostError], message: str
) -> None:
    with pytest.raises(error) as caught:
        _result(status, "text/html", page.encode(), "f", value)
    assert caught.value.args == (message,)


def test_a_host_whose_machine_is_gone_is_a_connection_error_and_no_timeout_of_the_function() -> None:
    link = HttpLink(Address.url("http://127.0.0.1:1"))
    gone = TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
    for timeout in (None, 5.0):
        error = link._failure(gone, "f", timeout, was_open=True)
        assert isinstance(error, ConnectionError)
        assert error.maybe_executed
    assert isinstance(link._failure(TimeoutError("timed out"), "f", 5.0, was_open=True), FunctionTimeout)


def test_what_is_no_host_is_told(run: Any) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"hi")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with pytest.raises(UnexpectedResponse):
            JSHost(root_url=f"http://127.0.0.1:{server.server_port}").get_status()
    except ConnectionError:
        pass  # as good: no status, no host
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
