"""Calls by the memory that a connection shares with its worker: what they give, and what becomes of late ones."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from js_host._client.channel import OFFER_AFTER
from js_host._client.mailbox import LARGEST, TURN
from js_host.exceptions import FunctionError, FunctionTimeout, UnknownFunction, WorkerDied

from .conftest import NEEDS_A_MAILBOX

pytestmark = NEEDS_A_MAILBOX

PATIENCE = 20.0


def until_by_mailbox(ids: list[int], call: Callable[[], object], count: int = 1) -> None:
    """Call until so many calls went by a mailbox."""
    del ids[:]
    give_up_at = time.monotonic() + PATIENCE
    while len(ids) < count:
        assert time.monotonic() < give_up_at, "no call went by a mailbox"
        call()


def test_calls_that_follow_closely_go_by_a_mailbox_whatever_they_give(host: Any, by_mailbox: list[int]) -> None:
    js = host(workers=1)
    echo = js.function("echo")
    for value in [None, True, 1.5, "Ünïcödé 👋", ["x" * 200], {"a": [1, {"b": None}]}]:

        def call(value: object = value) -> None:
            assert echo(value) == value

        until_by_mailbox(by_mailbox, call, 20)


@pytest.mark.parametrize("size", [0, 1, 200, 240, 300, LARGEST - 40, LARGEST - 20, LARGEST, 2 * LARGEST, 70_000])
def test_data_and_results_of_any_size_arrive_beside_it(host: Any, by_mailbox: list[int], size: int) -> None:
    js = host(workers=1)
    echo, length, text = (js.function(name) for name in ("echo", "size", "text"))
    until_by_mailbox(by_mailbox, lambda: echo("x"))
    for _ in range(300):
        assert length("é" * (size // 2)) == size // 2
        assert text(size) == "x" * size
        assert echo("x" * size) == "x" * size
        assert echo("x") == "x"


def test_functions_that_return_promises_answer_by_mailbox_too(host: Any, by_mailbox: list[int]) -> None:
    later = host(workers=1).function("soon")
    until_by_mailbox(by_mailbox, lambda: later(None), 50)


def test_errors_come_by_mailbox_as_they_are(host: Any, by_mailbox: list[int]) -> None:
    js = host(workers=1)

    def fail() -> None:
        with pytest.raises(FunctionError, match="so it is") as caught:
            js.function("boom")(None)
        assert caught.value.name == "TypeError"

    def miss() -> None:
        with pytest.raises(UnknownFunction, match="nonesuch"):
            js.function("nonesuch")(None)

    for call in (fail, miss):
        went = False
        while not went:
            until_by_mailbox(by_mailbox, lambda: js.function("echo")(1))
            del by_mailbox[:]
            call()
            went = bool(by_mailbox)


def test_a_result_that_is_late_for_the_mailbox_comes_by_the_socket(host: Any, by_mailbox: list[int]) -> None:
    js = host(workers=1)
    echo, later = js.function("echo"), js.function("wait")
    for value in range(10):
        until_by_mailbox(by_mailbox, lambda: echo(1))
        assert later([5, value]) == value
        assert echo(value) == value


def test_deadlines_hold_for_what_went_by_mailbox(host: Any, by_mailbox: list[int]) -> None:
    js = host(workers=1)
    until_by_mailbox(by_mailbox, lambda: js.function("echo")(1))
    with pytest.raises(FunctionTimeout):
        js.function("never", timeout=0.2)(None)
    assert js.function("echo")(2) == 2


def test_a_worker_that_dies_of_a_call_by_mailbox_is_told_of_and_replaced(host: Any, by_mailbox: list[int]) -> None:
    js = host(workers=1)
    until_by_mailbox(by_mailbox, lambda: js.function("echo")(1))
    with pytest.raises(WorkerDied) as caught:
        js.function("die")(None)
    assert caught.value.maybe_executed
    assert js.function("echo")(2) == 2


def test_a_worker_that_is_killed_while_it_looks_is_replaced(host: Any, by_mailbox: list[int]) -> None:
    js = host(workers=1)
    echo, pid = js.function("echo"), js.function("pid")()
    until_by_mailbox(by_mailbox, lambda: echo(1))
    os.kill(pid, signal.SIGKILL)
    with suppress(WorkerDied):  # unless the connection has broken already
        echo(1)
    assert echo(2) == 2


def test_a_worker_that_stands_still_while_it_looks_is_waited_for_until_the_deadline(
    host: Any, by_mailbox: list[int]
) -> None:
    js = host(workers=1)
    echo, pid = js.function("echo", timeout=0.5), js.function("pid")()
    until_by_mailbox(by_mailbox, lambda: echo(1))
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(FunctionTimeout):
            echo(1)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert echo(2) == 2


@pytest.fixture
def call_by_mailbox(host: Any, by_mailbox: list[int]) -> Callable[[str, float], tuple[object, float]]:
    """Call a function until it goes by a mailbox: its result, and how many seconds that took."""
    js = host(workers=1)
    echo = js.function("echo")

    def warm_up() -> None:
        with suppress(WorkerDied):  # of the call before, which went over the socket
            echo(1)

    def call(name: str, data: float) -> tuple[object, float]:
        function = js.function(name)
        while True:
            until_by_mailbox(by_mailbox, warm_up, 50)
            del by_mailbox[:]
            began = time.monotonic()
            result = function(data)
            if by_mailbox:
                return result, time.monotonic() - began

    return call


@pytest.mark.parametrize("ms", [0, 0.3])
def test_an_answer_that_was_given_before_the_worker_ended_is_not_lost(call_by_mailbox: Any, ms: float) -> None:
    assert call_by_mailbox("last", ms)[0] == "the last word"


@pytest.mark.parametrize("ms", [0, 0.3])
def test_an_answer_does_not_wait_for_what_the_worker_does_after_it(call_by_mailbox: Any, ms: float) -> None:
    assert call_by_mailbox("worksOn", ms)[1] < 0.5


def test_an_answer_to_a_call_that_lay_there_does_not_wait_for_what_the_worker_does_after_it(
    host: Any, by_mailbox: list[int]
) -> None:
    js = host(workers=1)
    echo, before, after = (js.function(name) for name in ("echo", "worksSoon", "worksOn"))
    while len(by_mailbox) < 2:
        until_by_mailbox(by_mailbox, lambda: echo(1), 100)
        del by_mailbox[:]
        before(None)  # the worker works for longer than a client looks, and then finds the next call
        began = time.monotonic()
        after(0)
        took = time.monotonic() - began
    assert took < 0.5


def test_a_thread_that_wakes_up_beside_calls_has_its_turn_soon(host: Any, by_mailbox: list[int]) -> None:
    echo = host(workers=1).function("echo")
    until_by_mailbox(by_mailbox, lambda: echo(1))
    woken: list[int] = []
    bell, answer = threading.Event(), threading.Event()

    def wait() -> None:
        bell.wait()
        answer.set()
        woken.append(calls)

    thread = threading.Thread(target=wait)
    thread.start()
    calls = 0
    bell.set()
    while not answer.is_set():
        echo(1)
        calls += 1
    thread.join()
    assert calls <= 10 * TURN


def test_two_threads_have_each_their_own_answers(host: Any, by_mailbox: list[int]) -> None:
    js = host(workers=1)
    wrong: list[object] = []

    def call_often(name: str) -> None:
        echo = js.function("echo")
        for number in range(3000):
            if (answer := echo([name, number])) != [name, number]:
                wrong.append(answer)

    threads = [threading.Thread(target=call_often, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    until_by_mailbox(by_mailbox, lambda: js.function("echo")(1))


def test_a_child_has_a_connection_of_its_own_and_leaves_the_mailbox_to_its_parent(
    host: Any, by_mailbox: list[int]
) -> None:
    js = host(workers=1)
    echo = js.function("echo")
    until_by_mailbox(by_mailbox, lambda: echo(1))
    child = os.fork()
    if child == 0:
        os._exit(0 if [echo(number) for number in range(500)] == list(range(500)) else 1)
    for number in range(500):
        assert echo([number]) == [number]
    assert os.waitpid(child, 0)[1] == 0
    until_by_mailbox(by_mailbox, lambda: echo(1))


def test_without_spinning_there_is_no_mailbox(host: Any, by_mailbox: list[int]) -> None:
    echo = host(workers=1, spin=False).function("echo")
    for number in range(3 * OFFER_AFTER):
        assert echo(number) == number
    assert by_mailbox == []
    assert not mailboxes()


def mailboxes() -> list[str]:
    """The memory that this process shares, as the system calls it."""
    with open("/proc/self/maps") as maps:
        return [line for line in maps if "memfd:js-host" in line]


def test_nothing_is_left_of_a_mailbox_when_its_host_is_closed(host: Any, by_mailbox: list[int]) -> None:
    js = host(workers=1)
    until_by_mailbox(by_mailbox, lambda: js.function("echo")(1))
    assert len(mailboxes()) == 1
    js.close()
    assert not mailboxes()
