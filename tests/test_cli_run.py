"""`js-host run`: what signals do to it, and, with real Node, a host on a fixed port."""

import signal
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Event

import pytest

from js_host._cli.run import drain, listen_to_signals, serve
from js_host.cli import main


class FakeSupervisor:
    """A supervisor that stops when it is told that the calls are done."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.calls_done = Event()
        self.on_start = lambda: None

    def start(self) -> None:
        self.said.append("start")
        self.on_start()

    def stop(self, timeout: float) -> None:
        self.said.append(f"stop within {timeout:g} s")
        self.calls_done.wait()

    def kill(self) -> None:
        self.said.append("kill")
        self.calls_done.set()


@pytest.fixture
def signals_restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_host_that_drains_in_time_ends_with_code_0() -> None:
    supervisor = FakeSupervisor()
    supervisor.calls_done.set()
    assert drain(supervisor, SimpleQueue(), 5) == 0  # type: ignore[arg-type]
    assert supervisor.said == ["stop within 5 s"]


def test_a_second_signal_ends_at_once_with_code_1() -> None:
    supervisor = FakeSupervisor()
    events: SimpleQueue[int] = SimpleQueue()
    events.put(signal.SIGTERM)
    assert drain(supervisor, events, 5) == 1  # type: ignore[arg-type]
    assert "kill" in supervisor.said


@pytest.mark.usefixtures("signals_restored")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_arrive_in_the_queue(number: signal.Signals) -> None:
    events = listen_to_signals()
    signal.raise_signal(number)
    assert events.get(timeout=5) == number


@pytest.mark.usefixtures("signals_restored")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_host_is_ready_ends_the_start(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor = FakeSupervisor()
    supervisor.on_start = lambda: signal.raise_signal(number)
    assert serve(supervisor, "127.0.0.1:9009", 5) == 0  # type: ignore[arg-type]
    assert supervisor.said == ["start", "kill"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "option", ["--workers=0", "--workers=x", "--port=70000", "--port=-1", "--drain-timeout=0", "--start-timeout=nan"]
)
def test_a_number_that_makes_no_sense_is_a_wrong_use(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", option]) == 2
    assert f"argument {option.partition('=')[0]}: invalid " in capsys.readouterr().err
