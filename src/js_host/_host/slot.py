"""One place for a worker in a host. Its address stays while the processes in it change."""

from __future__ import annotations

import os
from time import monotonic

from js_host._host.lifecycle import COMING, DRAINING, FAILED, READY, STOPPED, RestartBudget
from js_host._host.sockets import RawSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from js_host._host.endings import WorkerEnd
    from js_host._host.watch import WorkerWatch
    from js_host._host.worker_process import WorkerProcess

__all__ = ["Beside", "Place", "WorkerSlot"]

ENDS_KEPT = 16

REMOVED = (
    "The worker can not be reached, for its socket {} was removed: somebody has tidied up, or the session has ended to "
    "which the directory belonged (XDG_RUNTIME_DIR). Stop the host and start it again."
)


class Place:
    """Where a process of a slot is: in it, or beside it. `info` is the message with which it said that it is ready."""

    __slots__ = ("deadline", "info", "number", "process", "state", "watch")

    def __init__(self, number: int, state: str) -> None:
        self.number = number
        self.state = state
        self.info: dict[str, object] | None = None
        self.process: WorkerProcess | None = None
        self.watch: WorkerWatch | None = None
        self.deadline: float | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the worker that is here, as it knows it itself."""
        process, info = self.process, self.info
        if process is None:
            return None
        reported = info.get("pid") if info else None
        return reported if isinstance(reported, int) else process.pid

    def has(self, pid: int) -> bool:
        """Whether that is the worker here (a wrapper script and the Node under it may have two pids)."""
        process = self.process
        return process is not None and pid in (process.pid, self.pid)

    def pass_to(self, other: Place) -> None:
        """Let the worker that is here be there."""
        other.process, other.watch, other.info = self.process, self.watch, self.info
        self.process = self.watch = self.info = None


class Beside(Place):
    """A worker beside a slot: it loads the config and will get the slot, or it had it and finishes its calls."""

    __slots__ = ("last_end", "slot")

    def __init__(self, slot: WorkerSlot, state: str) -> None:
        super().__init__(slot.number, state)
        self.slot = slot
        self.last_end: WorkerEnd | None = None

    def note_end(self, end: WorkerEnd) -> None:
        """Keep the end of its process for who asks for it, and forget the process."""
        self.slot.keep_end(end, self.pid)
        self.last_end = end
        self.process = self.watch = self.info = None


class WorkerSlot(Place):
    """A worker as its users see it. Written under the supervisor's lock; single attributes may be read without it.

    `number` counts from 0; `address` is the path of its private socket; `state` is one of `lifecycle.STATES`;
    `info` is the message with which the present worker said that it is ready; `last_end` says how the last one
    ended; `fault` is, as kind and text, why the slot gave up, until a worker of it is ready again. `generation`
    counts from 1 how often the slot was given to a worker with changed code; `coming` is such a worker, and
    `leaving` are those that had the slot before.
    """

    __slots__ = ("address", "budget", "coming", "ends", "fault", "generation", "last_end", "leaving", "listener")

    def __init__(self, number: int, address: str, listener: RawSocket, budget: RestartBudget) -> None:
        super().__init__(number, STOPPED)
        self.address = address
        self.listener = listener
        self.budget = budget
        self.last_end: WorkerEnd | None = None
        self.fault: tuple[str, str] | None = None
        self.ends: dict[int, WorkerEnd] = {}
        self.generation = 1
        self.coming: Beside | None = None
        self.leaving: list[Beside] = []

    def __repr__(self) -> str:
        return f"<WorkerSlot {self.number} {self.state} pid {self.pid}>"

    @property
    def ready(self) -> bool:
        """Whether a worker is there that has said it can serve."""
        return self.state == READY

    @property
    def absence(self) -> tuple[str, str] | None:
        """Why no worker can be reached here, as kind and text; None if one can, or if none has ended before."""
        if self.ready:
            return None if os.path.exists(self.address) else ("removed", REMOVED.format(self.address))
        fault, failure = self.fault, self.failure
        if fault and failure:
            return fault[0], failure
        return (self.last_end.kind, str(self.last_end)) if self.last_end else None

    @property
    def failure(self) -> str | None:
        """Why the slot gave up, and when, counted from now, the next start is tried; None if it did not give up."""
        fault, next_start = self.fault, self.deadline
        if fault is None:
            return None
        if self.state != FAILED or next_start is None:
            return fault[1]
        seconds = max(0, round(next_start - monotonic()))
        return f"{fault[1]}\nIt crashed too often; the next start is tried in {seconds} s."

    def take_connection(self) -> int | None:
        """The descriptor of the connection that came with the present worker, for who asks first; or None."""
        process = self.process
        try:
            return process.connections.pop() if process is not None else None
        except IndexError:
            return None

    def places(self) -> Iterator[WorkerSlot | Beside]:
        """The slot itself, and what is beside it."""
        yield self
        if self.coming is not None:
            yield self.coming
        yield from tuple(self.leaving)

    def place_of(self, pid: int) -> WorkerSlot | Beside | None:
        """Where that worker is, if it is not known to have ended."""
        return next((place for place in self.places() if place.has(pid)), None)

    def open_beside(self) -> Beside:
        """Make room for a worker that will take over."""
        self.coming = Beside(self, COMING)
        return self.coming

    def hand_over(self) -> Beside | None:
        """Give the slot to the worker that was coming. Returns the one before, where there was one."""
        assert self.coming is not None
        before = None
        if self.process is not None:
            before = Beside(self, DRAINING)
            self.pass_to(before)
            self.leaving.append(before)
        self.coming.pass_to(self)
        self.coming = None
        return before

    def dismiss(self) -> Beside | None:
        """Have the slot expect no new worker any more. Returns the one that it expected."""
        coming, self.coming = self.coming, None
        if coming is not None and coming.process is not None:
            self.leaving.append(coming)
        return coming

    def forget(self, place: Place) -> None:
        """What was beside the slot has ended."""
        if place is self.coming:
            self.coming = None
        self.leaving = [other for other in self.leaving if other is not place]

    def note_end(self, end: WorkerEnd) -> None:
        """Keep the end of the present process, and forget the process."""
        self.keep_end(end, self.pid)
        self.last_end = end
        self.process = self.watch = self.info = None

    def keep_end(self, end: WorkerEnd, pid: int | None) -> None:
        """Keep an end under each of its process ids, and not too many of them."""
        for known in {end.pid, pid or end.pid}:
            self.ends.pop(known, None)
            self.ends[known] = end
        while len(self.ends) > ENDS_KEPT:
            del self.ends[next(iter(self.ends))]
