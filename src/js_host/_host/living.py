"""The supervisors of this process, and what must happen to all of them when it forks or ends.

A forked child owns none of its parent's workers: it closes the descriptors it got and forgets them.
(Kept open in a child, a control channel would keep a worker alive after its supervisor's death.)
"""

from __future__ import annotations

import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from js_host._host.supervisor import Supervisor

__all__ = ["enter", "leave"]

_lock = _thread.allocate_lock()
_living: set[Supervisor] = set()
_held: list[Supervisor] = []
_hooked = False
_stops_with_process = 0
"""The process in which multiprocessing was told to stop all hosts."""


def enter(supervisor: Supervisor) -> None:
    """Count a supervisor among the living, before it starts anything. Not to be called with its lock held."""
    global _hooked
    with _lock:
        _living.add(supervisor)
        hook, _hooked = not _hooked, True
    if hook:
        _install_hooks()
    _stop_with_process()


def leave(supervisor: Supervisor) -> None:
    """Forget a supervisor that has ended. Not to be called with its lock held."""
    with _lock:
        _living.discard(supervisor)


def _install_hooks() -> None:
    import atexit

    os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
    atexit.register(_stop_all)


def _stop_with_process() -> None:
    """A child that multiprocessing has forked ends without `atexit`, but not without its finalizers."""
    global _stops_with_process
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _stops_with_process != os.getpid():
        _stops_with_process = os.getpid()
        util.Finalize(None, _stop_all, exitpriority=0)


def _before_fork() -> None:
    """Wait until no supervisor is in the middle of a change, so that the child sees true descriptors."""
    _lock.acquire()
    for supervisor in _living:
        supervisor.lock.acquire()
        _held.append(supervisor)


def _after_in_parent() -> None:
    while _held:
        _held.pop().lock.release()
    _lock.release()


def _after_in_child() -> None:
    """Not even the locks can be trusted: a program in C that forks (uWSGI) tells of it in the child only."""
    for supervisor in _living:
        supervisor.disown()
        supervisor.lock._at_fork_reinit()  # type: ignore[attr-defined]
    _living.clear()
    _held.clear()
    _lock._at_fork_reinit()  # type: ignore[attr-defined]


def _stop_all() -> None:
    """At the end of Python: stop all hosts at once, then wait for them."""
    with _lock:
        supervisors = list(_living)
    for supervisor in supervisors:
        supervisor.ask_to_stop(supervisor.options.exit_timeout)
    for supervisor in supervisors:
        supervisor.stop(supervisor.options.exit_timeout)
