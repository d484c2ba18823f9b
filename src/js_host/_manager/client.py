"""A program's side of the manager: leases of hosts, and requests.

    with lease(settings_message("/path/to/host.config.js")) as held:
        held.slots[0].address           # connect there

A lease is a connection: it ends when that closes, by `release`, or with the program, however it ends. After a fork it
stays the parent's; the child's copy is closed and not alive, and the child leases for itself. No lock is needed in
here: between threads, as between processes, the lock file decides who starts a manager.
"""

from __future__ import annotations

import _thread
import json
import os
import sys
from time import monotonic

from js_host._host.environment import pick
from js_host._host.sockets import RawSocket
from js_host._manager.find import START_LIMIT, connect, find_or_start
from js_host._manager.fork import close_held
from js_host._manager.place import find_place
from js_host._manager.protocol import OTHER_VERSION, RETIRED, VERSION, Lines, absolute_node, raise_error
from js_host.exceptions import StartError
from js_host.utils.sockets import NO_SIGPIPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Any, Self

    from js_host._manager.place import Place

__all__ = [
    "RESTART_LIMIT",
    "Lease",
    "LeasedSlot",
    "WorkerStory",
    "ask_or_start",
    "lease",
    "request",
    "request_or_start",
    "settings_message",
]

CHUNK = 65536

ANSWER_LIMIT = 30.0
"""Seconds within which a manager answers what does not start anything."""

RESTART_LIMIT = 90.0
"""Seconds within which a host that runs is replaced: a start of the usual length, and the calls of the old workers."""

EXPLAIN_WAIT = 0.1
"""Seconds that a manager may wait to learn why a worker ended."""

SLACK = 5.0
"""Seconds that a manager may take longer for a start than the worker has."""


class LeasedSlot:
    """A worker's place in a managed host. Whether a worker is ready there is the manager's to know: it looks so."""

    __slots__ = ("address", "number", "ready")

    def __init__(self, number: int, address: str) -> None:
        self.number = number
        self.address = address
        self.ready = True

    def take_connection(self) -> int | None:
        """None: connections that are made before a worker starts are only for the process that starts it."""
        return None


class WorkerStory:
    """Why a worker ended, or is not there, told by the manager: `kind` as of WorkerSlot.absence; and the text."""

    __slots__ = ("kind", "text")

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text

    def __str__(self) -> str:
        return self.text


class Lease:
    """A claim on a managed host. `started` says whether it was started for this; `status` is what its workers say."""

    __slots__ = (
        "_line",
        "_lock",
        "_rest",
        "config_file",
        "host",
        "logfile",
        "manager",
        "shared_address",
        "slots",
        "started",
        "status",
    )

    def __init__(self, line: RawSocket, config_file: str, answer: Mapping[str, Any], rest: bytes = b"") -> None:
        line.setblocking(False)
        self._line: RawSocket | None = line
        self._lock = _thread.allocate_lock()
        self._rest = rest
        self.config_file = config_file
        self.host: str = answer["host"]
        self.started: bool = answer["started"]
        self.manager: int = answer["manager"]
        self.slots = [LeasedSlot(slot["number"], slot["address"]) for slot in answer["slots"]]
        self.shared_address: str | None = answer["shared_address"]
        self.status: dict[str, Any] = answer["status"] or {}
        self.logfile: str | None = answer["logfile"]

    def __repr__(self) -> str:
        return f"<Lease of {self.config_file}: {'alive' if self.is_alive() else 'ended'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __del__(self) -> None:
        try:
            self.release()
        except Exception:
            pass  # Python is ending, and the lease with it

    def is_alive(self) -> bool:
        """Whether it holds and the addresses are good. Costs one system call; False for good once it is False.

        Not, when the manager ended, when the host was stopped, and when it was restarted, at other addresses.
        """
        line = self._line
        if line is None or self._rest or line.fileno() < 0:
            return False
        if not self._lock.acquire(False):
            return True  # another thread is asking the manager for something
        try:
            self._rest = line.recv(CHUNK) or b"!"  # words without a question: the host moved, or was stopped
        except BlockingIOError:
            return True
        except OSError:
            self._rest = b"!"
        finally:
            self._lock.release()
        return False

    def release(self) -> None:
        """Give the claim up."""
        line, self._line = self._line, None
        if line is not None:
            close_held(line)

    def explain(self, slot: int, pid: int = 0, wait: float = EXPLAIN_WAIT) -> WorkerStory | None:
        """Why the worker with that process id ended; without one, why none is there. None if nobody knows."""
        message = {"op": "explain", "version": VERSION, "host": self.host, "slot": slot, "pid": pid, "wait": wait}
        try:
            answer = self._ask(message, wait + SLACK) if self.is_alive() else None
        except StartError:
            return None  # the manager has no time for us
        if answer is None:
            return self._story_of_the_end()
        return WorkerStory(answer["kind"], answer["text"]) if answer.get("text") else None

    def _ask(self, message: Mapping[str, Any], limit: float) -> dict[str, Any] | None:
        """Ask this very manager, which others may not find any more; None if it, or the lease, ends."""
        line = self._line
        if line is None:
            return None
        with self._lock:
            try:
                answer, rest = _ask(line, message, monotonic() + limit, self._note)
                self._rest += rest
            finally:
                if line.fileno() >= 0:
                    line.setblocking(False)
        return answer

    def _note(self, event: Mapping[str, Any]) -> None:
        self._rest += json.dumps(event).encode()

    def _story_of_the_end(self) -> WorkerStory:
        if b"stopped" in self._rest:
            return WorkerStory("stopped", f"The host of {self.config_file} was stopped, and its workers with it.")
        if b"moved" in self._rest:
            return WorkerStory("stopped", f"The host of {self.config_file} was restarted.")
        return WorkerStory("manager-gone", f"The manager (pid {self.manager}) ended, and its workers with it.")


