"""Whose turn it is: results of a map wait here until they are given to the caller. Decisions only."""

from __future__ import annotations

from .._wire.frames import MAX_ID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Failed:
    """Stands for the result of a call that has none."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


def ids() -> Iterator[int]:
    """The ids of a map's calls: their turns, from 1; after the last that a frame can carry, 1 again."""
    while True:
        yield from range(1, MAX_ID + 1)


class InOrder:
    """Results are given in the order of their calls. Put them into `done` under their ids."""

    def __init__(self) -> None:
        self.done: dict[int, object] = {}
        self._next = 1

    @property
    def is_ready(self) -> bool:
        """Whether there is one that may be given."""
        return self._next in self.done

    def take(self) -> list[object]:
        """The results whose turn it is."""
        ready = []
        done, id = self.done, self._next
        while id in done:
            ready.append(done.pop(id))
            id = id % MAX_ID + 1
        self._next = id
        return ready


class AsTheyCome:
    """Results are given as they come."""

    def __init__(self) -> None:
        self.done: dict[int, object] = {}

    @property
    def is_ready(self) -> bool:
        """Whether there is one that may be given."""
        return bool(self.done)

    def take(self) -> list[object]:
        """All results that are there."""
        ready = list(self.done.values())
        self.done.clear()
        return ready
