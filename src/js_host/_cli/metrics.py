"""What is known of a host as Prometheus reads it, written by prometheus-client (the extra `metrics`)."""

from __future__ import annotations

try:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        Metric,
    )
    from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
    from prometheus_client.exposition import generate_latest
    from prometheus_client.registry import Collector
except ImportError as error:
    raise ImportError(
        'Metrics are written by prometheus-client, which is not installed: pip install "js-host[metrics]"'
    ) from error

from .._host.tally import add
from .top_story import bounds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

__all__ = ["CONTENT_TYPE", "exposition"]

HISTOGRAMS = {
    "duration": ("js_host_call_duration_seconds", "From the arrival of a call in its worker to its end"),
    "queue": ("js_host_call_queue_seconds", "From the arrival of a call in its worker to the start of its function"),
}


def exposition(stats: Mapping[str, Any]) -> str:
    """The text for Prometheus of one snapshot."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(stats))
    return generate_latest(registry).decode()


class _Once(Collector):
    def __init__(self, stats: Mapping[str, Any]) -> None:
        self.stats = stats

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from _host_metrics(self.stats)
        yield from _worker_metrics(self.stats["workers"])
        total: Mapping[str, Any] = {}
        for worker in self.stats["workers"]:
            total = add(total, worker["counters"])
        yield from _call_metrics(total)
        yield from _histograms(total.get("functions", {}), bounds_of(self.stats["workers"]))


def _host_metrics(stats: Mapping[str, Any]) -> Iterator[Metric]:
    yield GaugeMetricFamily("js_host_ready", "Whether the host takes calls", value=int(stats["ready"]))
    yield GaugeMetricFamily("js_host_generation", "How often code was loaded by all workers", value=stats["generation"])
    restarts = CounterMetricFamily("js_host_restarts", "Workers that were replaced, by reason", labels=["reason"])
    for reason, count in sorted(stats["restarts"].items()):
        restarts.add_metric([reason], count)
    yield restarts


def _worker_metrics(workers: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    gauges = {
        "up": GaugeMetricFamily("js_host_worker_up", "Whether the worker is ready", labels=["worker"]),
        "rss": GaugeMetricFamily("js_host_worker_memory_bytes", "Memory of the process (RSS)", labels=["worker"]),
        "heap": GaugeMetricFamily("js_host_worker_heap_bytes", "JavaScript heap in use", labels=["worker"]),
        "age": GaugeMetricFamily("js_host_worker_age_seconds", "Time since it was started", labels=["worker"]),
        "flying": GaugeMetricFamily("js_host_calls_in_flight", "Calls that run now", labels=["worker"]),
        "connections": GaugeMetricFamily("js_host_connections", "Clients that speak frames", labels=["worker"]),
        "lag": GaugeMetricFamily(
            "js_host_event_loop_lag_seconds",
            "Lateness of the event loop since the last look",
            labels=["worker", "stat"],
        ),
    }
    for worker in workers:
        _add_worker(gauges, worker)
    yield from gauges.values()


def _add_worker(gauges: Mapping[str, GaugeMetricFamily], worker: Mapping[str, Any]) -> None:
    said, number = worker["gauges"], str(worker["number"])
    values = {
        "up": int(worker["state"] == "ready"),
        "rss": worker["memory"],
        "heap": worker["heap"],
        "age": worker["uptime"],
        "flying": said.get("inFlight"),
        "connections": said.get("connections"),
    }
    for name, value in values.items():
        if value is not None:
            gauges[name].add_metric([number], value)
    for stat, milliseconds in said.get("lag", {}).items():
        gauges["lag"].add_metric([number, stat], milliseconds / 1000)


def _call_metrics(total: Mapping[str, Any]) -> Iterator[Metric]:
    calls = CounterMetricFamily("js_host_calls", "Calls that have ended, by how", labels=["function", "outcome"])
    for function, numbers in sorted(total.get("functions", {}).items()):
        for outcome, count in numbers["ends"].items():
            calls.add_metric([function, outcome], count)
    yield calls
    refused = CounterMetricFamily("js_host_refused", "Calls and results that were not taken", labels=["type"])
    for kind, count in sorted(total.get("refused", {}).items()):
        refused.add_metric([kind], count)
    yield refused


def _histograms(functions: Mapping[str, Any], bounds: list[float]) -> Iterator[Metric]:
    for name, (metric, help) in HISTOGRAMS.items():
        family = HistogramMetricFamily(metric, help, labels=["function"])
        for function, numbers in sorted(functions.items()):
            buckets = _cumulative(bounds, numbers[name]["counts"])
            family.add_metric([function], buckets, numbers[name]["sum"] / 1000)
        yield family


def _cumulative(bounds: list[float], counts: list[int]) -> list[tuple[str, float]]:
    """Prometheus counts in each bucket what is in all lower ones too."""
    names = [*(repr(bound / 1000) for bound in bounds), "+Inf"]
    below, buckets = 0, []
    for name, count in zip(names, counts, strict=False):
        below += count
        buckets.append((name, float(below)))
    return buckets
