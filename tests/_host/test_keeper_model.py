"""Whatever happens to its workers, in whatever order: a host comes to rest, and serves, or is gone when it was stopped.

The keeper is the real one; processes and the clock are not, so thousands of lives pass in seconds.
"""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from js_host._host import deeds, keeper, lifecycle, pulse, reload, renewal, tally
from js_host._host.endings import WorkerEnd
from js_host._host.keeper import Keeper
from js_host._host.lifecycle import FAILED, KILL, QUIET, READY, STOP
from js_host._host.options import SupervisorOptions
from js_host._host.spawner import Spawner
from js_host._host.wear import Limits
from js_host._host.worker_process import ExecFailed


class Process:
    """A worker, as far as the keeper sees it: what it was told, and what it has said."""

    numbers = itertools.count(1)

    def __init__(self, *, holds: bool) -> None:
        self.pid = next(self.numbers)
        self.holds = holds
        self.is_loaded = self.is_killed = self.must_drain = self.drains = False

    @property
    def serves(self) -> bool:
        return self.is_loaded and not self.holds and not self.must_drain


class Watch:
    """The keeper's side of it."""

    share, next_check, last_lines = 1.0, float("inf"), ()

    def __init__(self, process: Process, now: float) -> None:
        self.process = process
        self.since = now
        self.pulses = 0
        self.reports: dict[str, Any] = {}

    def tell(self, message: dict[str, Any]) -> None:
        self.process.holds &= message["type"] != "serve"
        if message["type"] == "pulse":
            self.reports["pulse"] = message

    def ask_to_drain(self, timeout: float) -> None:
        self.process.must_drain = True

    def kill(self, reason: str) -> None:
        self.process.is_killed = True


