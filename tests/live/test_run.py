"""`js-host run` in production: signals, releases, service managers and logs. Real processes and real signals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host.exceptions import WorkerDied

CONFIG = """
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
module.exports = { port: 0, functions: {
  version: () => 1,
  pid: () => process.pid,
  later: async (ms) => { await sleep(ms); return 1 },
  waits: async () => { console.log('it waits'); await sleep(10_000) },
  leak: (megabytes) => { (global.leaked ??= []).push(Buffer.alloc(megabytes * 1e6, 1)); return process.pid },
  environment: (name) => process.env[name] ?? null,
  says: (text) => { console.warn(text); return null },
} }
"""

SPAWN_WITH_SOCKET = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "js_host", "run", *sys.argv[2:]])
"""


class Running:
    """A `js-host run` in the background. Its lines are collected as they come."""

    def __init__(self, command: list[str], cwd: Path, **more: Any) -> None:
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
        )
        assert self.process.stdout
        assert self.process.stderr
        self.lines: list[str] = []
        self.first = ""
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def wait_until_ready(self) -> Running:
        assert self.process.stdout
        self.first = self.process.stdout.readline()
        assert "Host listening at" in self.first, self.first + "\n".join(self.lines)
        return self

    @property
    def url(self) -> str:
        found = re.search(r"127\.0\.0\.1:(\d+)", self.first)
        assert found
        return f"http://127.0.0.1:{found[1]}"

    def said(self, words: str) -> bool:
        return any(words in line for line in self.lines)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Have it end by SIGTERM. Returns its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.code()

    def code(self) -> int:
        code = self.process.wait(30)
        self.reader.join(30)
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()


@pytest.fixture
def directory(nothing_left: Any) -> Path:
    nothing_left.config(CONFIG)
    return Path(nothing_left.directory)


@pytest.fixture
def launch(directory: Path) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def launch(*options: str, command: tuple[str, ...] = ("-m", "js_host", "run"), **more: Any) -> Running:
        # the path of the config marks its workers as this test's
        made.append(Running([sys.executable, *command, *options, str(directory / "host.config.js")], directory, **more))
        return made[-1]

    yield launch
    for one in made:
        one.close()


@pytest.fixture
def run(launch: Callable[..., Running]) -> Callable[..., Running]:
    return lambda *options, **more: launch(*options, **more).wait_until_ready()


class Load:
    """Callers without a pause, until the block ends. `errors` must stay empty."""

    def __init__(self, url: str, calls: list[tuple[str, object]]) -> None:
        self.host = JSHost(root_url=url)
        self.host.connect()
        self.errors: list[BaseException] = []
        self.answers: list[list[Any]] = [[] for _ in calls]
        self.done = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=(*call, got)) for call, got in zip(calls, self.answers, strict=True)
        ]

    def _run(self, name: str, data: object, got: list[Any]) -> None:
        function = self.host.function(name, timeout=20)
        while not self.done.is_set() and not self.errors:
            try:
                got.append(function(data))
            except BaseException as error:
                self.errors.append(error)

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join(30)
        self.host.close()


def release(directory: Path, text: str) -> None:
    """Put new code in place, as a deployment does."""
    (directory / "next.js").write_text(text)
    os.replace(directory / "next.js", directory / "host.config.js")


def test_a_hangup_under_load_brings_the_new_code_and_fails_no_call(run: Any, directory: Path, wait_for: Any) -> None:
    host = run("--workers", "2")
    with Load(host.url, [("version", None)] * 3 + [("later", 30)] * 2) as load:
        wait_for(lambda: all(load.answers))
        for version in (2, 3, 4):
            release(directory, CONFIG.replace("version: () => 1", f"version: () => {version}"))
            host.signal(signal.SIGHUP)
            wait_for(lambda version=version: load.errors or load.answers[0][-1] == version, 20)
    assert not load.errors
    for versions in load.answers[:3]:
        assert versions == sorted(versions)
    assert host.end() == 0


def test_a_bad_release_keeps_the_old_workers_and_says_so(run: Any, directory: Path, wait_for: Any) -> None:
    host = run("--workers", "2")
    release(directory, "throw new Error('not finished')")
    host.signal(signal.SIGHUP)
    wait_for(lambda: host.said("The changed code does not start, so the workers with the code before it"), 20)
    wait_for(lambda: host.said("not finished"))
    with pytest.warns(match="not finished"), JSHost(root_url=host.url) as caller:
        assert caller.function("version")() == 1
    assert host.end() == 0


