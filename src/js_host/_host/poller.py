"""Waiting for descriptors: one `poll`, a handler for each, and a pipe with which other threads end the wait."""

from __future__ import annotations

import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Poller"]

LONGEST_WAIT = 3_600_000
"""Milliseconds. A longer wait is done in parts: the system takes no more than 24 days."""


class Poller:
    """Descriptors to wait for. Used by one thread, save `wake`, and `close` in a forked child."""

    __slots__ = ("_handlers", "_poll", "_wake_read", "_wake_write")

    def __init__(self) -> None:
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self.watch(self._wake_read, self._hear_wake)

    def watch(self, descriptor: int, handler: Callable[[], None]) -> None:
        """Have `handler` called when the descriptor is readable or closed at its other end."""
        if descriptor not in self._handlers:
            self._handlers[descriptor] = handler
            self._poll.register(descriptor, select.POLLIN)

    def forget(self, descriptor: int) -> None:
        """Wait for it no more. To be called before it is closed; its number will mean something else then."""
        if self._handlers.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def mute(self, descriptor: int) -> None:
        """Hear nothing of it until it is forgotten and watched again."""
        self._poll.modify(descriptor, 0)

    def wait(self, patience: float | None) -> list[tuple[int, int]]:
        """Wait for at most so many milliseconds, or an hour, and return what happened, for `handle`."""
        return self._poll.poll(None if patience is None else min(patience, LONGEST_WAIT))

    def handle(self, happened: list[tuple[int, int]]) -> None:
        """Call the handlers. One may take away another's descriptor; and one that somebody closed is forgotten."""
        for descriptor, event in happened:
            if event & select.POLLNVAL:
                self.forget(descriptor)
            elif handler := self._handlers.get(descriptor):
                handler()

    def wake(self) -> None:
        """End the wait, from any thread."""
        try:
            os.write(self._wake_write, b"!")
        except OSError:
            pass  # full: it will wake anyway; closed: it is over

    def close(self) -> None:
        """Close the pipe."""
        self._handlers.clear()
        for descriptor in (self._wake_read, self._wake_write):
            if descriptor >= 0:
                os.close(descriptor)
        self._wake_read = self._wake_write = -1

    def _hear_wake(self) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass
