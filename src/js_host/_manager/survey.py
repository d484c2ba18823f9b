"""Ask all workers of some hosts at once what they do. One whose event loop is blocked keeps nobody waiting for long."""

from __future__ import annotations

from time import monotonic

from js_host._host.watch import reached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeAlias

    from js_host._manager.hosts import ManagedHost

    #: By the id of a host and the number of a worker: what that worker says of itself.
    Survey: TypeAlias = Mapping[str, Mapping[int, Mapping[str, Any]]]

__all__ = ["ask_workers", "worker_words"]

LONGEST_WAIT = 0.5
"""Seconds that the workers have for their answers, all together."""


def ask_workers(hosts: Iterable[ManagedHost]) -> Survey:
    """Ask, and wait for the answers. To be called in a thread of its own."""
    asked = [(host, host.supervisor.ask_for_reports()) for host in hosts]
    deadline = monotonic() + LONGEST_WAIT
    return {host.id: _answers(host.supervisor.reports(number, deadline), number) for host, number in asked}


def _answers(said: Mapping[int, Mapping[str, Any]], number: int) -> Mapping[int, Mapping[str, Any]]:
    return {slot: {**words, "answers": reached(words, number)} for slot, words in said.items()}


def worker_words(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a worker said, for a report. `answers` is False while it is blocked; the rest is of before, then."""
    return {name: said.get(name) for name in ("answers", "calls", "running", "heap")}
