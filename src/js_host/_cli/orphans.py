"""The first process of a container gets all processes whose parents have ended, and is to collect them.

Functions start such ones: a browser, a shell that leaves something in its background. Uncollected, each keeps its
number, and a container has a limit of those.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from .._host.supervisor import Supervisor

__all__ = ["collect_orphans"]


def collect_orphans(supervisor: Supervisor) -> None:
    """Collect those that have ended, if this is the first process; workers are left to their supervisor."""
    if os.getpid() != 1:
        return
    with supervisor.lock:  # no worker is being started meanwhile
        places = [place for slot in supervisor.slots for place in slot.places()]
        _collect_others({place.process.pid for place in places if place.process is not None})


def _collect_others(ours: Container[int]) -> None:
    """Collect the children that have ended, up to the first that is one of ours."""
    try:
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in ours:
            os.waitpid(ended.si_pid, 0)
    except ChildProcessError:
        pass  # there is none at all
