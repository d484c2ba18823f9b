"""The pool: which worker gets a call, and on which connection. Safe in threads and after a fork, without a lock."""

from __future__ import annotations

import os
import weakref

from .._wire.messages import Stopping
from ..exceptions import ConnectionError, WorkerDied
from ..utils.memory import keep_freed_blocks
from .channel import UNTOLD, NotSent, deadline_in, time_left
from .lane import ATTEMPTS, CONNECT_TIMEOUT, Lane
from .routing import choose
from .spin import SPIN, can_spin
from .sync import Connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Generator, Iterator, Sequence

    from .._wire.results import Decoder
    from ..exceptions import JSHostError
    from .aio_pool import AsyncPool
    from .aio_threads import AsyncThreads
    from .gate import Gate
    from .job import Job

    #: From the lane and the process id of a worker that was lost, to the error that says why; None if unknown.
    Explain = Callable[[Lane, int], JSHostError | None]

#: How often a connection to a shared address is made anew to reach a worker that has none yet.
RETRIES = 20


class Pool:
    """The connections of one program to one host.

    `lanes` are the ways to its workers; `explain` tells why a worker was lost; `spin` allows polling for
    answers; `token` is said in each handshake. `gate` limits the calls that a worker is given at a time.
    """

    #: Whether `renew` has anything to do, which may take a while.
    is_held = False

    #: The URL of the host, for messages; none for one that this program or its manager has started.
    place = ""

    def __init__(
        self,
        lanes: Sequence[Lane],
        explain: Explain | None = None,
        *,
        spin: bool = True,
        token: str | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.lanes = list(lanes)
        self._explain = explain
        self.spin = SPIN if spin and can_spin() else 0.0
        self.gate = gate
        self.token = token
        self.is_closed = False
        #: The connections of event loops to the same workers: see `aio_pool`.
        self.loops: dict[AbstractEventLoop, AsyncPool | AsyncThreads] = {}
        _pools.add(self)
        keep_freed_blocks()

    def call(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> object:
        """Call a function and return its decoded result: on the least busy worker, or the one of a `key`.

        A call that certainly did not run is tried again; one that may have run never is.
        """
        try:
            if self.gate is None:
                return self._call(name, value, timeout, decode, key)
            return self._call_in_turn(name, value, timeout, decode, key)
        except UNTOLD as error:
            raise self.told(error, name) from None

    def _call_in_turn(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None
    ) -> object:
        """The same as soon as a worker has room."""
        assert self.gate is not None
        deadline = deadline_in(timeout)
        from .gate import in_course_of

        with self.gate.passing(self.lanes, key, time_left(deadline)) as visit, in_course_of(visit):
            return self._call(name, value, time_left(deadline), decode, visit.worker)

    def _call(self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None) -> object:
        lane = self.lanes[0] if len(self.lanes) == 1 else choose(self.lanes, key)
        connection = lane.take()
        if connection is None:
            return self._call_anew(name, value, timeout, decode, key)
        began = connection.last_used
        try:
            return connection.call(name, value, timeout, decode)
        except (NotSent, Stopping):
            pass
        except WorkerDied as error:
            raise self.reason(lane, connection, error) from None
        finally:
            lane.give_back(connection)
        return self._call_anew(name, value, time_left(began + timeout) if timeout else None, decode, key)

    def _call_anew(self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None) -> object:
        """The same on new connections, as long as the call did not run and there is time."""
        self.prepare()
        deadline = deadline_in(timeout)
        reason: JSHostError | None = None
        for _ in range(ATTEMPTS):
            lane, connection = self._reached(key, deadline)
            try:
                return connection.call(name, value, time_left(deadline), decode)
            except (NotSent, Stopping) as error:
                reason = error
            except WorkerDied as error:
                raise self.reason(lane, connection, error) from None
            finally:
                lane.give_back(connection)
        assert reason is not None
        raise reason

    def stream(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> Generator[object, None, None]:
        """Call a function and give the parts of its result as they are asked for, on a connection of its own."""
        try:
            if self.gate is None:
                yield from self._stream(name, value, timeout, decode, key)
            else:
                yield from self._stream_in_turn(name, value, timeout, decode, key)
        except UNTOLD as error:
            raise self.told(error, name) from None

    def _stream_in_turn(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None
    ) -> Generator[object, None, None]:
        assert self.gate is not None
        from .gate import parts_in_course_of

        with self.gate.passing(self.lanes, key, time_left(deadline_in(timeout))) as visit:
            yield from parts_in_course_of(visit, self._stream(name, value, timeout, decode, visit.worker))

    def _stream(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None
    ) -> Generator[object, None, None]:
        from .stream import stream

        reason: JSHostError | None = None
        lane = choose(self.lanes, key)
        connection = lane.take()
        for _ in range(1 + ATTEMPTS):
            if connection is None:
                self.prepare()
                lane, connection = self._reached(key, deadline_in(timeout))
            try:
                yield from stream(connection, name, value, timeout, decode)
                return
            except (NotSent, Stopping) as error:  # it did not run
                reason = error
            except WorkerDied as error:
                raise self.reason(lane, connection, error) from None
            finally:
                lane.give_back(connection)
            connection = None
        assert reason is not None
        raise reason

    def _reached(self, key: int | None, deadline: float) -> tuple[Lane, Connection]:
        """A worker, and a new connection to it. Raises ConnectionError (nothing ran) if none can be reached."""
        self.renew(time_left(deadline))
        lanes = self.lanes
        try:
            return self._reached_one(key, deadline)
        except ConnectionError as error:
            self.renew(time_left(deadline, error), error)
            if self.lanes is lanes:
                raise
        # The host moved at this very moment, or another thread found it elsewhere.
        return self._reached_one(key, deadline)

    def _reached_one(self, key: int | None, deadline: float) -> tuple[Lane, Connection]:
        reason: JSHostError | None = None
        for _ in range(ATTEMPTS):
            lane = choose(self.lanes, key)
            try:
                return lane, self._connect(lane, time_left(deadline, reason))
            except ConnectionError as error:
                reason = self.failure(lane) or error
        assert reason is not None
        raise reason

    def map(self, rows: Iterator[object], job: Job) -> Generator[object, None, None]:
        """Call a function for each row, many at once, and give the results: see `Function.map`."""
        if self.is_encrypted:
            from .one_by_one import one_by_one

            return one_by_one(self.call, rows, job)
        from .bulk import Bulk  # late: most programs never need it

        return Bulk(self, rows, job).results()

    @property
    def is_encrypted(self) -> bool:
        """Whether calls go over TLS: one at a time on a connection, by the blocking client."""
        return any(lane.address.is_encrypted for lane in self.lanes)

    @property
    def concurrency(self) -> int | None:
        """How many calls a worker is given at a time; None for any."""
        return self.gate.line.concurrency if self.gate else None

    def use(self, lanes: Sequence[Lane]) -> None:
        """Go to other workers from now on."""
        old, self.lanes = self.lanes, list(lanes)
        for lane in old:
            lane.close()

    def begin(self) -> None:
        """Say hello to all workers while they start, so that the first call need not wait for it."""
        for lane in self.lanes:
            connection = self._begun(lane)
            if connection is not None:
                lane.begun.append(connection)

    def status(self, timeout: float | None) -> object:
        """What `GET /status` says, asked of any worker."""
        lane = choose(self.lanes)
        connection = self._connect(lane, timeout)
        try:
            return connection.status(timeout)
        finally:
            lane.give_back(connection)

    def close(self) -> None:
        """Close all connections that are idle now, and the others when their calls end."""
        self.is_closed = True
        for lane in self.lanes:
            lane.close()
        for loop in tuple(self.loops):
            self.loops.pop(loop).close_from_anywhere()

    def _connect(self, lane: Lane, timeout: float | None) -> Connection:
        deadline = deadline_in(CONNECT_TIMEOUT if timeout is None else timeout)
        lane.opening.append(None)
        try:
            while True:
                connection = self.reach(lane, time_left(deadline))
                connection.greet(lane.address, deadline)
                if not self.should_reach_another(lane, connection.hello.pid):
                    lane.connections.add(connection)
                    return connection
                connection.close()
        finally:
            lane.opening.pop()

    def reach(self, lane: Lane, timeout: float | None) -> Connection:
        """A new connection on which a hello was sent, and its answer not yet read."""
        if self.is_closed:
            raise ConnectionError("The host was stopped. Start it again with its `start()`.")
        limit = CONNECT_TIMEOUT if timeout is None else timeout
        return self._begun(lane) or Connection.reach(lane.address, limit, spin=self.spin, token=self.token)

    def should_reach_another(self, lane: Lane, pid: int) -> bool:
        """Whether a new connection, which went to that worker, is to be made anew since another way leads there.

        Behind one address the system gives a connection to any of the workers. After some tries it has its way.
        """
        if not lane.is_shared:
            return False
        if lane.retries < RETRIES and any(other.pid == pid for other in self.lanes if other is not lane):
            lane.retries += 1
            return True
        lane.pid, lane.retries = pid, 0
        return False

    def prepare(self) -> None:
        """Start the host, where that is for its callers to do: it is not the time of a call."""

    def renew(self, timeout: float | None = None, error: Exception | None = None) -> bool:
        """Make sure that the host is there. Returns whether its workers are others now.

        `timeout` is how long one that is there already may take to say so, in seconds; `error` is what was met when a
        worker was to be reached.
        """
        return False

    def _begun(self, lane: Lane) -> Connection | None:
        """The connection that came with the worker, with a hello on its way; None if it was taken before."""
        try:
            return lane.begun.pop()
        except IndexError:
            pass
        descriptor = lane.slot.take_connection() if lane.slot else None
        return None if descriptor is None else Connection.begin(descriptor, spin=self.spin, token=self.token)

    def reason(self, lane: Lane, connection: Connection, error: JSHostError) -> JSHostError:
        """The error that says why the worker was lost with the call in its hands."""
        return self.explain(lane, connection.hello.pid) or error

    def told(self, error: JSHostError, name: bytes) -> JSHostError:
        """The same error, with the function and the host where it names neither."""
        return error.told(name, self.place) if isinstance(error, UNTOLD) else error

    def explain(self, lane: Lane, pid: int = 0) -> JSHostError | None:
        """The error that says why the worker of that process id was lost; without one, why none can be reached."""
        return self._explain(lane, pid) if self._explain else None

    def failure(self, lane: Lane) -> JSHostError | None:
        """The error that says why the worker can not be reached."""
        return self.explain(lane)


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def _forget_all() -> None:
    """After a fork, the child has copies of its parent's connections: two must never speak on one."""
    for pool in tuple(_pools):
        for lane in pool.lanes:
            lane.forget()
        if pool.gate is not None:
            pool.gate.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
