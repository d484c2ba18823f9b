"""Places that are wrong, other versions and other environments."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from js_host._host import runtime_dir
from js_host._manager import client, protocol, spawn
from js_host._manager.fork import close_held, open_held
from js_host._manager.lock import take_lock
from js_host._manager.place import find_place
from js_host.exceptions import StartError


def test_the_lock_is_one_mans_and_free_when_he_closes_it(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    lock = take_lock(path)
    assert lock is not None
    assert take_lock(path) is None
    copy = os.dup(lock)
    os.close(lock)
    assert take_lock(path) is None
    os.close(copy)
    again = take_lock(path)
    assert again is not None
    os.close(again)
    assert os.stat(path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.symlink_to("/etc/passwd"), "symbolic link"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: os.mkfifo(path), "not a file"),
    ],
    ids=["link", "directory", "pipe"],
)
def test_what_is_no_lock_file_is_refused(make: Any, why: str, tmp_path: Path) -> None:
    make(tmp_path / "a.lock")
    with pytest.raises(StartError, match=why):
        take_lock(str(tmp_path / "a.lock"))


def test_who_starts_a_manager_closes_no_descriptor_that_another_thread_has_opened_meanwhile(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[int] = []

    def hear(hearing: int, deadline: float) -> str:
        others.append(open_held(lambda: os.open(os.devnull, os.O_RDONLY)) or -1)
        return "ready"

    monkeypatch.setattr(spawn, "_spawn", lambda place, inherited: inherited[-1])
    monkeypatch.setattr(spawn, "_collect", lambda child: others.append(child))
    monkeypatch.setattr(spawn, "_hear", hear)
    with socket.socket() as listener:
        assert spawn.spawn_manager(find_place(), listener, 0, 0.0) == "ready"
    assert others[0] == others[1]  # it has the number of the pipe's end that was closed
    os.fstat(others[0])
    close_held(others[0])


def test_a_stale_socket_is_replaced(place: Any) -> None:
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(find_place().socket)
    stale.close()
    assert place.lease().is_alive()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.write_text("precious"), "a file is in the way"),
        (lambda path: path.symlink_to("/tmp/elsewhere"), "a symbolic link is in the way"),
        (lambda path: path.mkdir(), "a directory is in the way"),
    ],
    ids=["file", "link", "directory"],
)
def test_anything_else_in_the_sockets_place_is_refused_and_not_touched(make: Any, why: str, place: Any) -> None:
    path = Path(find_place().socket)
    make(path)
    with pytest.raises(StartError, match=why):
        place.lease()
    assert os.path.lexists(path)
    path.rmdir() if path.is_dir() else path.unlink()


def test_a_link_to_a_socket_that_answers_is_not_followed(place: Any, tmp_path: Path) -> None:
    listener = socket.create_server(str(tmp_path / "s"), family=socket.AF_UNIX)
    path = Path(find_place().socket)
    path.symlink_to(tmp_path / "s")
    with pytest.raises(StartError, match="a symbolic link is in the way"):
        place.lease()
    listener.close()
    path.unlink()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_runtime_directory_that_others_may_enter_is_not_used(
    mode: int, place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = place.left.runtime / "js-host"
    directory.mkdir(exist_ok=True)
    directory.chmod(mode)
    (place.left.directory / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(place.left.directory / "tmp"))
    held = place.lease()
    assert held.slots[0].address.startswith(str(place.left.directory / "tmp"))
    assert list(directory.iterdir()) == []
    place.manager.stop()


def test_no_home_and_no_state_directory_cost_nothing(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/proc/nowhere")
    monkeypatch.delenv("XDG_STATE_HOME")
    held = place.lease()
    assert place.call(held, "print", "x") is None
    log = place.left.runtime / "js-host" / "log"
    assert Path(held.logfile).parent == log
    place.manager.stop()
    for path in log.iterdir():
        path.unlink()
    log.rmdir()


def test_a_lock_that_is_held_by_nobody_who_answers_is_told_with_its_path(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = take_lock(find_place().lock)
    assert lock is not None
    monkeypatch.setattr(client, "START_LIMIT", 0.2)
    with pytest.raises(StartError, match=f"another process holds {find_place().lock}"):
        place.lease()
    os.close(lock)


def test_a_manager_that_can_not_start_is_told_with_its_log(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from js_host._manager import spawn

    broken = place.left.directory / "broken.py"
    broken.write_text("raise SystemExit('I am broken')")
    monkeypatch.setattr(spawn, "PROGRAM", str(broken))
    with pytest.raises(StartError, match=r"started 3 times.*\.log"):
        place.lease()
    assert "I am broken" in Path(place.manager.logfile).read_text()


# What the manager's own place lacks.


def test_a_config_that_never_finishes_loading_is_a_start_error_at_the_limit(place: Any, wait_for: Any) -> None:
    never = place.left.config("for (;;);", "never.config.js")
    began = time.monotonic()
    with pytest.raises(StartError, match=r"was not ready after 1 s"):
        place.lease(str(never), start_timeout=1.0)
    assert time.monotonic() - began < 15
    wait_for(lambda: not place.workers())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
def test_a_full_disk_for_logs_loses_lines_and_says_so_and_no_call_fails(place: Any) -> None:
    state = place.left.directory / "state"
    state.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", state], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs here: {mounted.stderr!r}")
    try:
        held = place.lease()
        for _ in range(40):
            assert place.call(held, "print", "x" * 10_000) is None
        assert place.call(held, "pid") in place.workers()
        assert "lines of the log were lost: No space left on device" in str(place.manager.hosts[0]["log_note"])
        place.manager.stop()
    finally:
        subprocess.run(["umount", "--lazy", state], check=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_a_read_only_home_and_temp_and_no_runtime_directory_are_told_with_all_that_was_tried(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = place.left.directory / "closed"
    closed.mkdir(mode=0o500)
    monkeypatch.setattr(runtime_dir, "_candidates", lambda: [str(closed / "js-host"), str(closed / "js-host-0")])
    place.left.directory.chmod(0o711)
    text = as_nobody(lambda: (story_of_no_place(),))[0]
    assert "There is no place for the sockets of a host" in text
    assert str(closed / "js-host") in text
    assert "Set XDG_RUNTIME_DIR" in text


def story_of_no_place() -> str:
    with pytest.raises(StartError) as caught:
        find_place()
    return str(caught.value)


# Versions.


def test_a_manager_of_another_version_retires_and_serves_its_leases_to_the_end(
    place: Any, monkeypatch: pytest.MonkeyPatch, wait_for: Any
) -> None:
    old = place.lease()
    monkeypatch.setattr(protocol, "VERSION", "99.0.0")
    monkeypatch.setattr(client, "VERSION", "99.0.0")
    monkeypatch.setattr(client, "START_LIMIT", 5.0)
    fake_next_version(place, monkeypatch)
    new = place.lease()
    assert new.manager != old.manager
    assert old.is_alive()
    assert place.call(old, "pid") != place.call(new, "pid")
    old.release()
    wait_for(lambda: place.managers() == [new.manager])
    assert new.is_alive()


def fake_next_version(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have managers started that say that they are of the next version."""
    from js_host._manager import spawn

    program = Path(spawn.PROGRAM)
    next_one = place.left.directory / "_manager" / "__main__.py"
    next_one.parent.mkdir()
    root = str(program.parents[2])
    next_one.write_text(
        f"import sys; sys.path.insert(0, {root!r})\n"
        "import js_host; js_host.__version__ = '99.0.0'\n"
        "from js_host._manager.daemon import main\nsys.exit(main(sys.argv[1]))\n"
    )
    monkeypatch.setattr(spawn, "PROGRAM", str(next_one))


