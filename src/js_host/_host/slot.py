"""One place for a worker in a host. Its address stays while the processes in it change."""

from __future__ import annotations

from js_host._host.lifecycle import READY, STOPPED, RestartBudget
from js_host._host.sockets import RawSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from js_host._host.endings import WorkerEnd
    from js_host._host.watch import WorkerWatch
    from js_host._host.worker_process import WorkerProcess

__all__ = ["WorkerSlot"]

ENDS_KEPT = 16


class WorkerSlot:
    """A worker as its users see it. Written under the supervisor's lock; single attributes may be read without it.

    `number` counts from 0; `address` is the path of its private socket; `state` is one of `lifecycle.STATES`;
    `info` is the message with which the present worker said that it is ready; `last_end` says how the last one
    ended; `failure` is the whole story once the slot gave up, until a worker of it is ready again.
    """

    __slots__ = (
        "address",
        "budget",
        "deadline",
        "ends",
        "failure",
        "info",
        "last_end",
        "listener",
        "number",
        "process",
        "state",
        "watch",
    )

    def __init__(self, number: int, address: str, listener: RawSocket, budget: RestartBudget) -> None:
        self.number = number
        self.address = address
        self.listener = listener
        self.budget = budget
        self.state = STOPPED
        self.info: dict[str, object] | None = None
        self.last_end: WorkerEnd | None = None
        self.failure: str | None = None
        self.ends: dict[int, WorkerEnd] = {}
        self.process: WorkerProcess | None = None
        self.watch: WorkerWatch | None = None
        self.deadline: float | None = None

    def __repr__(self) -> str:
        return f"<WorkerSlot {self.number} {self.state} pid {self.pid}>"

    @property
    def ready(self) -> bool:
        """Whether a worker is there that has said it can serve."""
        return self.state == READY

    @property
    def pid(self) -> int | None:
        """The process id of the present worker, as it knows it itself."""
        process, info = self.process, self.info
        if process is None:
            return None
        reported = info.get("pid") if info else None
        return reported if isinstance(reported, int) else process.pid

    def take_connection(self) -> int | None:
        """The descriptor of the connection that came with the present worker, for who asks first; or None."""
        process = self.process
        try:
            return process.connections.pop() if process is not None and self.ready else None
        except IndexError:
            return None

    def is_present(self, pid: int) -> bool:
        """Whether that is the present worker (a wrapper script and the Node under it may have two pids)."""
        process = self.process
        return process is not None and pid in (process.pid, self.pid)

    def note_end(self, end: WorkerEnd) -> None:
        """Keep the end of the present process, under each of its pids, and forget the process."""
        for pid in {end.pid, self.pid or end.pid}:
            self.ends.pop(pid, None)
            self.ends[pid] = end
        while len(self.ends) > ENDS_KEPT:
            del self.ends[next(iter(self.ends))]
        self.last_end = end
        self.process = self.watch = self.info = None
