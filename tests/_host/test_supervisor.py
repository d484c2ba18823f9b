"""Workers are started and ended. With real Node and a worker that misbehaves."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from js_host._host.lifecycle import READY, STOPPED
from js_host._host.supervisor import Supervisor
from js_host.exceptions import StartError


def test_workers_start_serve_and_stop(fake: Any) -> None:
    supervisor = fake.start(workers=2)
    assert supervisor.is_running
    assert [slot.state for slot in supervisor.slots] == [READY, READY]
    assert [fake.ask_pid(supervisor, number) for number in (0, 1)] == [slot.pid for slot in supervisor.slots]
    assert supervisor.slots[0].info["node"].startswith("v")
    supervisor.stop()
    assert not supervisor.is_running
    assert [(slot.state, slot.pid) for slot in supervisor.slots] == [(STOPPED, None)] * 2
    assert supervisor.slots[0].last_end.kind == "stopped"


def test_workers_start_side_by_side(fake: Any) -> None:
    supervisor = fake.make("wait=400,ready", workers=3)
    began = time.monotonic()
    supervisor.start()
    assert time.monotonic() - began < 3 * 0.4


def test_a_start_can_be_begun_and_waited_for_later(fake: Any) -> None:
    supervisor = fake.make("ready")
    supervisor.begin()
    assert supervisor.slots[0].pid is not None
    supervisor.wait_until_ready()
    assert supervisor.slots[0].ready


def test_a_supervisor_is_used_once(fake: Any) -> None:
    supervisor = fake.start()
    with pytest.raises(RuntimeError, match="starts once"):
        supervisor.start()


def test_stopping_is_possible_at_any_time_and_as_often_as_one_likes(fake: Any) -> None:
    supervisor = fake.make("ready")
    supervisor.stop()
    supervisor.kill()
    assert not supervisor.is_running
    supervisor = fake.start()
    supervisor.stop()
    supervisor.stop()
    supervisor.kill()


def test_many_threads_may_stop_at_once(fake: Any) -> None:
    supervisor = fake.start(workers=2)
    threads = [threading.Thread(target=supervisor.stop) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert all(slot.state == STOPPED for slot in supervisor.slots)


def test_a_stop_during_a_start_ends_the_start(fake: Any) -> None:
    supervisor = fake.make("hang")
    supervisor.begin()
    threading.Timer(0.05, supervisor.stop).start()
    with pytest.raises(StartError, match="was stopped before it was ready"):
        supervisor.wait_until_ready()


def test_a_worker_that_does_not_finish_is_ended_at_the_deadline(fake: Any) -> None:
    supervisor = fake.start("noDrain,ready")
    began = time.monotonic()
    supervisor.stop(0.2)
    assert 0.2 <= time.monotonic() - began < 2
    assert supervisor.slots[0].last_end.reason.startswith("did not finish its calls in time")


def test_a_second_stop_can_shorten_the_first_and_a_kill_ends_it(fake: Any) -> None:
    for hurry in (lambda supervisor: supervisor.stop(0.1), Supervisor.kill):
        supervisor = fake.start("noDrain,ready")
        patient = threading.Thread(target=supervisor.stop, args=(60,))
        patient.start()
        hurry(supervisor)
        patient.join(5)
        assert not patient.is_alive()


def test_what_a_worker_started_ends_with_it(fake: Any, nothing_left: Any, wait_for: Any) -> None:
    supervisor = fake.start("child,ready")
    wait_for(lambda: len(nothing_left.processes()) == 2)
    supervisor.stop()


def test_sockets_may_be_given_and_shared(fake: Any) -> None:
    from js_host._host.sockets import HostSockets, listen_tcp

    sockets = HostSockets(1, shared_unix=True)
    sockets.add_shared(listen_tcp("127.0.0.1", 0))
    supervisor = Supervisor(fake.options("ready"), sockets)
    fake.made.append(supervisor)
    supervisor.start()
    assert fake.ask_pid(supervisor) == supervisor.slots[0].pid
