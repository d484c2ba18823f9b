"""Workers that start: what their callers meet meanwhile, and that none stays which serves nobody."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from js_host import JSHost
from js_host._homes.absence import absence_error
from js_host.exceptions import FunctionTimeout, ProcessError, StartError

SLOW = """
module.exports = {
  warmup: () => new Promise((resolve) => setTimeout(resolve, 700)),
  functions: { pid: () => process.pid }
}
"""

PID = """
module.exports = { functions: { pid: () => process.pid } }
"""

DEAF = """
const net = require('node:net')
net.Server.prototype.listen = () => { throw new Error('no listening today') }
module.exports = { functions: { pid: () => process.pid } }
"""


@pytest.fixture
def own(nothing_left: Any) -> Iterator[Callable[[str], JSHost]]:
    """Start a host with one worker."""
    hosts: list[JSHost] = []

    def start(code: str) -> JSHost:
        hosts.append(JSHost(nothing_left.config(code), workers=1))
        hosts[0].start()
        return hosts[0]

    yield start
    for host in hosts:
        host.close()


@contextmanager
def one_processor() -> Iterator[None]:
    """Have this process, and those that it starts, do one thing at a time: it makes a race of their threads likely."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def kill(host: JSHost) -> None:
    """Kill the worker; returns when that is known."""
    pid = host.function("pid", timeout=20)()
    os.kill(pid, signal.SIGKILL)
    give_up_at = time.monotonic() + 10
    slot = host._home._supervisor.slots[0]  # type: ignore[union-attr]
    while slot.ready and slot.pid == pid and time.monotonic() < give_up_at:
        time.sleep(0.001)


def test_a_worker_whose_first_client_had_left_before_it_served_serves_the_others(own: Any) -> None:
    host = own(SLOW)
    with one_processor():
        kill(host)
        for _ in range(2):
            with pytest.raises(FunctionTimeout):
                host.function("pid", timeout=0.05)()
        assert host.function("pid", timeout=10)()


def test_a_call_waits_for_a_worker_that_starts_no_longer_than_its_timeout(own: Any) -> None:
    host = own(SLOW)
    kill(host)
    began = time.monotonic()
    with pytest.raises(FunctionTimeout) as caught:
        host.function("pid", timeout=0.05)()
    assert time.monotonic() - began < 0.5
    assert not caught.value.maybe_executed


def test_a_worker_that_can_not_listen_is_ended_and_its_callers_are_told_why(own: Any, wait_for: Any) -> None:
    host = own(DEAF)
    slot = host._home._supervisor.slots[0]
    wait_for(lambda: slot.last_end)
    assert slot.last_end.kind == "crashed"
    assert "no listening today" in str(slot.last_end)
    wait_for(lambda: slot.failure)
    with pytest.raises(ProcessError, match="no listening today"):
        host.function("pid", timeout=20)()


def test_code_that_does_not_start_any_more_is_told_as_at_the_first_start_and_what_to_do(own: Any) -> None:
    host = own(PID)
    with open(host.config_file, "a") as file:
        file.write("require('nope-pkg')\n")
    kill(host)
    with pytest.raises(StartError) as caught:
        host.function("pid", timeout=20)()
    story = str(caught.value)
    assert story.startswith("Worker 0 (pid ")
    assert f"  {host.config_file}:3\n" in story
    assert "> 3 | require('nope-pkg')" in story
    assert "npm install nope-pkg" in story
    assert re.search(r"the next start is tried in (60|5\d) s\. `host\.restart\(\)` tries at once\.$", story)


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("start-failed", StartError, "why `host.restart()` tries at once."),
        ("failed", ProcessError, "why `host.restart()` tries at once."),
        ("signal", ProcessError, "why"),
    ],
)
def test_where_no_worker_is_tried_for_a_while_the_error_says_what_tries_at_once(
    kind: str, error: type[ProcessError], text: str
) -> None:
    found = absence_error(kind, "why")
    assert (type(found), str(found)) == (error, text)
    assert not found.maybe_executed


def test_when_the_next_start_is_tried_counts_from_now(own: Any, wait_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    slot = own(DEAF)._home._supervisor.slots[0]
    wait_for(lambda: slot.failure)
    now = time.monotonic()
    monkeypatch.setattr("js_host._host.slot.monotonic", lambda: now + 20)
    assert re.search(r"the next start is tried in (40|3\d) s\.$", slot.failure)


def test_who_gets_no_answer_is_not_told_of_a_worker_that_ended_long_ago(own: Any, wait_for: Any) -> None:
    host = own(SLOW)
    kill(host)
    wait_for(lambda: host._home._supervisor.slots[0].ready)
    pid = host._home._supervisor.slots[0].pid
    host.function("pid", timeout=20)()
    host._home.link.lanes[0].close()  # so that the next call needs a connection
    host._home.link.lanes[0].is_closed = False
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(FunctionTimeout, match=r"did not answer within 0\.2 s") as caught:
            host.function("pid", timeout=0.2)()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "SIGKILL" not in str(caught.value)