class Life:
    """A keeper, the clock, and all that may happen."""

    def __init__(self, workers: int, limits: Limits) -> None:
        self.now = 1000.0
        self.can_spawn = True
        names = [str(number) for number in range(workers)]
        listeners = [SimpleNamespace(fileno=lambda: -1)] * workers
        sockets: Any = SimpleNamespace(addresses=names, private=listeners, shared=[], parent="")
        options = SupervisorOptions("config", workers=workers, limits=limits, reload=True)
        spawner: Any = Spawner(options, None, sockets)  # type: ignore[arg-type]
        self.spawner = SimpleNamespace(options=options, node="node", sockets=sockets, spawn=self.spawn)
        self.keeper: Any = Keeper(self.spawner, spawner.open_slots())  # type: ignore[arg-type]
        self.keeper._poller.close()
        self.keeper._poller = SimpleNamespace(wake=lambda: None)
        self.keeper.attach = self.attach
        self.keeper.bind = lambda place: None

    def begin(self) -> None:
        for slot in self.keeper.slots:
            slot.state, _ = lifecycle.decide(slot.state, lifecycle.START)
            self.spawn(slot, slot)
            self.attach(slot)

    def spawn(self, slot: Any, place: Any, *flags: str) -> None:
        if not self.can_spawn:
            raise ExecFailed("could not be started", OSError())
        place.process = Process(holds="--hold" in flags)
        place.deadline = self.now + self.keeper.options.start_timeout

    def attach(self, place: Any) -> None:
        place.watch = Watch(place.process, self.now)

    @property
    def places(self) -> list[Any]:
        return [place for place in self.keeper._places() if place.process is not None]

    def turn(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.keeper._hear_wishes()
        self.keeper._see_to_deadlines(self.now)

    # What may happen. `index` says to which worker.

    def load(self, place: Any) -> None:
        if not (place.process.is_loaded or place.process.is_killed):
            place.process.is_loaded = True
            self.keeper._said(place, {"type": "ready", "pid": place.process.pid})

    def fail(self, place: Any) -> None:
        if not (place.process.is_loaded or place.process.is_killed):
            self.keeper._said(place, {"type": "failed", "error": {}})
            self.die(place)

    def die(self, place: Any) -> None:
        self.keeper.ended(place, WorkerEnd(place.number, place.process.pid, "signal", "died"))

    def drain(self, place: Any) -> None:
        """It hears that it is to drain, when it serves; and the next time, it has drained."""
        process = place.process
        if process.drains:
            self.die(place)
        elif process.must_drain and process.is_loaded and not process.holds:
            process.drains = True
            self.keeper._said(place, {"type": "draining"})

    def terminate(self, place: Any) -> None:
        self.keeper._said(place, {"type": "terminated"})

    def change(self, place: Any) -> None:
        if place.process.is_loaded:
            self.keeper._said(place, {"type": "changed", "files": []})

    def ask_to_reload(self, _: Any) -> None:
        if not (self.keeper.first_start or self.keeper.stopping):
            self.keeper.wish_reload()

    def run_short(self, _: Any) -> None:
        self.can_spawn = not self.can_spawn

    def happen(self, events: list[tuple[str, int, float]]) -> None:
        for name, index, seconds in events:
            if places := self.places:
                getattr(self, name)(places[index % len(places)])
            self.turn(seconds)

    def settle(self, seconds: int) -> None:
        """Workers do what they are told, and nothing happens any more."""
        self.can_spawn, self.keeper.options.limits = True, Limits()
        for _ in range(seconds):
            for place in self.places:
                if place.process is None:
                    continue  # what another one did has ended it meanwhile
                (self.die if place.process.is_killed else self.drain if place.process.must_drain else self.load)(place)
            self.turn(1.0)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["load"] * 3 + ["drain"] * 2 + ["change", "ask_to_reload"] * 2)
        | st.sampled_from(["fail", "die", "terminate", "run_short"]),
        st.integers(0, 7),
        st.sampled_from([0.0, 0.1, 0.3, 1.0, 11.0, 31.0, 61.0]),
    ),
    max_size=30,
)
LIVES = {"workers": st.integers(1, 3), "limits": st.sampled_from([Limits(), Limits(age=20.0)]), "events": EVENTS}
MANY = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a life, whose clock and processes the keeper has for real ones."""
    lives: list[Life] = []
    for module in (deeds, keeper, pulse, reload, renewal, tally):
        monkeypatch.setattr(module, "monotonic", lambda: lives[-1].now if lives else 0.0)

    def make(workers: int, limits: Limits) -> Life:
        lives.append(Life(workers, limits))
        lives[-1].begin()
        return lives[-1]

    return make


@MANY
@given(**LIVES)
def test_every_worker_serves_in_the_end_and_nothing_is_under_way(
    live: Any, workers: int, limits: Limits, events: list[Any]
) -> None:
    life = live(workers, limits)
    life.happen(events)
    life.settle(300)
    kept = life.keeper
    if kept.first_start:  # the start has failed, and whoever waits for it ends the rest
        assert any(slot.state == FAILED for slot in kept.slots)
        return
    assert [slot.state for slot in kept.slots] == [READY] * workers
    assert all(slot.process.serves for slot in kept.slots)
    assert [(slot.coming, slot.leaving, slot.deadline, slot.failure) for slot in kept.slots] == [
        (None, [], None, None)
    ] * workers
    assert (kept.reload.state, kept.reload.done, kept.reload.deadline) == (QUIET, kept.reload.begun, None)
    assert kept.renewal.slot is None


@MANY
@given(**LIVES, more=EVENTS, how=st.sampled_from([STOP, KILL]))
def test_whatever_is_under_way_a_stop_ends_all(
    live: Any, workers: int, limits: Limits, events: list[Any], more: list[Any], how: str
) -> None:
    life = live(workers, limits)
    life.happen(events)
    life.keeper.wish(how, life.now + 5)
    life.happen([(name, index, 0.1) for name, index, _ in more])
    life.settle(30)
    assert life.keeper._all_stopped()
