"""A lock that a forked child finds free, unless the thread that forked holds it: no other is there any more."""

from __future__ import annotations

import _thread
import os
from _weakref import ref  # `weakref` itself takes a while to import, and hosts start with this

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ForkLock"]


class ForkLock:
    """To be used with `with`. The thread that holds it may take it again."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = _thread.RLock()
        _locks.add(ref(self, _locks.discard))

    def acquire(self, timeout: float | None) -> bool:
        """Take it, for `release`, within so many seconds. Whether that could be."""
        return self._lock.acquire(timeout=-1 if timeout is None else min(timeout, _thread.TIMEOUT_MAX))

    def release(self) -> None:
        """Leave it to others."""
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def free_of_others(self) -> None:
        """In a child that was just forked: forget who holds it, if that is not this thread.

        Later it could not be told: a new thread may get the number of one that is not there any more.
        """
        if not self._lock._is_owned():  # type: ignore[attr-defined]
            self._lock = _thread.RLock()


_locks: set[ref[ForkLock]] = set()


def _after_in_child() -> None:
    for reference in _locks.copy():
        lock = reference()
        if lock is not None:
            lock.free_of_others()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_in_child)
