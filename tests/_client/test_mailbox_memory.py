"""The memory of a mailbox: what becomes of it when it is interrupted, closed in use, or not to be had."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from typing import Any

import pytest

from js_host._client import mailbox as module
from js_host._client.channel import OFFER_AFTER, Channel
from js_host._client.mailbox import Mailbox

from .conftest import NEEDS_A_MAILBOX

pytestmark = NEEDS_A_MAILBOX

PATIENCE = 20.0


class Stop(BaseException):
    """What a signal's handler raises."""


def test_a_look_ends_though_the_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "monotonic", lambda: 0.0)
    box = Mailbox()
    assert not box.wait(1, 1e-3)
    box.close()


def test_calls_go_on_though_the_clock_stands_still(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    echo = host(workers=1).function("echo")
    for _ in range(3 * OFFER_AFTER):
        echo(1)
    monkeypatch.setattr(module, "monotonic", lambda: 0.0)
    assert [echo(number) for number in range(3000)] == list(range(3000))


def test_who_is_in_a_call_when_it_is_closed_finds_no_answer() -> None:
    box = Mailbox()
    box.close()
    assert not box.accepts(1, 1, 0.0)
    box.put(1, b"a call")
    assert not box.wait(1, 0.0)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_descriptor_is_lost_when_it_is_interrupted_while_it_is_made() -> None:
    def interrupt(*_: object) -> None:
        if is_armed:
            raise Stop

    is_armed = False
    before = len(os.listdir("/proc/self/fd"))
    old = signal.signal(signal.SIGALRM, interrupt)
    for _ in range(5000):
        box = None
        try:
            is_armed = True
            signal.setitimer(signal.ITIMER_REAL, 1e-6 + random.random() * 60e-6)
            box = Mailbox()
            is_armed = False
        except Stop:
            is_armed = False
        if box is not None:
            box.close()
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, old)
    del box
    assert len(os.listdir("/proc/self/fd")) == before


def test_where_it_can_not_be_loaded_any_more_calls_go_over_the_socket(
    host: Any, by_mailbox: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    offers: list[object] = []
    offer = Channel._offer
    monkeypatch.setattr(Channel, "_offer", lambda self: (offers.append(self), offer(self)))
    monkeypatch.setitem(sys.modules, module.__name__, None)
    echo = host(workers=1).function("echo")
    give_up_at = time.monotonic() + PATIENCE
    while not offers:
        assert time.monotonic() < give_up_at
        assert echo("before") == "before"
    for number in range(OFFER_AFTER):
        assert echo(number) == number
    assert by_mailbox == []
