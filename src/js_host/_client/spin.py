"""Spinning: whether to poll for an answer before sleeping.

A process that sleeps in the kernel costs a wake-up when its answer comes, several times the call itself.
"""

from __future__ import annotations

import os

#: How long a connection polls for an answer before it sleeps, in seconds. The worker turns as long for the next call.
SPIN = 200e-6

#: After a poll that was in vain, this many calls at most do without.
MAX_SKIP = 64


def can_spin() -> bool:
    """Whether there are processors enough for both sides to be awake at once."""
    return _processors() >= 2


def spin_time(allowed: bool) -> int:
    """How long both sides are to poll, in microseconds: 0 where it is not allowed or does no good."""
    return int(SPIN * 1e6) if allowed and can_spin() else 0


def _processors() -> float:
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
    return min(allowed, _cgroup_quota())


def _cgroup_quota() -> float:
    """The processors that a container may use, by its quota."""
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
        return int(quota) / int(period)
    except (OSError, ValueError):
        return float("inf")
