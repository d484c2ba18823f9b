"""What systemd passes and hears: environment variables, descriptors and words."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from js_host._cli.run_logs import Lines
from js_host._cli.systemd import Notifier, inherited_listeners
from js_host.exceptions import StartError


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(5)
        yield ear


def test_the_words_are_those_of_sd_notify(ear: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": ear.getsockname()})
    notifier.ready("Serving at here")
    notifier.reloading()
    notifier.stopping()
    notifier.alive()
    words = [ear.recv(1000).decode() for _ in range(4)]
    assert words[0] == "READY=1\nSTATUS=Serving at here"
    assert re.match(r"RELOADING=1\nMONOTONIC_USEC=\d+\n", words[1])
    assert words[2].startswith("STOPPING=1\n")
    assert words[3] == "WATCHDOG=1"


def test_an_abstract_socket_is_meant_by_an_at() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"\0js-host-test-{os.getpid()}")
        ear.settimeout(5)
        Notifier({"NOTIFY_SOCKET": f"@js-host-test-{os.getpid()}"}).alive()
        assert ear.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_where_nobody_listens_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    notifier.ready("")
    notifier.stopping()
    assert environ == {}


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "30000000"}, 15.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "30000000"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_wants(environ: dict[str, str], interval: float | None) -> None:
    assert Notifier(environ).interval == interval
    assert environ == {}


def test_sockets_that_are_passed_are_taken_and_not_inherited_further() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = os.dup(listener.fileno())
        os.set_inheritable(number, True)
        environ = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "http"}
        (taken,) = inherited_listeners(environ, first=number)
        assert taken.getsockname() == listener.getsockname()
        assert not os.get_inheritable(number)
        assert environ == {}
        taken.close()


@pytest.mark.parametrize(
    "environ", [{}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "x"}]
)
def test_sockets_of_another_process_are_left_alone(environ: dict[str, str]) -> None:
    assert inherited_listeners(environ) == []


def test_what_is_no_listening_socket_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w") as file, pytest.raises(StartError, match="LISTEN_FDS promises a socket"):
        inherited_listeners({"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}, first=file.fileno())


class Disk:
    """A stream that can be full."""

    def __init__(self) -> None:
        self.full = True
        self.written: list[str] = []

    def write(self, text: str) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.written.append(text)

    def flush(self) -> None:
        pass


def test_lines_that_were_lost_are_told_when_there_is_room_again() -> None:
    import logging

    disk = Disk()
    handler = Lines(disk)  # type: ignore[arg-type]
    for number in range(4):
        disk.full = number < 3
        handler.handle(logging.LogRecord("x", logging.INFO, "", 0, f"line {number}", (), None))
    assert disk.written == ["line 3\n", "3 lines of this log were lost: they could not be written\n"]
