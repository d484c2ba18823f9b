"""`js-host run` from its start to its end: what signals ask for is done here.

SIGHUP: other workers, with the code of now, take over. SIGTERM and SIGINT: running calls finish, within their time; a
second one of them ends at once.
"""

from __future__ import annotations

import logging
import signal
import time
from queue import Empty, SimpleQueue
from threading import Thread

from ..exceptions import JSHostError
from .orphans import collect_orphans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .._host.supervisor import Supervisor
    from .systemd import Notifier

__all__ = ["Serving"]

logger = logging.getLogger("js_host.run")

DRAINED, RELOADED = 0, -1
"""What the queue of signals gets too; no signal has these numbers."""

PULSE = 1.0
"""Seconds between looks whether all is well."""


class Serving:
    """A supervisor in the care of signals. `started` says that it serves, or has; `draining`, that it does no more."""

    def __init__(self, supervisor: Supervisor, notifier: Notifier, drain_timeout: float) -> None:
        self.supervisor = supervisor
        self.notifier = notifier
        self.drain_timeout = drain_timeout
        self.started = self.draining = False
        self.events: SimpleQueue[int] = SimpleQueue()  # the one kind of queue that a signal handler may put into

    def serve(self, place: str, announce: Callable[[], None]) -> int:
        """Start, announce it, and stay until a signal ends it. One that comes before it is ready ends the start.

        Returns the exit code: 0 where all calls could finish, 1 where not. Raises StartError if it can not start.
        """
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        self._hear(signal.SIGHUP)
        try:
            self.supervisor.start()
            self._hear(signal.SIGTERM, signal.SIGINT)
        except KeyboardInterrupt:
            self.supervisor.kill()
            return 0
        self.started = True
        announce()
        self._status = f"Serving at {place}"
        self.notifier.ready(self._status)
        return self._stay()

    def _hear(self, *numbers: signal.Signals) -> None:
        for number in numbers:
            signal.signal(number, lambda number, frame: self.events.put(number))

    def _stay(self) -> int:
        while (event := self._next()) not in (signal.SIGTERM, signal.SIGINT):
            if event == signal.SIGHUP:
                self.notifier.reloading()
                self._in_thread(self._reload, RELOADED)
            elif event == RELOADED:
                self.notifier.ready(self._status)
            elif not self.supervisor.is_running:
                logger.error("The supervisor of the workers has failed, so this ends. This is a defect of js-host.")
                return 1
        return self._drain()

    def _next(self) -> int | None:
        """The next event; None where there is none for a while."""
        try:
            return self.events.get(timeout=min(self.notifier.interval or PULSE, PULSE))
        except Empty:
            return None
        finally:
            self.notifier.alive()
            collect_orphans(self.supervisor)

    def _in_thread(self, work: Callable[[], None], done: int) -> None:
        def run() -> None:
            try:
                work()
            finally:
                self.events.put(done)

        Thread(target=run, daemon=True).start()

    def _reload(self) -> None:
        logger.info("Reloading: other workers load the code of now.")
        try:
            self.supervisor.reload()
        except JSHostError as error:
            logger.debug("The reload failed: %s", error)  # the supervisor has said so, as a warning

    def _drain(self) -> int:
        """Let calls finish; a second signal ends them."""
        self.draining = True
        began = time.time()
        self.notifier.stopping()
        self._stop_listening()
        logger.info("Stopping: running calls have %g s to finish; a second signal ends them.", self.drain_timeout)
        self._in_thread(lambda: self.supervisor.stop(self.drain_timeout), DRAINED)
        while (event := self._next()) in (None, RELOADED, signal.SIGHUP):
            pass
        if event == DRAINED:
            return 1 if self._were_calls_cut_off(began) else 0
        self.supervisor.kill()
        return 1

    def _stop_listening(self) -> None:
        """Give up the shared sockets: once the workers, which drain, have closed theirs, callers are refused."""
        with self.supervisor.lock:
            shared = self.supervisor.sockets.shared if self.supervisor.sockets else []
            for listener in shared:
                listener.close()
            shared.clear()

    def _were_calls_cut_off(self, since: float) -> bool:
        ends = [slot.last_end for slot in self.supervisor.slots]
        cut = [end for end in ends if end is not None and end.kind == "killed" and end.at >= since]
        for end in cut:
            logger.warning("Worker %s (pid %s) %s.", end.worker, end.pid, end.reason)
        return bool(cut)
