"""When a connection polls for an answer, and for how long. No process, no clock."""

from __future__ import annotations

import pytest

from js_host._client.spin import INTERRUPTED, MAX_SKIP, REST, SHORTEST_SPIN, SPIN, Spinner, spin_time


def follows(spinner: Spinner, now: float = 100.0) -> bool:
    return spinner.should_spin(now, now - 10e-6)


def test_a_call_that_follows_closely_is_polled_for() -> None:
    assert follows(Spinner(SPIN))


@pytest.mark.parametrize("pause", [SPIN, 1e-3, 60.0])
def test_a_call_after_a_pause_is_not_since_the_worker_sleeps(pause: float) -> None:
    assert not Spinner(SPIN).should_spin(100.0, 100.0 - pause)


def test_without_a_limit_there_is_no_polling_at_all() -> None:
    assert not Spinner(0.0).should_spin(100.0, 100.0)
    assert spin_time(allowed=False) == 0


def test_it_polls_for_about_twice_as_long_as_the_last_answer_took() -> None:
    spinner = Spinner(SPIN)
    spinner.succeeded(0.0, 40e-6)
    assert spinner.span == pytest.approx(80e-6)
    spinner.succeeded(0.0, 1e-6)
    assert spinner.span == SHORTEST_SPIN
    spinner.succeeded(0.0, 1.0)
    assert spinner.span == SPIN


def test_each_poll_in_vain_doubles_the_number_of_calls_that_do_without_up_to_a_bound() -> None:
    spinner = Spinner(SPIN)
    for expected in (2, 4, 8):
        spinner.failed(0.0, 1.0)
        assert [follows(spinner) for _ in range(expected + 1)] == [False] * expected + [True]
    for _ in range(20):
        spinner.failed(0.0, 1.0)
    assert sum(not follows(spinner) for _ in range(2 * MAX_SKIP)) == MAX_SKIP


def test_success_makes_up_for_one_failure_at_a_time() -> None:
    spinner = Spinner(SPIN)
    spinner.failed(0.0, 1.0)
    spinner.failed(0.0, 1.0)
    while not follows(spinner):
        pass
    spinner.succeeded(0.0, 10e-6)
    spinner.failed(0.0, 1.0)
    assert [follows(spinner) for _ in range(5)] == [False] * 4 + [True]


def test_one_that_was_interrupted_for_another_process_rests_for_many_times_as_long() -> None:
    spinner = Spinner(SPIN)
    spent = SPIN + 2 * INTERRUPTED
    spinner.succeeded(100.0, 100.0 + spent)
    assert not follows(spinner, 100.0 + spent * REST)
    assert follows(spinner, 100.0 + spent * (REST + 2))
