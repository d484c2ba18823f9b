"""What a manager tells about itself: its hosts, their workers and leases, as JSON."""

from __future__ import annotations

import os
import time

from js_host._host.usage import age_of, memory_of
from js_host._manager.survey import worker_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from js_host._host.slot import Place, WorkerSlot
    from js_host._manager.hosts import ManagedHost
    from js_host._manager.survey import Survey

__all__ = ["host_report", "lease_answer"]


def lease_answer(host: ManagedHost, *, started: bool) -> dict[str, Any]:
    """What a program needs to call a host, and to tell its user about it."""
    return {
        "host": host.id,
        "started": started,
        "manager": os.getpid(),
        "slots": [{"number": slot.number, "address": slot.address} for slot in host.supervisor.slots],
        "shared_address": host.supervisor.sockets.shared_address if host.supervisor.sockets else None,
        "status": host.status,
        "logfile": host.log.path,
    }


def host_report(host: ManagedHost, leases: Iterable[Mapping[str, Any]], survey: Survey | None) -> dict[str, Any]:
    """A host, its workers and who holds it; with what the workers say of themselves, if they were asked."""
    said = None if survey is None else survey.get(host.id, {})
    return {
        "id": host.id,
        "config_file": host.config_file,
        "state": host.state,
        "uptime": round(time.time() - host.began_at, 3),
        "generation": host.supervisor.generation,
        "reload_failure": host.supervisor.reload_failure,
        "disconnect_timeout": host.patience,
        "node_args": list(host.request.get("node_args") or ()),
        "path_to_node": host.request.get("path_to_node"),
        "shared_address": host.supervisor.sockets.shared_address if host.supervisor.sockets else None,
        "logfile": host.log.path,
        "log_note": host.log.note,
        "leases": list(leases),
        "workers": [worker_report(slot, said) for slot in list(host.supervisor.slots)],
        "others": [process_report(place) for slot in list(host.supervisor.slots) for place in list(slot.places())[1:]],
    }


def worker_report(slot: WorkerSlot, said: Mapping[int, Mapping[str, Any]] | None) -> dict[str, Any]:
    """A worker: who it is, since when, what it does, and how the one before it ended."""
    info, end = slot.info or {}, slot.last_end
    return {
        **process_report(slot),
        "address": slot.address,
        "node": info.get("node"),
        **({} if said is None else worker_words(said.get(slot.number, {}))),
        "last_end": {"kind": end.kind, "pid": end.pid, "at": end.at, "text": str(end)} if end else None,
        "failure": slot.failure,
    }


def process_report(place: Place) -> dict[str, Any]:
    """A process of a worker: in its place, or beside it, because it takes over or was taken over from."""
    pid = place.pid
    return {
        "number": place.number,
        "state": place.state,
        "pid": pid,
        "uptime": age_of(pid) if pid else None,
        "memory": memory_of(pid) if pid else None,
    }
