"""Supervisors of the fake worker, which misbehaves as its first argument says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host._host.supervisor import Supervisor, SupervisorOptions

FAKE_WORKER = Path(__file__).parent / "fixtures" / "fake_worker.mjs"


class Fake:
    """Makes supervisors whose workers follow a plan (see fixtures/fake_worker.mjs), and talks to such workers."""

    def __init__(self, left: Any) -> None:
        self.left = left
        self.config = str(left.directory / "host.config.js")
        self.made: list[Supervisor] = []

    def options(self, plan: str, **options: Any) -> SupervisorOptions:
        """Return options whose command is the fake worker. Its last argument marks its processes as this test's."""
        command = [*options.pop("flags", ()), str(FAKE_WORKER), plan, self.config]
        return SupervisorOptions(self.config, **{"first_pause": 0.01, "command": command, **options})

    def make(self, plan: str, **options: Any) -> Supervisor:
        """Return a supervisor that was not started yet."""
        self.made.append(Supervisor(self.options(plan, **options)))
        return self.made[-1]

    def start(self, plan: str = "ready", **options: Any) -> Supervisor:
        """Return a supervisor whose workers are ready."""
        supervisor = self.make(plan, **options)
        supervisor.start()
        return supervisor

    def tell(self, supervisor: Supervisor, plan: str, slot: int = 0) -> socket.socket:
        """Connect to a worker and have it carry out a plan. Returns the connection, once the worker has heard it."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(10)
        connection.connect(supervisor.slots[slot].address)
        connection.sendall(plan.encode() + b"\n")
        assert connection.recv(1) == b"!"
        return connection

    def ask_pid(self, supervisor: Supervisor, slot: int = 0) -> int:
        """Ask the worker that answers at a slot's address for its process id."""
        with self.tell(supervisor, "pid", slot) as connection:
            return int(connection.recv(100))

    def end(self, supervisor: Supervisor, plan: str, slot: int = 0) -> None:
        """Have a worker do what ends it, and wait until its connection is closed by that."""
        with self.tell(supervisor, plan, slot) as connection:
            try:
                assert connection.recv(1) == b""
            except ConnectionResetError:
                pass


@pytest.fixture
def fake(nothing_left: Any) -> Iterator[Fake]:
    """Make supervisors of fake workers; what is not stopped yet is killed with the test."""
    fake = Fake(nothing_left)
    yield fake
    for supervisor in fake.made:
        supervisor.kill()
