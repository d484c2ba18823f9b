"""Programs that hear what the workers of a host print, while they run.

A batch of lines goes out when the program has taken the one before, so a program that is slow, or stopped, never holds
up the manager: its lines wait here, not too many, and what is too much is dropped and told.
"""

from __future__ import annotations

import _thread
from collections import deque

from js_host._host.lines import LogLine
from js_host._host.logs import dropped_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from js_host._manager.hosts import Post
    from js_host._manager.line import Line

__all__ = ["Followers"]

MOST_WAITING = 10_000
"""Lines that may wait for one program."""

BATCH = 16 * 1024
"""Characters after which a batch is full."""


class Followers:
    """All who follow the hosts of one manager. Used by the manager's thread, save `put`."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._by_line: dict[Line, Follower] = {}
        self._by_host: dict[str, tuple[Follower, ...]] = {}

    def add(self, host: str, line: Line) -> None:
        """The program at the other end of the line follows the host of that key, whether it runs or not."""
        follower = Follower(host, line, self._post)
        self._by_line[line] = follower
        self._by_host[host] = (*self._by_host.get(host, ()), follower)

    def took(self, line: Line) -> None:
        """The program has taken its batch."""
        if follower := self._by_line.get(line):
            follower.took()

    def closed(self, line: Line) -> None:
        """The connection ended. One that follows nothing changes nothing."""
        follower = self._by_line.pop(line, None)
        if follower is not None:
            left = tuple(other for other in self._by_host[follower.host] if other is not follower)
            self._by_host[follower.host] = left

    def put(self, host: str, lines: Sequence[LogLine]) -> None:
        """The workers of a host printed something. From any thread; never waits."""
        for follower in self._by_host.get(host, ()):
            follower.put(lines)


class Follower:
    """One of them. `put` may be called from any thread."""

    __slots__ = ("_dropped", "_is_ready", "_is_woken", "_line", "_lock", "_post", "_waiting", "host")

    def __init__(self, host: str, line: Line, post: Post) -> None:
        self.host = host
        self._line = line
        self._post = post
        self._lock = _thread.allocate_lock()
        self._waiting: deque[LogLine] = deque()
        self._dropped = 0
        self._is_ready = True
        self._is_woken = False

    def put(self, lines: Sequence[LogLine]) -> None:
        """Have lines wait for the program, as many as there is room for."""
        with self._lock:
            room = MOST_WAITING - len(self._waiting)
            self._waiting.extend(lines[:room])
            self._dropped += max(0, len(lines) - room)
            is_woken, self._is_woken = self._is_woken, True
        if not is_woken:
            self._post(self._send)

    def took(self) -> None:
        """It is ready for more."""
        self._is_ready = True
        self._send()

    def _send(self) -> None:
        self._is_woken = False
        if self._is_ready and (batch := self._next_batch()):
            self._is_ready = False
            self._line.say({"event": "lines", "lines": [_parts(line) for line in batch]})

    def _next_batch(self) -> list[LogLine]:
        batch, size = [], 0
        with self._lock:
            while self._waiting and size < BATCH:
                batch.append(self._waiting.popleft())
                size += len(batch[-1].text)
            dropped = 0 if self._waiting else self._dropped
            self._dropped -= dropped
        return [*batch, dropped_line(dropped)] if dropped else batch


def _parts(line: LogLine) -> list[str | int | None]:
    """What a LogLine is made of, in the order in which it takes it."""
    return [line.level, line.text, line.worker, line.pid, line.logger, line.function, line.call]
