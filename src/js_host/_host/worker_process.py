"""One Node process: spawned with the descriptors that it needs, ended, and reaped.

`os.posix_spawn` starts it without a fork of this Python and without importing `subprocess`. It
gets a session of its own, so that Ctrl-C in a terminal reaches Python and not Node, default signal
dispositions, and an empty signal mask, whatever those of this thread are.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` would import `enum` for the names of them all
import _socket
import fcntl
import os
import sys
from time import monotonic, sleep

from js_host._host.leash import make_leash, tie
from js_host._host.sockets import RawSocket
from js_host.exceptions import StartError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

__all__ = ["LAST_WAIT", "UNKNOWN_STATUS", "ExecFailed", "WorkerProcess", "end_all"]

CONTROL, PRIVATE, CONNECTION, LEASH, FIRST_SHARED = 3, 4, 5, 6, 7

SOCKET_BUFFER = 1 << 20
"""A connection that is made here has larger buffers than one that a worker accepts: large messages cross faster."""

SIGNALS_RESET = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGPIPE, _signal.SIGALRM, _signal.SIGTERM)

LAST_WAIT = 5.0
"""Seconds to wait for processes that were killed. SIGKILL can not be refused, only delayed by the system."""

UNKNOWN_STATUS = -1
"""Somebody else collected the process (`os.wait`, or SIGCHLD ignored), so how it ended is lost."""


class ExecFailed(StartError):
    """The system did not run the program at all."""

    def __init__(self, message: str, error: OSError) -> None:
        super().__init__(message)
        self.error = error


class WorkerProcess:
    """A running worker, as seen from here: its pid, our ends of its control channel and leash, and what it prints.

    `connections` are connected to it already, for the first client that asks; the worker serves them when it is ready.

    The pid is used only until it is reaped: after that, it may be somebody else's.
    """

    __slots__ = ("connections", "control", "leash", "output", "pid", "pidfd", "status")

    def __init__(self, pid: int, control: int, connection: int, leash: int, output: dict[str, int]) -> None:
        self.pid = pid
        self.control = RawSocket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, control)
        self.connections = [connection]
        self.leash = leash
        self.output = output
        self.pidfd = _open_pidfd(pid)
        self.status: int | None = None

    @classmethod
    def spawn(
        cls, path: str, argv: Sequence[str], env: Mapping[str, str], *, slot: int, private: int, shared: Sequence[int]
    ) -> WorkerProcess:
        """Start `path` with `argv` and the descriptors named in its last arguments."""
        ours: list[int] = []
        theirs: list[int] = []
        try:
            control = _control_pair(ours, theirs)
            output = {name: _pipe(ours, theirs) for name in ("stdout", "stderr")}
            connection = _connection_pair(ours, theirs)
            leash = _leash(ours, theirs)
            targets = _targets(theirs, private, shared)
            pid = _posix_spawn(path, [path, *argv, *_descriptor_arguments(slot, len(shared))], env, targets)
            tie(theirs[4], pid)
            return cls(pid, control, connection, leash, output)
        except OSError as error:
            _close_all(ours)
            raise ExecFailed(f"{path} could not be started: {error.strerror}.", error) from error
        except BaseException:
            _close_all(ours)
            raise
        finally:
            _close_all(theirs)

    def kill(self) -> None:
        """End it now. Does nothing if it has ended."""
        if self.status is not None:
            return
        try:
            if self.pidfd >= 0:
                _signal.pidfd_send_signal(self.pidfd, _signal.SIGKILL)
            else:
                os.kill(self.pid, _signal.SIGKILL)
        except ProcessLookupError:
            pass

    def reap(self) -> bool:
        """Collect it if it has ended, with every child of its group that it left. Never waits."""
        if self.status is None:
            if _is_zombie(self.pid):
                _kill_group(self.pid)  # while its pid is not given back, no stranger can have that number
            self.status = _wait_status(self.pid)
        return self.status is not None

    def close(self) -> None:
        """Close every descriptor of ours. The worker takes the end of its control channel as the order to end."""
        self.control.close()
        _close_all(fd for fd in (*self.output.values(), self.pidfd, self.leash) if fd >= 0)
        self._close_connections()
        self.output.clear()
        self.pidfd = self.leash = -1

    def _close_connections(self) -> None:
        """Close those that nobody took. Who pops one has it for itself, so a client can not lose its own to this."""
        try:
            while True:
                os.close(self.connections.pop())
        except IndexError:
            pass


def end_all(processes: Sequence[WorkerProcess]) -> None:
    """End processes, reap them, and close what they are held by."""
    for process in processes:
        process.kill()
    give_up_at = monotonic() + LAST_WAIT
    while not all(process.reap() for process in processes) and monotonic() < give_up_at:
        sleep(0.001)
    for process in processes:
        process.close()


def _descriptor_arguments(slot: int, shared: int) -> list[str]:
    arguments = ["--control", str(CONTROL), "--private", str(PRIVATE), "--connection", str(CONNECTION)]
    for number in range(shared):
        arguments += ["--shared", str(FIRST_SHARED + number)]
    return [*arguments, "--slot", str(slot)]


def _control_pair(ours: list[int], theirs: list[int]) -> int:
    """Open the two ends of a control channel. Returns ours."""
    our_end, their_end = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    our_end.setblocking(False)
    theirs.append(their_end.detach())
    ours.append(our_end.detach())
    return ours[-1]


def _connection_pair(ours: list[int], theirs: list[int]) -> int:
    """Open the two ends of a client's connection. Returns ours."""
    ends = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    for end in ends:
        end.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, SOCKET_BUFFER)
    ours.append(ends[0].detach())
    theirs.append(ends[1].detach())
    return ours[-1]


