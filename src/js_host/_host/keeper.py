"""The supervisor's thread: waits for what happens to the workers, asks `lifecycle`, and does the deed.

It waits in one `poll` for control channels, output, deaths and the wishes of other threads, at most
until the next deadline. Whatever it changes, it changes under the lock that is shared with the
`Supervisor`; it neither logs nor imports while it holds it.
"""

from __future__ import annotations

from time import monotonic, sleep

from js_host._host import lifecycle
from js_host._host.lifecycle import FAILED, READY, STARTING, STOPPED
from js_host._host.poller import Poller
from js_host._host.slot import WorkerSlot
from js_host._host.turn_away import turn_away_at
from js_host._host.worker_process import ExecFailed, WorkerProcess, worker_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from js_host._host.lines import LogLine
    from js_host._host.logs import LogForwarder
    from js_host._host.node import Node
    from js_host._host.options import SupervisorOptions
    from js_host._host.sockets import HostSockets

__all__ = ["Keeper"]

LAST_WAIT = 5.0
"""Seconds to wait for processes that were killed. SIGKILL can not be refused, only delayed by the system."""


class Keeper:
    """Keeps the workers of one host. `spawn_all` runs in the thread that starts the host, all else in the keeper's."""

    def __init__(self, options: SupervisorOptions, node: Node, sockets: HostSockets) -> None:
        self.options = options
        self.node = node
        self.sockets = sockets
        self.slots = [
            WorkerSlot(number, address, listener, options.new_budget())
            for number, (address, listener) in enumerate(zip(sockets.addresses, sockets.private, strict=True))
        ]
        self.first_start = True
        self.over = False
        self.stopping = False
        self.wishes: list[tuple[str, float]] = []
        self.changed: threading.Condition | None = None
        self.logs: LogForwarder | None = None
        self._lines: list[LogLine] = []
        self._poller = Poller()
        self._drain_by = 0.0

    # For other threads, with the lock held.

    def wish(self, event: str, deadline: float) -> None:
        """Ask for STOP or KILL of all workers."""
        self.stopping = True
        self.wishes.append((event, deadline))
        self._poller.wake()

    def spawn_all(self) -> None:
        """Spawn the first worker of every slot, all at once. Raises ExecFailed."""
        for slot in self.slots:
            slot.state, _ = lifecycle.decide(slot.state, lifecycle.START)
            self._spawn_process(slot)

    def abandon(self) -> None:
        """Undo `spawn_all` where no thread was started to keep the workers."""
        self._end_what_is_left()
        self._close_everything()

    def disown(self) -> None:
        """In a forked child: close every descriptor, touch no process and no file."""
        for slot in self.slots:
            if slot.process is not None:
                slot.process.close()
            slot.process = slot.watch = None
            slot.state = STOPPED
        self.sockets.forget()
        self._poller.close()
        self.over = True

    # The thread.

    def run(self, changed: threading.Condition) -> None:
        """Keep the workers until a wish to stop is done. Everything is closed when this returns."""
        from js_host._host import endings, lines, watch  # noqa: F401  so that nothing is imported under the lock
        from js_host._host.logs import LogForwarder
        from js_host._host.runtime_dir import sweep

        self.changed = changed
        self.logs = LogForwarder(handle=self.options.log)
        try:
            with changed:
                for slot in self.slots:
                    self._attach(slot)
            sweep(self.sockets.parent)
            while not self._all_stopped():
                self._turn()
        except BaseException as error:
            self._note_defect(error)
            raise
        finally:
            self._shut()

    def _all_stopped(self) -> bool:
        return all(slot.state == STOPPED for slot in self.slots)

    def _turn(self) -> None:
        """Wait for the next event or deadline, and see to all that is due."""
        assert self.changed is not None
        happened = self._poller.wait(self._patience())
        with self.changed:
            self._poller.handle(happened)
            self._hear_wishes()
            self._see_to_deadlines(monotonic())
            self._turn_callers_away_where_hopeless()
            self.changed.notify_all()
        self._log_lines()

    def _patience(self) -> float | None:
        """Milliseconds until the next deadline, rounded up."""
        moments = [slot.deadline for slot in self.slots if slot.deadline is not None]
        moments += [slot.watch.next_check for slot in self.slots if slot.watch is not None]
        nearest = min(moments, default=float("inf"))
        return None if nearest == float("inf") else max(0, int((nearest - monotonic()) * 1000) + 1)

    def _hear_wishes(self) -> None:
        wishes, self.wishes = self.wishes, []
        for event, deadline in wishes:
            self._drain_by = deadline
            for slot in self.slots:
                self._happened(slot, event)

    def _see_to_deadlines(self, now: float) -> None:
        for slot in self.slots:
            if slot.deadline is not None and slot.deadline <= now:
                slot.deadline = None
                self._happened(slot, lifecycle.OVERDUE)
            if slot.watch is not None and slot.watch.next_check <= now:
                self._check(slot)

    # Events of a slot.

    def _happened(self, slot: WorkerSlot, event: str) -> None:
        """Look up what an event means now, and do it."""
        before = slot.state
        slot.state, deed = lifecycle.decide(slot.state, event)
        DEEDS[deed](self, slot, event, before)

    def _attach(self, slot: WorkerSlot) -> None:
        """Begin to watch the present process of a slot."""
        from js_host._host.watch import WorkerWatch

        process = slot.process
        if process is None:
            return
        slot.watch = WorkerWatch(slot.number, process, monotonic())
        self._poller.watch(process.control.fileno(), lambda: self._hear_control(slot))
        for stream, descriptor in process.output.items():
            self._poller.watch(descriptor, lambda stream=stream: self._hear_output(slot, stream))  # type: ignore[misc]
        if process.pidfd >= 0:
            self._poller.watch(process.pidfd, lambda: self._check(slot))

    def _hear_control(self, slot: WorkerSlot) -> None:
        if slot.watch is None:
            return
        for message in slot.watch.read_control(monotonic()):
            if message["type"] == "ready" and slot.state == STARTING:
                slot.info = message
                self._happened(slot, lifecycle.SERVING)
            elif message["type"] == "failed":
                self._happened(slot, lifecycle.REFUSED)
        if slot.watch.closed_at is not None:
            self._poller.forget(slot.watch.process.control.fileno())

    def _hear_output(self, slot: WorkerSlot, stream: str) -> None:
        if slot.watch is None:
            return
        lines, open_still = slot.watch.read_output(stream)
        self._lines += lines
        if not open_still:
            self._poller.forget(slot.watch.process.output[stream])

    def _check(self, slot: WorkerSlot) -> None:
        if slot.watch is not None and slot.watch.check(monotonic()):
            self._ended(slot)

    def _ended(self, slot: WorkerSlot) -> None:
        """The process was reaped: hear its last words, say why it ended, and go on."""
        watch = slot.watch
        assert watch is not None
        watch.read_control(monotonic())
        self._lines += watch.read_last_output()
        end = watch.describe_end(self.options.node_args)
        self._detach(watch.process)
        slot.note_end(end)
        self._happened(slot, self._event_of_end(slot))

    def _event_of_end(self, slot: WorkerSlot) -> str:
        return lifecycle.event_of_end(slot.state, slot.budget, monotonic(), first_start=self.first_start)

    def _detach(self, process: WorkerProcess) -> None:
        for descriptor in (process.control.fileno(), process.pidfd, *process.output.values()):
            self._poller.forget(descriptor)
        process.close()

    # Deeds.

    def _spawn(self, slot: WorkerSlot, event: str, before: str) -> None:
        try:
            self._spawn_process(slot)
            self._attach(slot)
        except ExecFailed as error:
            self._not_spawned(slot, str(error))

    def _spawn_process(self, slot: WorkerSlot) -> None:
        options = self.options
        slot.process = WorkerProcess.spawn(
            self.node.path,
            [*options.command, *options.worker_args],
            worker_environment(options.env),
            slot=slot.number,
            private=slot.listener.fileno(),
            shared=[listener.fileno() for listener in self.sockets.shared],
        )
        slot.deadline = monotonic() + options.start_timeout

    def _not_spawned(self, slot: WorkerSlot, why: str) -> None:
        from js_host._host.endings import WorkerEnd

        slot.note_end(WorkerEnd(slot.number, 0, "not-spawned", f"was not started: {why}"))
        self._happened(slot, self._event_of_end(slot))

    def _announce(self, slot: WorkerSlot, event: str, before: str) -> None:
        slot.deadline = slot.failure = None
        if all(slot.state == READY for slot in self.slots):
            self.first_start = False
        self._say("info", slot, f"worker {slot.number} (pid {slot.pid}) is ready")

    def _end_now(self, slot: WorkerSlot, event: str, before: str) -> None:
        slot.deadline = None
        if slot.watch is not None:
            slot.watch.kill(self._reason_to_kill(event, before))

    def _reason_to_kill(self, event: str, before: str) -> str:
        from js_host._host.endings import STOPPED as WAS_STOPPED

        if event == lifecycle.OVERDUE and before == STARTING:
            return f"was not ready after {self.options.start_timeout:g} s, and was ended"
        if event == lifecycle.OVERDUE:
            return "did not finish its calls in time when its host stopped, and was ended"
        return WAS_STOPPED

    def _ask_to_drain(self, slot: WorkerSlot, event: str, before: str) -> None:
        slot.deadline = min(self._drain_by, slot.deadline or self._drain_by)
        if slot.watch is not None:
            slot.watch.ask_to_drain(max(0.0, slot.deadline - monotonic()))

    def _pause(self, slot: WorkerSlot, event: str, before: str) -> None:
        pause = slot.budget.pause()
        slot.deadline = monotonic() + pause
        self._say("warn", slot, f"{slot.last_end}\nAnother is started {f'in {pause:g} s' if pause else 'now'}.")

    def _give_up(self, slot: WorkerSlot, event: str, before: str) -> None:
        now = monotonic()
        slot.deadline = None if self.first_start else slot.budget.room_at(now)
        again = 0 if slot.deadline is None else max(0, round(slot.deadline - now))
        slot.failure = f"{slot.last_end}\nIt crashed too often; the next start is tried {again} s after this."
        if not self.first_start:
            self._say("error", slot, slot.failure)

    def _rest(self, slot: WorkerSlot, event: str, before: str) -> None:
        slot.deadline = None

    def _nothing(self, slot: WorkerSlot, event: str, before: str) -> None:
        pass

    # Callers of a slot that gave up.

    def _turn_callers_away_where_hopeless(self) -> None:
        """Close waiting connections where no worker will come soon, so that their callers ask why at once."""
        hopeless = [slot.listener for slot in self.slots if slot.state == FAILED and not self.first_start]
        if len(hopeless) == len(self.slots):
            hopeless += self.sockets.shared
        others = {slot.listener for slot in self.slots}.union(self.sockets.shared).difference(hopeless)
        turn_away_at(self._poller, hopeless, list(others))

    # Words.

    def _say(self, level: str, slot: WorkerSlot, text: str) -> None:
        from js_host._host.lines import LogLine

        self._lines.append(LogLine(level, text, slot.number, slot.pid or 0, "js_host.supervisor"))

    def _log_lines(self) -> None:
        lines, self._lines = self._lines, []
        if lines and self.logs is not None:
            self.logs.put(lines)

    # The end.

    def _note_defect(self, error: BaseException) -> None:
        """The keeper itself failed, which is a defect of ours: nobody may wait for it in vain."""
        for slot in self.slots:
            slot.failure = f"The supervisor failed and ended its workers. This is a defect of js-host: {error!r}"

    def _shut(self) -> None:
        assert self.changed is not None
        with self.changed:
            self._end_what_is_left()
            self._close_everything()
            self.changed.notify_all()
        self._log_lines()
        if self.logs is not None:
            self.logs.close()

    def _end_what_is_left(self) -> None:
        """End and reap every process that is still there: after a defect, or a start that was broken off."""
        left = [slot.process for slot in self.slots if slot.process is not None]
        for process in left:
            process.kill()
        give_up_at = monotonic() + LAST_WAIT
        while not all(process.reap() for process in left) and monotonic() < give_up_at:
            sleep(0.001)
        for slot in self.slots:
            if slot.process is not None:
                self._detach(slot.process)
            slot.process = slot.watch = None
            slot.state = FAILED if slot.failure else STOPPED

    def _close_everything(self) -> None:
        self._poller.close()
        self.sockets.close()
        self.over = True


DEEDS: dict[str, Callable[[Keeper, WorkerSlot, str, str], None]] = {
    lifecycle.SPAWN: Keeper._spawn,
    lifecycle.ANNOUNCE: Keeper._announce,
    lifecycle.END_NOW: Keeper._end_now,
    lifecycle.ASK_TO_DRAIN: Keeper._ask_to_drain,
    lifecycle.PAUSE: Keeper._pause,
    lifecycle.GIVE_UP: Keeper._give_up,
    lifecycle.REST: Keeper._rest,
    lifecycle.NOTHING: Keeper._nothing,
}
