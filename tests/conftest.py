"""What every test may use. Above all `nothing_left`: after the test, all that it started must be gone."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PATIENCE = 5.0


def pytest_configure() -> None:
    """Have what the tests start take signals as usual, also where a shell has the tests ignore them (`&`, `nohup`).

    What has a handler here has none in another program; what is ignored here would be ignored there too.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)


class Left:
    """Where a test puts what it starts, so that it can be found again.

    `directory` is unique to the test. A config file in it is an argument of its workers, and so the
    mark by which `processes` finds them; `runtime` is the runtime directory that hosts get.
    """

    def __init__(self, directory: Path, runtime: Path) -> None:
        self.directory = directory
        self.runtime = runtime
        #: What an earlier test has left is not this one's fault.
        self._before = {pid for pid in _pids() if _is_zombie_of_ours(pid)}

    def config(self, text: str = "module.exports = { functions: {} }\n", name: str = "host.config.js") -> Path:
        """Write a config file, and return its path."""
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        return path

    def processes(self) -> list[str]:
        """The processes, zombies of ours included, that the test has to answer for."""
        return [line for pid in _pids() if (line := self._one_of_ours(pid))]

    def sockets(self) -> list[str]:
        """All that lies in the runtime directory, save what may stay: the lock file of a manager is never removed."""
        return [str(path) for path in (self.runtime / "js-host").glob("**/*") if path.suffix != ".lock"]

    def kill(self) -> None:
        """End what is left, so that one test's fault does not become another's."""
        for line in self.processes():
            try:
                os.kill(int(line.split()[0]), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def _one_of_ours(self, pid: int) -> str | None:
        if pid in self._before or pid == os.getpid():
            return None
        if _is_zombie_of_ours(pid):
            return f"{pid} zombie"
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return None
        return f"{pid} {command}" if str(self.directory) in command else None


@pytest.fixture
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[Left]:
    """Give the test a place of its own, and fail it if a process, a socket file, a descriptor or a thread is left."""
    directory = Path(tempfile.mkdtemp(prefix="jsh-", dir="/tmp"))  # short: sockets have little room for a path
    runtime = directory / "run"
    runtime.mkdir(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("XDG_STATE_HOME", str(directory / "state"))
    left = Left(directory, runtime)
    descriptors, threads = _descriptors(), set(threading.enumerate())
    try:
        yield left
        for name, look in {
            "processes": left.processes,
            "files in the runtime directory": left.sockets,
            "descriptors": lambda: _more_than(descriptors),
            "threads": lambda: [thread.name for thread in threading.enumerate() if thread not in threads],
        }.items():
            found = wait_until_empty(look)
            assert not found, f"{name} left behind: {found}"
    finally:
        left.kill()
        shutil.rmtree(directory, ignore_errors=True)


def wait_until_empty(look: Callable[[], list[str]], patience: float = PATIENCE) -> list[str]:
    """Look until nothing is found any more. Returns what is still there after `patience` seconds."""
    give_up_at = time.monotonic() + patience
    while (found := look()) and time.monotonic() < give_up_at:
        gc.collect()
        time.sleep(0.01)
    return found


def wait_for(look: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until something is true. Fails the test if it does not become so."""
    give_up_at = time.monotonic() + patience
    while not look():
        assert time.monotonic() < give_up_at, f"it did not come true within {patience} s"
        time.sleep(0.005)


@pytest.fixture(name="wait_for")
def wait_for_fixture() -> Callable[..., None]:
    """Give `wait_for` to tests of any folder."""
    return wait_for


@pytest.fixture
def swept(nothing_left: Left) -> Callable[[], None]:
    """Sweep, as the next host does, the socket files of processes that were ended by force, once those are gone."""
    from js_host._host.runtime_dir import sweep

    def nothing_lies_there() -> bool:
        sweep(str(nothing_left.runtime / "js-host"))
        return nothing_left.sockets() == []

    return lambda: wait_for(nothing_lies_there)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Find ports that nobody listens at."""

    def find() -> int:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            return int(taken.getsockname()[1])

    return find


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _is_zombie_of_ours(pid: int) -> bool:
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return False
    return state == "Z" and int(parent) == os.getpid()


def _descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            pass  # the descriptor of the listing itself
    return found


def _more_than(before: dict[int, str]) -> list[str]:
    return [f"{number} {target}" for number, target in _descriptors().items() if before.get(number) != target]
