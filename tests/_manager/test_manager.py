"""A manager with real workers: leases, warmth, stopping, restarting, status and logs."""

from __future__ import annotations

import os
import re
import signal
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from js_host._manager import client
from js_host._manager.client import request
from js_host.exceptions import NodeNotFound, StartError


def test_a_lease_starts_the_manager_and_the_host_and_says_so(place: Any) -> None:
    said: list[str] = []
    held = place.lease(say=said.append)
    assert held.started
    assert held.is_alive()
    assert [text.split(" /")[0] for text in said] == [f"Started the manager {Path(place.manager.logfile).stem[8:]}",
                                                      "Starting the host of"]  # fmt: skip
    assert place.call(held, "pid") == place.workers()[0]
    assert place.managers() == [held.manager]
    assert held.status["config"]["functions"] == ["pid", "env", "print", "wait", "spin", "exit"]


def test_when_the_last_lease_is_gone_all_ends_after_disconnect_timeout(place: Any, wait_for: Any) -> None:
    first, second = place.lease(), place.lease()
    first.release()
    second.release()
    released = time.monotonic()
    wait_for(lambda: not place.workers())
    assert time.monotonic() - released >= 0.3
    wait_for(lambda: not place.managers())
    assert not place.manager.is_running()


def test_the_next_program_finds_the_same_worker_warm(place: Any) -> None:
    first = place.lease()
    pid = place.call(first, "pid")
    first.release()
    second = place.lease()
    assert not second.started
    assert place.call(second, "pid") == pid


def test_programs_share_a_host_and_each_keeps_it(place: Any, wait_for: Any) -> None:
    held = place.lease()
    program = place.program("hold")
    program.stdout.readline()
    pid = place.call(held, "pid")
    assert len(place.manager.hosts[0]["leases"]) == 2
    held.release()
    wait_for(lambda: len(place.manager.hosts[0]["leases"]) == 1)
    assert place.manager.hosts[0]["leases"] == [{"pid": program.pid, "program": "program.py"}]
    assert place.workers() == [pid]


