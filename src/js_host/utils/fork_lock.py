"""A lock that a forked child finds free, unless the thread that forked holds it: no other is there any more."""

from __future__ import annotations

import _thread
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ForkLock"]


class ForkLock:
    """To be used with `with`. The thread that holds it may take it again."""

    __slots__ = ("_forks", "_lock")

    def __init__(self) -> None:
        self._lock = _thread.RLock()
        self._forks = _forks

    def __enter__(self) -> None:
        if self._forks != _forks:
            self._renew()
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def _renew(self) -> None:
        with _renewal:
            if self._forks != _forks and not self._lock._is_owned():  # type: ignore[attr-defined]
                self._lock = _thread.RLock()
            self._forks = _forks


#: How often this process and its parents were forked, and what only one thread does at a time.
_forks = 0
_renewal = _thread.allocate_lock()


def _after_in_child() -> None:
    global _forks, _renewal
    _forks += 1
    _renewal = _thread.allocate_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_in_child)