def lease(message: Mapping[str, Any], say: Callable[[str], None] | None = None) -> Lease:
    """Lease the host of a `settings_message`; it, and the manager, are started if they do not run.

    A host that runs already is taken as it is: with its number of workers, and the environment of the program that it
    was started for. `say` is told what is being started. Raises StartError (and its like: ConfigError, NodeNotFound)
    with the whole story.
    """
    config_file = message["config_file"]

    def tell(event: Mapping[str, Any]) -> None:
        if say is not None and event["event"] == "starting":
            say(f"Starting the host of {config_file}" + (f", which logs to {log}" if (log := event["logfile"]) else ""))

    line, answer, rest = ask_or_start("lease", message, message["start_timeout"] + SLACK, say, tell)
    return Lease(line, config_file, answer, rest)


def request_or_start(op: str, message: Mapping[str, Any], limit: float = ANSWER_LIMIT) -> dict[str, Any]:
    """Ask for what needs a manager, and starts one: `restart` the host of a `settings_message`."""
    line, answer, _ = ask_or_start(op, message, message["start_timeout"] + limit)
    close_held(line)
    return answer


def request(
    op: str, limit: float = ANSWER_LIMIT, *, place: Place | None = None, **fields: object
) -> dict[str, Any] | None:
    """Ask the manager (of that place, or of this environment) for something; None if there is none.

    Raises what it says failed. If it says that it ends, this returns when it has ended.
    """
    line = connect(place or find_place())
    if line is None:
        return None
    try:
        answer, _ = _ask(line, {"op": op, "version": VERSION, **fields}, monotonic() + limit)
        if answer and answer.get("exiting"):
            _wait_for_end(line, monotonic() + limit)
    finally:
        close_held(line)
    if answer is not None:
        raise_error(answer)
    return answer


def settings_message(
    config_file: str,
    *,
    workers: int = 1,
    path_to_node: str | None = None,
    node_args: Sequence[str] = (),
    env: Sequence[str] = (),
    spin: int = 0,
    start_timeout: float = 30.0,
) -> dict[str, Any]:
    """What a manager must know to find the host of a config file, or to start it, and for whom.

    `env` names the variables that it gets besides the usual ones. `spin` is in microseconds, `start_timeout` in s.
    """
    return {
        "version": VERSION,
        "config_file": os.path.abspath(config_file),
        "workers": workers,
        "path_to_node": absolute_node(path_to_node),
        "node_args": list(node_args),
        "spin": spin,
        "start_timeout": start_timeout,
        "env": pick(os.environ, env),
        "wanted_env": list(env),
        "pid": os.getpid(),
        "program": os.path.basename(sys.argv[0]) if sys.argv and sys.argv[0] else "python",
    }


def ask_or_start(
    op: str,
    message: Mapping[str, Any],
    limit: float,
    say: Callable[[str], None] | None = None,
    tell: Callable[[Mapping[str, Any]], None] | None = None,
) -> tuple[RawSocket, dict[str, Any], bytes]:
    """Ask until a manager answers. One that ends without an answer, or may not give one, is followed by another."""
    give_up_at = monotonic() + START_LIMIT
    while True:
        line = find_or_start(give_up_at, say)
        try:
            answer, rest = _ask(line, {**message, "op": op}, monotonic() + limit, tell)
            if answer is not None and answer.get("error") not in (OTHER_VERSION, RETIRED):
                raise_error(answer)
                return line, answer, rest
        except BaseException:
            close_held(line)
            raise
        close_held(line)
        if answer is not None and answer["error"] == OTHER_VERSION:
            request("retire")
        if monotonic() > give_up_at:
            raise StartError("The manager ended, again and again, before it answered.")


def _ask(
    line: RawSocket,
    message: Mapping[str, Any],
    deadline: float,
    tell: Callable[[Mapping[str, Any]], None] | None = None,
) -> tuple[dict[str, Any] | None, bytes]:
    """Send a request, and return the answer with what came behind it; None if the manager ended before that."""
    lines = Lines()
    try:
        line.settimeout(max(0.001, deadline - monotonic()))
        line.sendall(json.dumps(message).encode() + b"\n", NO_SIGPIPE)
        while True:
            line.settimeout(max(0.001, deadline - monotonic()))
            data = line.recv(CHUNK)
            if not data:
                return None, b""
            said = lines.feed(data)
            for number, text in enumerate(said):
                answer: dict[str, Any] = json.loads(text)
                if "event" not in answer:
                    return answer, b"".join(said[number + 1 :]) + lines.rest
                if tell is not None:
                    tell(answer)
    except TimeoutError:
        raise StartError(f"The manager did not answer {message['op']!r} in time.") from None
    except OSError:
        return None, b""


def _wait_for_end(line: RawSocket, deadline: float) -> None:
    try:
        line.settimeout(max(0.001, deadline - monotonic()))
        while line.recv(CHUNK):
            pass
    except OSError:
        pass
