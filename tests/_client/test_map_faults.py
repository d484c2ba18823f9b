"""Maps whose workers die, stop, change their code, get stuck or lie: each row has one end, and the others go on."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from js_host._client import bulk
from js_host._client.job import Job
from js_host._wire import results
from js_host._wire.frames import CALL, LOG
from js_host.exceptions import (
    ConnectionError,
    FunctionTimeout,
    HostWarning,
    JSHostError,
    ProcessError,
    UnexpectedResponse,
    WorkerDied,
)
from js_host.js_host import JSHost

FAULTS = """
module.exports = { port: 0, functions: {
  echo: (n) => n,
  pid: () => process.pid,
  never: () => new Promise(() => {}),
  die: (n) => { if (n === 50) process.kill(process.pid, 'SIGKILL'); return n },
  dieLater: async (n) => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    if (n === 50) process.kill(process.pid, 'SIGKILL')
    return n
  },
  stuck: (n) => { if (n === 20) for (;;); return n },
  slow: (n) => { const end = performance.now() + 2; while (performance.now() < end); return n }
} }
"""


@pytest.fixture
def faulty(nothing_left: Any) -> Any:
    """Start hosts with the functions above."""
    started: list[JSHost] = []

    def start(**options: Any) -> JSHost:
        host = JSHost(nothing_left.config(FAULTS), **options)
        host.start()
        started.append(host)
        return host

    yield start
    for host in started:
        host.close()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["die", "dieLater"])
def test_a_worker_that_dies_fails_the_calls_in_its_hands_and_no_others(faulty: Any, workers: int, name: str) -> None:
    rows = range(300)
    got = list(faulty(workers=workers).function(name).map(rows, window=16, return_exceptions=True))
    assert len(got) == len(rows)
    failed = [row for row in rows if got[row] != row]
    assert 50 in failed
    assert len(failed) <= 16
    assert all(isinstance(got[row], WorkerDied) and "SIGKILL" in str(got[row]) for row in failed)
    assert len({id(got[row]) for row in failed}) == len(failed), "each has an error of its own"


def test_the_death_of_a_worker_raises_at_the_turn_of_its_call(faulty: Any) -> None:
    host = faulty()
    given: list[int] = []
    results = host.function("dieLater").map(range(300), window=4)
    with pytest.raises(WorkerDied, match="SIGKILL"):
        given.extend(results)
    assert given == list(range(len(given)))
    assert 46 <= len(given) <= 50
    assert list(host.function("echo").map(range(10))) == list(range(10))


def test_a_worker_that_is_killed_from_outside_is_replaced_while_the_map_goes_on(faulty: Any) -> None:
    host = faulty(workers=2)
    victims = iter(sorted(set(host.function("pid").map(range(100)))))
    got = []
    for number, result in enumerate(host.function("slow").map(range(1000), window=16, return_exceptions=True)):
        got.append(result)
        if number in (100, 400):
            os.kill(next(victims), signal.SIGKILL)
    failed = [row for row in range(1000) if got[row] != row]
    assert len(failed) <= 2 * 16
    assert all(isinstance(got[row], WorkerDied) for row in failed)


def test_a_stuck_function_is_the_timeout_of_one_call_with_its_stack(faulty: Any) -> None:
    got = list(faulty().function("stuck", timeout=0.3).map(range(60), window=16, return_exceptions=True))
    timeouts = [error for error in got if isinstance(error, FunctionTimeout)]
    assert len(timeouts) == 1
    assert "stuck" in str(timeouts[0].stack)
    failed = [row for row in range(60) if got[row] != row]
    assert 20 in failed
    assert len(failed) <= 16


def test_a_host_that_is_stopped_in_a_map_finishes_what_it_has_and_says_that_it_was_stopped(faulty: Any) -> None:
    host = faulty()
    results = host.function("echo").map(iter(int, 1))
    assert [next(results) for _ in range(100)] == [0] * 100
    host.stop()
    with pytest.raises(ConnectionError, match="stopped"):
        list(results)


# What only a server that lies can do.


def collect(server: Any, rows: Any, timeout: float | None = 5, **options: Any) -> list[Any]:
    return list(server.pool.map(iter(rows), Job(b"f", timeout, results.value, lambda error: error, **options)))


def test_a_worker_that_has_left_in_order_is_heard_before_it_is_found_gone(
    evil: Any, bye: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "LOOK_AFTER", 60.0)  # so that the next rows are sent before anything is read
    may_leave, has_left = threading.Event(), threading.Event()

    def play(client: Any) -> None:
        client.greet()
        while True:
            _, id, _ = client.read()
            client.answer(id, client.number)
            if client.number == 1:
                for _ in range(3):
                    client.read()
                may_leave.wait(5)
                client.send(bye("draining") + bye("drained"))
                client.socket.close()
                has_left.set()
                return

    job = Job(b"f", 5, results.value, lambda error: error, window=4)
    answers = evil(play).pool.map(iter(range(20)), job)
    assert next(answers) == 1
    may_leave.set()
    assert has_left.wait(5)
    assert list(answers) == [2] * 19


def test_what_a_stopping_worker_did_not_take_goes_to_its_successor(evil: Any, stopping: Any, bye: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        for turn in range(1000):
            kind, id, _ = client.read()
            assert kind == CALL
            if client.number == 1 and turn >= 3:
                client.send((bye("draining") if turn == 3 else b"") + stopping(id))
            else:
                client.answer(id, id)

    server = evil(play)
    assert collect(server, range(100)) == list(range(1, 101))
    assert server.connections == 2


def test_what_a_worker_was_given_as_it_said_that_it_stops_goes_to_its_successor(
    evil: Any, bye: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "LOOK_AFTER", 0.0)  # so that what it says is read after the row was given
    said, first = threading.Event(), threading.Event()

    def play(client: Any) -> None:
        client.greet()
        if client.number == 1:
            first.wait(10)
            client.send(bye("draining"))
            said.set()
        while True:
            _, id, _ = client.read()
            client.answer(id, client.number)

    def rows() -> Iterator[int]:
        first.set()
        said.wait(10)
        yield 1

    assert collect(evil(play), rows()) == [2]


def test_what_one_worker_refuses_for_ever_ends_with_the_reason(evil: Any, stopping: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            client.send(stopping(client.read()[1]))

    with pytest.raises(ProcessError, match="stopping"):
        collect(evil(play), range(100))


def test_a_worker_that_gives_no_sign_is_a_timeout_of_its_calls(evil: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        if client.number == 1:
            client.answer(client.read()[1], "first")
            client.wait_for_end()
        while True:
            client.answer(client.read()[1], "later")

    got = collect(evil(play), range(40), timeout=0.1, window=4)
    assert got[0] == "first"
    assert all(isinstance(error, FunctionTimeout) and error.maybe_executed for error in got[1:5])
    assert set(got[5:]) == {"later"}


def test_nobody_who_never_says_hello_is_waited_for_in_vain(evil: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("js_host._client.bulk_workers.CONNECT_TIMEOUT", 0.1)
    server = evil(lambda client: client.wait_for_end())
    with pytest.raises(ConnectionError, match="did not answer"):
        collect(server, range(3))
    assert server.connections == 3


def test_a_server_that_hangs_up_before_it_has_said_hello_is_asked_three_times(evil: Any) -> None:
    server = evil(lambda client: None)
    with pytest.raises(ConnectionError, match="did not answer"):
        collect(server, range(3))
    assert server.connections == 3
    assert server.calls == []


def test_answers_that_nobody_asked_for_are_dropped_and_lies_end_the_connection(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        for turn in range(1000):
            id = client.read()[1]
            client.answer(9_999, "a lie")
            client.send(frame(77, id, b"") if client.number == 1 and turn == 5 else b"")
            client.answer(id, id)

    got = collect(evil(play), range(60), window=8)
    failed = [error for error in got if isinstance(error, JSHostError)]
    assert 1 <= len(failed) <= 8
    assert all(isinstance(error, UnexpectedResponse) for error in failed)
    assert all(got[row] == row + 1 for row in range(60) if got[row] not in failed)


@pytest.mark.parametrize(("reason", "kind"), [("crashed", WorkerDied), ("protocol", UnexpectedResponse)])
def test_a_goodbye_says_why_the_calls_in_flight_have_failed(evil: Any, bye: Any, reason: str, kind: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        id = client.read()[1]
        if client.number == 1:
            client.send(bye(reason))
            return
        while True:
            client.answer(id, id)
            id = client.read()[1]

    got = collect(evil(play), range(20), window=4)
    assert all(type(error) is kind and "the reason" in str(error) for error in got[:4])
    assert got[4:] == list(range(5, 21))


def test_what_the_program_is_to_be_warned_of_is_a_warning(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        client.send(frame(LOG, 0, json.dumps({"level": "warn", "text": "old code"}).encode()))
        while True:
            id = client.read()[1]
            client.answer(id, id)

    server = evil(play)
    with pytest.warns(HostWarning, match="old code") as caught:
        assert collect(server, range(5)) == [1, 2, 3, 4, 5]
    assert caught[0].filename == __file__


def test_a_map_after_a_fork_does_not_speak_on_the_connections_of_its_parent(faulty: Any) -> None:
    echo = faulty().function("echo")
    running = echo.map(range(1000))
    assert next(running) == 0
    child = os.fork()
    if child == 0:
        ok = list(echo.map(range(50))) == list(range(50))
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert list(running) == list(range(1, 1000))


def test_an_interrupt_while_results_are_awaited_ends_the_map_at_once(faulty: Any) -> None:
    host = faulty()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            list(host.function("never").map(range(100)))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert all(not lane.connections for lane in host._link.lanes)
    assert host.function("echo")(1) == 1
