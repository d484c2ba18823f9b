"""The manager's end of one connection: whole lines in, messages out."""

from __future__ import annotations

import json

from js_host._host.sockets import RawSocket
from js_host._manager.protocol import Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["Line"]

CHUNK = 65536

PATIENCE = 1.0
"""Seconds to wait for a program to take an answer that is too large for the buffers of its connection."""


class Line:
    """A connection of a program. `program` is what it said of itself; `on_closed` is called once, however it ends."""

    __slots__ = ("_lines", "_on_closed", "_on_message", "_socket", "program")

    def __init__(
        self,
        socket: RawSocket,
        on_message: Callable[[Line, dict[str, Any]], None],
        on_closed: Callable[[Line], None],
    ) -> None:
        socket.setblocking(False)
        self._socket = socket
        self._lines = Lines()
        self._on_message = on_message
        self._on_closed = on_closed
        self.program: dict[str, Any] = {}

    def fileno(self) -> int:
        """The descriptor; -1 when it is closed."""
        return self._socket.fileno()

    def hear(self) -> None:
        """Read what is there."""
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        try:
            messages = [_message(line) for line in self._lines.feed(data)]
        except (ValueError, RecursionError):
            self.close()  # it does not speak our language
            return
        for message in messages:
            if self.fileno() >= 0:
                self._on_message(self, message)

    def say(self, message: Mapping[str, Any]) -> None:
        """Send a message. A program that does not read its answers is given up."""
        if self.fileno() < 0:
            return
        try:
            self._socket.settimeout(PATIENCE)
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            self._socket.setblocking(False)
        except OSError:
            self.close()

    def close(self) -> None:
        """Close it."""
        if self.fileno() >= 0:
            self._on_closed(self)
            self._socket.close()


def _message(line: bytes) -> dict[str, Any]:
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("A message is an object.")
    return message
