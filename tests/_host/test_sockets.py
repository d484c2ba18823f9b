"""Where sockets live, who may be there, and what is left of them."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from js_host._host import runtime_dir
from js_host._host.runtime_dir import LONGEST_ADDRESS, PrivateDirectory, runtime_directory, sweep
from js_host._host.sockets import HostSockets, listen_tcp, listen_unix
from js_host.exceptions import StartError


@pytest.fixture
def only(nothing_left: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Leave no place for sockets but those that the test allows, by what it puts in the list."""
    allowed: list[str] = []
    monkeypatch.setattr(runtime_dir, "_candidates", lambda: iter(allowed))
    nothing_left.allowed = allowed
    return nothing_left


# The runtime directory.


def test_the_runtime_directory_of_the_session_is_taken_and_made_private(nothing_left: Any) -> None:
    path = runtime_directory()
    assert path == str(nothing_left.runtime / "js-host")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700


def test_without_a_session_the_temporary_directory_is_taken(nothing_left: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("TMPDIR", str(nothing_left.directory))
    assert runtime_directory() == str(nothing_left.directory / f"js-host-{os.getuid()}")


@pytest.mark.parametrize("value", ["relative/path", "", "/no/such/directory"])
def test_a_runtime_directory_that_is_none_is_passed_over(
    value: str, nothing_left: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)
    monkeypatch.setenv("TMPDIR", str(nothing_left.directory))
    assert runtime_directory() == str(nothing_left.directory / f"js-host-{os.getuid()}")
    assert not os.path.exists("/no/such")


def test_a_read_only_temporary_directory_leads_to_the_next_place(only: Any) -> None:
    only.allowed += ["/proc/js-host-0", str(only.directory / "cache-js-host")]
    assert runtime_directory() == only.allowed[1]


def test_the_cache_is_the_last_resort(nothing_left: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(nothing_left.directory))
    assert list(runtime_dir._candidates())[-1] == str(nothing_left.directory / ".cache" / "js-host")


def test_no_home_is_no_trouble(nothing_left: Any) -> None:
    code = "from js_host._host.runtime_dir import _candidates; print(list(_candidates()))"
    environment = {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry), "HOME": "relative"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, timeout=60)
    assert b"/tmp/js-host-" in done.stdout
    assert b"cache" not in done.stdout


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("link", "is a symbolic link"),
        ("file", "is not a directory"),
        ("open", r"is open to other users \(mode 0755"),
        ("long", "too long"),
        ("foreign", "belongs to another user"),
    ],
)
def test_a_place_that_is_not_private_is_refused_and_left_as_it_is(kind: str, said: str, only: Any) -> None:
    place = only.directory / "place"
    if kind == "link":
        (only.directory / "target").mkdir(0o700)
        place.symlink_to(only.directory / "target")
    elif kind == "file":
        place.write_text("")
    elif kind == "open":
        place.mkdir()
        place.chmod(0o755)
    elif kind == "long":
        place = only.directory / ("x" * 80)
    elif kind == "foreign":
        if os.getuid() != 0:
            pytest.skip("only root can make a directory of another user")
        place.mkdir(0o700)
        os.chown(place, 12345, 12345)
    only.allowed.append(str(place))
    before = os.lstat(place) if os.path.lexists(place) else None
    with pytest.raises(StartError, match=said) as caught:
        runtime_directory()
    assert str(place) in str(caught.value)
    assert "Set XDG_RUNTIME_DIR" in str(caught.value)
    assert (os.lstat(place) if os.path.lexists(place) else None) == before


