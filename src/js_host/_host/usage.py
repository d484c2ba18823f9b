"""What the system says of a process: how much memory it holds, and how old it is."""

from __future__ import annotations

import os

__all__ = ["age_of", "memory_of"]


def memory_of(pid: int) -> int | None:
    """Bytes of memory that a process holds; None where the system does not show it."""
    fields = _fields(f"/proc/{pid}/statm")
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else None


def age_of(pid: int) -> float | None:
    """Seconds since a process was started; None where the system does not show it."""
    after_name, up = _fields(f"/proc/{pid}/stat", after=")"), _fields("/proc/uptime")
    if len(after_name) < 20 or not up:
        return None
    return round(max(0.0, float(up[0]) - int(after_name[19]) / os.sysconf("SC_CLK_TCK")), 3)


def _fields(path: str, after: str = "") -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return []
    return text.rpartition(after)[2].split() if after else text.split()
