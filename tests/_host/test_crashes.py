"""Workers that end by themselves are noticed, explained, replaced, and given up in time."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from typing import Any

import pytest

from js_host._host.lifecycle import BACKOFF, FAILED, STOPPED
from js_host._host.supervisor import Supervisor


def replaced(supervisor: Supervisor, pid: int | None, slot: int = 0) -> Any:
    """Return a question: is another worker ready in that slot?"""
    return lambda: supervisor.slots[slot].ready and supervisor.slots[slot].pid not in (None, pid)


def test_a_killed_worker_is_explained_in_less_than_a_tenth_of_a_second_and_replaced(fake: Any, wait_for: Any) -> None:
    supervisor = fake.start("out=last words,ready")
    slot = supervisor.slots[0]
    pid, address = slot.pid, slot.address
    with fake.tell(supervisor, "hang") as connection:
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        connection.recv(1)
        end = supervisor.explain(slot, pid)
        assert time.monotonic() - began < 0.1
    assert end is not None
    assert end.reason.startswith("was killed by SIGKILL")
    assert end.lines == ("last words",)
    wait_for(replaced(supervisor, pid))
    assert slot.address == address
    assert fake.ask_pid(supervisor) == slot.pid != pid
    assert supervisor.explain(slot, pid) is end
    assert slot.last_end is end


def test_callers_wait_in_the_backlog_while_a_worker_is_replaced(fake: Any) -> None:
    supervisor = fake.start("ready")
    pid = supervisor.slots[0].pid
    os.kill(pid, signal.SIGKILL)
    supervisor.explain(supervisor.slots[0], pid, wait=5)
    assert fake.ask_pid(supervisor) != pid


@pytest.mark.parametrize(
    ("plan", "kind", "reason"),
    [
        ("exitIn=render", "exit", "exited with code 3: function 'render' called process.exit(3)"),
        ("crashed", "crashed", "crashed with an uncaught exception: TypeError: x is not a function"),
        ("stuck", "stuck", "was ended by its watchdog: its event loop was stuck in spin (/app/lib.js:12)"),
        ("kill=SIGTERM", "signal", "was killed by SIGTERM"),
        ("silentExit=5", "exit", "exited with code 5"),
        ("closeControl", "killed", "closed its control channel but did not end, and was ended for that"),
    ],
)
def test_each_end_of_a_serving_worker_is_told(plan: str, kind: str, reason: str, fake: Any, wait_for: Any) -> None:
    supervisor = fake.start("ready")
    slot = supervisor.slots[0]
    pid = slot.pid
    fake.end(supervisor, plan)
    end = supervisor.explain(slot, pid, wait=5)
    assert (end.kind, end.reason) == (kind, reason)
    wait_for(replaced(supervisor, pid))


def test_a_heap_that_overflows_is_called_so(fake: Any) -> None:
    supervisor = fake.start("ready", flags=["--max-old-space-size=20"])
    pid = supervisor.slots[0].pid
    fake.end(supervisor, "oom")
    end = supervisor.explain(supervisor.slots[0], pid, wait=5)
    assert end.kind == "out-of-memory"
    assert "ran out of memory (SIG" in end.reason


def test_a_living_worker_needs_no_explanation(fake: Any) -> None:
    supervisor = fake.start("ready")
    assert supervisor.explain(supervisor.slots[0], supervisor.slots[0].pid, wait=0.01) is None
    assert supervisor.explain(supervisor.slots[0], 1, wait=5) is None
    assert supervisor.explain(supervisor.slots[0]) is None


def test_one_crash_does_not_touch_the_other_workers(fake: Any, wait_for: Any) -> None:
    supervisor = fake.start("ready", workers=2)
    first, second = (slot.pid for slot in supervisor.slots)
    os.kill(first, signal.SIGKILL)
    wait_for(replaced(supervisor, first))
    assert supervisor.slots[1].pid == second
    assert supervisor.slots[1].last_end is None


def test_a_worker_that_crashes_too_often_is_given_up_and_callers_are_turned_away(fake: Any, wait_for: Any) -> None:
    supervisor = fake.start("ready", max_crashes=2)
    slot = supervisor.slots[0]
    fake.end(supervisor, "exitIn=render")
    wait_for(lambda: slot.last_end is not None and slot.ready)
    fake.end(supervisor, "exitIn=render")
    wait_for(lambda: slot.state == FAILED)
    assert "function 'render' called process.exit(3)" in slot.failure
    assert re.search(r"crashed too often; the next start is tried in (60|5\d) s\.$", slot.failure)
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(5)
            caller.connect(slot.address)
            assert caller.recv(1) == b""
    supervisor.stop()


def test_a_slot_that_gave_up_tries_again_when_the_window_has_room(fake: Any, wait_for: Any) -> None:
    supervisor = fake.start("ready", max_crashes=1, window=0.3)
    slot = supervisor.slots[0]
    fake.end(supervisor, "silentExit=1")
    wait_for(lambda: slot.state == FAILED)
    wait_for(lambda: slot.ready)
    assert slot.failure is None
    assert fake.ask_pid(supervisor) == slot.pid


def test_a_worker_that_does_not_come_back_is_tried_three_times(fake: Any, wait_for: Any) -> None:
    supervisor = fake.start("once=a,ready")
    supervisor.options.start_timeout = 0.2
    slot = supervisor.slots[0]
    os.kill(slot.pid, signal.SIGKILL)
    wait_for(lambda: slot.state == FAILED)
    assert "was not ready after 0.2 s" in slot.failure
    assert len(slot.ends) == 4


def test_a_restart_without_a_node_is_told_and_tried_again_later(fake: Any, nothing_left: Any, wait_for: Any) -> None:
    from js_host._host.node import find_node

    link = nothing_left.directory / "node"
    link.symlink_to(find_node().path)
    supervisor = fake.start("ready", path_to_node=str(link))
    slot = supervisor.slots[0]
    link.unlink()
    os.kill(slot.pid, signal.SIGKILL)
    wait_for(lambda: slot.state == FAILED)
    assert f"was not started: {link} could not be started: No such file or directory" in slot.failure


def test_a_stop_during_the_pause_after_a_crash_starts_no_other(fake: Any, wait_for: Any) -> None:
    supervisor = fake.start("ready", first_pause=30)
    slot = supervisor.slots[0]
    for _ in range(2):
        wait_for(lambda: slot.ready)
        os.kill(slot.pid, signal.SIGKILL)
        wait_for(lambda: not slot.ready)
    wait_for(lambda: slot.state == BACKOFF)
    supervisor.stop()
    assert slot.state == STOPPED


def test_nonsense_on_the_control_channel_is_ignored(fake: Any) -> None:
    supervisor = fake.start("garbage,ready")
    assert supervisor.slots[0].ready


def test_a_worker_that_somebody_else_collected_is_noticed(fake: Any, wait_for: Any) -> None:
    supervisor = fake.start("ready")
    slot = supervisor.slots[0]
    pid = slot.pid
    with supervisor.lock:  # so that ours comes second
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    end = supervisor.explain(slot, pid, wait=5)
    assert end.kind == "lost"
    wait_for(replaced(supervisor, pid))


@pytest.mark.slow
def test_after_two_hundred_kills_there_is_no_zombie_and_no_extra_descriptor(fake: Any, wait_for: Any) -> None:
    supervisor = fake.start("ready", workers=4, max_crashes=10_000, first_pause=0.0)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(200):
        slot = supervisor.slots[number % 4]
        wait_for(lambda slot=slot: slot.ready, 20)
        os.kill(slot.pid, signal.SIGKILL)
        wait_for(lambda slot=slot: not slot.ready)
    for slot in supervisor.slots:
        wait_for(lambda slot=slot: slot.ready, 20)
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(supervisor.slots[0].ends) <= 17


def test_without_pidfd_deaths_are_still_noticed_at_once(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from js_host._host import worker_process

    monkeypatch.setattr(worker_process, "_open_pidfd", lambda pid: -1)
    supervisor = fake.start("ready")
    pid = supervisor.slots[0].pid
    os.kill(pid, signal.SIGKILL)
    assert supervisor.explain(supervisor.slots[0], pid, wait=0.5).kind == "signal"
    supervisor.stop()


# Defects of our own.


def test_a_defect_of_the_keeper_ends_the_workers_and_is_told(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from js_host._host.keeper import Keeper

    supervisor = fake.start("ready", workers=2)
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    monkeypatch.setattr(Keeper, "_see_to_deadlines", lambda *_: 1 / 0)
    with fake.tell(supervisor, "out=wake up"):
        supervisor._thread.join(10)
    assert not supervisor.is_running
    assert "This is a defect of js-host: ZeroDivisionError" in supervisor.slots[0].failure
    supervisor.stop()
