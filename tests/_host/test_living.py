"""Forks, and the many ways in which a Python can end: no worker outlives its supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

FAKE_WORKER = Path(__file__).parent / "fixtures" / "fake_worker.mjs"

SCRIPT = """
import os, signal, sys, threading, time
from js_host._host.supervisor import Supervisor, SupervisorOptions
config = sys.argv[1]

def supervise(plan="ready", **options):
    return Supervisor(SupervisorOptions(config, command=[{worker!r}, plan, config], **options))

supervisor = supervise({plan!r}, workers=2)
supervisor.start()
"""


@pytest.fixture
def python(nothing_left: Any) -> Iterator[Any]:
    """Run a Python that starts two workers and goes on with some code."""
    started: list[subprocess.Popen[str]] = []

    def run(code: str, plan: str = "ready") -> subprocess.Popen[str]:
        script = nothing_left.directory / "script.py"
        script.write_text(SCRIPT.format(worker=str(FAKE_WORKER), plan=plan) + code)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        command = [
            sys.executable,
            "-W",
            "ignore::DeprecationWarning",
            str(script),
            str(nothing_left.directory / "host.config.js"),
        ]
        started.append(subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=20)


def outcome(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("supervisor.stop()", 0),
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError", 1),
        ("threading.Thread(target=time.sleep, args=(0.1,)).start()", 0),
        ("threading.Thread(target=time.sleep, args=(100,), daemon=True).start()", 0),
    ],
)
def test_a_python_that_ends_in_order_leaves_nothing(code: str, status: int, python: Any) -> None:
    returned, _, err = outcome(python(code))
    assert returned == status
    assert "Exception ignored" not in err
    assert "thread" not in err.lower()


def test_a_python_that_ends_waits_no_longer_than_its_patience(python: Any) -> None:
    process = python("print('over', flush=True)", plan="noDrain,ready")
    assert process.stdout.readline() == "over\n"
    began = time.monotonic()
    assert outcome(process)[::2] == (0, "")
    assert 0.9 < time.monotonic() - began < 2


@pytest.mark.parametrize("plan", ["ready", "ready,loop", "ready,child"])
@pytest.mark.parametrize(
    "end",
    [
        "os._exit(1)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "signal.signal(15, signal.SIG_DFL); signal.raise_signal(15)",
    ],
)
def test_a_python_that_is_killed_takes_its_workers_with_it(end: str, plan: str, python: Any, nothing_left: Any) -> None:
    outcome(python(f"print(supervisor.slots[0].pid, flush=True); {end}", plan))
    _sweep_as_the_next_host_would(nothing_left)


def test_a_python_that_is_killed_while_it_starts_workers_leaves_none(python: Any, nothing_left: Any) -> None:
    code = "other = supervise('loop'); other.begin(); os.kill(os.getpid(), signal.SIGKILL)"
    outcome(python(code))
    _sweep_as_the_next_host_would(nothing_left)


def test_the_next_host_sweeps_what_a_killed_python_left(python: Any, fake: Any, nothing_left: Any) -> None:
    outcome(python("os.kill(os.getpid(), signal.SIGKILL)"))
    assert len(nothing_left.sockets()) == 4
    fake.start("ready").stop()
    assert nothing_left.sockets() == []


def _sweep_as_the_next_host_would(left: Any) -> None:
    from js_host._host.runtime_dir import sweep

    sweep(str(left.runtime / "js-host"))


# Forks.


def fork(child: Any) -> int:
    """Run a function in a forked child. Returns its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: they are what is tested
        pid = os.fork()
    if pid == 0:
        try:
            child()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_forked_child_owns_nothing_and_harms_nothing(fake: Any) -> None:
    supervisor = fake.start("ready", workers=2)
    pids = [slot.pid for slot in supervisor.slots]
    addresses = [slot.address for slot in supervisor.slots]

    def child() -> None:
        assert supervisor.foreign
        assert not supervisor.is_running
        supervisor.stop()
        supervisor.kill()
        assert supervisor.explain(supervisor.slots[0], pids[0]) is None
        for pid in pids:
            os.kill(pid, 0)
        for address in addresses:
            assert os.path.exists(address)

    assert fork(child) == 0
    assert [fake.ask_pid(supervisor, number) for number in (0, 1)] == pids


def test_a_forked_child_that_exits_as_python_does_harms_nothing(python: Any) -> None:
    code = """
pid = os.fork()
if pid == 0:
    sys.exit(0)  # with all its exit handlers
assert os.waitpid(pid, 0)[1] == 0
assert all(slot.ready for slot in supervisor.slots)
os.kill(supervisor.slots[0].pid, 0)
"""
    assert outcome(python(code))[::2] == (0, "")


