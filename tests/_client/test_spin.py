"""When a connection polls for an answer, and for how long. No process."""

from __future__ import annotations

import _socket

import pytest

from js_host._client.channel import Channel
from js_host._client.spin import (
    BUSY,
    INTERRUPTED,
    LONGEST_LOOK,
    LONGEST_REST,
    MAX_SKIP,
    REST,
    SHORTEST_SPIN,
    SPIN,
    Spinner,
    spin_time,
)
from js_host._wire.frames import HEADER, RESULT


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


def test_each_poll_in_vain_after_the_first_doubles_the_number_of_calls_that_do_without_up_to_a_bound() -> None:
    spinner = Spinner(SPIN)
    for expected in (0, 1, 2, 4, 8):
        spinner.failed(0.0, 1.0)
        assert [follows(spinner) for _ in range(expected + 1)] == [False] * expected + [True]
    for _ in range(20):
        spinner.failed(0.0, 1.0)
    assert sum(not follows(spinner) for _ in range(2 * MAX_SKIP)) == MAX_SKIP


def test_answers_that_are_there_at_once_are_polled_for_as_seldom_as_those_that_never_come_in_time() -> None:
    at_once, in_vain = Spinner(SPIN), Spinner(SPIN)
    for _ in range(10):
        at_once.needless()
        in_vain.failed(0.0, SPIN)
    assert [follows(at_once) for _ in range(2 * MAX_SKIP)] == [follows(in_vain) for _ in range(2 * MAX_SKIP)]


def test_a_connection_whose_answers_are_there_at_once_hardly_polls() -> None:
    ours, worker = _socket.socketpair()
    channel = Channel(ours, SPIN)
    polls = 0
    for id in range(1, 1001):
        worker.send(HEADER.pack(0, id, RESULT, 0, 0, 0))
        channel.spins = follows(channel.spinner)
        polls += channel.spins
        assert channel._read_frame(None).id == id
    channel.close()
    worker.close()
    assert polls < 30


def test_after_a_look_in_vain_the_next_call_does_not_go_into_the_mailbox() -> None:
    spinner = Spinner(SPIN)
    spinner.failed(0.0, SHORTEST_SPIN)
    assert spinner.span > LONGEST_LOOK


def test_success_makes_up_for_all_failures_before_it() -> None:
    spinner = Spinner(SPIN)
    for _ in range(10):
        spinner.failed(0.0, 1.0)
    while not follows(spinner):
        pass
    spinner.succeeded(0.0, 10e-6)
    spinner.failed(0.0, 1.0)
    assert follows(spinner)


def interrupted(spinner: Spinner, start: float, spent: float = SPIN + 2 * INTERRUPTED) -> float:
    spinner.succeeded(start, start + spent)
    return start + spent


def test_one_that_was_interrupted_twice_for_other_processes_rests_for_many_times_as_long() -> None:
    spinner = Spinner(SPIN)
    spent = interrupted(spinner, 100.0) - 100.0
    now = interrupted(spinner, 100.0 + BUSY / 2)
    assert not follows(spinner, now + spent * (REST - 1))
    assert follows(spinner, now + spent * (REST + 1))


def test_one_that_is_interrupted_again_soon_after_its_rest_rests_at_once() -> None:
    spinner = Spinner(SPIN)
    interrupted(spinner, 100.0)
    interrupted(spinner, 100.0)
    now = interrupted(spinner, 100.0 + LONGEST_REST - BUSY / 2)
    assert not follows(spinner, now + BUSY)


def test_one_that_was_interrupted_now_and_then_does_not_rest() -> None:
    spinner = Spinner(SPIN)
    for start in (100.0, 100.0 + 2 * BUSY, 100.0 + 4 * BUSY):
        assert follows(spinner, interrupted(spinner, start))


def test_the_rest_is_short_however_long_the_interruptions_were() -> None:
    spinner = Spinner(SPIN)
    for _ in range(2):
        now = interrupted(spinner, 100.0, 10.0)
    assert not follows(spinner, now + LONGEST_REST / 2)
    assert follows(spinner, now + LONGEST_REST)
