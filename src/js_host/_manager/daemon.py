"""The manager's process: one thread in one `poll` for its socket and its connections, beside those of its supervisors.

It was started with the lock, the listening socket and a pipe (`spawn`). Nothing in it wakes up by the clock while
nothing is due. If it is killed, its workers go with it: they hang on the leash of their supervisors.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from collections import deque
from time import monotonic

from js_host._host.poller import Poller
from js_host._host.sockets import RawSocket
from js_host._manager.line import Line
from js_host._manager.logfile import MOST_BYTES, manager_log_path, remove_old
from js_host._manager.place import Place
from js_host._manager.service import Service
from js_host._manager.spawn import LISTENER, LOCK, READY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Daemon", "main"]

PAUSE = 0.1
"""Seconds to wait when no connection can be accepted, for want of descriptors."""


class Daemon:
    """The loop. `listener` and `lock` are given up with the name; then nobody new comes."""

    def __init__(self, place: Place, listener: RawSocket, lock: int) -> None:
        self.place = place
        self.poller = Poller()
        self.lines: set[Line] = set()
        self.signals = 0
        self.service = Service(place.name, manager_log_path(place.name), self.post, self.give_up_name)
        self._listener = listener
        self._lock = lock
        self._socket_file = os.lstat(place.socket)
        self._posted: deque[Callable[[], None]] = deque()
        self._listen_again_at: float | None = None
        self.poller.watch(listener.fileno(), self._accept)

    def post(self, work: Callable[[], None]) -> None:
        """Have some work done in this thread, from any other."""
        self._posted.append(work)
        self.poller.wake()

    def run(self) -> None:
        """Serve until there is nothing left to do."""
        while not (self.service.is_over and not self._posted):
            happened = self.poller.wait(self._patience())
            self.poller.handle(happened)
            while self._posted:
                self._posted.popleft()()
            self._see_to_what_is_due()

    def close(self) -> None:
        """Leave no file behind."""
        self._unlink()
        self.service.say_goodbye()

    def give_up_name(self) -> None:
        """Remove the socket, which only the holder of the lock may, and then give up the lock."""
        if self._lock < 0:
            return
        self.poller.forget(self._listener.fileno())
        self._unlink()
        self._listener.close()
        os.close(self._lock)
        self._lock = -1

    def hear_signal(self, number: int, frame: object) -> None:
        """SIGTERM: end politely; a second one: now."""
        self.signals += 1
        self.post(self.service.stop_all if self.signals == 1 else self.service.kill_all)

    def _unlink(self) -> None:
        """Remove our socket, if it is still ours: who tidied up the directory made room for another manager's."""
        try:
            if self._lock >= 0 and os.path.samestat(os.lstat(self.place.socket), self._socket_file):
                os.unlink(self.place.socket)
        except FileNotFoundError:
            pass

    def _patience(self) -> float | None:
        """Milliseconds until something is due."""
        moments = [self.service.next_moment(), self._listen_again_at]
        nearest = min((moment for moment in moments if moment is not None), default=None)
        return None if nearest is None else max(0, int((nearest - monotonic()) * 1000) + 1)

    def _see_to_what_is_due(self) -> None:
        self.service.see_to_leases()
        if self._listen_again_at is not None and self._listen_again_at <= monotonic() and self._lock >= 0:
            self._listen_again_at = None
            self.poller.watch(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:
            self.poller.forget(self._listener.fileno())
            self._listen_again_at = monotonic() + PAUSE
            return
        line = Line(RawSocket(fileno=descriptor), self.service.hear, self._closed)
        self.lines.add(line)
        self.poller.watch(line.fileno(), line.hear)

    def _closed(self, line: Line) -> None:
        self.poller.forget(line.fileno())
        self.lines.discard(line)
        self.service.closed(line)


def main(socket_path: str) -> int:
    """Run the manager that has its socket there. Returns the exit code."""
    detach()
    place = Place.of_socket(socket_path)
    try:
        daemon = set_up(place)
    except Exception as error:
        say_to_starter({"error": repr(error)})
        raise
    say_to_starter({"ready": True, "pid": os.getpid()})
    say(f"manager {place.name} (pid {os.getpid()}) is ready")
    tidy(manager_log_path(place.name))
    gc.freeze()
    try:
        daemon.run()
    finally:
        daemon.close()
    say(f"manager {place.name} (pid {os.getpid()}) ends")
    return 0


def detach() -> None:
    """Be nobody's child, sit in nobody's way, and hold nothing but what was meant for us."""
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.closerange(READY + 1, os.sysconf("SC_OPEN_MAX"))
    for descriptor in (LISTENER, LOCK, READY):
        os.set_inheritable(descriptor, False)  # a worker that held the lock would hold it after our end
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def set_up(place: Place) -> Daemon:
    """Make what serves, from what was inherited."""
    daemon = Daemon(place, RawSocket(fileno=LISTENER), LOCK)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, daemon.hear_signal)
    return daemon


def say_to_starter(message: Mapping[str, object]) -> None:
    """Tell who started us. It may be gone already."""
    try:
        os.write(READY, json.dumps(message).encode() + b"\n")
    except OSError:
        pass
    os.close(READY)


def say(text: str) -> None:
    """Write a line to our own log, which is our stderr."""
    try:
        print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=sys.stderr, flush=True)
    except OSError:
        pass


def tidy(path: str | None) -> None:
    """Keep our own log small, and the directory free of those of projects that are gone."""
    if path is None:
        return
    remove_old(os.path.dirname(path), time.time())
    try:
        if os.fstat(2).st_size > MOST_BYTES:
            os.ftruncate(2, 0)
    except OSError:
        pass
