"""Many programs at the same moment: one manager, and an answer for each. `HERD_ROUNDS=100` for the long run."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from typing import Any

import pytest

from js_host._manager.lock import take_lock
from js_host._manager.place import find_place

ROUNDS = int(os.environ.get("HERD_ROUNDS", "3"))
PROGRAMS = 50

HERD = """
import os, sys, json
from js_host._manager.client import lease, settings_message
from js_host._client.pool import Pool
hear, say = os.pipe()
pids = []
for number in range(int(sys.argv[2])):
    pid = os.fork()
    if not pid:
        os.close(say)
        os.read(hear, 1)
        from js_host._client.address import Address
        from js_host._client.pool import Lane
        from js_host._wire.results import value
        for attempt in range(3):  # a manager that is killed later ends leases too: who called before, calls again
            try:
                held = lease(settings_message(sys.argv[1]))
                pool = Pool([Lane(Address.unix(slot.address), slot) for slot in held.slots])
                out = {"manager": held.manager, "pid": pool.call(b"pid", None, 30, value)}
                break
            except BaseException as error:
                out = {"error": repr(error)}
        os.write(1, json.dumps(out).encode() + b"\\n")
        sys.stdin.read()
        os._exit(0)
    pids.append(pid)
os.close(hear)
os.close(say)
for pid in pids:
    os.waitpid(pid, 0)
"""


def stampede(place: Any, programs: int = PROGRAMS) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HERD, place.config, str(programs)]
    herd = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    place.programs.append(herd)
    return herd


def answers(herd: subprocess.Popen[str], programs: int = PROGRAMS) -> list[dict[str, Any]]:
    assert herd.stdout is not None
    return [json.loads(herd.stdout.readline()) for _ in range(programs)]


@pytest.mark.slow
@pytest.mark.timeout(60 * ROUNDS)
def test_fifty_programs_at_once_find_one_manager_and_are_all_answered(place: Any, wait_for: Any) -> None:
    for _ in range(ROUNDS):
        herd = stampede(place)
        got = answers(herd)
        assert len({tuple(answer.items()) for answer in got}) == 1, got
        assert place.managers() == [got[0]["manager"]]
        herd.communicate()
        place.manager.stop()
        wait_for(lambda: not place.managers())


@pytest.mark.slow
@pytest.mark.timeout(60 * ROUNDS)
def test_also_when_the_winner_is_killed_while_it_starts(place: Any, wait_for: Any, kill: Any) -> None:
    for _ in range(ROUNDS):
        herd = stampede(place)
        wait_for(place.managers, 20)
        time.sleep(random.uniform(0, 0.06))
        killed = place.managers()
        for pid in killed:
            kill(pid)
        got = answers(herd)
        assert not [answer for answer in got if "error" in answer], got
        serving = {answer["manager"] for answer in got}.difference(killed)
        assert len(serving) <= 1  # none, if all were answered before
        wait_for(lambda serving=serving: place.managers() == list(serving))  # what starts it ends a moment later
        herd.communicate()
        place.manager.stop()
        wait_for(lambda: not place.managers())


def test_programs_that_come_as_the_last_host_goes_are_answered(place: Any) -> None:
    for _ in range(5):
        held = place.lease()
        herd = stampede(place, 4)
        place.manager.stop()
        assert not held.is_alive()
        assert not [answer for answer in answers(herd, 4) if "error" in answer]
        herd.communicate()


def test_a_program_that_is_killed_while_it_starts_a_manager_blocks_nobody(place: Any, wait_for: Any, kill: Any) -> None:
    for _ in range(5):
        program = place.program("hold")
        wait_for(lambda: is_locked(find_place().lock))
        kill(program.pid)
        held = place.lease()
        assert place.call(held, "pid") in place.workers()
        assert place.managers() == [held.manager]
        place.manager.stop()
        held.release()


def is_locked(path: str) -> bool:
    lock = os.path.exists(path) and take_lock(path)
    if lock:
        os.close(lock)
    return lock is None
