"""`js-host status`, `logs`, `stop` and `restart` with a host that a manager keeps."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host._cli.stop import SERVED
from js_host.exceptions import ConnectionError
from js_host.manager import JSHostManager

CONFIG = """
module.exports = {
  disconnectTimeout: 200,
  functions: {
    pid: () => process.pid,
    environment: (name) => process.env[name] || null,
    print: (text) => { console.log(text) },
    exit: () => process.exit(3),
    spin: () => { for (;;); }
  }
}
"""


class Shop:
    """A directory with a config, its managed host, and the command line there."""

    def __init__(self, left: Any) -> None:
        self.left = left
        self.config: Path = left.config(CONFIG)
        self.host = JSHost(self.config, managed=True)
        self.running: list[subprocess.Popen[str]] = []

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command, and return it."""
        command, pipe = [sys.executable, "-m", "js_host", *arguments], subprocess.PIPE
        self.running.append(subprocess.Popen(command, cwd=self.left.directory, stdout=pipe, stderr=pipe, text=True))
        return self.running[-1]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command: exit code, stdout and stderr."""
        command = self.begin(*arguments)
        out, err = command.communicate(timeout=60)
        return command.returncode, out, err

    def status(self) -> Any:
        """What `status --json` says of the only host."""
        code, out, err = self.run("status", "--json")
        assert code == 0, err
        ((host,),) = [manager["hosts"] for manager in json.loads(out)["managers"]]
        return host

    def close(self) -> None:
        for command in self.running:
            command.kill()
            command.communicate()
        self.host.close()
        for manager in JSHostManager.all():
            manager.stop()


@pytest.fixture
def shop(nothing_left: Any) -> Iterator[Shop]:
    shop = Shop(nothing_left)
    yield shop
    shop.close()


def test_status_shows_the_manager_its_hosts_and_who_uses_them(shop: Shop) -> None:
    pid = shop.host.function("pid")()
    code, out, _ = shop.run("status")
    assert code == 0
    assert re.match(r"manager    pid \d+, version \S+, up \d", out)
    assert f"host       {shop.config}\n" in out
    assert re.search(rf"workers    0: pid {pid}, ready, up .*, 1 call, \d+ MB \(heap \d+ MB\)\n", out)
    assert f"(pid {os.getpid()})" in out
    assert f"log        {shop.host.logfile}" in out


def test_status_tells_the_last_crash_and_what_was_printed_before_it(shop: Shop) -> None:
    shop.host.function("print")("about to go")
    with pytest.raises(ConnectionError):
        shop.host.function("exit")()
    shop.host.function("pid")()
    _, out, _ = shop.run("status")
    assert "last crash" in out
    assert "function 'exit' called process.exit(3).\n           It printed last:\n             | about to go" in out


def test_status_tells_that_changed_code_does_not_start(shop: Shop, wait_for: Any) -> None:
    shop.host.function("pid")()
    save(shop.config, "module.exports = {")
    wait_for(lambda: "SyntaxError" in str(shop.status()["reload_failure"]), 20)
    assert "failure    The changed code does not start" in shop.run("status")[1]


def test_status_counts_the_calls_of_each_worker(shop: Shop, wait_for: Any) -> None:
    for _ in range(7):
        shop.host.function("pid")()
    wait_for(lambda: shop.status()["workers"][0]["answers"], 20)
    (worker,) = shop.status()["workers"]
    assert (worker["calls"], worker["answers"], worker["running"]) == (7, True, [])
    assert worker["heap"] > 1_000_000


def test_a_worker_that_is_stuck_does_not_hold_up_status(shop: Shop) -> None:
    shop.host.function("pid")()
    assert shop.status()["workers"][0]["answers"]
    code = f"from js_host import JSHost; JSHost({str(shop.config)!r}, managed=True).function('spin', timeout=30)()"
    program = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        give_up_at = time.monotonic() + 20
        while (worker := shop.status()["workers"][0])["answers"]:
            assert time.monotonic() < give_up_at
        assert worker["calls"] >= 1
        manager = shop.host.manager
        assert manager is not None
        began = time.monotonic()
        assert manager.get_status()
        assert time.monotonic() - began < 2
    finally:
        program.kill()
        program.wait()
        os.kill(worker["pid"], signal.SIGKILL)


def test_asking_for_the_status_does_not_disturb_a_reload(shop: Shop, wait_for: Any) -> None:
    pid, stop = shop.host.function("pid"), threading.Event()
    pid()
    asker = threading.Thread(target=ask_until, args=(stop,))
    asker.start()
    seen: list[int] = []
    try:
        for number in range(1, 6):
            save(shop.config, CONFIG.replace("process.pid", str(number)))
            wait_for(lambda number=number: seen.append(pid()) or seen[-1] == number, 20)  # type: ignore[misc]
    finally:
        stop.set()
        asker.join()
    numbers = [answer for answer in seen if answer < 6]
    assert numbers == sorted(numbers)


def ask_until(stop: threading.Event) -> None:
    while not stop.is_set():
        assert JSHostManager().get_status()


def save(path: Path, text: str) -> None:
    """As editors do: another file is renamed into the place."""
    other = path.with_suffix(".tmp")
    other.write_text(text)
    os.replace(other, path)


def test_status_finds_the_manager_of_another_environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.host.function("pid")()
    monkeypatch.setenv("NODE_ENV", "other")
    assert not JSHostManager().is_running()
    assert shop.status()["config_file"] == str(shop.config)


def test_where_nothing_runs_status_says_so(shop: Shop) -> None:
    shop.config.write_text(CONFIG.replace("disconnectTimeout", "port: 1, disconnectTimeout"))
    code, out, err = shop.run("status")
    assert (code, out) == (1, "")
    assert err.startswith(
        "js-host: No host is managed. No host answers at http://127.0.0.1:1: Connection refused. Start"
    )
    shop.config.unlink()
    assert shop.run("status")[2].startswith("js-host: No host is managed. There is no config file")


def test_logs_are_there_while_the_host_runs_and_after_it_has_stopped(shop: Shop) -> None:
    shop.host.function("print")("hello")
    shop.host.stop()
    code, out, _ = shop.run("logs")
    assert code == 0
    assert re.search(r"^20[\d-]+ [\d:.]+ worker 0 \(\d+\) print #\d+ (info|log): hello$", out, re.MULTILINE)
    assert len(shop.run("logs", "-n", "1")[1].splitlines()) == 1
    records = [json.loads(line) for line in shop.run("logs", "--json")[1].splitlines()]
    assert "hello" in [record["text"] for record in records]


def test_logs_that_are_followed_end_quietly_on_ctrl_c(shop: Shop) -> None:
    shop.host.function("print")("before")
    following = shop.begin("logs", "-f", "-n", "1")
    assert following.stdout is not None
    following.stdout.readline()
    shop.host.function("print")("after")
    while not (line := following.stdout.readline()).endswith("info: after\n"):
        assert line, "it ended"  # else a line from before, which may reach the file late
    following.send_signal(signal.SIGINT)
    assert following.communicate(timeout=10) == ("", "")
    assert following.returncode == -signal.SIGINT


def test_logs_that_are_not_there_yet_can_be_waited_for(shop: Shop) -> None:
    code, _, err = shop.run("logs")
    assert code == 1
    assert f"No managed host of {shop.config} has left a log" in err
    following = shop.begin("logs", "-f")
    assert following.stderr is not None
    assert following.stdout is not None
    assert following.stderr.readline().startswith("Waiting for ")
    shop.host.function("pid")()
    assert "manager info: starting the host" in following.stdout.readline()


def test_stop_ends_the_host_and_its_manager_and_says_what_it_did(shop: Shop) -> None:
    shop.host.function("pid")()
    assert shop.run("stop") == (0, f"Stopped the host of {shop.config}\n", "")
    assert JSHostManager.all() == []
    assert shop.run("stop")[::2] == (0, f"No host of {shop.config} is managed: there was nothing to stop. {SERVED}\n")


def test_stop_all_ends_every_host(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.host.function("pid")()
    monkeypatch.setenv("NODE_ENV", "other")
    other = JSHost(shop.left.config(CONFIG, "other.config.js"), managed=True)
    other.function("pid")()
    code, out, _ = shop.run("stop", "--all")
    assert code == 0
    assert sorted(out.splitlines()) == [
        f"Stopped the host of {shop.config}",
        f"Stopped the host of {other.config_file}",
    ]
    assert JSHostManager.all() == []
    assert shop.run("stop", "--all")[0] == 0
    other.close()


def test_with_several_hosts_config_picks_one(shop: Shop) -> None:
    shop.host.function("pid")()
    other = JSHost(shop.left.config(CONFIG, "other.config.js"), managed=True)
    other.function("pid")()
    assert shop.run("stop", "--config", "other.config.js")[0] == 0
    assert shop.status()["config_file"] == str(shop.config)
    other.close()


def test_restart_puts_a_new_worker_in_place_with_the_environment_that_the_host_had(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREETING", "hello")
    host = JSHost(shop.config, managed=True, env=["GREETING"])
    before = host.function("pid")()
    monkeypatch.delenv("GREETING")
    assert shop.run("restart") == (0, f"Restarted the host of {shop.config}\n", "")
    assert host.function("pid")() != before
    assert host.function("environment")("GREETING") == "hello"
    host.close()


def test_restart_of_code_that_does_not_start_is_told_and_the_old_worker_stays(shop: Shop) -> None:
    before = shop.host.function("pid")()
    shop.config.write_text("module.exports = {")
    code, _, err = shop.run("restart")
    assert code == 1
    assert f"{shop.config}:1" in err
    with warnings.catch_warnings(action="ignore"):  # the reload may have failed by then too, and says so
        assert shop.host.function("pid")() == before


def test_restart_of_what_does_not_run_says_so(shop: Shop) -> None:
    code, _, err = shop.run("restart")
    assert (code, "is managed. The next call of a program starts it." in err) == (1, True)
