"""One host in the care of a manager: a supervisor, its log file, and who waits for it to start or to end.

What waits (starting, stopping, explaining) runs in a thread of its own, and its outcome is posted to the manager's
one thread, which alone decides.
"""

from __future__ import annotations

import _thread
import os
import time

from js_host._host.options import SupervisorOptions
from js_host._host.supervisor import Supervisor
from js_host._manager.leases import DEFAULT_PATIENCE
from js_host._manager.logfile import LogFile, host_log_path
from js_host.exceptions import StartError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeVar

    from js_host._host.endings import WorkerEnd
    from js_host._host.lines import LogLine
    from js_host._manager.followers import Followers

    Result = TypeVar("Result")
    Post = Callable[[Callable[[], None]], None]

__all__ = ["RUNNING", "STARTING", "STOPPING", "ManagedHost", "in_thread"]

NO_THREAD = "The system gives the manager no more threads. End some programs, or raise the limit (`ulimit -u`)."

STARTING, RUNNING, STOPPING = "starting", "running", "stopping"


def in_thread(
    post: Post, work: Callable[[], Result], then: Callable[[Result | None, BaseException | None], None]
) -> None:
    """Do some work in a thread of its own, and have `then` called in the manager's with the result or the error."""

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            outcome: tuple[Result | None, BaseException | None] = (None, error)
        else:
            outcome = (result, None)
        post(lambda: then(*outcome))

    import threading

    try:
        threading.Thread(target=run, name="js-host-manager-work", daemon=True).start()
    except RuntimeError:
        post(lambda: then(None, StartError(NO_THREAD)))


class ManagedHost:
    """A host from its start to its end. Used by the manager's thread; the work of `start` and `stop` in others."""

    def __init__(self, key: str, request: Mapping[str, Any], post: Post, followers: Followers) -> None:
        self.id = os.urandom(6).hex()
        self.key = key
        self.request = dict(request)
        self.config_file = str(request["config_file"])
        self.state = STARTING
        self.began_at = time.time()
        self.log = LogFile(host_log_path(self.config_file, key))
        self.supervisor = Supervisor(_options(self.request, self._log))
        self._post = post
        self._followers = followers
        self._lock = _thread.allocate_lock()
        self._unwanted = False
        self._when_started: list[Callable[[BaseException | None], None]] = []
        self._when_stopped: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"<ManagedHost {self.id} of {self.config_file}: {self.state}>"

    # Starting.

    def start(self) -> None:
        """Begin to start it."""
        self.log.say(f"starting the host of {self.config_file} for {self.request.get('program', 'a program')}")
        in_thread(self._post, self._start, self._started)

    def when_started(self, then: Callable[[BaseException | None], None]) -> None:
        """Have `then` called when it has started, with None, or could not, with the error."""
        if self.state == STARTING:
            self._when_started.append(then)
        else:
            then(None if self.state == RUNNING else StartError("The host was stopped."))

    def _start(self) -> None:
        with self._lock:
            if self._unwanted:
                raise StartError(f"The host of {self.config_file} was stopped before it was ready.")
            self.supervisor.begin()
        self.supervisor.wait_until_ready()

    def _started(self, _: None, error: BaseException | None) -> None:
        if error is not None:
            self.log.say(str(error), "error")
        elif self.state == STARTING:
            self.state = RUNNING
        waiting, self._when_started = self._when_started, []
        for then in waiting:
            then(error)

    # Stopping.

    def stop(self) -> None:
        """Begin to stop it: its calls may finish first."""
        if self.state != STOPPING:
            self.state = STOPPING
            in_thread(self._post, self._stop, self._stopped)

    def when_stopped(self, then: Callable[[], None]) -> None:
        """Have `then` called when it is gone. To be asked for before that."""
        self._when_stopped.append(then)

    def _stop(self) -> None:
        with self._lock:
            self._unwanted = True
        self.supervisor.stop()
        self.log.say("stopped")
        self.log.close()

    def _stopped(self, _: None, error: BaseException | None) -> None:
        for then in self._when_stopped:
            then()

    def _log(self, lines: Sequence[LogLine]) -> None:
        """Keep what the workers print, and pass it on; in a thread of the supervisor's."""
        self.log.write(lines)
        self._followers.put(self.key, lines)

    # Asking.

    @property
    def is_usable(self) -> bool:
        """Whether it starts, or runs and may be called."""
        return self.state == STARTING or (self.state == RUNNING and self.supervisor.is_running)

    @property
    def patience(self) -> float:
        """Seconds for which it is kept when nobody holds it: what its config says."""
        for slot in self.supervisor.slots:
            timeout = (slot.info or {}).get("disconnectTimeout")
            if isinstance(timeout, (int, float)):
                return timeout / 1000
        return DEFAULT_PATIENCE

    @property
    def status(self) -> object:
        """What its workers say of themselves."""
        for slot in self.supervisor.slots:
            if slot.info:
                return slot.info.get("status")
        return None

    def story(self, number: int) -> tuple[str, str] | None:
        """Why no worker is in a slot: kind and text."""
        return self.supervisor.slots[number].absence

    def explain(self, number: int, pid: int, wait: float) -> WorkerEnd | None:
        """Why that worker ended; see `Supervisor.explain`."""
        return self.supervisor.explain(self.supervisor.slots[number], pid, wait)


def _options(request: Mapping[str, Any], log: Callable[[Sequence[LogLine]], None]) -> SupervisorOptions:
    return SupervisorOptions(
        request["config_file"],
        workers=request.get("workers") or 1,
        path_to_node=request.get("path_to_node"),
        node_args=request.get("node_args") or (),
        worker_args=("--spin", str(request.get("spin") or 0)),
        env=request.get("env"),
        shared_unix=True,
        reload=True,
        start_timeout=request.get("start_timeout") or 30.0,
        log=log,
    )
