"""The door for those who watch over a host: /health, /ready, /metrics and /stats, on a port or socket of their own.

It is served by the supervisor's process, so it answers also while workers are busy, or are none.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from .._host.snapshot import take_snapshot
from .._host.sockets import listen_tcp, listen_unix
from .readiness import why_not_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from .._host.sockets import RawSocket
    from .serving import Serving

    #: Status, content type and text.
    Answer: TypeAlias = tuple[int, str, str]

__all__ = ["Door", "listen_at"]

logger = logging.getLogger("js_host.run")

TEXT = "text/plain; charset=utf-8"

PATIENCE = 10.0
"""Seconds that somebody who asks may take for each part of the question."""


def listen_at(place: str) -> tuple[RawSocket, str]:
    """Listen at a port of this machine ("9100"), an address ("0.0.0.0:9100") or a path ("/run/app/metrics.sock").

    Returns the socket and its URL: http://127.0.0.1:9100 or http+unix:/run/app/metrics.sock.
    """
    if "/" in place:
        path = os.path.abspath(place)
        return listen_unix(path, replace=not _is_in_use(path)), f"http+unix:{path}"
    address, _, port = place.rpartition(":")
    listener = listen_tcp(address.strip("[]") or "127.0.0.1", int(port))
    host, bound = listener.getsockname()[:2]
    return listener, f"http://[{host}]:{bound}" if ":" in host else f"http://{host}:{bound}"


def _is_in_use(path: str) -> bool:
    """Whether somebody listens at that path. Only what a program left that was killed may be removed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(path)
        except OSError:
            return False
    return True


class Door:
    """Listens when it is made, and answers in threads of its own from `open` to `close`. `url` is where."""

    serving: Serving

    def __init__(self, place: str) -> None:
        listener, self.url = listen_at(place)
        self.server = _server(listener, self)
        self.paths: dict[str, Callable[[], Answer]] = {
            "/health": lambda: (200, TEXT, "ok\n"),
            "/ready": self.ready,
            "/metrics": self.metrics,
            "/stats": lambda: (200, "application/json", json.dumps(self.stats())),
        }

    def open(self, serving: Serving) -> None:
        """Begin to answer for what is served there."""
        self.serving = serving
        Thread(target=self.server.serve_forever, name="js-host-admin", daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self.server.shutdown()
        self.server.server_close()
        if self.url.startswith("http+unix:"):
            with suppress(FileNotFoundError):  # somebody has tidied up
                os.unlink(self.url.removeprefix("http+unix:"))

    def answer(self, path: str) -> Answer:
        """What a GET of that path is answered with."""
        found = self.paths.get(path)
        if found is None:
            return 404, TEXT, f"Not found. There are {', '.join(self.paths)}, not {path}\n"
        return found()

    def ready(self) -> Answer:
        reason = self._why_not_ready()
        return (200, TEXT, "ready\n") if reason is None else (503, TEXT, f"{reason}\n")

    def _why_not_ready(self) -> str | None:
        serving = self.serving
        states = [slot.state for slot in serving.supervisor.slots]
        return why_not_ready(states, started=serving.started, draining=serving.draining)

    def stats(self) -> dict[str, Any]:
        """A snapshot, and whether the host is ready."""
        reason = self._why_not_ready()
        return {"ready": reason is None, "why_not_ready": reason, **take_snapshot(self.serving.supervisor)}

    def metrics(self) -> Answer:
        try:
            from .metrics import CONTENT_TYPE, exposition
        except ImportError as error:
            return 501, TEXT, f"{error}\n"
        return 200, CONTENT_TYPE, exposition(self.stats())


def _server(listener: RawSocket, door: Door) -> ThreadingHTTPServer:
    """A server on a socket that listens already."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "js-host"
        timeout = PATIENCE

        def do_GET(self) -> None:
            if "Origin" in self.headers:
                return self._write(403, TEXT, "Web pages may not ask here.\n")
            try:
                answer = door.answer(self.path.partition("?")[0])
            except Exception as error:  # functions could forge the numbers of their worker
                logger.exception("The answer to %s failed", self.path)
                answer = (500, TEXT, f"{error!r}\n")
            return self._write(*answer)

        do_HEAD = do_GET

        def _write(self, status: int, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=listener.detach())
    server.daemon_threads = True
    server.block_on_close = False
    return server
