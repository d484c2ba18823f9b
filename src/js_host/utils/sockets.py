"""What all sockets have in common."""

from __future__ import annotations

import _socket

__all__ = ["NO_SIGPIPE"]

NO_SIGPIPE: int = getattr(_socket, "MSG_NOSIGNAL", 0)
"""For `send`: that nobody listens any more is an error, also in a program that would be ended by the signal."""
