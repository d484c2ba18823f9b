"""A worker that is frozen is ended; one that is only busy is not."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from js_host._client.address import Address
from js_host._client.pool import Lane, Pool
from js_host._host.lines import LogLine
from js_host._host.pulse import MISSES, is_frozen
from js_host._host.supervisor import Supervisor, SupervisorOptions
from js_host._wire.values import decode
from js_host.exceptions import WorkerDied

#: Seconds between two pulses: few, but enough for a busy machine.
PULSE = 0.2

CODE = """
module.exports = { functions: {
  pid: () => process.pid,
  never: () => new Promise(() => { console.log('it waits') }),
  blocksLater: (ms) => {
    setTimeout(function background () { for (const end = Date.now() + ms; Date.now() < end;); }, 20)
  },
  waitsAndBlocks: async (ms) => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    for (const end = Date.now() + ms; Date.now() < end;);
    return process.pid
  },
  blocks: (ms) => { for (const end = Date.now() + ms; Date.now() < end;); return process.pid }
} }
"""


class Live:
    """A host that is asked often whether it lives."""

    def __init__(self, config: Path) -> None:
        self.lines: list[str] = []

        def log(batch: list[LogLine]) -> None:
            self.lines.extend(line.text for line in batch)

        self.supervisor = Supervisor(SupervisorOptions(str(config), pulse=PULSE, shared_unix=True, log=log))
        self.supervisor.start()
        self.slot = self.supervisor.slots[0]
        self.pool = Pool([Lane(Address.unix(self.slot.address), self.slot)], self.explain)

    def call(self, name: str, data: object = None) -> Any:
        return self.pool.call(name.encode(), data, None, decode)

    def post(self, name: str, data: object = None) -> bytes:
        """Call a function over plain HTTP, as who knows nothing of frames."""
        assert self.supervisor.sockets
        connection = HTTPConnection("localhost", timeout=20)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.supervisor.sockets.shared_address)
        with closing(connection):
            connection.request("POST", f"/function/{name}", json.dumps(data), {"Content-Type": "application/json"})
            return connection.getresponse().read()

    def explain(self, lane: Lane, pid: int) -> Any:
        end = self.supervisor.explain(self.slot, pid) if pid else None
        return WorkerDied(str(end)) if end else None

    def close(self) -> None:
        self.pool.close()
        self.supervisor.stop()


@pytest.fixture
def live(nothing_left: Any) -> Any:
    live = Live(nothing_left.config(CODE))
    yield live
    live.close()


def test_a_worker_is_frozen_after_three_questions_without_an_answer() -> None:
    assert [is_frozen(asked, 7) for asked in (7, 8, 9, 10)] == [False, False, False, True]


def test_a_frozen_worker_is_ended_and_its_callers_hear_why(live: Live, wait_for: Any) -> None:
    pid, errors = live.call("pid"), []

    def call() -> None:
        try:
            live.call("never")
        except WorkerDied as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    wait_for(lambda: "it waits" in live.lines)
    os.kill(pid, signal.SIGSTOP)
    thread.join(20)
    assert f"answered nothing for {MISSES * PULSE:g} s, as one that is frozen" in str(errors[0])
    assert live.call("pid") != pid


def test_a_worker_whose_event_loop_is_blocked_outside_of_any_call_is_ended_and_the_line_is_told(
    live: Live,
) -> None:
    pid = live.call("pid")
    live.call("blocksLater", 60_000)
    end = live.supervisor.explain(live.slot, pid, wait=10)
    assert end is not None
    assert end.kind == "stuck"
    assert re.search(r"stuck in background \(.*host.config.js:\d+\)", str(end))
    assert live.call("pid") != pid


def test_a_call_without_a_deadline_may_block_the_event_loop_for_long(live: Live) -> None:
    pid = live.call("pid")
    assert live.call("waitsAndBlocks", 1500) == pid
    assert live.call("pid") == pid


@pytest.mark.parametrize("name", ["blocks", "waitsAndBlocks"])
def test_a_call_over_plain_http_has_no_deadline_and_may_do_so_too(name: str, live: Live) -> None:
    pid = live.call("pid")
    assert int(live.post(name, 1500)) == pid
    assert live.call("pid") == pid


def test_a_busy_worker_is_left_alone(live: Live) -> None:
    pid = live.call("pid")
    began = time.monotonic()
    assert live.call("blocks", 1500) == pid
    assert time.monotonic() - began > 1.4  # two clocks, and one of them has milliseconds only
    assert live.call("pid") == pid
