"""Start, stop and ask about the workers of one host.

    supervisor = Supervisor(SupervisorOptions("host.config.js", workers=2))
    supervisor.start()                      # returns when every worker is ready
    supervisor.slots[0].address             # connect here; it stays the same when the worker is replaced
    supervisor.explain(slot, pid)           # why did that worker end?
    supervisor.reload()                     # new workers with the code of now take over
    supervisor.stop()

Every method may be called from any thread. One lock, `supervisor.lock`, guards the slots; the
keeper's thread holds it while it changes them, and nothing that waits or calls foreign code runs
under it. After a fork, a child's copy is foreign: it owns nothing and does nothing.

What comes before the first spawn decides how fast a host starts, so `threading`, `json`, `logging`
and all that need them are imported after it, while Node boots.
"""

from __future__ import annotations

import _thread
import os
from time import monotonic

from js_host._host import lifecycle, living
from js_host._host.node import FIX, exec_fault, find_node, is_fault_of_program, what_is_wrong_with
from js_host._host.options import SupervisorOptions
from js_host._host.sockets import HostSockets
from js_host._host.spawner import Spawner
from js_host._host.worker_process import LAST_WAIT, ExecFailed, end_all
from js_host.exceptions import NodeNotFound, StartError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from typing import Any

    from js_host._host.endings import WorkerEnd
    from js_host._host.keeper import Keeper
    from js_host._host.node import Node
    from js_host._host.slot import WorkerSlot

__all__ = ["Supervisor", "SupervisorOptions"]


