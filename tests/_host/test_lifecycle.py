"""The table of states and the restart budget, without a process and without a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from js_host._host import lifecycle
from js_host._host.lifecycle import (
    ANNOUNCE,
    ASK_TO_DRAIN,
    BACKOFF,
    CRASHED,
    DEEDS,
    DRAINING,
    END_NOW,
    ENDED,
    EVENTS,
    FAILED,
    GIVE_UP,
    HOPELESS,
    KILL,
    NOTHING,
    OVERDUE,
    PAUSE,
    READY,
    REFUSED,
    RENEW,
    REPLACED,
    REST,
    SERVING,
    SPAWN,
    SPAWN_BESIDE,
    START,
    STARTING,
    STATES,
    STOP,
    STOPPED,
    SWAP,
    TABLE,
    RestartBudget,
    decide,
    event_of_end,
)

HISTORIES = {
    "a worker that starts, serves and is stopped": [
        (START, STARTING, SPAWN),
        (SERVING, READY, ANNOUNCE),
        (STOP, DRAINING, ASK_TO_DRAIN),
        (ENDED, STOPPED, REST),
    ],
    "a worker that crashes and is replaced": [
        (START, STARTING, SPAWN),
        (SERVING, READY, ANNOUNCE),
        (CRASHED, BACKOFF, PAUSE),
        (OVERDUE, STARTING, SPAWN),
        (SERVING, READY, ANNOUNCE),
    ],
    "a worker that crashes too often, and may try again later": [
        (START, STARTING, SPAWN),
        (SERVING, READY, ANNOUNCE),
        (HOPELESS, FAILED, GIVE_UP),
        (OVERDUE, STARTING, SPAWN),
    ],
    "a config that does not load": [
        (START, STARTING, SPAWN),
        (REFUSED, STARTING, END_NOW),
        (HOPELESS, FAILED, GIVE_UP),
        (KILL, STOPPED, REST),
    ],
    "a start that takes too long": [(START, STARTING, SPAWN), (OVERDUE, STARTING, END_NOW), (CRASHED, BACKOFF, PAUSE)],
    "a worker that does not finish its calls": [
        (START, STARTING, SPAWN),
        (SERVING, READY, ANNOUNCE),
        (STOP, DRAINING, ASK_TO_DRAIN),
        (OVERDUE, DRAINING, END_NOW),
        (ENDED, STOPPED, REST),
    ],
    "a stop while a worker starts": [(START, STARTING, SPAWN), (STOP, DRAINING, END_NOW), (SERVING, DRAINING, NOTHING)],
    "a stop while nothing runs": [
        (START, STARTING, SPAWN),
        (CRASHED, BACKOFF, PAUSE),
        (STOP, STOPPED, REST),
        (OVERDUE, STOPPED, NOTHING),
    ],
    "a worn worker that another takes over from": [
        (START, STARTING, SPAWN),
        (SERVING, READY, ANNOUNCE),
        (RENEW, READY, SPAWN_BESIDE),
        (REPLACED, READY, SWAP),
    ],
    "a worn worker that crashes before another has taken over": [
        (START, STARTING, SPAWN),
        (SERVING, READY, ANNOUNCE),
        (RENEW, READY, SPAWN_BESIDE),
        (CRASHED, BACKOFF, PAUSE),
        (RENEW, BACKOFF, NOTHING),
        (REPLACED, READY, SWAP),
    ],
    "an impatient stop": [
        (START, STARTING, SPAWN),
        (SERVING, READY, ANNOUNCE),
        (STOP, DRAINING, ASK_TO_DRAIN),
        (STOP, DRAINING, ASK_TO_DRAIN),
        (KILL, DRAINING, END_NOW),
    ],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_each_history_leads_where_it_should(history: list[tuple[str, str, str]]) -> None:
    state = STOPPED
    for event, expected_state, expected_deed in history:
        state, deed = decide(state, event)
        assert (state, deed) == (expected_state, expected_deed)


def test_the_table_uses_only_known_words() -> None:
    for (state, event), (next_state, deed) in TABLE.items():
        assert state in STATES
        assert event in EVENTS
        assert next_state in STATES
        assert deed in DEEDS


def test_every_state_but_stopped_answers_stop_and_kill() -> None:
    for state in STATES:
        for event in (STOP, KILL):
            assert ((state, event) in TABLE) == (state != STOPPED)


def test_every_state_with_a_process_answers_its_end() -> None:
    for state in (STARTING, READY):
        assert decide(state, CRASHED) == (BACKOFF, PAUSE)
        assert decide(state, HOPELESS) == (FAILED, GIVE_UP)
    assert decide(DRAINING, ENDED) == (STOPPED, REST)


@given(st.lists(st.sampled_from(EVENTS)))
def test_no_order_of_events_leaves_the_table_or_revives_a_stopped_worker(events: list[str]) -> None:
    state = READY
    for event in events:
        state, _ = decide(state, event)
        assert state in STATES
        if state == STOPPED and event != START:
            assert decide(state, SERVING) == (STOPPED, NOTHING)


def test_every_deed_has_its_method() -> None:
    from js_host._host.keeper import DEEDS as METHODS

    assert set(METHODS) == set(DEEDS)


# The budget.


def crash(budget: RestartBudget, *moments: float, was_ready: bool = True) -> None:
    for moment in moments:
        budget.crashed(moment, was_ready=was_ready)


def test_pauses_grow_from_nothing() -> None:
    budget = RestartBudget()
    pauses = []
    for moment in range(4):
        crash(budget, moment)
        pauses.append(budget.pause())
    assert pauses == [0.0, 0.1, 0.2, 0.4]


def test_the_fifth_crash_in_a_minute_is_one_too_many() -> None:
    budget = RestartBudget()
    crash(budget, 0, 10, 20, 30)
    assert not budget.spent(30)
    crash(budget, 40)
    assert budget.spent(40)
    assert budget.room_at(40) == 60


def test_five_crashes_that_are_far_apart_are_forgiven() -> None:
    budget = RestartBudget()
    crash(budget, 0, 20, 40, 61, 81, 101, 121)
    assert not budget.spent(121)


def test_the_third_failed_start_in_a_row_is_one_too_many() -> None:
    budget = RestartBudget()
    crash(budget, 0, 1, was_ready=False)
    assert not budget.spent(1)
    crash(budget, 2, was_ready=False)
    assert budget.spent(2)
    assert budget.room_at(2) == 62


def test_a_worker_that_got_ready_in_between_clears_the_failed_starts() -> None:
    budget = RestartBudget()
    crash(budget, 0, 1, was_ready=False)
    crash(budget, 2, was_ready=True)
    crash(budget, 3, was_ready=False)
    assert not budget.spent(3)


def test_a_slot_that_gave_up_has_room_for_one_more_try() -> None:
    budget = RestartBudget()
    crash(budget, 0, 10, 20, 30, 40)
    now = budget.room_at(40)
    assert not budget.spent(now)


@given(st.lists(st.floats(0, 20), min_size=1, max_size=200), st.booleans())
def test_no_minute_has_more_than_five_starts(gaps: list[float], was_ready: bool) -> None:
    budget = RestartBudget()
    now, starts = 0.0, [0.0]
    for gap in gaps:
        now += gap
        crash(budget, now, was_ready=was_ready)
        now = budget.room_at(now) if budget.spent(now) else now + budget.pause()
        starts.append(now)
    for first in range(len(starts) - 5):
        assert starts[first + 5] - starts[first] > 59.99


@pytest.mark.parametrize(
    ("state", "first_start", "crashes", "expected"),
    [
        (DRAINING, False, 0, ENDED),
        (DRAINING, True, 9, ENDED),
        (READY, False, 0, CRASHED),
        (READY, False, 4, HOPELESS),
        (STARTING, False, 0, CRASHED),
        (STARTING, True, 0, HOPELESS),
        (READY, True, 0, HOPELESS),
    ],
)
def test_the_end_of_a_worker_means_what_its_state_says(
    state: str, first_start: bool, crashes: int, expected: str
) -> None:
    budget = RestartBudget()
    crash(budget, *[0.0] * crashes)
    assert event_of_end(state, budget, 1.0, first_start=first_start) == expected


def test_nothing_in_the_table_waits_or_reads_a_clock() -> None:
    assert not hasattr(lifecycle, "time")
    assert not hasattr(lifecycle, "os")
