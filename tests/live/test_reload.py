"""Code changes while calls run: none fails, none gets an older answer than the one before it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from js_host._host.slot import WorkerSlot


@pytest.mark.parametrize("workers", [1, 2])
def test_of_ten_thousand_calls_none_fails_while_a_file_is_saved_every_tenth_of_a_second(
    live: Any, callers: Any, workers: int, generations: dict[int, int]
) -> None:
    host = live(workers=workers)
    names = [("answer", None)] * 4 + [("later", 30)] * 2 + [("large", None)]
    number = 1
    with callers(host, names, 10_000) as running:
        next_save = time.monotonic()
        while running.left > 0 or number < 10:
            number += 1
            host.save(number)
            next_save += 0.1
            while time.monotonic() < next_save and not running.errors:
                time.sleep(0.005)
            assert not running.errors, running.errors
    assert sum(map(len, running.answers)) >= 10_000
    for got in running.answers:
        order = [generations.get(answer["pid"], 1) for answer in got]
        assert order == sorted(order), "an answer of older code came after one of newer code"
    if workers == 1:  # of several, each loads what is there at its moment
        assert all(got == sorted(got, key=lambda answer: int(answer["number"])) for got in running.answers)
    assert host.supervisor.generation > 2
    assert running.longest < 5
    host.wait_for(number)


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
