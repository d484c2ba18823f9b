"""What is told to those who watch over a host: readiness, metrics and the screen of `js-host top`, from plain data."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from js_host._cli.metrics import exposition
from js_host._cli.readiness import why_not_ready
from js_host._cli.top_story import as_text, function_rows, head, quantile, worker_rows
from js_host._host.tally import add

WORKER: dict[str, Any] = {
    "number": 0,
    "state": "ready",
    "pid": 4711,
    "uptime": 180.0,
    "memory": 80_000_000,
    "heap": 9_000_000,
    "answers": True,
    "running": ["render"],
    "last_end": None,
    "failure": None,
    "gauges": {"bounds": [1, 10], "lag": {"mean": 0.5, "p99": 2.0, "max": 40.0}, "inFlight": 3, "connections": 2},
    "counters": {
        "calls": 7,
        "refused": {"unknown-function": 2},
        "functions": {
            "render": {
                "ends": {"ok": 4, "error": 1, "timeout": 1, "cancelled": 0},
                "duration": {"counts": [3, 2, 1], "sum": 11020.5},
                "queue": {"counts": [6, 0, 0], "sum": 1.5},
            }
        },
    },
}
STATS: dict[str, Any] = {
    "ready": True,
    "why_not_ready": None,
    "config_file": "/app/host.config.js",
    "at": 1000.0,
    "pid": 4700,
    "uptime": 200.0,
    "generation": 2,
    "reload_failure": None,
    "restarts": {"memory": 3, "crashed": 1},
    "workers": [WORKER, {**WORKER, "number": 1, "state": "backoff", "pid": None, "uptime": None, "memory": None,
                         "heap": None, "gauges": {}, "counters": {}}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("states", "started", "draining", "words"),
    [
        (["ready", "ready"], True, False, None),
        (["ready", "backoff"], True, False, None),
        (["ready", "starting"], False, False, "1 of 2 workers are ready"),
        (["ready"], True, True, "stopping"),
        (["failed", "backoff"], True, False, "No worker is ready: failed, backoff"),
        ([], False, False, "starting"),
    ],
)
def test_a_host_is_ready_where_it_takes_calls(
    states: list[str], started: bool, draining: bool, words: str | None
) -> None:
    reason = why_not_ready(states, started=started, draining=draining)
    assert reason is None if words is None else words in str(reason)


@pytest.mark.parametrize(
    ("one", "other", "total"),
    [
        (None, {"calls": 1}, {"calls": 1}),
        ({"calls": 1}, None, {"calls": 1}),
        ({"a": 1, "b": {"c": [1, 2]}}, {"b": {"c": [3, 4]}, "d": 5}, {"a": 1, "b": {"c": [4, 6]}, "d": 5}),
        ({"a": 1}, {"a": "forged"}, {"a": 1}),
        ([1], [1, 2], [1]),
    ],
)
def test_counters_of_workers_are_added(one: Any, other: Any, total: Any) -> None:
    before = copy.deepcopy((one, other))
    assert add(one, other) == total
    assert (one, other) == before


def samples(stats: dict[str, Any]) -> dict[tuple[str, ...], float]:
    """What Prometheus reads: by name and labels."""
    families = text_string_to_metric_families(exposition(stats))
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_prometheus_reads_the_metrics() -> None:
    found = samples(STATS)
    assert found["js_host_ready",] == 1
    assert found["js_host_restarts_total", "reason=memory"] == 3
    assert found["js_host_worker_up", "worker=0"] == 1
    assert found["js_host_worker_up", "worker=1"] == 0
    assert found["js_host_worker_memory_bytes", "worker=0"] == 80_000_000
    assert found["js_host_worker_heap_bytes", "worker=0"] == 9_000_000
    assert found["js_host_event_loop_lag_seconds", "stat=max", "worker=0"] == 0.04
    assert found["js_host_calls_in_flight", "worker=0"] == 3
    assert found["js_host_connections", "worker=0"] == 2
    assert found["js_host_calls_total", "function=render", "outcome=error"] == 1
    assert found["js_host_refused_total", "type=unknown-function"] == 2


def test_a_histogram_counts_in_seconds_and_what_is_below_too() -> None:
    found = samples(STATS)
    name = "js_host_call_duration_seconds"
    assert [found[f"{name}_bucket", "function=render", f"le={le}"] for le in ("0.001", "0.01", "+Inf")] == [3, 5, 6]
    assert found[f"{name}_sum", "function=render"] == pytest.approx(11.0205)
    assert found[f"{name}_count", "function=render"] == 6


def test_workers_of_one_host_are_one_function() -> None:
    stats = {**STATS, "workers": [WORKER, {**WORKER, "number": 1}]}
    assert samples(stats)["js_host_calls_total", "function=render", "outcome=ok"] == 8


def test_a_host_without_workers_has_metrics_too() -> None:
    assert samples({**STATS, "ready": False, "workers": []})["js_host_ready",] == 0


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ([0, 0, 0], 0.5, None),
        ([9, 1, 0], 0.5, 1),
        ([9, 1, 0], 0.99, 10),
        ([0, 0, 1], 0.5, math.inf),
        ([1, 1, 0], 0.5, 1),
    ],
)
def test_a_quantile_is_the_bound_that_it_is_below(counts: list[int], share: float, expected: float | None) -> None:
    assert quantile([1, 10], counts, share) == expected


def test_the_screen_shows_workers_and_functions() -> None:
    before = copy.deepcopy(STATS)
    before["at"] -= 2
    before["workers"][0]["counters"]["calls"] -= 4
    before["workers"][0]["counters"]["functions"]["render"]["ends"]["ok"] -= 2
    assert head(STATS)[1] == "ready, generation 2, restarts: 1 by crashed, 3 by memory"
    assert worker_rows(STATS, before)[1] == (
        *("0", "ready", "4711", "3 min", "80 MB", "9 MB", "2 ms", "2", "3", "7", "2"),
    )
    assert worker_rows(STATS)[2][:3] == ("1", "backoff", "")
    assert function_rows(STATS, before)[1] == (*("render", "6", "1", "4", "1", "1", "0", "≤ 1 ms", "> 10 s", "≤ 1 ms"),)
    lines = as_text(STATS, before).splitlines()
    assert lines[0].startswith("/app/host.config.js  pid 4700")
    assert lines[3].split()[:3] == ["worker", "state", "pid"]


def test_the_screen_says_which_worker_is_blocked_and_what_failed() -> None:
    stats = {**STATS, "workers": [{**WORKER, "answers": False, "failure": "It crashed too often\nmore"}]}
    assert worker_rows(stats)[1][1] == "blocked"
    assert head(stats)[-1] == "It crashed too often"


def test_rich_draws_the_same() -> None:
    from rich.console import Console

    from js_host._cli.top_screen import render

    console = Console(width=150, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(render(STATS, None))
    text = console.export_text()
    assert all(word in text for row in (*worker_rows(STATS), *function_rows(STATS)) for word in row)
