"""Work that is not broken off in the middle: not by a Ctrl-C, and not by a fork, whose child would have half of it."""

from __future__ import annotations

import _thread
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["undisturbed"]


def undisturbed(work: Callable[[], object]) -> None:
    """Have the work done by a thread of its own, for Ctrl-C comes to the main thread. Returns when it is done.

    Where the caller is interrupted meanwhile, it goes on, and is done some time. A fork waits for it.
    """
    done = _thread.allocate_lock()
    done.acquire()

    def do() -> None:
        try:
            _do(work)
        finally:
            done.release()

    if not _is_at_work() and _starts(do):
        done.acquire()
    else:
        _do(work)


def _is_at_work() -> bool:
    """Whether this thread does such work, and a finalizer that came in the middle of it wants more."""
    return bool(_at_work._is_owned())  # type: ignore[attr-defined]


def _starts(work: Callable[[], None]) -> bool:
    """Start a thread. Not one of `threading`, which waits for ever where an interrupt has left a lock of its taken."""
    if not isinstance(_thread.start_new_thread, type(len)):
        return False  # gevent's are none: other greenlets would come between
    try:
        _thread.start_new_thread(work, ())
    except RuntimeError:  # an isolated sub-interpreter, or the end of Python: there are none
        return False
    return True


def _do(work: Callable[[], object]) -> None:
    with _at_work:
        work()


_at_work = _thread.RLock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_at_work.acquire,
        after_in_parent=_at_work.release,
        after_in_child=_at_work._at_fork_reinit,  # type: ignore[attr-defined]
    )
