"""The connections of a map, one to each worker: opening them, waiting on all at once, and replacing what is lost."""

from __future__ import annotations

import select
from time import monotonic

from ..exceptions import ConnectionError, FunctionTimeout, JSHostError, WorkerDied
from .bulk_connection import BulkConnection
from .channel import GRACE
from .lane import ATTEMPTS, CONNECT_TIMEOUT
from .routing import choose
from .spin import Spinner
from .window import Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .lane import Lane
    from .pool import Pool


class Workers:
    """The workers of a pool, or the one of a `key`.

    `timeout` is how long a call may take, `spin` how long to poll, in seconds; `window` is what Window is made with.
    """

    def __init__(
        self, pool: Pool, key: int | None, timeout: float | None, window: tuple[int | None, int], spin: float
    ) -> None:
        self._pool = pool
        self._key = key
        self._timeout = timeout
        self._window = window
        self._spinner = Spinner(spin)
        self._poller = select.poll()
        #: All that are open, by their descriptors.
        self.all: dict[int, BulkConnection] = {}
        #: Those that may be given calls, by the ways to their workers.
        self.open: dict[Lane, BulkConnection] = {}
        self._failures: dict[Lane, int] = {}
        self._reason: JSHostError | None = None

    @property
    def are_expected(self) -> bool:
        """Whether some have not said hello yet, and may."""
        return any(not each.is_greeted for each in self.all.values())

    def connect(self) -> None:
        """Reach the workers to which there is no connection. Raises what is wrong if there is none at all."""
        self._reach_all()
        if not self.all:
            self._pool.renew(None, self._reason)
            self._reach_all()  # it may be elsewhere now, by us or by another thread
        if not self.all:
            raise self._reason or ConnectionError("The host has no workers.")

    def _reach_all(self) -> None:
        for lane in self._lanes():
            while lane not in self.open and self._failures.get(lane, 0) < ATTEMPTS:
                self._reach(lane)

    def _lanes(self) -> Sequence[Lane]:
        lanes = self._pool.lanes
        return lanes if self._key is None or not lanes else [choose(lanes, self._key)]

    def _reach(self, lane: Lane) -> None:
        try:
            reached = self._pool.reach(lane, self._timeout)
        except JSHostError as error:
            self.missed(lane, error)
            return
        lane.connections.add(reached)
        connection = BulkConnection(lane, reached, Window(*self._window))
        self.all[connection.descriptor] = self.open[lane] = connection
        self._poller.register(connection.descriptor, select.POLLIN)

    def missed(self, lane: Lane, error: JSHostError) -> None:
        """A worker could not be reached, or did not take calls. After some times it is left alone."""
        self._failures[lane] = self._failures.get(lane, 0) + 1
        self._reason = self._pool.failure(lane) or _unanswered(lane, error)

    def found(self, lane: Lane) -> None:
        """A worker has taken calls."""
        self._failures.pop(lane, None)

    def leave(self, connection: BulkConnection) -> None:
        """Give the connection no more calls: its worker stops, and another one takes its place."""
        connection.draining = True
        if self.open.get(connection.lane) is connection:
            del self.open[connection.lane]

    def forget(self, connection: BulkConnection) -> None:
        """Close the connection."""
        self.leave(connection)
        self._poller.unregister(connection.descriptor)
        del self.all[connection.descriptor]
        connection.close()

    def close(self) -> None:
        """Close them all."""
        for connection in self.all.values():
            connection.close()

    def wait(self, timeout: float | None) -> list[BulkConnection]:
        """Wait until something can be done, at most `timeout` seconds. Gives the connections on which it can."""
        have_more = [each for each in self.all.values() if each.has_more]
        if have_more:
            return have_more
        for descriptor, connection in self.all.items():
            wants = select.POLLIN | (select.POLLOUT if connection.outgoing.next else 0)
            self._poller.modify(descriptor, wants)
        limits = [timeout, *map(self._left, self.all.values())]
        return self._poll(min((limit for limit in limits if limit is not None), default=None))

    def silent(self) -> list[BulkConnection]:
        """Those that have given no sign for longer than they may."""
        late = [each for each in self.all.values() if self._left(each) == 0]
        return [each for each in late if each not in self._poll(0)] if late else []

    def _left(self, connection: BulkConnection) -> float | None:
        """How long a worker may still give no sign, in seconds; None if it may for ever."""
        if not connection.is_greeted:
            limit = CONNECT_TIMEOUT
        elif self._timeout is None or not connection.calls:
            return None
        else:
            limit = self._timeout + GRACE
        return max(connection.last_sign + limit - monotonic(), 0)

    def _poll(self, timeout: float | None) -> list[BulkConnection]:
        """Poll a little before sleeping, where that is likely to pay."""
        start = monotonic()
        if timeout == 0 or not self._spinner.should_spin(start, start):
            return self._events(timeout)
        end = start + self._spinner.span
        while not (ready := self._events(0)):
            if monotonic() > end:
                ready = self._events(timeout)
                self._spinner.failed(start, monotonic())
                return ready
        self._spinner.succeeded(start, monotonic())
        return ready

    def _events(self, timeout: float | None) -> list[BulkConnection]:
        events = self._poller.poll(None if timeout is None else timeout * 1000)
        return [self.all[descriptor] for descriptor, _ in events]


def _unanswered(lane: Lane, error: JSHostError) -> JSHostError:
    """What is said of a worker that was lost before it had said hello."""
    if isinstance(error, (WorkerDied, FunctionTimeout)):
        return ConnectionError(f"The host at {lane.address} did not answer: {error}")
    return error
