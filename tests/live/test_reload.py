"""Code changes while calls run: none fails, none gets an older answer than the one before it."""

from __future__ import annotations

import json
import re
import socket
import time
from typing import Any

import pytest

from js_host._host.slot import WorkerSlot
from js_host._wire.frames import CALL, pack
from js_host._wire.messages import Stopping, hello_frame
from js_host._wire.values import decode as DECODE


@pytest.mark.parametrize("workers", [1, 2])
def test_of_ten_thousand_calls_none_fails_while_a_file_is_saved_every_tenth_of_a_second(
    live: Any, callers: Any, workers: int, generations: dict[int, int]
) -> None:
    host = live(workers=workers)
    names = [("answer", None)] * 4 + [("later", 30)] * 2 + [("large", None)]
    number = 1
    with callers(host, names, 10_000) as running:
        next_save = time.monotonic()
        while running.left > 0 or number < 10 or host.supervisor.generation <= 2:
            number += 1
            host.save(number)
            next_save += 0.1 if running.left > 0 else 0.5  # a busy machine may need longer to load it
            while time.monotonic() < next_save and not running.errors:
                time.sleep(0.005)
            assert not running.errors, running.errors
    assert sum(map(len, running.answers)) >= 10_000
    for got in running.answers:
        order = [generations.get(answer["pid"], 1) for answer in got]
        assert order == sorted(order), "an answer of older code came after one of newer code"
    if workers == 1:  # of several, each loads what is there at its moment
        assert all(got == sorted(got, key=lambda answer: int(answer["number"])) for got in running.answers)
    assert running.longest < 5
    host.wait_for(number)


@pytest.mark.parametrize("pause", [0, 0.005])
def test_of_a_map_whose_host_loads_new_code_no_call_fails(live: Any, pause: float) -> None:
    host = live(workers=2)
    number, saved = 1, time.monotonic()
    seen: list[Any] = []
    for answer in host.map("answer", range(20_000 if not pause else 400)):
        seen.append(answer)
        time.sleep(pause)
        if time.monotonic() - saved > 0.3 and number < 5:
            number, saved = number + 1, time.monotonic()
            host.save(number)
    assert len(seen) in (20_000, 400)
    assert len({answer["pid"] for answer in seen}) > 2, "new workers have served, too"


@pytest.fixture
def generations(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """The generation of each worker that took over from another, by its process id."""
    found: dict[int, int] = {}
    hand_over = WorkerSlot.hand_over

    def noted(slot: WorkerSlot) -> Any:
        old = hand_over(slot)
        found[slot.pid or 0] = slot.generation
        return old

    monkeypatch.setattr(WorkerSlot, "hand_over", noted)
    return found


def test_the_last_word_of_a_worker_is_that_it_has_answered_all_calls_that_it_took(live: Any) -> None:
    host = live()
    host.settle()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(host.supervisor.slots[0].address)
        client.sendall(hello_frame())
        host.save(2)
        said = b"".join(iter(lambda: client.recv(65536), b""))
    words = [json.loads(word) for word in re.findall(rb"\{\"reason\".*?\}", said)]
    assert [word["reason"] for word in words] == ["draining", "drained"]


BLOCKS = """
const fs = require('fs')
const there = (name) => fs.existsSync(`${__dirname}/${name}`)
const block = () => { fs.writeFileSync(`${__dirname}/blocks`, ''); while (!there('go')) ; return 1 }
module.exports = { functions: { number: () => 1, block } }
"""


def test_a_worker_that_was_blocked_when_others_took_over_takes_no_later_call(live: Any, wait_for: Any) -> None:
    host = live(BLOCKS)
    host.settle()
    lane = host.pool.lanes[0]
    connection = host.pool._connect(lane, 5)
    send_call(connection, 1, b"block")
    wait_for((host.directory / "blocks").exists)
    host.save(2)
    host.supervisor.reload()  # the worker that watches is blocked
    assert host.call() == 2
    send_call(connection, 2, b"number")
    (host.directory / "go").touch()
    deadline = time.monotonic() + 20
    assert connection._answer(1, b"block", deadline, DECODE) == 1
    with pytest.raises(Stopping):
        connection._answer(2, b"number", deadline, DECODE)
    lane.drop(connection)


def send_call(connection: Any, id: int, name: bytes) -> None:
    """Send a call and do not wait for its answer: another may be on its way."""
    connection._socket.sendall(pack(id, CALL, 0, name, 20_000, (b"null",)) + b"null")
