"""The window of a map: how many calls one worker is given at a time. Decisions only."""

from __future__ import annotations

#: So many calls a worker is given at first, and never fewer unless the caller says so.
FIRST = 16

#: So many at most.
MOST = 1024

#: A window that comes back within this time, in seconds, is doubled: tiny calls then share their writes and reads.
QUICK = 0.010

#: One that takes longer is halved: slow calls stay balanced between workers, and end soon when nobody wants them.
SLOW = 0.100

#: So many bytes are on their way to and from a worker, unless a single call has more.
MOST_BYTES = 8 * 1024 * 1024


class Window:
    """One worker's window. `fixed` is the size that the caller asked for; without it, the size follows the answers.

    It never grows over `most`.
    """

    __slots__ = ("_answer_size", "_is_fixed", "_left", "_most", "_since", "size")

    def __init__(self, fixed: int | None = None, most: int = MOST) -> None:
        self.size = min(fixed or FIRST, most)
        self._most = most
        self._is_fixed = fixed is not None
        #: How many answers are still to come of the window that is being timed, and since when it is.
        self._left = self.size
        self._since = 0.0
        self._answer_size = 0.0

    def began(self, now: float) -> None:
        """The first calls go out."""
        self._since = now

    def room(self, calls: int, size: int) -> int:
        """How many more calls the worker may be given while it has so many, whose frames are `size` bytes."""
        if calls == 0:
            return self.size
        if size + calls * self._answer_size >= MOST_BYTES:
            return 0
        return self.size - calls

    def answered(self, calls: int, size: int, now: float) -> None:
        """So many answers have come, of `size` bytes together."""
        self._answer_size = (self._answer_size + size / calls) / 2
        self._left -= calls
        if self._left <= 0:
            if not self._is_fixed:
                self._adapt(now - self._since)
            self._left, self._since = self.size, now

    def _adapt(self, took: float) -> None:
        if took < QUICK:
            self.size = min(self.size * 2, self._most)
        elif took > SLOW:
            self.size = max(self.size // 2, min(FIRST, self._most))


def run_length(size: int, workers: int) -> int:
    """How many rows in a row one worker is given, of a window of so many, before the next worker's turn."""
    return size if workers == 1 else max(size // FIRST, 1)
