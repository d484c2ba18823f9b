"""Many calls of one function at once in an event loop, over all workers: the deeds of `AsyncFunction.map`.

The calls go over the connections that the loop has anyway. There is no task and no future for a row: each tells the map
when it has ended. How many a worker is given is decided in `window.py`, whose result is given next in `turns.py`.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from copy import copy
from math import inf
from time import monotonic

from .._wire.frames import ERROR, PATIENT, RESULT
from .._wire.messages import Stopping
from .._wire.values import encode
from ..exceptions import ConnectionError, JSHostError, WorkerDied
from .aio_calls import Pending
from .aio_rows import NO_ROW, RowSource
from .aio_way import Way
from .channel import NotSent, deadline_in
from .lane import ATTEMPTS, warn_of
from .turns import AsTheyCome, Failed, InOrder, ids
from .window import MOST, MOST_BYTES, Window, run_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Sequence

    from .._wire.frames import Buffer, Frame
    from .._wire.rich import Attachments
    from .aio import AsyncConnection
    from .aio_pool import AsyncLane, AsyncPool
    from .job import Job

__all__ = ["AsyncMap"]

#: Rows are taken for so long, in seconds, before others of the loop have their turn.
TAKING = 1e-3

#: A worker that was told to leave refuses rows before it has closed its door. Who was refused all asks again so much
#: later, in seconds, and each time by so much more.
PAUSE = 0.05


class Row(Pending):
    """The call for one row. `turn` is the number of its result."""

    __slots__ = ("_map", "_pid", "_way", "size", "turn")

    def __init__(self, map: AsyncMap, turn: int, text: bytes, attachments: Attachments | None) -> None:
        # What super().__init__ does, without the call: rows come by the thousand.
        self.name = map.job.name
        self.text = text
        self.attachments = attachments
        self.timeout = map.job.timeout
        self.flags = PATIENT
        self.id = self.end = 0
        self.deadline = inf
        self.performer = self.context = None
        self._map = map
        self._way: Way | None = None
        self._pid = 0
        self.size = len(text) if attachments is None else _size(text, attachments)
        self.turn = turn

    def enter(self, way: Way, pid: int, deadline: float) -> None:
        """It is about to be sent there."""
        self._way = way
        self._pid = pid
        self.deadline = deadline
        way.calls += 1
        way.size += self.size

    def due(self, connection: AsyncConnection) -> float:
        """Its deadline counts from its start; before that, the worker answers what it was given before."""
        return self.deadline if self.timeout is None else max(self.deadline, connection.last_read + self.timeout)

    def received(self, connection: AsyncConnection, frame: Frame) -> None:
        """The result, the error, or a question."""
        if frame.kind == RESULT:
            self.result(connection, frame.body, frame.attachments)
        elif frame.kind == ERROR:
            self.ended(connection, frame)
        else:
            self.asked(connection, frame)

    def result(self, connection: AsyncConnection, body: Buffer, attachments: Sequence[bytes] | None = None) -> None:
        """It has ended well."""
        try:
            self._map.done[self.turn] = self._map.job.decode(body, attachments)
        except Exception as error:
            self._map.done[self.turn] = Failed(error)
        connection.finish(self)
        way = self._leave()
        way.answered += 1
        way.read += len(body) if attachments is None else _size(body, attachments)
        self._map.wake()

    def failed(self, error: JSHostError) -> None:
        """It has no result, or not from there."""
        if self._way is None:
            return  # the connection broke while a late call was cancelled, and had told us so
        way = self._leave()
        if isinstance(error, (NotSent, Stopping)):
            self._map.come_back(self, way, error)
        else:
            way.answered += 1
            self._map.failed(self.turn, way.lane, self._pid, error)

    def _leave(self) -> Way:
        way = self._way
        assert way is not None
        self._way = None
        way.calls -= 1
        way.size -= self.size
        return way


class AsyncMap:
    """One map over the workers of a pool: `more()` gives results as long as there are any. `close` it."""

    def __init__(self, pool: AsyncPool, rows: RowSource, job: Job) -> None:
        self._pool = pool
        self.job = job
        self._rows = rows
        rows.wake = self.wake
        self._ids = ids()
        self._turns = InOrder() if job.ordered else AsTheyCome()
        self.done = self._turns.done
        #: Rows that did not run where they were sent.
        self.again: deque[Row] = deque()
        #: The turns of rows whose worker was lost, where, its process id, and with what error.
        self.lost: list[tuple[int, AsyncLane, int, JSHostError]] = []
        #: The connections that carry rows, or did.
        self.used: set[AsyncConnection] = set()
        self._ways: dict[AsyncLane, Way] = {}
        #: How often in a row a worker was asked in vain, by the ways there.
        self._failures: Counter[AsyncLane] = Counter()
        self._unreachable: Exception | None = None
        #: There are rows to give, and no worker is in reach.
        self._is_stranded = False
        #: How many rows were taken whose results were not given yet.
        self._ahead = 0
        self._waiting: Future[None] | None = None
        #: Something has come since the workers were last given rows.
        self._has_come = False
        self._is_closed = False

    async def more(self) -> list[object]:
        """The results whose turn it is, as soon as there are some; none at the end, and when it was closed."""
        if not self._ways:
            await self._pool.hold()
        while not self._is_closed:
            self._fill()
            ready = self._turns.take()
            if ready:
                self._ahead -= len(ready)
                self._look_at_connections()
                return ready
            if self._rows.ended and not self._ahead:
                if self._rows.error is not None:
                    raise self._rows.error
                return []
            if self.lost:
                await self._explain()
            elif self._is_stranded:
                await self._find_workers()
            else:
                await self._wait()
        return []

    def wake(self) -> None:
        """Something has come."""
        self._has_come = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _look_at_connections(self) -> None:
        """Warn of what came in for the program, and let go of those that are closed: an endless map sees many."""
        for connection in tuple(self.used):
            if connection.warnings:
                warn_of(connection.warnings)
            if connection.is_closed:
                self.used.remove(connection)

    async def _wait(self) -> None:
        if self._has_come:
            return  # while nobody waited
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def close(self) -> None:
        """Abort the calls in flight."""
        self._is_closed = True
        self.wake()
        self._rows.close()
        for way in self._ways.values():
            if way.opening is not None:
                way.opening.cancel()
        for connection in self.used:
            for call in tuple(connection.pending.values()):
                if isinstance(call, Row) and call._map is self:
                    connection.cancel(call)

    def close_from_anywhere(self) -> None:
        """The same from any thread, as long as there is the loop: what nobody holds any more is collected anywhere."""
        if not self._pool.loop.is_closed():
            self._pool.do_from_anywhere(self.close)

    # What becomes of rows that have no result, or not from where they were sent.

    def come_back(self, row: Row, way: Way, error: JSHostError) -> None:
        """It did not run there."""
        self.again.append(row)
        self._unreachable = error
        was_in_vain = way.does_nothing and not way.calls
        if was_in_vain and not self._ways[way.lane].has_answered:  # nor does its successor anything
            self._failures[way.lane] += 1
        self.wake()

    def failed(self, turn: int, lane: AsyncLane, pid: int, error: JSHostError) -> None:
        """The row of that turn has failed, at the worker of that process id."""
        if isinstance(error, WorkerDied):
            self.lost.append((turn, lane, pid, error))
        else:
            self.done[turn] = Failed(error)
        self.wake()

    # Giving.

    def _fill(self) -> None:
        """Give the workers rows while there is room for them."""
        self._has_come = False
        now = monotonic()
        for way in self._ways.values():
            if way.answered:
                way.settle(now)
                self._failures[way.lane] = 0
        self._is_stranded = False
        if self._rows.ended and not self.again:
            return
        ways = self._open_ways()
        # Never more than a window for each worker is on its way or waits here.
        self._rows.room = sum(way.window.size for way in ways) - self._ahead
        while ways and (room := (roomiest := max(ways, key=Way.room)).room()) > 0:
            if not self._give(roomiest, min(room, run_length(roomiest.window.size, len(ways)))):
                return
            if monotonic() > now + TAKING:
                asyncio.get_running_loop().call_soon(self.wake)
                return

    def _next(self) -> Row | None:
        """The next row to be given; None if there is none now."""
        if self.again:
            return self.again.popleft()
        rows = self._rows
        while not rows.ended and rows.room > 0:
            data = rows.take()
            if data is NO_ROW:
                return None
            rows.room -= 1
            self._ahead += 1
            turn = next(self._ids)
            try:
                return Row(self, turn, *encode(data))
            except Exception as error:
                self.done[turn] = Failed(error)
        return None

    def _give(self, way: Way, most: int) -> bool:
        """Send so many rows to one worker, fewer if it is full or there are no more. Returns whether there may be."""
        connection = way.lane.connection
        assert connection is not None
        if not way.calls:
            way.window.began(monotonic())
        rows: list[Row] = []
        size, may_be_more = way.size, True
        while may_be_more and len(rows) < most and size < MOST_BYTES:
            if (row := self._next()) is None:
                may_be_more = False
            else:
                rows.append(row)
                size += row.size
        if self._is_closed or not connection.is_open:  # by whoever gave the rows, meanwhile
            self.again.extend(rows)
            self.wake()
        elif rows:
            self._send(way, connection, rows)
        return may_be_more

    def _send(self, way: Way, connection: AsyncConnection, rows: list[Row]) -> None:
        way.connection = connection
        self.used.add(connection)
        pid, deadline = connection.hello.pid, deadline_in(self.job.timeout)
        for row in rows:
            row.enter(way, pid, deadline)
        connection.begin_all(rows)

    # Workers.

    def _open_ways(self) -> list[Way]:
        """The ways to the workers that can be given rows."""
        lanes = self._pool.lanes_for(self.job.key)
        ways = [self._way(lane) for lane in lanes]
        for way in ways:
            if not way.is_open and not way.is_opening and self._failures[way.lane] < ATTEMPTS:
                way.opening = asyncio.get_running_loop().create_task(self._open(way))
        open = [way for way in ways if way.is_open]
        self._is_stranded = not open and not any(way.is_opening for way in ways)
        return open

    async def _find_workers(self) -> None:
        """The host may be elsewhere now. Raises what is wrong if it is not, as soon as nobody owes an answer."""
        lanes = self._pool.lanes_for(None)
        try:
            await self._pool.hold(error=self._unreachable)
            if self._pool.lanes_for(None) is lanes:
                raise self._unreachable or ConnectionError("The host has no workers.")
        except JSHostError:
            if not self._is_owed:
                raise
            await self._wait()

    @property
    def _is_owed(self) -> bool:
        """Whether rows are in the hands of workers, of those that leave too."""
        return self._ahead > len(self.again) + len(self.lost) + len(self.done)

    def _way(self, lane: AsyncLane) -> Way:
        way = self._ways.get(lane)
        if way is None or way.is_past:
            way = self._ways[lane] = Way(lane, Window(self.job.window, self._pool.concurrency or MOST))
        return way

    async def _open(self, way: Way) -> None:
        try:
            if isinstance(self._unreachable, Stopping):
                is_next = way.does_nothing and way.calls > 0  # the first rows are back, and the others are on their way
                await asyncio.sleep(PAUSE * (self._failures[way.lane] + is_next))
            if not (await self._pool.open(way.lane)).is_open:
                raise NotSent("The worker left before a row was sent.")
        except Exception as error:
            self._failures[way.lane] += 1 if isinstance(error, ConnectionError) else ATTEMPTS
            self._unreachable = error
        finally:
            self.wake()

    async def _explain(self) -> None:
        """Rows whose worker was lost fail with the reason."""
        while self.lost:
            _, lane, pid, error = self.lost[-1]
            reason = await lane.reason(pid, error, self.job.name)
            turns = [turn for turn, _, other, _ in self.lost if other == pid]
            self.lost = [each for each in self.lost if each[2] != pid]
            for turn in turns:
                self.done[turn] = Failed(copy(reason))


def _size(body: Buffer, attachments: Sequence[Buffer]) -> int:
    """How many bytes travel."""
    return len(body) + sum(map(len, attachments))
