"""Another user of the machine gets at no socket, no file and no secret of a host. Needs root, to be another user."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host.manager import JSHostManager

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")

CONFIG = "module.exports = { functions: { one: () => 1 } }"

ATTACK = """
import os, socket, sys
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
for path in sys.argv[2:]:
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(path)
        print("connected to", path)
    except PermissionError:
        print("denied")
"""


def as_nobody(*paths: str) -> list[str]:
    """What another user sees who tries to connect."""
    command = [sys.executable, "-I", "-c", ATTACK, str(NOBODY), *paths]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.splitlines()


def sockets_in(directory: Path) -> list[str]:
    return [str(path) for path in directory.glob("js-host/**/*") if stat.S_ISSOCK(path.lstat().st_mode)]


def open_to_all(directory: Path) -> None:
    """Let others through to the runtime directory, which js_host has closed itself: only its own guard counts."""
    directory.chmod(0o755)
    (directory / "run").chmod(0o755)


@pytest.mark.parametrize("managed", [False, True])
def test_another_user_can_not_connect_to_a_host(nothing_left: Any, managed: bool) -> None:
    open_to_all(nothing_left.directory)
    host = JSHost(nothing_left.config(CONFIG), managed=managed)
    host.start()
    try:
        assert host.function("one")() == 1
        sockets = sockets_in(nothing_left.runtime)
        assert len(sockets) >= 2
        assert as_nobody(*sockets) == ["denied"] * len(sockets)
    finally:
        host.stop()
        if managed:
            JSHostManager().stop()


def test_sockets_and_their_directories_are_closed_each_by_itself(nothing_left: Any) -> None:
    with JSHost(nothing_left.config(CONFIG)):
        for path in (nothing_left.runtime / "js-host").glob("**/*"):
            assert not path.lstat().st_mode & 0o077, path
        assert (nothing_left.runtime / "js-host").stat().st_mode & 0o777 == 0o700


def test_a_directory_that_another_user_has_made_for_us_is_not_used(nothing_left: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    temporary = nothing_left.directory / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    trap = temporary / f"js-host-{os.getuid()}"
    trap.mkdir(mode=0o700)
    os.chown(trap, NOBODY, NOBODY)
    with JSHost(nothing_left.config(CONFIG)) as host:
        assert host.function("one")() == 1
        assert str(trap) not in host.get_url()
    assert list(trap.iterdir()) == []


def test_another_user_on_the_same_machine_needs_the_token(run: Any) -> None:
    host = run(token="a-token-for-the-tests-0123")
    with socket.create_connection(("127.0.0.1", host.port), 10) as line:
        line.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 401 ")
