"""Code changes while calls run: none fails, none gets an older answer than the one before it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host._client.address import Address
from js_host._client.pool import Lane, Pool
from js_host._host.slot import WorkerSlot
from js_host._host.supervisor import Supervisor, SupervisorOptions
from js_host._wire.values import decode as DECODE
from js_host.exceptions import WorkerDied

CODE = """
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
module.exports = { functions: {
  number: () => %(number)s,
  answer: () => ({ number: %(number)s, pid: process.pid }),
  later: async (ms) => { await sleep(ms); return { number: %(number)s, pid: process.pid } },
  large: () => ({ number: %(number)s, pid: process.pid, text: 'x'.repeat(300000) })
} }
"""


class Live:
    """A host with `reload`, and a pool of connections to it."""

    def __init__(self, left: Any, **options: Any) -> None:
        self.file: Path = left.directory / "host.config.js"
        self.save(1)
        self.supervisor = Supervisor(SupervisorOptions(str(self.file), reload=True, **options))
        self.supervisor.start()
        slots = self.supervisor.slots
        self.pool = Pool([Lane(Address.unix(slot.address), slot) for slot in slots], self.explain)

    def save(self, number: object) -> None:
        """Save code that answers with a number, as an editor does: beside the file, then in its place."""
        self.write(CODE % {"number": number})

    def write(self, text: str) -> None:
        """Save any text so."""
        beside = self.file.with_suffix(".new")
        beside.write_text(text)
        os.replace(beside, self.file)

    def call(self, name: str = "number", data: object = None) -> Any:
        """Call a function."""
        return self.pool.call(name.encode(), data, 20, DECODE)

    def map(self, name: str, rows: Any) -> Any:
        """Call a function for each row; what fails is raised."""

        def on_error(error: Exception) -> object:
            raise error

        return self.pool.map(name.encode(), iter(rows), 20, DECODE, on_error)

    def explain(self, lane: Lane, pid: int) -> Any:
        """Why was the worker lost?"""
        end = self.supervisor.explain(lane.slot, pid) if pid else None  # type: ignore[arg-type]
        return WorkerDied(str(end)) if end else None

    def stop(self) -> None:
        """End it."""
        self.pool.close()
        self.supervisor.stop()


@pytest.fixture
def live(nothing_left: Any) -> Iterator[Callable[..., Live]]:
    """Make such hosts, and end them with the test."""
    made = []

    def make(**options: Any) -> Live:
        made.append(Live(nothing_left, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


class Callers:
    """Threads that call without a pause, and keep what they got."""

    def __init__(self, live: Live, names: list[tuple[str, object]], calls: int) -> None:
        self.live = live
        self.left = calls
        self.done = False
        self.answers: list[list[Any]] = [[] for _ in names]
        self.errors: list[BaseException] = []
        self.longest = 0.0
        self.threads = [
            threading.Thread(target=self._run, args=(*name, got)) for name, got in zip(names, self.answers, strict=True)
        ]

    def __enter__(self) -> Callers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done = True
        for thread in self.threads:
            thread.join(30)

    def _run(self, name: str, data: object, got: list[Any]) -> None:
        while not self.done and not self.errors:
            self.left -= 1
            began = time.monotonic()
            try:
                answer = self.live.call(name, data)
            except BaseException as error:
                self.errors.append(error)
                return
            self.longest = max(self.longest, time.monotonic() - began)
            got.append(answer)


@pytest.mark.parametrize("workers", [1, 2])
def test_of_ten_thousand_calls_none_fails_while_a_file_is_saved_every_tenth_of_a_second(
    live: Any, workers: int, generations: dict[int, int]
) -> None:
    host = live(workers=workers)
    names = [("answer", None)] * 4 + [("later", 30)] * 2 + [("large", None)]
    number = 1
    with Callers(host, names, 10_000) as callers:
        next_save = time.monotonic()
        while callers.left > 0 or number < 10:
            number += 1
            host.save(number)
            next_save += 0.1
            while time.monotonic() < next_save and not callers.errors:
                time.sleep(0.005)
            assert not callers.errors, callers.errors
    assert sum(map(len, callers.answers)) >= 10_000
    for got in callers.answers:
        order = [generations.get(answer["pid"], 1) for answer in got]
        assert order == sorted(order), "an answer of older code came after one of newer code"
    if workers == 1:  # of several, each loads what is there at its moment
        assert all(got == sorted(got, key=lambda answer: int(answer["number"])) for got in callers.answers)
    assert host.supervisor.generation > 2
    assert callers.longest < 5
    wait_for_answer(host, number)


@pytest.mark.parametrize("pause", [0, 0.005])
def test_of_a_map_whose_host_loads_new_code_no_call_fails(live: Any, pause: float) -> None:
    host = live(workers=2)
    number, saved = 1, time.monotonic()
    seen: list[Any] = []
    for answer in host.map("answer", range(20_000 if not pause else 400)):
        seen.append(answer)
        time.sleep(pause)
        if time.monotonic() - saved > 0.3 and number < 5:
            number, saved = number + 1, time.monotonic()
            host.save(number)
    assert len(seen) in (20_000, 400)
    assert len({answer["pid"] for answer in seen}) > 2, "new workers have served, too"


@pytest.fixture
def generations(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """The generation of each worker that took over from another, by its process id."""
    found: dict[int, int] = {}
    hand_over = WorkerSlot.hand_over

    def noted(slot: WorkerSlot) -> Any:
        old = hand_over(slot)
        found[slot.pid or 0] = slot.generation
        return old

    monkeypatch.setattr(WorkerSlot, "hand_over", noted)
    return found


def wait_for_answer(host: Live, number: int, patience: float = 10.0) -> None:
    """Wait until new code answers."""
    give_up_at = time.monotonic() + patience
    while host.call() != number:
        assert time.monotonic() < give_up_at, f"{number} never served: {host.supervisor.reload_failure}"
        time.sleep(0.001)
