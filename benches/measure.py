"""Timing one callable: every call by itself, the disposal of its result left out."""

import statistics
from collections.abc import Callable
from time import perf_counter as now
from time import sleep
from typing import Any

LEAST = 3
MOST = 20_000


def times(call: Callable[[Any], Any], value: Any, seconds: float, gap: float = 0) -> list[float]:
    """Seconds of each call, for about `seconds` altogether, and at least three of them."""
    spent: list[float] = []
    end = now() + seconds
    while (now() < end or len(spent) < LEAST) and len(spent) < MOST:
        if gap:
            sleep(gap)
        start = now()
        result = call(value)
        spent.append(now() - start)
        del result
    return spent


def summary(spent: list[float]) -> dict[str, float]:
    """In microseconds."""
    ordered = sorted(spent)
    return {
        "p50": statistics.median(ordered) * 1e6,
        "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1e6,
        "max": ordered[-1] * 1e6,
        "mean": statistics.fmean(ordered) * 1e6,
        "calls": len(ordered),
    }


def median_time(call: Callable[[Any], Any], value: Any, seconds: float) -> float:
    return summary(times(call, value, seconds))["p50"]
