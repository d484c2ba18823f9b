"""Workers wear out while calls run: others take over, none at the same time as another, and no call fails."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host._host.supervisor import Supervisor, SupervisorOptions
from js_host._host.usage import memory_of
from js_host._host.wear import Limits
from js_host.conf import settings

CODE = """
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const leaked = []
module.exports = { functions: {
  pid: () => process.pid,
  later: async (ms) => { await sleep(ms); return process.pid },
  leak: (megabytes) => { leaked.push(Buffer.alloc(megabytes * 1e6, 1)); return process.pid },
  crash: () => process.exit(3)
} }
"""


@pytest.fixture
def config(nothing_left: Any) -> Path:
    return Path(nothing_left.config(CODE))


@pytest.fixture
def configure() -> Iterator[Any]:
    names: list[str] = []

    def configure(**values: object) -> None:
        names.extend(values)
        settings.configure(**values)

    yield configure
    for name in names:
        delattr(settings, name)


class Callers:
    """Threads that call without a pause until they are told to stop, and keep what they got."""

    def __init__(self, host: JSHost, calls: list[tuple[str, object]]) -> None:
        self.done = threading.Event()
        self.pids: set[int] = set()
        self.count = 0
        self.errors: list[BaseException] = []
        self.threads = [threading.Thread(target=self._run, args=(host.function(name), data)) for name, data in calls]

    def _run(self, function: Any, data: object) -> None:
        while not self.done.is_set() and not self.errors:
            try:
                self.pids.add(function(data))
                self.count += 1
            except BaseException as error:
                self.errors.append(error)

    def __enter__(self) -> Callers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join(30)


def supervisor_of(host: JSHost) -> Supervisor:
    return host._home._supervisor  # type: ignore[union-attr]


class Watched:
    """Looks all the time how many workers serve, and keeps the least and the most that are new at once."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.least = len(supervisor.slots)
        self.most_coming = 0

    def look(self) -> None:
        with self.supervisor.lock:
            self.least = min(self.least, sum(slot.ready for slot in self.supervisor.slots))
            self.most_coming = max(self.most_coming, sum(slot.coming is not None for slot in self.supervisor.slots))


def test_no_call_fails_while_workers_are_replaced_after_so_many_calls(
    config: Path, configure: Any, wait_for: Any
) -> None:
    configure(MAX_CALLS=300)
    with JSHost(config, workers=2) as host:
        watched = Watched(supervisor_of(host))

        def enough() -> bool:
            watched.look()
            return len(callers.pids) >= 8 or bool(callers.errors)

        with Callers(host, [("pid", None)] * 2 + [("later", 20)] * 3) as callers:
            wait_for(enough, 60)
        assert not callers.errors
        assert watched.least == 2
        assert watched.most_coming == 1


def test_a_function_that_leaks_is_harmless_where_memory_is_limited(config: Path, configure: Any, wait_for: Any) -> None:
    with JSHost(config) as plain:
        fresh = memory_of(plain.function("pid")()) or 0
    limit = fresh // 1_000_000 + 100
    configure(MAX_MEMORY=limit)
    with JSHost(config) as host, Callers(host, [("pid", None), ("later", 20)]) as callers:
        leak, most = host.function("leak"), 0
        pids = set()
        while len(pids) < 3 and not callers.errors:
            pid = leak(5)
            pids.add(pid)
            most = max(most, memory_of(pid) or 0)
            time.sleep(0.02)
        assert not callers.errors
        assert most < (limit + 400) * 1_000_000


def test_a_worker_that_is_old_enough_is_replaced(config: Path, configure: Any, wait_for: Any) -> None:
    configure(MAX_AGE=1)
    with JSHost(config) as host:
        pid = host.function("pid")
        first = pid()
        wait_for(lambda: pid() != first)


def test_a_call_that_is_under_way_is_finished_by_the_worn_worker(config: Path, configure: Any, wait_for: Any) -> None:
    configure(MAX_AGE=1)
    with JSHost(config) as host:
        pid, later = host.function("pid"), host.function("later")
        first = pid()
        got: list[int] = []
        thread = threading.Thread(target=lambda: got.append(later(2500)))
        thread.start()
        wait_for(lambda: pid() != first)
        thread.join()
        assert got == [first]


def test_a_worn_worker_stays_where_the_new_one_does_not_start(config: Path, nothing_left: Any, wait_for: Any) -> None:
    lines: list[str] = []
    options = SupervisorOptions(
        str(config), limits=Limits(age=1), log=lambda batch: lines.extend(line.text for line in batch)
    )
    supervisor = Supervisor(options)
    supervisor.start()
    first = supervisor.slots[0].pid
    nothing_left.config("throw new Error('a bad release')")
    wait_for(lambda: any("stays, for the new one did not start" in line for line in lines), 10)
    assert any("a bad release" in line for line in lines)
    assert supervisor.slots[0].pid == first
    nothing_left.config(CODE)
    wait_for(lambda: supervisor.slots[0].pid != first, 10)
    supervisor.stop()


def test_a_limit_that_is_too_low_costs_no_more_than_five_starts_in_the_time_of_the_budget(
    config: Path, wait_for: Any
) -> None:
    lines: list[str] = []
    options = SupervisorOptions(
        str(config), limits=Limits(memory=1), log=lambda batch: lines.extend(line.text for line in batch)
    )
    supervisor = Supervisor(options)
    supervisor.start()
    wait_for(lambda: any("wears out (memory) more than 5 times in 60 s" in line for line in lines), 30)
    assert supervisor._keeper is not None
    assert supervisor._keeper.renewal.counts == {"memory": 5}
    assert len([line for line in lines if "wears out" in line]) == 1
    supervisor.stop()


def test_a_reload_comes_before_a_renewal_that_is_under_way(config: Path, nothing_left: Any, wait_for: Any) -> None:
    slow = f"require('child_process').execSync('sleep 0.5')\n{CODE}"
    supervisor = Supervisor(SupervisorOptions(str(config), workers=2, limits=Limits(age=1)))
    supervisor.start()
    nothing_left.config(slow)
    wait_for(lambda: any(slot.coming for slot in supervisor.slots), 10)
    before = {slot.pid for slot in supervisor.slots}
    supervisor.reload()
    assert supervisor.generation == 2
    assert before.isdisjoint({slot.pid for slot in supervisor.slots})
    assert all(os.path.exists(f"/proc/{slot.pid}") for slot in supervisor.slots)
    supervisor.stop()