def test_an_idle_manager_of_another_version_is_gone_at_once(place: Any, wait_for: Any) -> None:
    held = place.lease()
    place.manager.stop_host(place.config, stop_manager_if_last=False)
    assert client.request("retire") == {"retired": True}
    wait_for(lambda: held.manager not in place.managers())


# Environments.


def test_another_environment_has_another_manager(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = place.lease()
    monkeypatch.setenv("NODE_ENV", "production")
    assert not place.manager.is_running()
    second = place.lease()
    assert second.manager != first.manager
    assert place.call(second, "env", "NODE_ENV") == "production"
    assert place.call(first, "env", "NODE_ENV") is None
    place.manager.stop()
    assert first.is_alive()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_another_user_has_another_manager(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    held = place.lease()
    place.left.directory.chmod(0o711)
    place.left.runtime.chmod(0o711)
    shared = place.left.directory / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setenv("TMPDIR", str(shared))
    path = find_place()
    seen = as_nobody(lambda: (find_place().socket, place.manager.is_running(), can_connect(path)))
    assert seen == (str(shared / "js-host-65534" / Path(path.socket).name), False, False)
    assert held.is_alive()


def can_connect(path: Any) -> bool:
    from js_host._manager.find import connect

    return connect(path) is not None


def as_nobody(look: Any) -> Any:
    """What a child process that is another user sees."""
    hear, say = os.pipe()
    child = os.fork()
    if not child:
        os.setgid(65534)
        os.setuid(65534)
        os.write(say, json.dumps(look()).encode())
        os._exit(0)
    os.close(say)
    with open(hear, "rb") as pipe:
        seen = tuple(json.load(pipe))
    os.waitpid(child, 0)
    return seen