def test_a_host_has_the_environment_of_the_program_that_it_was_started_for(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREETING", "hello \udcff")
    held = place.lease(env=["GREETING"])
    monkeypatch.setenv("GREETING", "bye")
    assert place.call(held, "env", "GREETING").startswith("hello")
    place.manager.restart_host(place.config, env=["GREETING"])
    assert place.call(place.lease(env=["GREETING"]), "env", "GREETING") == "bye"


def test_a_restart_by_a_program_that_wants_less_keeps_what_the_host_was_given(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREETING", "hello")
    held = place.lease(env=["GREETING"])
    place.manager.restart_host(place.config)
    assert place.call(place.lease(env=["GREETING"]), "env", "GREETING") == "hello"
    assert held is not None


def test_threads_of_one_program_start_one_manager(place: Any) -> None:
    threads = [threading.Thread(target=place.lease) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({held.manager for held in place.leases}) == 1
    assert len({held.host for held in place.leases}) == 1


def test_another_config_and_other_flags_for_node_are_other_hosts_of_the_same_manager(place: Any) -> None:
    other = place.left.config("module.exports = { functions: {} }", "other.config.js")
    held = [place.lease(), place.lease(str(other)), place.lease(node_args=["--expose-gc"], workers=2)]
    assert len({one.host for one in held}) == 3
    assert len({one.manager for one in held}) == 1
    assert [len(one.slots) for one in held] == [1, 1, 2]


# Stopping and restarting.


def test_stopping_the_last_host_stops_the_manager(place: Any) -> None:
    held = place.lease()
    assert place.manager.stop_host(place.config) is True
    assert not held.is_alive()
    assert not place.manager.is_running()
    assert place.workers() == []
    assert place.manager.stop_host(place.config) is False


def test_the_manager_stays_where_that_is_asked_for(place: Any) -> None:
    held = place.lease()
    place.manager.stop_host(place.config, stop_manager_if_last=False)
    assert place.manager.is_running()
    assert place.manager.hosts == []
    assert place.lease().manager == held.manager


def test_a_call_that_runs_is_finished_before_its_host_stops(place: Any) -> None:
    held = place.lease()
    outcome = place.begin_to_wait(held, 600)
    place.manager.stop_host(place.config)
    assert outcome.result(5) == "waited"


def test_stopping_the_manager_stops_all_and_returns_when_it_is_gone(place: Any) -> None:
    place.lease()
    place.lease(node_args=["--expose-gc"])
    place.manager.stop()
    assert place.workers() == []
    assert not place.manager.is_running()
    place.manager.stop()


def test_sigterm_lets_calls_finish(place: Any, kill: Any) -> None:
    held = place.lease()
    outcome = place.begin_to_wait(held, 800)
    kill(held.manager, signal.SIGTERM)
    assert outcome.result(5) == "waited"


def test_a_second_sigterm_ends_it_at_once(place: Any, kill: Any, wait_for: Any) -> None:
    held = place.lease()
    outcome = place.begin_to_wait(held, 60_000)
    kill(held.manager, signal.SIGTERM)
    wait_for(lambda: not place.manager.is_running())
    kill(held.manager, signal.SIGTERM)
    wait_for(lambda: not place.managers() and not place.workers(), 2)
    assert isinstance(outcome.exception(5), ConnectionError)


def test_while_an_old_manager_finishes_its_calls_a_new_one_serves(place: Any, kill: Any, wait_for: Any) -> None:
    held = place.lease()
    outcome = place.begin_to_wait(held, 1500)
    kill(held.manager, signal.SIGTERM)
    wait_for(lambda: not place.manager.is_running())
    assert place.lease().manager != held.manager
    assert not outcome.done()
    assert outcome.result(5) == "waited"


def test_a_restart_puts_a_new_worker_in_place_and_says_so_to_who_holds_it(place: Any) -> None:
    held = place.lease()
    pid = place.call(held, "pid")
    place.manager.restart_host(place.config)
    assert not held.is_alive()
    again = place.lease()
    assert not again.started
    assert again.manager == held.manager
    assert place.call(again, "pid") != pid
    assert len(place.workers()) == 1


def test_a_restart_of_what_does_not_run_starts_it(place: Any) -> None:
    place.manager.restart_host(place.config)
    assert place.manager.hosts[0]["state"] == "running"
    assert not place.lease().started


@pytest.mark.filterwarnings("ignore::js_host.exceptions.HostWarning")  # the change may have been noticed as well
def test_when_the_new_one_does_not_start_the_old_one_stays(place: Any) -> None:
    held = place.lease()
    pid = place.call(held, "pid")
    Path(place.config).write_text("module.exports = {")
    with pytest.raises(StartError, match=r"host\.config\.js:1"):
        place.manager.restart_host(place.config)
    assert held.is_alive()
    assert place.call(held, "pid") == pid


# What can not start.


def test_a_config_that_can_not_be_loaded_is_told_whole_and_leaves_nothing(place: Any, wait_for: Any) -> None:
    Path(place.config).write_text("console.log('so far');\nthrow new TypeError('no')")
    with pytest.raises(StartError, match=r"(?s)host\.config\.js:2.*TypeError: no.*so far"):
        place.lease()
    wait_for(lambda: not place.managers())


def test_a_config_that_never_finishes_loading_is_ended_in_time(place: Any) -> None:
    Path(place.config).write_text("for (;;);")
    with pytest.raises(StartError, match=r"was not ready after 0\.5 s"):
        place.lease(start_timeout=0.5)


def test_a_node_that_is_not_there_is_the_same_error_as_without_a_manager(place: Any) -> None:
    with pytest.raises(NodeNotFound, match="PATH_TO_NODE is '/no/node'"):
        place.lease(path_to_node="/no/node")


def test_a_program_that_leaves_during_a_start_leaves_nothing(place: Any, wait_for: Any, kill: Any) -> None:
    Path(place.config).write_text("for (;;);")
    program = place.program("pid")
    wait_for(place.workers)
    kill(program.pid)
    wait_for(lambda: not place.managers() and not place.workers(), 10)


# Nothing is opaque.


def test_the_status_shows_hosts_workers_and_the_last_crash(place: Any, wait_for: Any) -> None:
    held = place.lease(workers=2)
    pid = place.call(held, "pid")  # on the first worker: both are free
    with pytest.raises(ConnectionError):
        place.call(held, "exit", 3)
    wait_for(lambda: place.manager.hosts[0]["workers"][0]["last_end"])
    status = place.manager.get_status()
    (host,) = status["hosts"]
    assert (status["pid"], status["retired"]) == (held.manager, False)
    assert (host["config_file"], host["state"], host["disconnect_timeout"]) == (place.config, "running", 0.3)
    worker = host["workers"][0]
    assert worker["last_end"]["pid"] == pid
    assert "function 'exit' called process.exit(3)" in worker["last_end"]["text"]
    assert host["workers"][1]["last_end"] is None
    assert host["workers"][1]["memory"] > 10_000_000
    assert 0 <= host["workers"][1]["uptime"] < 60


def test_a_status_for_which_no_worker_is_asked_says_nothing_of_calls(place: Any, wait_for: Any) -> None:
    place.call(place.lease(), "pid")
    wait_for(lambda: place.manager.hosts[0]["workers"][0]["answers"])
    asked, unasked = place.manager.get_status(), place.manager.get_status(ask_workers=False)
    assert asked["hosts"][0]["workers"][0]["calls"] == 1
    assert "calls" not in unasked["hosts"][0]["workers"][0]
    assert 0 < asked["memory"] < 25_000_000
    assert place.manager.has_host(place.config)
    assert not place.manager.has_host("/elsewhere/host.config.js")


def test_a_program_can_ask_why_a_worker_ended(place: Any) -> None:
    held = place.lease()
    pid = place.call(held, "pid")
    assert held.explain(0, pid, wait=0) is None
    with pytest.raises(ConnectionError):
        place.call(held, "exit", 3)
    story = held.explain(0, pid, wait=20.0)
    assert story is not None
    assert story.kind == "exit"
    assert "function 'exit' called process.exit(3)" in str(story)
    now = held.explain(0)
    assert now is None or "called process.exit(3)" in str(now), "its successor may serve by now"


def test_a_manager_that_is_gone_is_a_story_too(place: Any, kill: Any) -> None:
    held = place.lease()
    pid = place.call(held, "pid")
    kill(held.manager)
    story = held.explain(0, pid)
    assert story is not None
    assert story.kind == "manager-gone"
    assert f"The manager (pid {held.manager}) ended" in str(story)


def test_a_host_that_was_stopped_or_restarted_is_a_story_too(place: Any) -> None:
    stopped = place.lease()
    place.manager.stop_host(place.config)
    assert "was stopped" in str(stopped.explain(0))
    moved = place.lease()
    place.manager.restart_host(place.config)
    assert "was restarted" in str(moved.explain(0))


def test_a_manager_that_is_ending_still_explains_to_its_own(place: Any, kill: Any) -> None:
    held = place.lease()
    pid = place.call(held, "pid")
    assert request("retire") == {"retired": True}
    kill(pid)
    assert "SIGKILL" in str(held.explain(0, pid, wait=1))
    assert held.is_alive()


def test_a_connection_is_one_lease(place: Any) -> None:
    held = place.lease()
    message = client.settings_message(place.config, start_timeout=5.0)
    assert "one lease" in held._ask({**message, "op": "lease"}, 5)["message"]
    assert held.is_alive()


def test_the_log_file_has_all_that_a_worker_printed(place: Any, wait_for: Any) -> None:
    held = place.lease()
    pid = place.call(held, "pid")
    place.call(held, "print", "hello\nworld")
    log = Path(held.logfile)
    wait_for(lambda: "world" in log.read_text())
    text = log.read_text()
    assert re.search(rf"^20[\d\-]+ [\d:.]+ worker 0 \({pid}\) print #\d+ info: hello\n    world$", text, re.MULTILINE)
    assert f"starting the host of {place.config}" in text
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert held.logfile == place.manager.hosts[0]["logfile"] == place.manager.get_logfile(place.config)


def test_a_log_that_can_not_be_written_costs_no_call(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from js_host._manager.logfile import host_log_path
    from js_host._manager.protocol import host_key

    path = host_log_path(place.config, host_key(place.config))
    assert path is not None
    os.symlink("/dev/full", path)
    held = place.lease()
    assert place.call(held, "print", "x") is None
    assert place.call(held, "pid")
    assert "lines of the log were lost" in place.manager.hosts[0]["log_note"]


def test_nonsense_is_answered_or_hung_up_on(place: Any) -> None:
    held = place.lease()
    with pytest.raises(ConnectionError, match="does not know"):
        request("dance")
    with pytest.raises(ConnectionError, match="config_file"):
        request("stop")
    from js_host._manager.find import connect
    from js_host._manager.fork import close_held
    from js_host._manager.place import find_place

    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"[1]\n", b"[" * 100_000 + b"\n"):
        line = connect(find_place())
        assert line is not None
        line.sendall(nonsense)
        assert line.recv(10) == b""
        close_held(line)
    assert held.is_alive()
