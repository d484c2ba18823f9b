"""Managers of the tests: in a place of their own, and gone with the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from js_host._client.address import Address
from js_host._client.pool import Lane, Pool
from js_host._manager import client
from js_host._manager.client import Lease
from js_host._wire.results import value
from js_host.manager import JSHostManager

FIXTURES = Path(__file__).parent / "fixtures"


class Place:
    """A directory with a config file, the manager that programs of this test share, and ways to use both."""

    def __init__(self, left: Any) -> None:
        self.left = left
        self.config = str(left.config((FIXTURES / "host.config.js").read_text()))
        self.manager = JSHostManager()
        self.leases: list[Lease] = []
        self.threads: list[threading.Thread] = []
        self.programs: list[subprocess.Popen[str]] = []

    def lease(self, config: str | None = None, say: Callable[[str], None] | None = None, **settings: Any) -> Lease:
        """Lease the host, until the end of the test."""
        self.leases.append(client.lease(client.settings_message(config or self.config, **settings), say))
        return self.leases[-1]

    def call(self, held: Lease, function: str, data: object = None, timeout: float = 20) -> Any:
        """Call a function of a leased host on a connection of its own."""
        pool = Pool([Lane(Address.unix(slot.address), slot) for slot in held.slots])
        try:
            return pool.call(function.encode(), data, timeout, value)
        finally:
            pool.close()

    def begin_to_wait(self, held: Lease, milliseconds: int) -> Future[Any]:
        """Call `wait`, and return when it runs. The result is what becomes of the call."""
        outcome: Future[Any] = Future()

        def run() -> None:
            try:
                outcome.set_result(self.call(held, "wait", milliseconds))
            except Exception as error:
                outcome.set_exception(error)

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()
        wait_until((Path(self.config).parent / "waiting").exists, 5)
        return outcome

    def program(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a Python program that leases the host and calls a function (see fixtures/program.py)."""
        command = [sys.executable, str(FIXTURES / "program.py"), self.config, *arguments]
        pipe = subprocess.PIPE
        made = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **options)
        self.programs.append(made)
        return made

    def managers(self) -> list[int]:
        """The process ids of all managers of this test, started or starting."""
        return [int(line.split()[0]) for line in self.left.processes() if "_manager/__main__.py" in line]

    def workers(self) -> list[int]:
        """The process ids of all workers of this test."""
        return [int(line.split()[0]) for line in self.left.processes() if "main.cjs" in line]

    def close(self) -> None:
        """End all that is still there."""
        for made in self.programs:
            made.kill()
            made.communicate()
        for held in self.leases:
            held.release()
        for _ in range(2):  # the second time, it ends at once
            for pid in self.managers():
                kill(pid, signal.SIGTERM)
            wait_until(lambda: not self.managers(), 1)
        for pid in self.managers():
            kill(pid)
        wait_until(lambda: not self.managers(), 5)
        for thread in self.threads:
            thread.join(5)


def wait_until(look: Callable[[], object], patience: float) -> None:
    """Wait until something is true, or until patience is over."""
    give_up_at = time.monotonic() + patience
    while not look() and time.monotonic() < give_up_at:
        time.sleep(0.01)


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process, which may be gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


@pytest.fixture
def place(nothing_left: Any) -> Iterator[Place]:
    """Give the test a manager's place of its own; what is still there at its end is killed."""
    place = Place(nothing_left)
    yield place
    place.close()
    for path in (nothing_left.runtime / "js-host").glob("*"):
        remove_what_a_killed_manager_leaves(path)


def remove_what_a_killed_manager_leaves(path: Path) -> None:
    """A manager that was killed leaves its socket for the next to remove, and its host's directory to be swept."""
    if path.suffix == ".sock":
        path.unlink()
    elif path.is_dir():
        from js_host._host.runtime_dir import sweep

        sweep(str(path.parent))


@pytest.fixture(name="kill")
def kill_fixture() -> Callable[..., None]:
    """Give `kill` to the tests."""
    return kill
