"""A lane: the way to one worker, and the connections to it."""

from __future__ import annotations

import os
import sys
import weakref
from collections import deque
from time import monotonic

from ..exceptions import HostWarning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from .address import Address
    from .sync import Connection

    class Slot(Protocol):
        """A worker of this program's own: whether it is ready, and a connection that came with it."""

        number: int

        @property
        def ready(self) -> bool: ...
        def take_connection(self) -> int | None: ...


#: How often a call is tried, if it did not run before.
ATTEMPTS = 3

#: How long to wait for a worker's handshake if the call itself has no limit, in seconds.
CONNECT_TIMEOUT = 30.0

#: A connection that was idle for longer than this is looked at before it is used, in seconds.
CHECK_AFTER = 0.001


class Lane:
    """The way to one worker: its address, the connections to it, and its slot if it is this program's own."""

    __slots__ = (
        "address",
        "begun",
        "connections",
        "idle",
        "is_closed",
        "is_shared",
        "opening",
        "pid",
        "retries",
        "slot",
    )

    def __init__(self, address: Address, slot: Slot | None = None, *, is_shared: bool = False) -> None:
        self.address = address
        self.slot = slot
        #: Other ways go to the same address, and which worker a connection reaches is the system's to decide.
        self.is_shared = is_shared
        #: The worker that was reached last, by its process id.
        self.pid = 0
        self.retries = 0
        #: All that are alive. Weak, so that one whose call was interrupted before it was given back does not stay.
        self.connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self.idle: deque[Connection] = deque()
        #: Connections on which a hello was sent, and its answer not yet read.
        self.begun: deque[Connection] = deque()
        #: One for each connection that is being made: a deque, since threads count on it without a lock.
        self.opening: deque[None] = deque()
        #: Nothing is kept any more.
        self.is_closed = False

    def load(self) -> tuple[bool, int]:
        """What speaks against this worker: first that it is not ready, then the calls that it has in hand."""
        is_waiting = self.slot is not None and not self.slot.ready
        return is_waiting, len(self.connections) - len(self.idle) + len(self.opening)

    def take(self) -> Connection | None:
        """An idle connection that still stands."""
        while True:
            try:
                connection = self.idle.pop()
            except IndexError:
                return None
            now = monotonic()
            connection.spins = connection.spinner.should_spin(now, connection.last_used)
            is_fresh = now - connection.last_used < CHECK_AFTER
            connection.last_used = now
            if is_fresh or connection.is_usable():
                return connection
            self.drop(connection)

    def give_back(self, connection: Connection) -> None:
        """Keep the connection for the next call, if its exchange is complete."""
        if connection.in_exchange or connection.draining:
            self.drop(connection)
        else:
            connection.last_used = monotonic()
            self.idle.append(connection)
            if self.is_closed:
                self.close()
        if connection.warnings:
            warn_of(connection.warnings)

    def drop(self, connection: Connection) -> None:
        """Close a connection that must not be used again."""
        self.connections.discard(connection)
        connection.close()

    def close(self) -> None:
        """Close the connections that carry no call; those that do are closed when they are given back."""
        self.is_closed = True
        for waiting in (self.idle, self.begun):
            while waiting:
                try:
                    self.drop(waiting.pop())
                except IndexError:
                    break  # another thread took the last one

    def forget(self) -> None:
        """Close this process's ends of all connections."""
        connections = (*self.connections, *self.begun)
        self.connections, self.idle, self.begun, self.opening = weakref.WeakSet(), deque(), deque(), deque()
        for connection in connections:
            connection.close()


def warn_of(texts: list[str]) -> None:
    """Warn the program of what a worker wants it to know, once."""
    from warnings import warn

    while texts:
        warn(texts.pop(), HostWarning, stacklevel=levels_up())


def levels_up() -> int:
    """How many levels above our caller the program is that called us: a warning is for its line."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    return level


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
