"""Waiting for a worker that has room, in threads. The decisions are those of `routing`."""

from __future__ import annotations

import threading
from contextlib import contextmanager

from ..exceptions import FunctionTimeout
from .routing import Line, Visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .routing import Way

__all__ = ["Gate"]


class Gate:
    """Lets so many calls at a time to each worker, and so many wait."""

    def __init__(self, concurrency: int, size: int) -> None:
        self.line = Line(concurrency, size)
        self._lock = threading.Lock()

    @contextmanager
    def passing(self, ways: Sequence[Way], key: int | None, timeout: float | None) -> Iterator[int]:
        """Wait for room, at most `timeout` seconds, and keep it: gives the number of the worker."""
        woken = threading.Event()
        visit = Visit(key, woken)
        with self._lock:
            self.line.enter(visit, ways)
        try:
            if visit.worker is None and not woken.wait(timeout):
                raise FunctionTimeout("No worker had room for the call before the deadline.", maybe_executed=False)
            assert visit.worker is not None
            yield visit.worker
        finally:
            self._leave(visit, len(ways))

    def _leave(self, visit: Visit, workers: int) -> None:
        with self._lock:
            next_one = self.line.leave(visit, workers)
        if next_one is not None:
            assert isinstance(next_one.wake, threading.Event)
            next_one.wake.set()