def test_workers_that_wear_out_under_load_fail_no_call(run: Any, wait_for: Any) -> None:
    host = run("--workers", "2", "--max-calls", "200", "--max-age", "3")
    with Load(host.url, [("pid", None)] * 2 + [("later", 20)] * 2) as load:
        wait_for(lambda: load.errors or len(set(load.answers[0]) | set(load.answers[1])) >= 5, 60)
    assert not load.errors
    assert host.end() == 0
    assert host.said("is worn (calls): another takes over")


def test_a_leaking_function_is_harmless_with_a_memory_limit(run: Any, wait_for: Any) -> None:
    host = run("--memory-limit", "250")
    with Load(host.url, [("pid", None)]) as load:
        leak = load.host.function("leak")
        pids = set()
        while len(pids) < 3:
            pids.add(leak(4))
            time.sleep(0.01)
    assert not load.errors
    assert host.end() == 0
    assert host.said("is worn (memory): another takes over")


def test_a_host_is_ready_when_its_workers_have_warmed_up(launch: Any, directory: Path) -> None:
    config = CONFIG.replace(
        "port: 0,", "port: 0, warmup: async (host) => { await sleep(300); global.warm = host.config.port },"
    )
    release(directory, config.replace("version: () => 1", "version: () => typeof global.warm"))
    host = launch("--workers", "2").wait_until_ready()
    with JSHost(root_url=host.url) as caller:
        assert caller.function("version")() == "number"
    assert host.end() == 0


def test_a_warm_up_that_fails_is_a_start_that_fails(launch: Any, directory: Path) -> None:
    release(directory, CONFIG.replace("port: 0,", "port: 0,\n  warmup: () => { throw new Error('no database') },"))
    host = launch()
    assert host.code() == 1
    assert host.said("no database")
    assert host.said("host.config.js:4")


def test_a_host_that_can_not_start_ends_with_code_1_and_starts_nothing_again(launch: Any, directory: Path) -> None:
    release(directory, f"require('fs').appendFileSync('{directory}/starts', '.'); throw new Error('broken')")
    host = launch("--workers", "2", "--address", "127.0.0.1")
    assert host.code() == 1
    assert len((directory / "starts").read_text()) <= 3
    assert host.said("broken")


def test_a_killed_worker_is_noticed_and_replaced_at_once(run: Any, wait_for: Any) -> None:
    host = run()
    with JSHost(root_url=host.url) as caller:
        pid = caller.function("pid")()
        errors: list[tuple[float, BaseException]] = []

        def call() -> None:
            try:
                caller.function("waits", timeout=20)()
            except BaseException as error:
                errors.append((time.monotonic(), error))

        thread = threading.Thread(target=call)
        thread.start()
        wait_for(lambda: host.said("it waits"))
        killed_at = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        thread.join()
        (noticed_at, error) = errors[0]
        assert noticed_at - killed_at < 0.1
        assert isinstance(error, (WorkerDied, ConnectionError))
        assert caller.function("pid")() != pid
    wait_for(lambda: host.said("was killed by SIGKILL"))
    assert host.end() == 0


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


def test_a_start_that_fails_is_one_object_too(launch: Any, directory: Path) -> None:
    release(directory, "throw new Error('broken')")
    host = launch("--log-format", "json")
    assert host.code() == 1
    lines = [json.loads(line) for line in host.lines]
    assert lines[-1]["level"] == "error"
    assert "broken" in lines[-1]["message"]


def test_with_watch_changed_code_is_loaded_by_itself(run: Any, directory: Path, wait_for: Any) -> None:
    host = run("--watch")
    with JSHost(root_url=host.url) as caller:
        version = caller.function("version")
        assert version() == 1
        release(directory, CONFIG.replace("version: () => 1", "version: () => 2"))
        wait_for(lambda: version() == 2, 20)
    assert host.end() == 0


def test_it_leaves_no_file_behind_but_its_sockets_while_it_runs(run: Any, directory: Path) -> None:
    before = set(os.listdir(directory))
    host = run()
    assert set(os.listdir(directory)) == before
    assert host.end() == 0
