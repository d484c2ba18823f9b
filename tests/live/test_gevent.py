"""Programs whose sockets and threads gevent has replaced."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("gevent")

PATCHED = """
from gevent import monkey
monkey.patch_all()
import os, sys, time
import gevent
from js_host import JSHost

with JSHost(sys.argv[1]) as host:
    double, pool = host.function("double"), gevent.get_hub().threadpool
"""


def run(nothing_left: Any, *lines: str) -> list[str]:
    """What a patched program prints that runs these lines beside a host."""
    config = nothing_left.config("""
        const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
        module.exports = { port: 0, functions: {
          double: (x) => 2 * x, later: async (ms) => { await sleep(ms); return ms }, pid: () => process.pid,
          parts: function * (n) { for (let i = 0; i < n; i++) yield 'x'.repeat(50000) }
        } }""")
    program = PATCHED + "".join(f"    {line}\n" for line in lines)
    ended = subprocess.run([sys.executable, "-c", program, str(config)], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split("\n")[:-1]


def test_calls_maps_and_streams_work_also_on_connections_that_were_idle(nothing_left: Any) -> None:
    assert run(
        nothing_left,
        "print(double(1)); time.sleep(0.05); print(double(2))",
        "print([job.get() for job in [gevent.spawn(double, i) for i in range(20)]])",
        "time.sleep(0.01); print(list(double.map(range(100))) == list(range(0, 200, 2)))",
        "print(sum(map(len, host.function('parts').stream(40))))",
    ) == ["2", "4", str(list(range(0, 40, 2))), "True", "2000000"]


def test_a_worker_that_dies_is_replaced(nothing_left: Any) -> None:
    lines = ["pid = host.function('pid'); first = pid(); os.kill(first, 9); time.sleep(0.2)", "print(pid() != first)"]
    assert run(nothing_left, *lines) == ["True"]


def test_a_call_in_the_pool_of_threads_lets_greenlets_run(nothing_left: Any) -> None:
    assert run(
        nothing_left,
        "turns = []",
        "gevent.spawn(lambda: [turns.append(gevent.sleep(0.01)) for _ in range(1000)])",
        "print(pool.apply(host.function('later'), (500,)), len(turns) > 5)",
        "print([job.get() for job in [pool.spawn(double, i) for i in range(5)]])",
    ) == ["500 True", "[0, 2, 4, 6, 8]"]


def test_no_greenlet_comes_between_while_what_encodes_is_loaded(nothing_left: Any) -> None:
    assert run(
        nothing_left,
        "from js_host._wire import values; print(double(1)); values.FEW = 0",
        "turns = []; gevent.spawn(turns.append, 1); print(double(2), turns)",
    ) == ["2", "4 []"]


def test_a_start_in_the_pool_of_threads_says_where_to_start(nothing_left: Any) -> None:
    said, *answers = run(
        nothing_left,
        "other = JSHost(sys.argv[1], owned=True)",
        "job = pool.spawn(other.function('double'), 1); job.wait(); print(repr(job.exception))",
        "other.start(); print(pool.apply(other.function('double'), (2,))); other.stop()",
    )
    assert said.startswith("StartError(")
    assert "Start the host in the main thread" in said
    assert answers == ["4"]
