"""The table of a reload, and what counts as code that is out of date, without a process and without a clock."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from js_host._host import lifecycle, reload
from js_host._host.lifecycle import (
    ALL_LOADED,
    BACKOFF,
    BEGIN,
    BROKEN,
    CHANGED,
    COMING,
    DRAINING,
    END_NOW,
    ENDED,
    FAILED,
    GATHER,
    HALTED,
    HAND_OVER,
    HANDING_OVER,
    KEEP_OLD,
    KILL,
    LOADED,
    LOADING,
    LOSE,
    NO_DEED,
    NOTHING,
    OLD_DRAIN,
    OVERDUE,
    QUIET,
    READY,
    REFUSED,
    RELOAD,
    RELOAD_DEEDS,
    RELOAD_EVENTS,
    RELOAD_STATES,
    RELOAD_TABLE,
    REMEMBER,
    REPLACED,
    SERVE,
    SERVING,
    SPAWN_BESIDE,
    STARTING,
    STOP,
    STOPPED,
    SWAP,
    decide,
    decide_reload,
    is_out_of_date,
)

HISTORIES = {
    "code that starts": [
        (CHANGED, LOADING, BEGIN),
        (ALL_LOADED, HANDING_OVER, HAND_OVER),
        (OLD_DRAIN, QUIET, SERVE),
    ],
    "code that does not start": [(CHANGED, LOADING, BEGIN), (BROKEN, QUIET, KEEP_OLD), (CHANGED, LOADING, BEGIN)],
    "a change while workers load": [
        (CHANGED, LOADING, BEGIN),
        (CHANGED, LOADING, REMEMBER),
        (ALL_LOADED, HANDING_OVER, HAND_OVER),
        (CHANGED, HANDING_OVER, REMEMBER),
        (OLD_DRAIN, QUIET, SERVE),
    ],
    "a second worker that fails too": [(CHANGED, LOADING, BEGIN), (BROKEN, QUIET, KEEP_OLD), (BROKEN, QUIET, NO_DEED)],
    "a stop while workers load": [(CHANGED, LOADING, BEGIN), (HALTED, QUIET, NO_DEED), (BROKEN, QUIET, NO_DEED)],
    "a stop while they take over: they are told to serve, and then to stop": [
        (CHANGED, LOADING, BEGIN),
        (ALL_LOADED, HANDING_OVER, HAND_OVER),
        (HALTED, QUIET, SERVE),
        (OLD_DRAIN, QUIET, NO_DEED),
    ],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_each_history_of_a_reload_leads_where_it_should(history: list[tuple[str, str, str]]) -> None:
    state = QUIET
    for event, expected_state, expected_deed in history:
        state, deed = decide_reload(state, event)
        assert (state, deed) == (expected_state, expected_deed)


@given(st.lists(st.sampled_from(RELOAD_EVENTS)))
def test_in_every_order_of_events_the_new_serve_or_the_old_are_kept_once_for_each_begin(events: list[str]) -> None:
    state, begun, ended = QUIET, 0, 0
    for event in events:
        state, deed = decide_reload(state, event)
        begun += deed == BEGIN
        ended += deed in (SERVE, KEEP_OLD) or (event == HALTED and state == QUIET and begun > ended)
        assert begun - ended == (state != QUIET)


def test_the_table_of_a_reload_uses_only_known_words_and_each_deed_has_its_method() -> None:
    for (state, event), (next_state, deed) in RELOAD_TABLE.items():
        assert {state, next_state} <= set(RELOAD_STATES)
        assert event in RELOAD_EVENTS
        assert deed in RELOAD_DEEDS
    assert set(reload.DEEDS) == set(RELOAD_DEEDS)


@pytest.mark.parametrize("state", [STARTING, READY, BACKOFF, FAILED])
def test_a_slot_in_any_state_gets_a_worker_beside_it_and_changes_only_when_that_takes_over(state: str) -> None:
    assert decide(state, RELOAD) == (state, SPAWN_BESIDE)
    assert decide(state, REPLACED) == (READY, SWAP)


@pytest.mark.parametrize("state", [STOPPED, DRAINING])
def test_a_slot_that_ends_gets_none(state: str) -> None:
    assert decide(state, RELOAD) == (state, NOTHING)
    assert decide(state, REPLACED) == (state, NOTHING)


@pytest.mark.parametrize(
    ("state", "event", "expected"),
    [
        (COMING, SERVING, (LOADED, GATHER)),
        (COMING, REFUSED, (COMING, END_NOW)),
        (COMING, OVERDUE, (COMING, END_NOW)),
        (COMING, ENDED, (STOPPED, LOSE)),
        (LOADED, ENDED, (STOPPED, LOSE)),
        (LOADED, OVERDUE, (LOADED, NOTHING)),
        *((state, event, (DRAINING, END_NOW)) for state in (COMING, LOADED) for event in (STOP, KILL)),
    ],
)
def test_a_worker_beside_a_slot_loads_and_waits_or_is_lost(state: str, event: str, expected: tuple[str, str]) -> None:
    assert decide(state, event) == expected


BEGAN = 1000.0
BEFORE, AFTER, NEVER = 999_999.0, 1_000_001.0, 0


@pytest.mark.parametrize(
    ("newest", "late", "alone", "expected"),
    [
        (BEFORE, NEVER, True, False),
        (BEFORE, NEVER, False, False),
        (AFTER, NEVER, True, False),  # it changed before the one worker loaded it
        (AFTER, NEVER, False, True),  # of several, another may have loaded it before
        (AFTER, AFTER, True, True),
        (AFTER, AFTER, False, True),
        (BEFORE, BEFORE, True, False),  # the next reload has begun after that
        (BEFORE, BEFORE, False, False),
        (BEGAN * 1000, BEGAN * 1000, True, True),
        ("later", None, False, False),
    ],
)
def test_code_is_out_of_date_if_a_file_may_have_changed_after_some_worker_loaded_it(
    newest: Any, late: Any, alone: bool, expected: bool
) -> None:
    assert is_out_of_date({"newest": newest, "late": late}, BEGAN, alone=alone) == expected


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (None, "a file that was being loaded"),
        ([], "a file that was being loaded"),
        (["a"], "a"),
        (["a", "b", "c"], "a, b, c"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more files"),
    ],
)
def test_the_log_names_some_of_the_files(files: Any, text: str) -> None:
    assert reload._names(files) == text


def test_nothing_in_the_table_of_a_reload_waits_or_reads_a_clock() -> None:
    assert not hasattr(lifecycle, "time")
