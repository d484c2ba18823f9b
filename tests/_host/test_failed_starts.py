"""A start that fails says why, at once, and leaves nothing behind."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from js_host._host.lifecycle import FAILED
from js_host.exceptions import NodeNotFound, StartError


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("out=loading,failed", ["/app/host.config.js:3", "SyntaxError: Unexpected token", "Hint:", "  | loading"]),
        ("failedAndStays", ["SyntaxError: Unexpected token"]),
        ("exit=0", ["exited with code 0 while it loaded the config", "process.exit()"]),
        ("silentExit=127", ["exited with code 127: a program that it needs was not found"]),
        ("silentExit=13", ["code 13", "`await` outside of any function"]),
        ("crashed", ["crashed with an uncaught exception", "TypeError: x is not a function", "/app/lib.js:7:1"]),
        ("err=dying,kill=SIGSEGV", ["killed by SIGSEGV", "  | dying"]),
        ("stuck", ["its event loop was stuck in spin (/app/lib.js:12)"]),
    ],
)
def test_a_start_that_fails_says_why_at_once_and_leaves_nothing(plan: str, said: list[str], fake: Any) -> None:
    supervisor = fake.make(plan, workers=2)
    began = time.monotonic()
    with pytest.raises(StartError) as caught:
        supervisor.start()
    assert time.monotonic() - began < 10
    assert str(caught.value).startswith(f"The host of {fake.config} could not start.")
    for words in said:
        assert words in str(caught.value)
    assert not supervisor.is_running
    assert not supervisor._thread.is_alive()


def test_the_first_failure_ends_the_start_of_all(fake: Any) -> None:
    supervisor = fake.make("once=a,ready", workers=2, start_timeout=1)
    with pytest.raises(StartError, match="not ready after 1 s"):
        supervisor.start()
    assert [slot.state for slot in supervisor.slots].count(FAILED) <= 1


def test_a_config_that_never_settles_meets_the_start_deadline(fake: Any) -> None:
    with pytest.raises(StartError, match=r"was not ready after 0\.3 s, and was ended.*`await` outside"):
        fake.start("hang", start_timeout=0.3)


def test_a_config_that_computes_for_ever_meets_the_start_deadline(fake: Any) -> None:
    with pytest.raises(StartError, match=r"was not ready after 0\.3 s"):
        fake.start("loop", start_timeout=0.3)


def test_a_heap_that_overflows_at_the_start_is_called_so(fake: Any) -> None:
    with pytest.raises(StartError, match=r"ran out of memory .*its limit is --max-old-space-size=20"):
        fake.start("oom", flags=["--max-old-space-size=20"], node_args=["--max-old-space-size=20"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\necho v12.22.12\n", r"Node 12\.22\.12 at .* \(named by PATH_TO_NODE\) is too old"),
        ("#!/bin/sh\nexit 126\n", "--version` failed with code 126"),
        ("#!/bin/sh\necho hi\n", "is not Node: asked for its version it said 'hi'"),
        ("\x7fELF nonsense", r"did not run .*: it is no program for this machine \(built for another architecture"),
        ("#!/no/such/shell\n", "the loader that it needs, is missing"),
    ],
)
def test_a_node_that_can_not_run_is_explained(text: str, said: str, fake: Any, nothing_left: Any) -> None:
    program = nothing_left.directory / "node"
    program.write_text(text)
    program.chmod(0o755)
    with pytest.raises(StartError, match=said) as caught:
        fake.start(path_to_node=str(program))
    assert isinstance(caught.value, NodeNotFound)
    assert 'pip install "js-host[node]"' in str(caught.value)


def test_a_node_that_hangs_is_told_from_a_config_that_does(fake: Any, nothing_left: Any, monkeypatch: Any) -> None:
    program = nothing_left.directory / "node"
    program.write_text("#!/bin/sh\nexec sleep 100\n")
    program.chmod(0o755)
    monkeypatch.setattr("js_host._host.node.LONGEST_ANSWER", 0.2)
    with pytest.raises(NodeNotFound, match=r"does not answer `--version` within 0\.2 s, so it is no working Node"):
        fake.start(path_to_node=str(program), start_timeout=0.2)


def test_no_version_is_asked_for_on_the_way_to_a_start(fake: Any, nothing_left: Any) -> None:
    from js_host._host.node import find_node

    program = nothing_left.directory / "node"
    log = nothing_left.directory / "log"
    program.write_text(f'#!/bin/sh\necho "$1" >> {log}\nexec {find_node().path} "$@"\n')
    program.chmod(0o755)
    fake.start(path_to_node=str(program)).stop()
    assert log.read_text().count("\n") == 1
    assert "--version" not in log.read_text()


def test_fifty_starts_that_fail_leak_no_descriptor(fake: Any, nothing_left: Any) -> None:
    program = nothing_left.directory / "node"
    program.write_text("\x7fELF nonsense")
    program.chmod(0o755)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        with pytest.raises(StartError):
            fake.start(path_to_node=str(program), workers=2)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def no_gaps() -> Iterator[int]:
    """Fill the gaps between the open descriptors. Gives the number of the next one."""
    fillers = [os.dup(0)]
    while len(os.listdir("/proc/self/fd")) <= fillers[-1]:
        fillers.append(os.dup(0))
    yield fillers[-1] + 1
    for filler in fillers:
        os.close(filler)


def test_too_many_open_files_are_a_clear_error_and_leak_nothing(fake: Any, no_gaps: int) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = len(os.listdir("/proc/self/fd"))
    said = []
    try:
        for room in range(24):
            resource.setrlimit(resource.RLIMIT_NOFILE, (no_gaps + room, limits[1]))
            supervisor = fake.make("ready")
            try:
                supervisor.begin()
            except StartError as error:
                said.append(str(error))
            supervisor.kill()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(said) > 10
    assert all("oo many" in story for story in said)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_start_that_is_interrupted_before_there_is_a_keeper_leaves_nothing(
    fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("js_host._host.keeper.Keeper.__init__", interrupted)
    supervisor = fake.make("ready", workers=2)
    with pytest.raises(KeyboardInterrupt):
        supervisor.begin()
    assert all(slot.process.status is not None for slot in supervisor.slots)


def test_an_interrupted_start_leaves_nothing(fake: Any) -> None:
    supervisor = fake.make("hang")
    supervisor.begin()
    threading.Timer(0.05, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        supervisor.wait_until_ready()
    assert not supervisor.is_running
