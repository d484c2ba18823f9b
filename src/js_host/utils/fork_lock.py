"""A lock that a forked child finds free: the thread that held it is not there any more."""

from __future__ import annotations

import _thread
import os
import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ForkLock"]


class ForkLock:
    """To be used with `with`. The thread that holds it may take it again."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = _thread.RLock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def renew(self) -> None:
        """Forget who holds it."""
        self._lock = _thread.RLock()


_locks: weakref.WeakSet[ForkLock] = weakref.WeakSet()


def _after_in_child() -> None:
    for lock in tuple(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_in_child)