class Supervisor:
    """Keeps the workers of one host alive, from `start` to `stop`. Each is used once; for another start, make another.

    `sockets` may be given to run on sockets made before; they are closed with the host.
    """

    def __init__(self, options: SupervisorOptions, sockets: HostSockets | None = None) -> None:
        self.options = options
        self.lock = _thread.RLock()
        self.sockets = sockets
        self.slots: list[WorkerSlot] = []
        self._keeper: Keeper | None = None
        self._changed: threading.Condition | None = None
        self._thread: threading.Thread | None = None
        self._owner = os.getpid()
        self._begun = False

    def __repr__(self) -> str:
        return f"<Supervisor of {self.options.config_file}: {', '.join(slot.state for slot in self.slots) or 'unused'}>"

    @property
    def foreign(self) -> bool:
        """Whether this is a copy in a forked child, which owns no workers."""
        return self._owner != os.getpid()

    @property
    def is_running(self) -> bool:
        """Whether it was started and is not stopped. Single workers may be ready or not: ask their slots."""
        return self._keeper is not None and not self._keeper.over and not self.foreign

    # Starting.

    def start(self) -> None:
        """Start all workers at once and return when every one is ready.

        Raises StartError at the first that fails, with the whole story, and leaves nothing behind.
        """
        self.begin()
        self.wait_until_ready()

    def begin(self) -> None:
        """Spawn the workers and return: there is time for other work while Node boots."""
        self._claim()
        node = self.options.node or find_node(self.options.path_to_node)
        living.enter(self)
        try:
            with self.lock:
                self._spawn_first(Spawner(self.options, node, self._own_sockets()))
            self._start_thread()
        except BaseException as error:
            self._break_off()
            if isinstance(error, OSError):
                raise self._spawn_error(error, node) from error
            raise

    def wait_until_ready(self) -> None:
        """Wait for what `begin` began. Raises as `start` does."""
        try:
            end = self._first_end()
        except BaseException:
            self.kill()
            raise
        if end is not None:
            self.kill()
            raise self._start_error(end)

    def _claim(self) -> None:
        with self.lock:
            if self._begun:
                raise RuntimeError("A Supervisor starts once. Make another for another start.")
            self._begun = True

    def _spawn_first(self, spawner: Spawner) -> None:
        self.slots = spawner.open_slots()
        spawner.spawn_first(self.slots)
        from js_host._host.keeper import Keeper  # while Node boots

        self._keeper = Keeper(spawner, self.slots)

    def _own_sockets(self) -> HostSockets:
        if self.sockets is None:
            self.sockets = HostSockets(self.options.workers, shared_unix=self.options.shared_unix)
        return self.sockets

    def _start_thread(self) -> None:
        import threading  # while Node boots

        self._changed = threading.Condition(self.lock)
        try:
            self._thread = threading.Thread(target=self._keep, name="js-host-supervisor", daemon=True)
            self._thread.start()
        except RuntimeError as error:
            raise StartError(
                f"This Python can start no thread to watch over the workers: {error}. In a sub-interpreter, connect to "
                "a host that runs already: JSHost(root_url=…)."
            ) from error

    def _keep(self) -> None:
        assert self._keeper is not None
        assert self._changed is not None
        try:
            self._keeper.run(self._changed)
        finally:
            living.leave(self)

    def _break_off(self) -> None:
        """Undo a start that failed half way."""
        if self._thread is not None and self._thread.ident is not None:
            self.kill()
            return
        with self.lock:
            if self._keeper is not None:
                self._keeper.abandon()
            else:
                end_all([slot.process for slot in self.slots if slot.process is not None])
                if self.sockets is not None:
                    self.sockets.close()
        living.leave(self)

    def _first_end(self) -> WorkerEnd | None:
        """Wait until every worker is ready: None; or until one can not be: how it ended."""
        keeper, changed = self._keeper, self._changed
        if keeper is None or changed is None:
            raise RuntimeError("begin() comes before wait_until_ready().")
        with changed:
            while keeper.first_start:
                for slot in self.slots:
                    if slot.state == lifecycle.FAILED and slot.last_end is not None:
                        return slot.last_end
                if keeper.over or keeper.stopping:
                    raise StartError(self._stopped_story())
                changed.wait()
        return None

    # What to say when it did not start.

    def _start_error(self, end: WorkerEnd) -> StartError:
        from js_host._host.environment import withheld_in, worker_environment
        from js_host._host.start_story import hint_at_environment, start_story

        assert self._keeper is not None
        node = self._keeper.spawner.node
        silent = end.error is None and end.kind in ("exit", "signal", "lost", "killed")  # the runtime did not report
        fault = what_is_wrong_with(node) if silent else None
        story = start_story(self.options.config_file, end, node=str(node), node_fault=fault)
        story += hint_at_environment(withheld_in(story, os.environ, worker_environment(self.options.env)))
        return NodeNotFound(story) if fault else StartError(story)

    def _spawn_error(self, error: OSError, node: Node) -> StartError:
        head = f"The host of {self.options.config_file} could not start."
        if not isinstance(error, ExecFailed):
            return StartError(f"{head}\n{error if isinstance(error, StartError) else exec_fault(error)}")
        story = f"{head}\nThe system did not run {node.path} ({node.why}): {exec_fault(error.error)}."
        return NodeNotFound(f"{story} {FIX}") if is_fault_of_program(error.error) else StartError(story)

    def _stopped_story(self) -> str:
        for slot in self.slots:
            if slot.failure:
                return slot.failure
        return f"The host of {self.options.config_file} was stopped before it was ready."

    # Stopping.

    def stop(self, timeout: float | None = None) -> None:
        """Let the workers finish their calls for `timeout` seconds, then end them. Returns when they are gone."""
        timeout = self.options.drain_timeout if timeout is None else timeout
        self.ask_to_stop(timeout)
        self._wait_for_thread(timeout + LAST_WAIT)

    def kill(self) -> None:
        """End the workers now. Returns when they are gone."""
        self._wish(lifecycle.KILL, 0.0)
        self._wait_for_thread(LAST_WAIT)

    def ask_to_stop(self, timeout: float) -> None:
        """Begin to stop, without waiting."""
        self._wish(lifecycle.STOP, timeout)

    def _wish(self, event: str, timeout: float) -> None:
        if self.foreign:
            return
        with self.lock:
            if self._keeper is not None and not self._keeper.over:
                self._keeper.wish(event, monotonic() + timeout)

    def _wait_for_thread(self, timeout: float) -> None:
        thread = self._thread
        if thread is not None and not self.foreign and thread.ident != _thread.get_ident():
            thread.join(timeout)

    def disown(self) -> None:
        """In a forked child (called by `living`): forget what belongs to the parent."""
        if self._keeper is not None:
            self._keeper.disown()
        elif self.sockets is not None:
            self.sockets.forget()

    # Changed code.

    def reload(self) -> None:
        """Have new workers with the code of now take over. Returns when they serve; no call fails meanwhile.

        Raises StartError, with the whole story, if the code does not start: the workers before go on serving.
        """
        keeper, changed = self._keeper, self._changed
        if keeper is None or changed is None:
            raise StartError("The host is not running: there is nothing to reload.")
        with changed:
            number = self.ask_to_reload()
            while number and keeper.reload.done < number and not (keeper.over or keeper.stopping):
                changed.wait()
            if keeper.reload.done < number or not number:
                raise StartError("The host was stopped before its new workers were ready.")
            if keeper.reload.failure:
                raise StartError(keeper.reload.failure)

    def ask_to_reload(self) -> int:
        """Begin the same, without waiting. Returns 0 if there is nothing to reload."""
        if self.foreign:
            return 0
        with self.lock:
            keeper = self._keeper
            if keeper is None or keeper.over or keeper.stopping or keeper.first_start:
                return 0
            return keeper.wish_reload()

    @property
    def reload_failure(self) -> str | None:
        """Why the code of now does not start, while workers with the code before serve; None once it did."""
        return None if self._keeper is None else self._keeper.reload.failure

    @property
    def generation(self) -> int:
        """Counts from 1 how often all workers were given changed code."""
        return min((slot.generation for slot in self.slots), default=1)

    # Asking.

    def explain(self, slot: WorkerSlot, pid: int | None = None, wait: float = 0.1) -> WorkerEnd | None:
        """Say why that worker ended; None if it lives, or is not known to have ended after `wait` seconds.

        A connection often breaks a moment before the process is gone: so much is waited for.
        """
        changed = self._changed
        if pid is None or changed is None or self.foreign:
            return slot.last_end
        give_up_at = monotonic() + wait
        with changed:
            while pid not in slot.ends and slot.place_of(pid) and (left := give_up_at - monotonic()) > 0:
                changed.wait(left)
            return slot.ends.get(pid) or self._foretold_end(slot, pid)

    def ask_for_reports(self) -> int:
        """Ask every worker that serves what it does now. Returns a number for `reports`. Never waits."""
        with self.lock:
            return 0 if self._keeper is None else self._keeper.ask_for_reports()

    def reports(self, number: int, deadline: float) -> dict[int, dict[str, Any]]:
        """What the workers said, by slot: `calls`, `running` (names of functions), `heap` (bytes) and `number`.

        Returns when all have answered, or at the deadline. One that did not, for its event loop is blocked, counts with
        what it said before, if ever: under a lower number.
        """
        changed = self._changed
        if changed is None or self.foreign:
            return {}
        with changed:
            while self._is_awaited(number) and (left := deadline - monotonic()) > 0:
                changed.wait(left)
            return {slot.number: slot.watch.reports.get("report", {}) for slot in self.slots if slot.watch is not None}

    def _is_awaited(self, number: int) -> bool:
        from js_host._host.watch import reached

        asked = [slot.watch for slot in self.slots if slot.watch is not None and slot.state == lifecycle.READY]
        return any(not reached(watch.reports.get("report", {}), number) for watch in asked)

    def _foretold_end(self, slot: WorkerSlot, pid: int) -> WorkerEnd | None:
        """A worker that is slow to die (a core dump takes its time) has often said why before."""
        place = slot.place_of(pid)
        watch = place.watch if place else None
        if watch is None or watch.reports.keys().isdisjoint(("stuck", "crashed")):
            return None
        return watch.describe_end()
