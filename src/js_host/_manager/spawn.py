"""Start the manager's process: detached, with the lock, the listening socket and a pipe to say that it is ready.

It gets a session of its own, so no terminal, process group or parent takes it along, and stands in no way: its
standard streams are its log file, it sits in `/`, and it closes whatever else it inherited. What we start forks once
and ends, so that the manager is no child of this program, which would have to collect it one day.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
from time import monotonic

from js_host._host.sockets import RawSocket
from js_host._manager.fork import close_held, no_fork, open_held
from js_host._manager.logfile import manager_log_path, open_private
from js_host._manager.place import Place, manager_environment
from js_host.exceptions import StartError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["LISTENER", "LOCK", "READY", "spawn_manager"]

LISTENER, LOCK, READY = 3, 4, 5
"""The numbers of what the manager inherits."""

# By number, as POSIX has them: HUP, INT, QUIT, PIPE, ALRM, TERM. `signal` would import `enum` for their names.
SIGNALS_RESET = (1, 2, 3, 13, 14, 15)

SIGKILL = 9

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")


def spawn_manager(place: Place, listener: RawSocket, lock: int, deadline: float) -> str:
    """Start it and wait until it says that it is ready. Returns what it said; empty if it ended without a word.

    Our copies of the descriptors stay ours to close. Raises StartError if the system does not start it.
    """
    pipe = open_held(os.pipe)
    assert pipe is not None
    hearing, saying = pipe
    try:
        try:
            with no_fork:
                child = _spawn(place, [listener.fileno(), lock, saying])
        finally:
            close_held(saying)
        try:
            return _hear(hearing, deadline)
        finally:
            _collect(child)
    finally:
        close_held(hearing)


def _spawn(place: Place, inherited: Sequence[int]) -> int:
    opened = [os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)]
    try:
        opened.append(_open_log(place.name))
        # Duplicated above the targets first: otherwise one dup2 could overwrite what a later one is to copy.
        for descriptor in (opened[0], opened[1], opened[1], *inherited):
            opened.append(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, READY + 1))
        return _posix_spawn(place, opened[2:])
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _open_log(name: str) -> int:
    path = manager_log_path(name)
    try:
        return open_private(path or os.devnull)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


def _posix_spawn(place: Place, targets: Sequence[int]) -> int:
    python = _python()
    actions = [(os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(targets)]
    settings: dict[str, Any] = {"file_actions": actions, "setsigmask": (), "setsigdef": SIGNALS_RESET}
    argv = [python, "-P", PROGRAM, place.socket]
    environment = manager_environment(os.environ)
    try:
        try:
            return os.posix_spawn(python, argv, environment, setsid=True, **settings)
        except NotImplementedError:  # macOS before 10.15
            return os.posix_spawn(python, argv, environment, setpgroup=0, **settings)
    except OSError as error:
        raise StartError(f"Can not start a manager with {python}: {error.strerror}.") from error


def _python() -> str:
    """The path of this Python. In a program that embeds it (uWSGI), `sys.executable` may be that program."""
    if os.path.basename(sys.executable or "").lower().startswith(("python", "pypy")):
        return sys.executable
    name = f"python{sys.version_info.major}"
    path = os.path.join(sys.exec_prefix, "bin", name)
    if not os.access(path, os.X_OK):
        raise StartError(f"Can not start a manager: there is no Python at {path}, and {sys.executable!r} is none.")
    return path


def _collect(child: int) -> None:
    """Collect the process that we started: when the manager has spoken, or ended, it has done its part."""
    try:
        done, _ = os.waitpid(child, os.WNOHANG)
        if not done:
            os.kill(child, SIGKILL)
            os.waitpid(child, 0)
    except (ChildProcessError, ProcessLookupError):
        pass  # somebody else collected it (`os.wait`, or SIGCHLD ignored)


def _hear(hearing: int, deadline: float) -> str:
    """Read one line from the pipe; nothing, if it is closed before that."""
    said = b""
    poll = select.poll()
    poll.register(hearing, select.POLLIN)
    while (left := deadline - monotonic()) > 0:
        if poll.poll(left * 1000):
            data = os.read(hearing, 65536)
            said += data
            if not data or said.endswith(b"\n"):
                return said.decode("utf-8", "replace").strip() if data else ""
    raise StartError("The manager that was started did not get ready in time.")