def test_a_runtime_directory_of_another_user_is_passed_over(nothing_left: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make a directory of another user")
    os.chown(nothing_left.runtime, 12345, 12345)
    monkeypatch.setenv("TMPDIR", str(nothing_left.directory))
    assert runtime_directory() == str(nothing_left.directory / f"js-host-{os.getuid()}")


# The sockets of a host.


def test_a_host_has_one_private_socket_for_each_worker(nothing_left: Any) -> None:
    sockets = HostSockets(3, shared_unix=True)
    assert len(set(sockets.addresses)) == len(sockets.private) == 3
    for address in [*sockets.addresses, sockets.shared_address]:
        assert len(os.fsencode(address)) <= LONGEST_ADDRESS
        assert stat.S_IMODE(os.stat(address).st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(address)
    assert stat.S_IMODE(os.stat(sockets.directory).st_mode) == 0o700
    sockets.close()


def test_sockets_are_not_inherited_by_other_programs(nothing_left: Any) -> None:
    sockets = HostSockets(1)
    assert not os.get_inheritable(sockets.private[0].fileno())
    sockets.close()


def test_closing_removes_every_file_and_can_be_repeated(nothing_left: Any) -> None:
    sockets = HostSockets(2)
    sockets.close()
    sockets.close()
    assert nothing_left.sockets() == []


def test_a_thousand_callers_can_wait_for_a_worker(nothing_left: Any) -> None:
    sockets = HostSockets(1)
    callers = [socket.socket(socket.AF_UNIX) for _ in range(511)]
    for caller in callers:
        caller.setblocking(False)
        caller.connect(sockets.addresses[0])
    for caller in callers:
        caller.close()
    sockets.close()


def test_a_long_project_path_does_not_matter(nothing_left: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = nothing_left.directory.joinpath(*["d" * 60] * 5)
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    HostSockets(1).close()


def test_a_runtime_directory_with_a_long_path_leads_to_the_next_place(
    nothing_left: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = nothing_left.directory / ("d" * 90)
    deep.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    monkeypatch.setenv("TMPDIR", str(nothing_left.directory))
    sockets = HostSockets(1)
    assert sockets.parent == str(nothing_left.directory / f"js-host-{os.getuid()}")
    sockets.close()


def test_a_full_directory_is_a_clear_error(nothing_left: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runtime_dir, "_make_and_lock", full)
    with pytest.raises(StartError, match=r"Can not make a directory for sockets in .*: No space left on device"):
        HostSockets(1)


@pytest.mark.parametrize("kind", ["file", "link", "directory", "socket"])
def test_what_lies_in_the_way_is_refused_and_not_touched(kind: str, nothing_left: Any) -> None:
    path = nothing_left.directory / "s"
    blocker = socket.socket(socket.AF_UNIX)
    if kind == "file":
        path.write_text("precious")
    elif kind == "link":
        path.symlink_to("elsewhere")
    elif kind == "directory":
        path.mkdir()
    else:
        blocker.bind(str(path))
    with pytest.raises(StartError, match="is in the way") as caught:
        listen_unix(str(path))
    assert str(path) in str(caught.value)
    assert os.path.lexists(path)
    blocker.close()


def test_a_stale_socket_is_replaced_only_on_request_and_never_a_file(nothing_left: Any) -> None:
    path = nothing_left.directory / "s"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    listen_unix(str(path), replace=True).close()
    path.unlink()
    path.write_text("precious")
    with pytest.raises(StartError, match="a file is in the way"):
        listen_unix(str(path), replace=True)
    assert path.read_text() == "precious"


def test_a_path_that_is_too_long_is_a_clear_error(nothing_left: Any) -> None:
    with pytest.raises(StartError, match=r"may have 103 bytes, and this one has \d+"):
        listen_unix(str(nothing_left.directory / ("ü" * 60)))


# Leftovers.


def test_what_a_killed_program_left_is_swept(nothing_left: Any) -> None:
    code = (
        "import os, signal; from js_host._host.sockets import HostSockets; "
        "sockets = HostSockets(2); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=60)
    assert len(nothing_left.sockets()) == 4
    assert sweep(str(nothing_left.runtime / "js-host")) == 1
    assert nothing_left.sockets() == []


def test_a_living_host_is_never_swept(nothing_left: Any) -> None:
    sockets = HostSockets(1)
    assert sweep(sockets.parent) == 0
    assert os.path.exists(sockets.addresses[0])
    sockets.close()


def test_a_half_made_directory_is_swept_and_its_owner_makes_another(nothing_left: Any) -> None:
    parent = Path(runtime_directory())
    (parent / "h-halfmade").mkdir()
    assert sweep(str(parent)) == 1
    assert nothing_left.sockets() == []


def test_an_owner_whose_lock_was_swept_away_notices(nothing_left: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = runtime_directory()
    flock, rounds = fcntl.flock, []

    def swept_first(descriptor: int, operation: int) -> None:
        if not rounds:
            rounds.append(1)
            sweep(parent)  # between the owner's open and its flock
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", swept_first)
    directory = PrivateDirectory(parent)
    assert os.path.exists(os.path.join(directory.path, "lock"))
    directory.close()


def test_no_socket_vanishes_while_others_sweep_without_a_pause(nothing_left: Any) -> None:
    parent = runtime_directory()
    code = "import sys\nfrom js_host._host.runtime_dir import sweep\nprint(flush=True)\nwhile True: sweep(sys.argv[1])"
    pipe = subprocess.PIPE
    sweepers = [subprocess.Popen([sys.executable, "-c", code, parent], stdout=pipe) for _ in range(2)]
    try:
        for sweeper in sweepers:
            sweeper.stdout.readline()  # type: ignore[union-attr]
        for _ in range(100):
            hosts = [HostSockets(2, shared_unix=True) for _ in range(3)]
            for host in hosts:
                assert all(map(os.path.exists, [*host.addresses, host.shared_address]))
                host.close()
    finally:
        for sweeper in sweepers:
            sweeper.kill()
            sweeper.communicate()
    sweep(parent)


def test_a_forked_child_neither_removes_nor_keeps_the_directory(nothing_left: Any) -> None:
    sockets = HostSockets(1)
    child = os.fork()
    if child == 0:
        sockets.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert os.path.exists(sockets.addresses[0])
    sockets.close()


# TCP.


def test_tcp_listens_where_it_is_told(nothing_left: Any) -> None:
    for address in ("127.0.0.1", "localhost"):
        listener = listen_tcp(address, 0)
        with socket.create_connection(listener.getsockname()[:2], timeout=5):
            pass
        listener.close()


def test_a_taken_port_names_its_owner(nothing_left: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError) as caught:
            listen_tcp("127.0.0.1", port)
    assert f"port {port} at 127.0.0.1: it is taken" in str(caught.value)
    assert f"by process {os.getpid()}" in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("203.0.113.7", "not one of this machine's"),
        ("no.such.host.invalid", "that is no address of this machine"),
        ("a" * 70, "that is no address of this machine"),
        ("\udcff", "that is no address of this machine"),
    ],
)
def test_a_wrong_address_is_a_clear_error(address: str, said: str, nothing_left: Any) -> None:
    with pytest.raises(StartError, match=said):
        listen_tcp(address, 0)
