"""The leash: a pipe that ends a worker at once when this process is gone, whatever the worker is doing.

The worker holds the reading end, and the kernel is told to send it, and all processes of its group, SIGKILL when
that end has news. There is never any but one: that the last writing end was closed, by us or by our death.
(Linux only; elsewhere, and in a sandbox that has no such orders, the watchdog inside the worker sees to it, once it
runs.)
"""

from __future__ import annotations

import fcntl
import os

__all__ = ["make_leash", "tie"]

SIGKILL = 9


def make_leash() -> tuple[int, int]:
    """The reading end, for the worker, and the writing end, for us."""
    return os.pipe()


def tie(reading_end: int, pid: int) -> None:
    """From now on, the process and its group, which it leads, end when the writing end closes."""
    set_signal = getattr(fcntl, "F_SETSIG", None)
    if set_signal is None:
        return
    try:
        fcntl.fcntl(reading_end, fcntl.F_SETOWN, -pid)
        fcntl.fcntl(reading_end, set_signal, SIGKILL)
        fcntl.fcntl(reading_end, fcntl.F_SETFL, fcntl.fcntl(reading_end, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:
        pass  # a sandbox; or it has ended, and the system has collected it already (SIGCHLD ignored)
