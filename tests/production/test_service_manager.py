"""`js-host run` under a service manager: sockets that are open already, words about its state, logs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from pathlib import Path
from typing import Any

from js_host import JSHost

SPAWN_WITH_SOCKET = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "js_host", "run", *sys.argv[2:]])
"""


def test_a_socket_that_is_open_already_is_used(launch: Any, wait_for: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        number = listener.fileno()
        host = launch(str(number), command=("-c", SPAWN_WITH_SOCKET), pass_fds=(number,)).wait_until_ready()
        assert host.first == f"Host listening at {place}\n"
        with JSHost(root_url=host.url) as caller:
            assert caller.function("version")() == 1
            assert caller.function("environment")("LISTEN_FDS") is None
            status = caller.request_status()
        assert status is not None
        assert status["config"]["port"] == listener.getsockname()[1]
        assert host.end() == 0


def test_a_socket_that_does_not_listen_is_refused(launch: Any) -> None:
    with socket.socket() as deaf:
        host = launch(str(deaf.fileno()), command=("-c", SPAWN_WITH_SOCKET), pass_fds=(deaf.fileno(),))
        assert host.code() == 1
        assert host.said("Descriptor 3 of LISTEN_FDS does not listen")


def test_the_service_manager_hears_what_becomes_of_it(launch: Any, directory: Path, wait_for: Any) -> None:
    words: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(directory / "notify"))
        ear.settimeout(20)

        def hear(word: str) -> None:
            while not words or word not in words[-1].splitlines():
                words.append(ear.recv(4096).decode())

        env = {**os.environ, "NOTIFY_SOCKET": str(directory / "notify"), "WATCHDOG_USEC": "200000"}
        host = launch(env=env).wait_until_ready()
        hear("READY=1")
        hear("WATCHDOG=1")
        hear("WATCHDOG=1")
        host.signal(signal.SIGHUP)
        hear("RELOADING=1")
        assert re.search(r"^MONOTONIC_USEC=\d+$", words[-1], re.MULTILINE)
        hear("READY=1")
        with JSHost(root_url=host.url) as caller:
            assert caller.function("environment")("NOTIFY_SOCKET") is None
        host.signal(signal.SIGTERM)
        hear("STOPPING=1")
        assert host.code() == 0


def test_a_log_in_json_is_one_object_per_line(run: Any, wait_for: Any) -> None:
    host = run("--log-format", "json")
    place = host.url.removeprefix("http://")
    assert json.loads(host.first) == {"message": f"Host listening at {place}", "listening": [place]}
    with JSHost(root_url=host.url) as caller:
        caller.function("says")("two\nlines \x1b[31m")
    wait_for(lambda: host.said("two"))
    assert host.end() == 0
    lines = [json.loads(line) for line in host.lines]
    said = next(line for line in lines if "two" in line["message"])
    assert (said["level"], said["logger"], said["worker"], said["function"]) == ("warning", "js_host.worker", 0, "says")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said["time"])
    assert any(line["logger"] == "js_host.run" for line in lines)


def test_a_start_that_fails_is_one_object_too(launch: Any, release: Any) -> None:
    release("throw new Error('broken')")
    host = launch("--log-format", "json")
    assert host.code() == 1
    lines = [json.loads(line) for line in host.lines]
    assert lines[-1]["level"] == "error"
    assert "broken" in lines[-1]["message"]


def test_it_leaves_no_file_behind_but_its_sockets_while_it_runs(run: Any, directory: Path) -> None:
    before = set(os.listdir(directory))
    host = run()
    assert set(os.listdir(directory)) == before
    assert host.end() == 0


def test_a_log_that_can_not_be_written_harms_no_call(launch: Any) -> None:
    with open("/dev/full", "w") as full:
        host = launch("--log-format", "json", stderr=full)
        host.wait_until_ready()
        with JSHost(root_url=host.url) as caller:
            caller.function("says")("nobody reads this")
            assert caller.function("version")() == 1
        host.signal(signal.SIGTERM)
        assert host.process.wait(30) == 0