def test_a_forked_child_keeps_no_descriptor_of_the_host(fake: Any) -> None:
    before = set(os.listdir("/proc/self/fd"))
    supervisor = fake.start("ready", workers=2)

    def child() -> None:
        assert set(os.listdir("/proc/self/fd")) <= before

    assert fork(child) == 0
    assert supervisor.is_running


def test_a_forked_sibling_does_not_keep_workers_alive_after_the_parent(
    python: Any, nothing_left: Any, wait_for: Any
) -> None:
    code = """
if os.fork() == 0:
    signal.alarm(20)
    print("sibling", flush=True)
    sys.stdin.read()
    time.sleep(3)
    os._exit(0)
time.sleep(0.1)
os.kill(os.getpid(), signal.SIGKILL)
"""
    process = python(code)
    process.wait(20)
    wait_for(lambda: not any("fake_worker" in line for line in nothing_left.processes()), 2)
    assert any("script.py" in line for line in nothing_left.processes())
    outcome(process)
    _sweep_as_the_next_host_would(nothing_left)


def test_a_forked_child_may_have_a_host_of_its_own(fake: Any) -> None:
    supervisor = fake.start("ready")

    def child() -> None:
        own = fake.start("ready")
        assert fake.ask_pid(own) == own.slots[0].pid != fake.ask_pid(supervisor)
        own.stop()

    assert fork(child) == 0
    assert supervisor.slots[0].ready


def test_forks_at_any_moment_of_a_busy_supervisor_see_a_consistent_state(fake: Any, wait_for: Any) -> None:
    supervisor = fake.start("ready", workers=2, max_crashes=10_000, first_pause=0.0)
    before = len(os.listdir("/proc/self/fd"))
    over = threading.Event()

    def restless() -> None:
        while not over.wait(0.02):
            pid = supervisor.slots[0].pid
            if pid and supervisor.slots[0].ready:
                with suppress(ProcessLookupError):  # the supervisor has just collected it
                    os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=restless)
    thread.start()
    for _ in range(50):
        assert fork(lambda: None) == 0
    over.set()
    thread.join()
    wait_for(lambda: all(slot.ready for slot in supervisor.slots))
    assert len(os.listdir("/proc/self/fd")) == before


# What a start may cost.


def test_nothing_heavy_is_imported_before_node_is_spawned(nothing_left: Any) -> None:
    code = f"""
import os, sys
spawn = os.posix_spawn
def spy(*args, **kwargs):
    print(*sorted(sys.modules), flush=True)
    return spawn(*args, **kwargs)
os.posix_spawn = spy
from js_host._host.supervisor import Supervisor, SupervisorOptions
config = {str(nothing_left.directory / "host.config.js")!r}
supervisor = Supervisor(SupervisorOptions(config, command=[{str(FAKE_WORKER)!r}, "ready", config]))
supervisor.start()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    heavy = {
        "subprocess",
        "logging",
        "tempfile",
        "threading",
        "json",
        "importlib.util",
        "dataclasses",
        "enum",
        "typing",
    }
    heavy |= {"socket", "selectors", "signal", "collections", "re", "asyncio", "msgspec", "shutil", "contextlib"}
    heavy |= {"weakref", "math", "select", "js_host._host.keeper"}
    assert "js_host._host.spawner" in loaded
    assert not heavy & loaded


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Python must be told before, too")
def test_a_child_that_c_has_forked_keeps_no_descriptor_either(python: Any) -> None:
    """uWSGI forks so, and tells Python of it in the child only."""
    process = python("""
import ctypes
from js_host._manager.fork import close_held, open_held
pipe = open_held(os.pipe)
before = set(os.listdir("/proc/self/fd"))
if ctypes.PyDLL(None).fork() == 0:
    ctypes.pythonapi.PyOS_AfterFork_Child()
    print(sum(os.path.exists(f"/proc/self/fd/{fd}") for fd in pipe))
    print(len(before) - len(set(os.listdir("/proc/self/fd"))) > 10)
    supervisor.ask_for_reports()
    if os.fork() == 0:
        os._exit(0)
    os.wait()
    print("done", flush=True)
    os._exit(0)
os.wait()
supervisor.stop()
""")
    out, error = process.communicate(timeout=20)
    assert (out.split(), error) == (["0", "True", "done"], "")
