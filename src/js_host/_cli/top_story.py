"""What `js-host top` shows, from two snapshots of a host: tables of text. Pure: the snapshots are passed in."""

from __future__ import annotations

from .._host.tally import add
from .managed_story import duration, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any, TypeAlias

    Stats: TypeAlias = Mapping[str, Any]
    Row: TypeAlias = tuple[str, ...]

__all__ = ["as_text", "function_rows", "head", "quantile", "worker_rows"]

WORKERS: Row = ("worker", "state", "pid", "up", "memory", "heap", "lag", "clients", "in flight", "calls", "calls/s")
FUNCTIONS: Row = ("function", "calls", "calls/s", "ok", "error", "timeout", "cancelled", "median", "p99", "queued p99")


def head(stats: Stats) -> list[str]:
    """The host in two lines, and what went wrong."""
    restarts = ", ".join(f"{count} by {reason}" for reason, count in sorted(stats["restarts"].items())) or "none"
    state = "ready" if stats["ready"] else stats["why_not_ready"]
    lines = [
        f"{stats['config_file']}  pid {stats['pid']}, up {duration(stats['uptime'] or 0)}",
        f"{state}, generation {stats['generation']}, restarts: {restarts}",
    ]
    failures = [*(worker["failure"] for worker in stats["workers"]), stats["reload_failure"]]
    return lines + [failure.splitlines()[0] for failure in failures if failure]


def worker_rows(stats: Stats, before: Stats | None = None) -> list[Row]:
    """A header, and a row for each worker."""
    old = {worker["number"]: worker for worker in before["workers"]} if before else {}
    return [
        WORKERS,
        *(_worker(worker, old.get(worker["number"]), _seconds(stats, before)) for worker in stats["workers"]),
    ]


def _worker(worker: Stats, old: Stats | None, seconds: float) -> Row:
    gauges, calls = worker["gauges"], worker["counters"].get("calls", 0)
    is_deaf = worker["state"] == "ready" and not worker["answers"]
    return (
        str(worker["number"]),
        "blocked" if is_deaf else worker["state"],
        str(worker["pid"] or ""),
        duration(worker["uptime"]) if worker["uptime"] is not None else "",
        size(worker["memory"]) if worker["memory"] else "",
        size(worker["heap"]) if worker["heap"] else "",
        _time(gauges["lag"]["p99"]) if "lag" in gauges else "",
        str(gauges.get("connections", "")),
        str(gauges.get("inFlight", "")),
        str(calls),
        _rate(calls, old["counters"].get("calls", 0) if old else None, seconds),
    )


def function_rows(stats: Stats, before: Stats | None = None) -> list[Row]:
    """A header, and a row for each function that was called, the busiest first."""
    bounds = bounds_of(stats["workers"])
    now, old, seconds = _functions(stats), _functions(before) if before else None, _seconds(stats, before)
    rows = [_function(name, numbers, old, seconds, bounds) for name, numbers in now.items()]
    return [FUNCTIONS, *sorted(rows, key=lambda row: -int(row[1]))]


def _function(name: str, numbers: Stats, old: Stats | None, seconds: float, bounds: Sequence[float]) -> Row:
    ends, counts = numbers["ends"], numbers["duration"]["counts"]
    calls = sum(ends.values())
    earlier = None if old is None else sum(old.get(name, {"ends": {}})["ends"].values())
    outcomes = (str(ends[outcome]) for outcome in ("ok", "error", "timeout", "cancelled"))
    times = (_below(quantile(bounds, counts, share)) for share in (0.5, 0.99))
    queued = _below(quantile(bounds, numbers["queue"]["counts"], 0.99))
    return (name, str(calls), _rate(calls, earlier, seconds), *outcomes, *times, queued)


def bounds_of(workers: Iterable[Stats]) -> list[float]:
    """Upper bounds of the buckets of all histograms, in ms: the workers say them."""
    return next((worker["gauges"]["bounds"] for worker in workers if worker["gauges"].get("bounds")), [])


def _functions(stats: Stats) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for worker in stats["workers"]:
        total = add(total, worker["counters"].get("functions", {}))
    return total


def _seconds(stats: Stats, before: Stats | None) -> float:
    return float(stats["at"] - before["at"]) if before else 0.0


def _rate(now: int, before: int | None, seconds: float) -> str:
    return "" if before is None or seconds <= 0 else f"{max(0, now - before) / seconds:.0f}"


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """The bound below which that share of a histogram lies: inf above the last; None where nothing was counted."""
    left = sum(counts) * share
    if not left:
        return None
    for bound, count in zip([*bounds, float("inf")], counts, strict=False):
        left -= count
        if left <= 1e-9:
            return bound
    return float("inf")


def _below(milliseconds: float | None) -> str:
    if milliseconds is None:
        return ""
    return "> 10 s" if milliseconds == float("inf") else f"≤ {_time(milliseconds)}"


def _time(milliseconds: float) -> str:
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:g} s"
    return f"{milliseconds:.3g} ms"


def as_text(stats: Stats, before: Stats | None = None) -> str:
    """All of it, for a terminal that can do nothing special."""
    parts = ["\n".join(head(stats))]
    parts += ["\n".join(_aligned(rows)) for rows in (worker_rows(stats, before), function_rows(stats, before))]
    return "\n\n".join(parts)


def _aligned(rows: Sequence[Row]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()
