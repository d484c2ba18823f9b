"""All that is known of a host at this moment, as plain data: for metrics, and for who looks at it."""

from __future__ import annotations

import os
import time
from time import monotonic

from js_host._host.usage import age_of, memory_of
from js_host._host.watch import reached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from js_host._host.keeper import Keeper
    from js_host._host.slot import WorkerSlot
    from js_host._host.supervisor import Supervisor

__all__ = ["LONGEST_WAIT", "take_snapshot"]

LONGEST_WAIT = 0.25
"""Seconds that the workers have for their answers, all together. One that is blocked counts as it was before."""


def take_snapshot(supervisor: Supervisor, wait: float = LONGEST_WAIT) -> dict[str, Any]:
    """Ask the workers, wait for their answers, and put together what is known."""
    number = supervisor.ask_for_reports()
    supervisor.reports(number, monotonic() + wait)
    with supervisor.lock:
        keeper = supervisor._keeper
        return {
            "config_file": supervisor.options.config_file,
            "at": time.time(),
            "pid": os.getpid(),
            "uptime": age_of(os.getpid()),
            "generation": supervisor.generation,
            "reload_failure": supervisor.reload_failure,
            "restarts": {} if keeper is None else keeper.tally.restarts(),
            "workers": [] if keeper is None else [_worker(keeper, slot, number) for slot in keeper.slots],
        }


def _worker(keeper: Keeper, slot: WorkerSlot, number: int) -> dict[str, Any]:
    pid, report = slot.pid, slot.watch.reports.get("report", {}) if slot.watch else {}
    return {
        "number": slot.number,
        "state": slot.state,
        "pid": pid,
        "uptime": age_of(pid) if pid else None,
        "memory": memory_of(pid) if pid else None,
        "heap": report.get("heap"),
        "answers": reached(report, number),
        "running": report.get("running") or [],
        "last_end": str(slot.last_end) if slot.last_end else None,
        "failure": slot.failure,
        "gauges": report.get("gauges") or {},
        "counters": keeper.tally.counters(slot),
    }
