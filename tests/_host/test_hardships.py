"""What must not end the supervisor's thread, wedge it, or have it spin: with it, all workers would go."""

from __future__ import annotations

import os
import resource
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from js_host._host.endings import describe_end
from js_host._host.lifecycle import DRAINING
from js_host._host.lines import LogLine
from js_host._host.logs import LogForwarder
from js_host._host.poller import Poller
from js_host._host.runtime_dir import PREFIX, sweep
from js_host._host.sockets import listen_unix
from js_host._host.start_story import start_story
from js_host._host.tally import add
from js_host._host.turn_away import turn_away_at
from js_host._host.watch import WorkerWatch
from js_host._host.worker_process import UNKNOWN_STATUS
from js_host.exceptions import StartError

MONTHS = 1e7


# Time.


def test_a_host_may_have_months_to_stop(fake: Any, wait_for: Any) -> None:
    supervisor = fake.start("ready,noDrain")
    supervisor.ask_to_stop(MONTHS)
    wait_for(lambda: supervisor.slots[0].state == DRAINING)
    with fake.tell(supervisor, "hang"):
        supervisor.ask_to_stop(MONTHS)
        wait_for(lambda: not supervisor._keeper.wishes)
        assert supervisor.is_running
        assert supervisor.slots[0].state == DRAINING


@pytest.mark.parametrize("patience", [1e12, float("inf")])
def test_a_wait_may_be_longer_than_the_system_can_count(patience: float) -> None:
    poller = Poller()
    try:
        poller.wake()
        assert poller.wait(patience)
    finally:
        poller.close()


# Files.


def test_nothing_that_lies_in_the_directory_of_sockets_harms_who_sweeps_it(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}file").touch()
    (tmp_path / f"{PREFIX}link").symlink_to("/nowhere")
    (tmp_path / f"{PREFIX}odd").mkdir()
    (tmp_path / f"{PREFIX}odd" / "lock").symlink_to("/nowhere")
    assert sweep(str(tmp_path)) == 0


@pytest.fixture
def _limits() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def leave_no_descriptor() -> None:
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


@pytest.mark.usefixtures("_limits")
def test_who_can_not_be_turned_away_for_want_of_descriptors_waits_and_nobody_spins(tmp_path: Path) -> None:
    listener, poller, caller = listen_unix(str(tmp_path / "s")), Poller(), socket.socket(socket.AF_UNIX)
    try:
        caller.connect(str(tmp_path / "s"))
        turn_away_at(poller, [listener], [])
        leave_no_descriptor()
        poller.handle(poller.wait(1000))
        turn_away_at(poller, [listener], [])
        assert poller.wait(10) == []
    finally:
        caller.close()
        poller.close()
        listener.close()


# Threads.


def test_lines_wait_where_no_thread_can_be_started_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[LogLine] = []
    forwarder = LogForwarder(handle=got.extend)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        forwarder.put([LogLine("info", "one", 0, 1)])
    forwarder.put([LogLine("info", "two", 0, 1)])
    forwarder.close(5)
    assert [line.text for line in got] == ["one", "two"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_supervisor_that_can_not_load_its_own_code_says_so(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "js_host._host.logs", None)
    supervisor = fake.make("ready")
    said: list[BaseException] = []

    def start() -> None:
        try:
            supervisor.start()
        except BaseException as error:
            said.append(error)

    starting = threading.Thread(target=start, daemon=True)
    starting.start()
    starting.join(5)
    assert not starting.is_alive()
    assert isinstance(said[0], StartError)


# What functions may have forged, which can write where their worker speaks to its supervisor.

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
NAMES = st.sampled_from(
    ["calls", "code", "counters", "error", "file", "frame", "function", "functions", "hint", "line", "message", "name",
     "stack"]
)  # fmt: skip
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4))
REPORT = st.dictionaries(NAMES, VALUES, max_size=5)


@given(
    reports=st.dictionaries(st.sampled_from(["failed", "stuck", "crashed", "exit"]), REPORT, min_size=1),
    status=st.sampled_from([UNKNOWN_STATUS, 0, 1 << 8, 13 << 8, 9]),
)
def test_whatever_a_worker_reports_its_end_can_be_told(reports: dict[str, Any], status: int) -> None:
    end = describe_end(0, 1, status, reports=reports)
    assert str(end)
    assert start_story("host.config.js", end, node="node")


def test_numbers_of_any_depth_can_be_added() -> None:
    deep: Any = 1
    for _ in range(sys.getrecursionlimit()):
        deep = {"deeper": deep}
    assert add(deep, deep)
    assert add({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}) == {"a": [2, {"b": 4}]}


def test_a_worker_that_never_stops_to_speak_is_not_listened_to_for_ever() -> None:
    turns = iter(range(100_000))

    def speak(_: int) -> bytes:
        next(turns)  # raises when that is for ever
        return b'{"type": "report"}\n'

    process: Any = SimpleNamespace(control=SimpleNamespace(recv=speak), output={}, pidfd=0)
    assert WorkerWatch(0, process, 0.0).read_control(0.0)
