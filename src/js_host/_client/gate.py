"""Waiting for a worker that has room, in threads. The decisions are those of `routing`."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar

from ..exceptions import FunctionTimeout
from .routing import Line, Visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from .routing import Way

__all__ = ["Gate", "in_course_of", "parts_in_course_of"]

#: The call in whose course the program runs now: it answers what the JavaScript of that call asks.
_course: ContextVar[Visit | None] = ContextVar("js_host_course", default=None)


class Gate:
    """Lets so many calls at a time to each worker, and so many wait."""

    def __init__(self, concurrency: int, size: int) -> None:
        self.line = Line(concurrency, size)
        #: A thread that has it may take it again: Python may collect an abandoned stream, which leaves, at any time.
        self._lock = threading.RLock()

    @contextmanager
    def passing(self, ways: Sequence[Way], key: int | None, timeout: float | None) -> Iterator[Visit]:
        """Wait for room, at most `timeout` seconds, and keep it: gives the visit, which has a worker."""
        woken = threading.Event()
        visit = self.enter(ways, key, woken.set)
        try:
            if visit.worker is None and not woken.wait(timeout):
                raise no_room()
            yield visit
        finally:
            self.leave(visit)

    def enter(self, ways: Sequence[Way], key: int | None, wake: Callable[[], object]) -> Visit:
        """Stand in line. `wake` is called, from any thread, when there is room; not if there is at once."""
        visit = Visit(key, wake, _course.get())
        with self._lock:
            self.line.enter(visit, ways)
        return visit

    def leave(self, visit: Visit) -> None:
        """The call has ended, or waits no more: let the next one in."""
        assert visit.line is not None
        with self._lock:
            next_one = visit.line.leave(visit)
        if next_one is not None:
            assert callable(next_one.wake)
            next_one.wake()

    def forget(self) -> None:
        """After a fork: the calls that other threads have in hand, or wait with, are the parent's alone."""
        self.line = Line(self.line.concurrency, self.line.size)
        self._lock = threading.RLock()


@contextmanager
def in_course_of(visit: Visit | None) -> Iterator[None]:
    """What is called here, or in a context that is copied here, is part of that call. None changes nothing."""
    token = _course.set(visit or _course.get())
    try:
        yield
    finally:
        _course.reset(token)


def parts_in_course_of(visit: Visit, parts: Generator[object, None, None]) -> Generator[object, None, None]:
    """The parts of a stream, each taken in the course of its call. What the program does between them is not."""
    end = object()
    try:
        while True:
            with in_course_of(visit):
                part = next(parts, end)
            if part is end:
                return
            yield part
    finally:
        parts.close()


def no_room() -> FunctionTimeout:
    """The error for who waited in vain."""
    return FunctionTimeout("No worker had room for the call before the deadline.", maybe_executed=False)