def _leash(ours: list[int], theirs: list[int]) -> int:
    reading, writing = make_leash()
    theirs.append(reading)
    ours.append(writing)
    return writing


def _pipe(ours: list[int], theirs: list[int]) -> int:
    """Open a pipe from the worker to us; its two ends go to the two lists."""
    read, write = os.pipe()
    ours.append(read)
    theirs.append(write)
    os.set_blocking(read, False)
    return read


def _targets(theirs: list[int], private: int, shared: Sequence[int]) -> list[int]:
    """Duplicate what becomes descriptor 0, 1, 2 … of the worker to numbers above all of those.

    Otherwise one `dup2` could overwrite what a later one is to copy.
    """
    control, stdout, stderr, connection, leash = theirs
    null = os.open(os.devnull, os.O_RDONLY)
    theirs.append(null)
    targets = []
    for descriptor in (null, stdout, stderr, control, private, connection, leash, *shared):
        targets.append(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_SHARED + len(shared)))
        theirs.append(targets[-1])
    return targets


def _posix_spawn(path: str, argv: Sequence[str], env: Mapping[str, str], targets: Sequence[int]) -> int:
    actions: list[tuple[int, ...]] = [
        (os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(targets)
    ]
    close_from = getattr(os, "POSIX_SPAWN_CLOSEFROM", None)  # Python 3.14: shuts out inheritable strangers too
    if close_from is not None:
        actions.append((close_from, len(targets)))
    spawn: Any = os.posix_spawn
    _check_loop(spawn)
    settings = {"file_actions": actions, "setsigmask": (), "setsigdef": SIGNALS_RESET}
    try:
        return int(spawn(path, argv, env, setsid=True, **settings))
    except NotImplementedError:  # no setsid in this system's posix_spawn (macOS before 10.15): a group of its own
        return int(spawn(path, argv, env, setpgroup=0, **settings))


def _check_loop(spawn: Any) -> None:
    """Raise StartError where gevent, which has replaced `spawn`, could not watch what it starts.

    It would say so itself, but in its own words, and with the process running already.
    """
    if getattr(spawn, "__module__", None) != "gevent.os" or sys.modules["gevent"].get_hub().loop.default:
        return
    raise StartError(
        "The host can not be started in this thread: gevent watches processes in the main thread only. "
        "Start the host in the main thread, with `host.start()` or `with`; then any thread may call its functions."
    )


def _close_all(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        try:
            os.close(descriptor)
        except OSError:
            pass


def _open_pidfd(pid: int) -> int:
    """Open a descriptor that becomes readable when the process ends; -1 where the system has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1


def _is_zombie(pid: int) -> bool:
    """Whether it has ended and is not collected yet. False where that can not be asked (no waitid on macOS)."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except (ChildProcessError, AttributeError):
        return False


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, _signal.SIGKILL)
    except OSError:
        pass


def _wait_status(pid: int) -> int | None:
    try:
        done, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return UNKNOWN_STATUS
    return status if done else None
