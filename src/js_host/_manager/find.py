"""Find the manager of this user and environment, or start it: once, however many programs start at the same moment.

Who connects has found it. Who does not, tries to take the lock. Who gets the lock knows that no manager lives: it
removes the socket that a dead one left, makes the new one, and starts a manager that inherits socket and lock. Who
does not get it tries again in a moment: somebody is starting one, and the socket takes connections before it runs.
"""

from __future__ import annotations

import _socket
import os
import stat
from time import monotonic, sleep

from js_host._host.sockets import RawSocket, listen_unix
from js_host._manager.fork import close_held, open_held
from js_host._manager.lock import take_lock
from js_host._manager.place import Place, find_place
from js_host.exceptions import StartError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["START_LIMIT", "connect", "find_or_start"]

START_LIMIT = 30.0
"""Seconds within which a manager must be found or started."""

CONNECT_LIMIT = 5.0
"""Seconds to wait for a manager that has more callers than it can queue."""

FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.05

MOST_STARTS = 3
"""How often a program tries to start a manager that ends before it is ready."""


def connect(place: Place) -> RawSocket | None:
    """A connection to the manager; None if there is none. To be closed with `close_held`."""
    line = open_held(lambda: RawSocket(_socket.AF_UNIX, _socket.SOCK_STREAM))
    assert line is not None
    try:
        if stat.S_ISSOCK(os.lstat(place.socket).st_mode):  # links are not followed
            line.settimeout(CONNECT_LIMIT)
            line.connect(place.socket)
            return line
    except OSError:
        pass
    close_held(line)
    return None


def find_or_start(deadline: float, say: Callable[[str], None] | None = None, place: Place | None = None) -> RawSocket:
    """A connection to the manager, which is started if there is none. Raises StartError at the deadline."""
    place = place or find_place()
    pause, starts = FIRST_PAUSE, 0
    while True:
        line = connect(place)
        if line is not None:
            return line
        if _start(place, deadline, say):
            starts += 1
        _check_patience(place, deadline, starts)
        sleep(pause * (0.5 + os.urandom(1)[0] / 256))  # not all at the same moment
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _start(place: Place, deadline: float, say: Callable[[str], None] | None) -> bool:
    """Start a manager if nobody else does. Returns whether one was started, and ended before it was ready."""
    lock = open_held(lambda: take_lock(place.lock))
    if lock is None:
        return False
    try:
        return not _start_with_lock(place, lock, deadline, say)
    finally:
        close_held(lock)


def _start_with_lock(place: Place, lock: int, deadline: float, say: Callable[[str], None] | None) -> bool:
    from js_host._manager.spawn import spawn_manager  # late: who finds a manager needs none of this

    listener = open_held(lambda: listen_unix(place.socket, replace=True))
    assert listener is not None
    try:
        said = spawn_manager(place, listener, lock, deadline)
    finally:
        close_held(listener)
    if '"error"' in said:
        raise StartError(f"The manager could not start: {said}")
    if said and say is not None:
        say(f"Started the manager {place.name}")
    return bool(said)


def _check_patience(place: Place, deadline: float, starts: int) -> None:
    from js_host._manager.logfile import manager_log_path

    log = f"What it said is in {manager_log_path(place.name)}."
    if starts >= MOST_STARTS:
        raise StartError(f"A manager was started {starts} times, and ended each time before it was ready. {log}")
    if monotonic() > deadline:
        raise StartError(
            f"No manager answers at {place.socket}, and another process holds {place.lock}, as if one lived or was "
            f"being started. {log} If nothing is to be found there, end that process (`fuser {place.lock}`)."
        )
