"""What the workers of a host have done, all that have ended included: numbers that only grow, and how workers ended."""

from __future__ import annotations

from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from js_host._host.endings import WorkerEnd
    from js_host._host.keeper import Keeper
    from js_host._host.slot import Place, WorkerSlot

__all__ = ["Tally", "add"]

INTERVAL = 5.0
"""Seconds between the reports that workers are asked for, so that little is lost when one dies."""


def add(one: Any, other: Any, levels: int = 8) -> Any:
    """Add what has the same shape: numbers, and lists and dicts of them. What is no number adds nothing.

    Below so many levels nothing is added: no worker counts like that, but functions could forge its numbers.
    """
    if isinstance(one, dict) and isinstance(other, dict) and levels:
        return {name: add(one.get(name), other.get(name), levels - 1) for name in {**one, **other}}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other) and levels:
        return [add(a, b, levels - 1) for a, b in zip(one, other, strict=True)]
    if _is_number(one) and _is_number(other):
        return one + other
    return other if one is None else one


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Tally:
    """Used by the supervisor's thread, or with its lock held."""

    __slots__ = ("_ended", "_keeper", "ends", "next_report")

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._ended: dict[int, Any] = {}
        self.ends: dict[str, int] = {}
        self.next_report = monotonic() + INTERVAL if keeper.options.metrics else float("inf")

    def see_to_reports(self, now: float) -> None:
        """Ask for reports, if it is time for that."""
        if now >= self.next_report:
            self.next_report = now + INTERVAL
            self._keeper.ask_for_reports()

    def ended(self, place: Place, end: WorkerEnd) -> None:
        """A worker has ended; what it reported last stays."""
        self._ended[place.number] = add(self._ended.get(place.number), _counters([place]))
        if end.kind != "stopped":
            self.ends[end.kind] = self.ends.get(end.kind, 0) + 1

    def counters(self, slot: WorkerSlot) -> dict[str, Any]:
        """All that the workers of a slot have counted."""
        total: dict[str, Any] = add(self._ended.get(slot.number), _counters(slot.places())) or {}
        return total

    def restarts(self) -> dict[str, int]:
        """How many workers were replaced, by reason."""
        reloads = sum(slot.generation - 1 for slot in self._keeper.slots)
        return {**self.ends, **self._keeper.renewal.counts, **({"reload": reloads} if reloads else {})}


def _counters(places: Iterable[Place]) -> dict[str, Any] | None:
    total = None
    for report in (place.watch.reports.get("report", {}) for place in places if place.watch is not None):
        total = add(total, _counters_of(report))
    return total


def _counters_of(report: Mapping[str, Any]) -> dict[str, Any]:
    counters = report.get("counters")
    return {"calls": report.get("calls", 0), **(counters if isinstance(counters, dict) else {})}
