"""The supervisor's thread: waits for what happens to the workers, asks `lifecycle`, and does the deed.

It waits in one `poll` for control channels, output, deaths and the wishes of other threads, at most
until the next deadline. Whatever it changes, it changes under the lock that is shared with the
`Supervisor`; it neither logs nor imports while it holds it, unless what a worker says is no JSON.
"""

from __future__ import annotations

from time import monotonic

from js_host._host import lifecycle
from js_host._host.deeds import DEEDS
from js_host._host.lifecycle import COMING, FAILED, STARTING, STOPPED
from js_host._host.poller import Poller
from js_host._host.pulse import Pulse
from js_host._host.reload import Reload
from js_host._host.renewal import Renewal
from js_host._host.slot import Beside, WorkerSlot
from js_host._host.tally import Tally
from js_host._host.turn_away import turn_away_at
from js_host._host.worker_process import end_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from typing import Any

    from js_host._host.endings import WorkerEnd
    from js_host._host.lines import LogLine
    from js_host._host.logs import LogForwarder
    from js_host._host.spawner import Spawner
    from js_host._host.worker_process import WorkerProcess

__all__ = ["Keeper"]


class Keeper:
    """Keeps the workers of one host, the first of which the `spawner` has started in their `slots`."""

    def __init__(self, spawner: Spawner, slots: list[WorkerSlot]) -> None:
        self.spawner = spawner
        self.options = spawner.options
        self.sockets = spawner.sockets
        self.slots = slots
        self.first_start = True
        self.over = False
        self.stopping = False
        self.wishes: list[tuple[str, float]] = []
        self.drain_by = float("inf")
        self.reload = Reload(self)
        self.renewal = Renewal(self)
        self.tally = Tally(self)
        self.pulse = Pulse(self)
        self.survey = 0
        self.changed: threading.Condition | None = None
        self.logs: LogForwarder | None = None
        self._lines: list[LogLine] = []
        self._poller = Poller()

    # For other threads, with the lock held.

    def wish(self, event: str, deadline: float) -> None:
        """Ask for STOP or KILL of all workers."""
        self.stopping = True
        self.wishes.append((event, deadline))
        self._poller.wake()

    def wish_reload(self) -> int:
        """Ask for workers with the code of now. Returns the number of the reload that brings them."""
        self.wishes.append((lifecycle.RELOAD, 0.0))
        self._poller.wake()
        return self.reload.begun + 1

    def ask_for_reports(self) -> int:
        """Ask every worker that serves what it does now. Returns a number that the answers reach."""
        self.survey += 1
        for slot in self.slots:
            if slot.watch is not None and slot.ready:
                slot.watch.tell({"type": "report", "number": self.survey})
        return self.survey

    def abandon(self) -> None:
        """End the first workers, where no thread was started to keep them."""
        self._end_what_is_left()
        self._close_everything()

    def disown(self) -> None:
        """In a forked child: close every descriptor, touch no process and no file."""
        for place in self._places():
            if place.process is not None:
                place.process.close()
            place.process = place.watch = None
            place.state = STOPPED
        self.sockets.forget()
        self._poller.close()
        self.over = True

    # The thread.

    def run(self, changed: threading.Condition) -> None:
        """Keep the workers until a wish to stop is done. Everything is closed when this returns."""
        self.changed = changed
        try:
            from js_host._host import endings, lines, start_story, watch  # noqa: F401  nothing is imported under the lock
            from js_host._host.logs import LogForwarder
            from js_host._host.runtime_dir import sweep

            self.logs = LogForwarder(handle=self.options.log)
            with changed:
                for slot in self.slots:
                    self.attach(slot)
            sweep(self.sockets.parent)
            while not self._all_stopped():
                self._turn()
        except BaseException as error:
            self._note_defect(error)
            raise
        finally:
            self._shut()

    def _all_stopped(self) -> bool:
        return all(place.state == STOPPED for place in self._places())

    def _places(self) -> Iterator[WorkerSlot | Beside]:
        for slot in self.slots:
            yield from slot.places()

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
        waits = [
            self.reload.deadline,
            self.renewal.next_look,
            self.tally.next_report,
            self.pulse.next_beat,
            *(place.deadline for place in self._places()),
        ]
        moments = [moment for moment in waits if moment is not None]
        moments += [place.watch.next_check for place in self._places() if place.watch is not None]
        nearest = min(moments, default=float("inf"))
        return None if nearest == float("inf") else max(0, int((nearest - monotonic()) * 1000) + 1)

    def _hear_wishes(self) -> None:
        wishes, self.wishes = self.wishes, []
        for event, deadline in wishes:
            if event == lifecycle.RELOAD:
                self.reload.happened(lifecycle.CHANGED)
            else:
                self._hear_wish_to_stop(event, deadline)

    def _hear_wish_to_stop(self, event: str, deadline: float) -> None:
        self.drain_by = deadline
        self.reload.happened(lifecycle.HALTED)
        self.renewal.halt()
        for place in tuple(self._places()):
            self.happened(place, event)

    def _see_to_deadlines(self, now: float) -> None:
        for place in tuple(self._places()):
            if place.deadline is not None and place.deadline <= now:
                place.deadline = None
                self.happened(place, lifecycle.OVERDUE)
            if place.watch is not None and place.watch.next_check <= now:
                self._check(place)
        self.reload.see_to_deadline(now)
        self.renewal.look(now)
        self.tally.see_to_reports(now)
        self.pulse.beat(now)

    # Events of a slot, or of what is beside it.

    def happened(self, place: WorkerSlot | Beside, event: str) -> None:
        """Look up what an event means now, and do it."""
        before = place.state
        place.state, deed = lifecycle.decide(place.state, event)
        self.do(place, deed, event, before)

    def do(self, place: WorkerSlot | Beside, deed: str, event: str = "", before: str = "") -> None:
        """Do a deed."""
        DEEDS[deed](self, place, event, before)

    def attach(self, place: WorkerSlot | Beside) -> None:
        """Begin to watch the process that was started there."""
        from js_host._host.watch import WorkerWatch

        if place.process is not None:
            place.watch = WorkerWatch(place.number, place.process, monotonic())
            self.bind(place)

    def bind(self, place: WorkerSlot | Beside) -> None:
        """Have what the process there does heard as an event of this place."""
        process = place.process
        if process is None:
            return
        self._unbind(process)
        self._poller.watch(process.control.fileno(), lambda: self._hear_control(place))
        for stream, descriptor in process.output.items():
            self._poller.watch(descriptor, lambda stream=stream: self._hear_output(place, stream))  # type: ignore[misc]
        if process.pidfd >= 0:
            self._poller.watch(process.pidfd, lambda: self._check(place))

    def _unbind(self, process: WorkerProcess) -> None:
        for descriptor in (process.control.fileno(), process.pidfd, *process.output.values()):
            self._poller.forget(descriptor)

    def _hear_control(self, place: WorkerSlot | Beside) -> None:
        watch = place.watch
        if watch is None:
            return
        for message in watch.read_control(monotonic()):
            self._said(place, message)
        if watch.closed_at is not None:
            self._poller.forget(watch.process.control.fileno())

    def _said(self, place: WorkerSlot | Beside, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "ready" and place.state in (STARTING, COMING):
            place.info = message
            self.happened(place, lifecycle.SERVING)
        elif kind == "terminated" and isinstance(place, WorkerSlot):
            self.renewal.ask(place)
        elif kind == "failed":
            self.reload.refused(message)
            self.happened(place, lifecycle.REFUSED)
        elif kind == "draining" and isinstance(place, Beside):
            self.reload.drains(place)
        elif kind in ("changed", "watching"):
            self.reload.said(message, leaves=isinstance(place, Beside))

    def _hear_output(self, place: WorkerSlot | Beside, stream: str) -> None:
        if place.watch is None:
            return
        lines, open_still = place.watch.read_output(stream)
        self._lines += lines
        if not open_still:
            self._poller.forget(place.watch.process.output[stream])

    def _check(self, place: WorkerSlot | Beside) -> None:
        if place.watch is not None and place.watch.check(monotonic()):
            self._reaped(place)

    def _reaped(self, place: WorkerSlot | Beside) -> None:
        """The process was reaped: hear its last words, say why it ended, and go on."""
        watch = place.watch
        assert watch is not None
        for message in watch.read_control(monotonic()):
            if message["type"] == "changed":
                self._said(place, message)
        self._lines += watch.read_last_output()
        end = watch.describe_end(self.options.node_args)
        self._unbind(watch.process)
        watch.process.close()
        self.ended(place, end)

    def ended(self, place: WorkerSlot | Beside, end: WorkerEnd) -> None:
        """No process is there any more: note why, and decide what is next."""
        self.tally.ended(place, end)
        place.note_end(end)
        budget = (place.slot if isinstance(place, Beside) else place).budget
        event = lifecycle.event_of_end(place.state, budget, monotonic(), first_start=self.first_start)
        self.happened(place, event)

    # Callers of a slot that gave up.

    def _turn_callers_away_where_hopeless(self) -> None:
        """Close waiting connections where no worker will come soon, so that their callers ask why at once."""
        hopeless = [slot.listener for slot in self.slots if slot.state == FAILED and not self.first_start]
        if len(hopeless) == len(self.slots):
            hopeless += self.sockets.shared
        others = {slot.listener for slot in self.slots}.union(self.sockets.shared).difference(hopeless)
        turn_away_at(self._poller, hopeless, list(others))

    # Words.

    def say(self, level: str, slot: WorkerSlot, text: str) -> None:
        """Have a line of our own logged."""
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
            slot.deadline = None
            slot.fault = (
                "failed",
                f"The supervisor failed and ended its workers. This is a defect of js-host: {error!r}",
            )

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
        left = [place.process for place in self._places() if place.process is not None]
        for process in left:
            self._unbind(process)
        end_all(left)
        for slot in self.slots:
            slot.process = slot.watch = slot.coming = None
            slot.leaving = []
            slot.state = FAILED if slot.fault else STOPPED

    def _close_everything(self) -> None:
        self._poller.close()
        self.sockets.close()
        self.over = True
