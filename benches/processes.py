"""What Linux says of processes: their memory and their children."""

import contextlib
import os
import signal

PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1_000_000


def resident_mb(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * PAGE_MB
    except OSError:
        return 0


def descendants(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def children(pid: int) -> list[int]:
    """Every thread of a process may have started some."""
    listed = ""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                listed += file.read() + " "
    return [int(child) for child in listed.split()]


def kill_tree(pid: int) -> None:
    """A process and all that it has started."""
    for each in [*descendants(pid), pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
