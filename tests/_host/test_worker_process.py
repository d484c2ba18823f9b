"""What a worker inherits and what it does not."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from js_host._host.environment import worker_environment
from js_host._host.worker_process import ExecFailed, WorkerProcess

REPORT = """
import json, os, signal, sys
arguments = sys.argv[sys.argv.index("--control"):]
ignored = [number for number in range(1, 32) if number not in (9, 19) and signal.getsignal(number) == signal.SIG_IGN]
print(json.dumps({
    "descriptors": {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                    if os.path.exists(f"/proc/self/fd/{fd}")},
    "arguments": arguments,
    "session": os.getsid(0) == os.getpid(),
    "blocked": [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "signals": open("/proc/self/status").read().split("SigIgn:")[1].split()[0],
}), flush=True)
"""


@pytest.fixture
def spawn(nothing_left: Any) -> Iterator[Any]:
    """Spawn a Python that reports how it finds itself, in place of a worker."""
    null = os.open(os.devnull, os.O_RDONLY)
    made: list[WorkerProcess] = []

    def spawn(code: str = REPORT, shared: int = 0) -> WorkerProcess:
        argv = ["-S", "-c", code, str(nothing_left.directory)]
        made.append(WorkerProcess.spawn(sys.executable, argv, {}, slot=7, private=null, shared=[null] * shared))
        return made[-1]

    yield spawn
    for process in made:
        process.kill()
        while not process.reap():
            pass
        process.close()
    os.close(null)


def _inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False


def report(process: WorkerProcess) -> Any:
    os.set_blocking(process.output["stdout"], True)
    with open(process.output["stdout"], closefd=False) as file:
        return json.loads(file.readline())


def test_a_worker_has_the_descriptors_that_its_arguments_name_and_none_of_ours_besides(spawn: Any) -> None:
    keep = os.pipe()
    strangers = {
        int(name) for name in os.listdir("/proc/self/fd") if _inheritable(int(name))
    }  # of whoever runs the tests
    found = report(spawn(shared=2))
    os.close(keep[0])
    os.close(keep[1])
    named = "--control 3 --private 4 --connection 5 --shared 7 --shared 8 --slot 7"  # 6 is the leash
    assert found["arguments"] == named.split()
    assert set(map(int, found["descriptors"])) - strangers | set(range(9)) == set(range(9))
    assert set(map(int, found["descriptors"])) >= set(range(9))
    assert found["descriptors"]["0"] == "/dev/null"
    assert found["descriptors"]["3"].startswith("socket:")


def test_a_worker_has_a_session_of_its_own_and_default_signals(spawn: Any) -> None:
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
    try:
        found = report(spawn("import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n" + REPORT))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, old)
    assert found["session"]
    assert found["blocked"] == []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        assert not int(found["signals"], 16) & (1 << (number - 1))


def test_a_worker_is_killed_once_and_collected_once(spawn: Any) -> None:
    process = spawn("import time; time.sleep(1000)")
    assert not process.reap()
    process.kill()
    while not process.reap():
        pass
    assert os.waitstatus_to_exitcode(process.status) == -signal.SIGKILL
    process.kill()
    assert process.reap()
    process.close()
    process.close()


def test_what_can_not_be_executed_leaves_no_descriptor(nothing_left: Any) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(ExecFailed, match=r"/no/such/node could not be started: No such file or directory"):
        WorkerProcess.spawn("/no/such/node", [], {}, slot=0, private=0, shared=[])
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_system_without_setsid_gives_a_group_of_its_own(spawn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.posix_spawn

    def without_setsid(*args: Any, setsid: bool = False, **kwargs: Any) -> int:
        if setsid:
            raise NotImplementedError
        return real(*args, **kwargs)

    monkeypatch.setattr(os, "posix_spawn", without_setsid)
    process = spawn()
    assert not report(process)["session"]
    assert os.getpgid(process.pid) == process.pid


def test_a_worker_does_not_get_the_channel_of_a_node_that_started_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_CHANNEL_FD", "3")
    monkeypatch.setenv("NODE_UNIQUE_ID", "1")
    assert not {"NODE_CHANNEL_FD", "NODE_UNIQUE_ID"} & set(worker_environment(None))
    assert worker_environment({"A": "1", "NODE_CHANNEL_FD": "3"}) == {"A": "1"}
    assert worker_environment(None)["PATH"] == os.environ["PATH"]
