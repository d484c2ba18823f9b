"""Another program answers where a host is expected: it is told no data and no secret."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from js_host import JSHost
from js_host.exceptions import JSHostError, UnexpectedResponse

TOKEN = "a-token-for-the-tests-0123"

ANSWERS = {
    "a web site": (200, "text/html", b"<html>Welcome</html>"),
    "a site that knows no such page": (404, "text/plain", b"Not found"),
    "a site that wants a login": (401, "text/html", b"<html>Log in</html>"),
    "a site that answers JSON": (200, "application/json", b'{"status": "ok"}'),
    "a site that answers a list": (200, "application/json", b"[]"),
    "a site with a fault": (500, "text/plain", b"oh"),
}


class Foreign(HTTPServer):
    """A web server of somebody else, which remembers all that it was told."""

    def __init__(self, answer: tuple[int, str, bytes]) -> None:
        self.told: list[str] = []
        super().__init__(("127.0.0.1", 0), _handler(self.told, answer))


def _handler(told: list[str], answer: tuple[int, str, bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.append(f"{self.requestline}\n{self.headers}\n{body!r}")
            status, kind, text = answer
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET

        def log_message(self, *arguments: Any) -> None:
            pass

    return Handler


@pytest.fixture(params=ANSWERS.values(), ids=ANSWERS.keys())
def foreign(request: pytest.FixtureRequest, nothing_left: Any) -> Iterator[Foreign]:
    server = Foreign(request.param)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_program_that_is_no_host_is_told_neither_data_nor_token(foreign: Foreign) -> None:
    host = JSHost(root_url=f"http://127.0.0.1:{foreign.server_port}", token=TOKEN)
    with pytest.raises(JSHostError) as caught:
        host.function("greet")(secret="my data")
    assert isinstance(caught.value, UnexpectedResponse)
    assert not caught.value.maybe_executed
    assert foreign.told
    for request in foreign.told:
        assert "my data" not in request
        assert TOKEN not in request
        assert "POST" not in request
    assert TOKEN not in str(caught.value)
