"""Which worker gets a call, and who waits while all have enough. Decisions only: no socket, no clock, no thread.

Without a limit a call goes to the least busy worker at once. With `concurrency`, the calls that a worker is given at
a time, a call for which there is no room stands in line; whoever leaves lets in the first that may go where it was.
A call that is made in the course of another, which waits for it, does not wait for the place that the other has.
"""

from __future__ import annotations

from collections import Counter, deque
from zlib import crc32

from ..exceptions import QueueFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol, TypeVar

    class Way(Protocol):
        """A way to a worker."""

        def load(self) -> tuple[bool, int]:
            """What speaks against this worker: first that it is not ready, then the calls that it has in hand."""
            ...

    W = TypeVar("W", bound=Way)

__all__ = ["Line", "Visit", "choose", "number_of"]


def number_of(key: object) -> int:
    """A number for a key, the same in every program: calls with one key go to one worker."""
    return crc32(repr(key).encode("utf-8", "surrogatepass"))


def choose(ways: Sequence[W], key: int | None = None) -> W:
    """The worker of that key, a number; without one, the least busy."""
    if len(ways) == 1:
        return ways[0]
    if key is not None:
        return ways[key % len(ways)]
    return min(ways, key=lambda way: way.load())


class Visit:
    """One call: `worker` is where it may go, None while it waits. `wake` is its shell's own, to be told of that.

    `outer` is the call in whose course it is made, if there is one.
    """

    __slots__ = ("key", "line", "numbers", "outer", "wake", "worker")

    def __init__(self, key: int | None, wake: object = None, outer: Visit | None = None) -> None:
        self.key = key
        self.wake = wake
        self.outer = outer
        self.worker: int | None = None
        #: Where it stands, or has a place.
        self.line: Line | None = None
        #: The workers that will do, of those that there were when it came.
        self.numbers: Sequence[int] = ()

    def is_awaited_in(self, line: Line) -> bool:
        """Whether a call that has a place in that line waits for this one."""
        outer = self.outer
        while outer is not None and not (outer.line is line and outer.worker is not None):
            outer = outer.outer
        return outer is not None


class Line:
    """The calls that the workers have in hand, and those that wait, first come first served.

    `concurrency` is how many calls a worker is given at a time, save for those that such a call waits for; `size` is
    how many may wait. Each call that `enter`s must `leave`, also one that waited in vain.
    """

    def __init__(self, concurrency: int, size: int) -> None:
        self.concurrency = concurrency
        self.size = size
        self.counts: Counter[int] = Counter()
        self.waiting: deque[Visit] = deque()

    def enter(self, visit: Visit, ways: Sequence[Way]) -> None:
        """Give the call a worker, or have it wait. Raises QueueFull if too many wait already."""
        visit.line = self
        visit.numbers = range(len(ways)) if visit.key is None else (visit.key % len(ways),)
        free: Sequence[int] = visit.numbers
        if not visit.is_awaited_in(self):
            free = [number for number in free if self.counts[number] < self.concurrency]
        if free:
            self._admit(visit, min(free, key=lambda number: (ways[number].load()[0], self.counts[number])))
        elif len(self.waiting) < self.size:
            self.waiting.append(visit)
        else:
            raise QueueFull(
                f"Every worker has as many calls in hand as it is given ({len(ways)} x {self.concurrency}), and as "
                f"many as may are waiting ({len(self.waiting)}). Call less at once, or allow for more: `workers`, "
                "`concurrency` and `queue_size` of JSHost, or the settings of those names."
            )

    def leave(self, visit: Visit) -> Visit | None:
        """The call has ended, or has given up. Returns the one that now has a worker and is to be woken."""
        if visit.worker is None:
            self.waiting.remove(visit)
            return None
        visit.line = None
        self.counts[visit.worker] -= 1
        if self.counts[visit.worker] >= self.concurrency:
            return None
        for other in self.waiting:
            if visit.worker in other.numbers:
                self.waiting.remove(other)
                self._admit(other, visit.worker)
                return other
        return None

    def _admit(self, visit: Visit, worker: int) -> None:
        visit.worker = worker
        self.counts[worker] += 1
