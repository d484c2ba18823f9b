"""`js-host run`: what signals do to it, and which options make no sense."""

from __future__ import annotations

import pathlib
import signal
import sys
from collections.abc import Iterator
from threading import Event, RLock
from types import SimpleNamespace
from typing import Any

import pytest

from js_host._cli.run import announce, listen, listen_as_told
from js_host._cli.serving import Serving
from js_host._cli.systemd import Notifier
from js_host.cli import main, make_parser
from js_host.exceptions import StartError


class FakeSupervisor:
    """A supervisor that stops when it is told that the calls are done."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.calls_done = Event()
        self.on_start = lambda: None
        self.on_reload = lambda: None
        self.is_running = True
        self.lock = RLock()
        self.sockets = None
        self.slots: list[Any] = []

    def start(self) -> None:
        self.said.append("start")
        self.on_start()

    def reload(self) -> None:
        self.said.append("reload")
        self.on_reload()

    def stop(self, timeout: float) -> None:
        self.said.append(f"stop within {timeout:g} s")
        self.calls_done.wait()

    def kill(self) -> None:
        self.said.append("kill")
        self.calls_done.set()


@pytest.fixture(autouse=True)
def signals_restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def supervisor() -> FakeSupervisor:
    return FakeSupervisor()


@pytest.fixture
def serving(supervisor: FakeSupervisor) -> Serving:
    return Serving(supervisor, Notifier({}), 5)  # type: ignore[arg-type]


def serve(serving: Serving, *numbers: signal.Signals) -> int:
    """Serve, and get these signals as soon as it serves."""
    return serving.serve("here", lambda: [signal.raise_signal(number) for number in numbers])  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_host_that_drains_in_time_ends_with_code_0(
    serving: Serving, supervisor: FakeSupervisor, number: signal.Signals
) -> None:
    supervisor.calls_done.set()
    assert serve(serving, number) == 0
    assert supervisor.said == ["start", "stop within 5 s"]


def test_a_second_signal_ends_at_once_with_code_1(serving: Serving, supervisor: FakeSupervisor) -> None:
    assert serve(serving, signal.SIGTERM, signal.SIGINT) == 1
    assert "kill" in supervisor.said


def test_a_host_whose_calls_were_cut_off_ends_with_code_1(serving: Serving, supervisor: FakeSupervisor) -> None:
    end = SimpleNamespace(kind="killed", at=float("inf"), worker=0, pid=7, reason="did not finish its calls in time")
    supervisor.slots = [SimpleNamespace(last_end=end)]
    supervisor.calls_done.set()
    assert serve(serving, signal.SIGTERM) == 1


def test_a_hangup_reloads_and_the_host_stays(serving: Serving, supervisor: FakeSupervisor) -> None:
    supervisor.calls_done.set()
    supervisor.on_reload = lambda: signal.raise_signal(signal.SIGTERM)
    assert serve(serving, signal.SIGHUP) == 0
    assert supervisor.said == ["start", "reload", "stop within 5 s"]


def test_a_reload_that_fails_ends_nothing(serving: Serving, supervisor: FakeSupervisor) -> None:
    def fail() -> None:
        supervisor.calls_done.set()
        signal.raise_signal(signal.SIGTERM)
        raise StartError("a bad release")

    supervisor.on_reload = fail
    assert serve(serving, signal.SIGHUP) == 0


def test_a_hangup_while_it_drains_changes_nothing(serving: Serving, supervisor: FakeSupervisor) -> None:
    assert serve(serving, signal.SIGTERM, signal.SIGHUP, signal.SIGTERM) == 1
    assert "reload" not in supervisor.said


def test_a_supervisor_that_failed_ends_it_with_code_1(serving: Serving, supervisor: FakeSupervisor) -> None:
    supervisor.is_running = False
    assert serve(serving) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_host_is_ready_ends_the_start(
    serving: Serving, supervisor: FakeSupervisor, number: signal.Signals
) -> None:
    supervisor.on_start = lambda: signal.raise_signal(number)
    assert serving.serve("here", lambda: pytest.fail("it was announced")) == 0
    assert supervisor.said == ["start", "kill"]


@pytest.mark.parametrize(
    "option",
    [
        *("--workers=0", "--workers=x", "--port=70000", "--port=-1", "--drain-timeout=0", "--start-timeout=nan"),
        *("--max-calls=0", "--max-memory=1.5", "--max-age=-1", "--log-format=xml"),
    ],
)
def test_a_number_that_makes_no_sense_is_a_wrong_use(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", option]) == 2
    assert f"argument {option.partition('=')[0]}" in capsys.readouterr().err


def test_a_place_where_it_can_not_listen_is_told_with_where_it_is_written() -> None:
    with pytest.raises(
        StartError, match=r"See `address` and `port` in /app/host\.config\.js, or --address and --port\."
    ):
        listen("192.0.2.1", 9009, "/app/host.config.js")


def test_a_host_without_functions_is_warned_of(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    config = tmp_path / "host.config.js"
    config.write_text("module.exports = { port: 0 }\n")
    arguments = make_parser().parse_args(["run", str(config)])
    listen_as_told(arguments, str(config)).close()
    assert f"{config} offers no functions. Write module.exports = {{ functions:" in caplog.text


def test_the_announcement_is_written_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[str] = []
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(write=pieces.append, flush=lambda: None))
    announce(["127.0.0.1:9009"], "text")
    assert pieces == ["Host listening at 127.0.0.1:9009\n"]
