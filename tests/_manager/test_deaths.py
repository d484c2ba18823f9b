"""SIGKILL for the program, the manager and the worker, alone and in pairs, idle and in an endless loop."""

from __future__ import annotations

import itertools
import os
import threading
import time
from typing import Any

import pytest

ORPHANS_GONE_IN = 1.0

VICTIMS = ("program", "manager", "worker")
PAIRS = [*((victim,) for victim in VICTIMS), *itertools.permutations(VICTIMS, 2)]


@pytest.mark.parametrize("busy", ["spin", "hold"])
@pytest.mark.parametrize("victims", PAIRS, ids="+".join)
def test_no_orphan_is_left_and_the_next_call_works(
    victims: tuple[str, ...], busy: str, place: Any, kill: Any, wait_for: Any
) -> None:
    program = place.program(busy)
    program.stdout.readline()
    pids = {"program": program.pid, "manager": place.managers()[0], "worker": place.workers()[0]}
    for victim in victims:
        kill(pids[victim])
    if "manager" in victims:
        wait_for(lambda: pids["worker"] not in place.workers(), ORPHANS_GONE_IN)
    kill(program.pid)
    if "manager" not in victims:  # the host stays for its disconnectTimeout, and a loop until its calls' deadline
        place.manager.stop_host(place.config) if busy == "hold" else kill(pids["manager"])
        wait_for(lambda: not place.workers(), ORPHANS_GONE_IN)
    held = place.lease()
    assert place.call(held, "pid") in place.workers()
    assert len(place.managers()) == 1


def test_a_program_that_dies_gives_its_lease_up_at_once(place: Any, kill: Any, wait_for: Any) -> None:
    held = place.lease()
    program = place.program("hold")
    program.stdout.readline()
    assert len(place.manager.hosts[0]["leases"]) == 2
    kill(program.pid)
    wait_for(lambda: len(place.manager.hosts[0]["leases"]) == 1, 0.5)
    assert held.is_alive()


def test_a_lease_knows_that_its_manager_died(place: Any, kill: Any, wait_for: Any) -> None:
    held = place.lease()
    kill(held.manager)
    wait_for(lambda: not held.is_alive())
    assert place.lease().manager != held.manager


def test_a_worker_that_dies_is_replaced_under_the_same_lease(place: Any, kill: Any) -> None:
    held = place.lease()
    pid = place.call(held, "pid")
    kill(pid)
    held.explain(0, pid, wait=1)
    assert place.call(held, "pid") != pid
    assert held.is_alive()


def test_the_lock_is_free_at_once_although_workers_and_programs_live_on(place: Any, kill: Any) -> None:
    held = place.lease()
    sleeper = os.fork()
    if not sleeper:
        time.sleep(30)
        os._exit(0)
    try:
        kill(held.manager)
        began = time.monotonic()
        assert place.lease().manager != held.manager
        assert time.monotonic() - began < 3
    finally:
        kill(sleeper)
        os.waitpid(sleeper, 0)


def test_a_forked_child_ends_no_lease_and_keeps_none(place: Any, wait_for: Any) -> None:
    held = place.lease()
    hear, say = os.pipe()
    child = os.fork()
    if not child:
        os.write(say, b"0" if held.is_alive() else b"1")
        held.release()
        time.sleep(30)
        os._exit(0)
    try:
        assert os.read(hear, 1) == b"1"
        assert held.is_alive()
        held.release()
        wait_for(lambda: not place.managers(), 3)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(hear)
        os.close(say)


def test_a_fork_during_a_start_does_not_keep_the_lock(place: Any, kill: Any) -> None:
    children = []
    thread = threading.Thread(target=place.lease)
    thread.start()
    while thread.is_alive():
        child = os.fork()
        if not child:
            time.sleep(30)
            os._exit(0)
        children.append(child)
        thread.join(0.02)
    try:
        first = place.leases[0]
        kill(first.manager)
        assert place.lease().manager != first.manager
    finally:
        for child in children:
            kill(child)
            os.waitpid(child, 0)


def test_a_child_that_is_forked_while_the_manager_is_spawned_gets_no_copy_of_the_lock(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from js_host._manager import spawn
    from js_host._manager.place import find_place

    real, forks = spawn._posix_spawn, []

    def spawn_beside_a_fork(*arguments: Any) -> int:
        forks.append(threading.Thread(target=ends_with, args=(lambda: holds(find_place().lock),)))
        forks[0].start()
        forks[0].join(0.2)  # it has to wait, which can not be seen
        return real(*arguments)

    ends = []

    def ends_with(look: Any) -> None:
        child = os.fork()
        if not child:
            try:
                os._exit(look())
            finally:
                os._exit(2)
        ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    monkeypatch.setattr(spawn, "_posix_spawn", spawn_beside_a_fork)
    place.lease()
    forks[0].join()
    assert ends == [0]


def holds(path: str) -> bool:
    """Whether a descriptor of this process is of that file."""
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    return path in [os.readlink(link) for link in links if os.path.lexists(link)]


def test_the_manager_survives_the_process_group_of_its_starter(place: Any, wait_for: Any) -> None:
    program = place.program("hold", start_new_session=True)
    program.stdout.readline()
    held = place.lease()
    os.killpg(program.pid, 9)
    wait_for(lambda: program.poll() is not None)
    assert held.is_alive()
    assert place.call(held, "pid")


def test_the_manager_holds_nothing_of_its_starter(place: Any) -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    held = place.lease()
    os.close(write)
    assert os.read(read, 1) == b""
    os.close(read)
    assert os.readlink(f"/proc/{held.manager}/cwd") == "/"
    assert os.readlink(f"/proc/{held.manager}/fd/0") == "/dev/null"
    assert os.getsid(held.manager) != os.getsid(0)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
