"""The pool of the asyncio client: which worker gets a call, and the connection to it. For one event loop."""

from __future__ import annotations

import asyncio
import weakref
from copy import copy
from functools import partial
from math import inf

from .._wire.messages import Stopping
from .._wire.values import encode
from ..exceptions import ConnectionError, WorkerDied
from .aio_calls import AsyncCall
from .aio_gate import Passing
from .aio_open import open_connection
from .aio_threads import AsyncThreads
from .channel import UNTOLD, NotSent, OutOfTime, deadline_in, time_left
from .gate import in_course_of
from .http import HttpLink
from .lane import ATTEMPTS, CONNECT_TIMEOUT, warn_of
from .pool import Pool
from .routing import choose
from .single_flight import SingleFlight

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from typing import TypeVar

    from .._wire.results import Decoder
    from ..exceptions import JSHostError
    from .aio import AsyncConnection
    from .aio_calls import Pending
    from .lane import Lane

    T = TypeVar("T")

__all__ = ["AsyncLane", "AsyncPool", "pool_of_this_loop"]


def pool_of_this_loop(link: Pool | HttpLink) -> AsyncPool | AsyncThreads:
    """The connections of the running event loop to the workers of a link."""
    loop = asyncio.get_running_loop()
    pool = link.loops.get(loop)
    if pool is None:
        _forget_closed_loops(link)
        if isinstance(link, HttpLink) or link.is_encrypted:
            pool = link.loops[loop] = AsyncThreads(link)
        else:
            pool = link.loops[loop] = AsyncPool(link, loop)
    return pool


def _forget_closed_loops(link: Pool | HttpLink) -> None:
    for loop in tuple(link.loops):
        if loop.is_closed() and (pool := link.loops.pop(loop, None)) is not None:
            pool.close_from_anywhere()


class AsyncLane:
    """The way to one worker: the connection to it, if there is one. `lane` is the blocking client's."""

    __slots__ = ("_explaining", "_is_retired", "_opening", "_pool", "_waiting", "connection", "lane")

    def __init__(self, lane: Lane, pool: Pool) -> None:
        self.lane = lane
        self._pool = pool
        #: Where calls begin. The ones before it may still have calls in hand.
        self.connection: AsyncConnection | None = None
        #: How many calls wait for a connection.
        self._waiting = 0
        self._is_retired = False
        self._opening = SingleFlight()
        #: By the process ids that are asked about.
        self._explaining: dict[int, SingleFlight] = {}

    def load(self) -> tuple[bool, int]:
        """What speaks against this worker: first that it is not ready, then the calls that it has in hand."""
        slot, connection = self.lane.slot, self.connection
        calls = self._waiting if connection is None else self._waiting + len(connection.pending)
        return slot is not None and not slot.ready, calls

    async def open(self, timeout: float | None) -> AsyncConnection:
        """The connection to the worker, made if there is none. However many ask at once, one is made."""
        connection = self.connection
        if connection is None or not connection.is_open:
            self._waiting += 1
            try:
                connection = await _in_time(self._opening.do(lambda: self._open(), timeout))
            finally:
                self._waiting -= 1
        return connection

    async def _open(self) -> AsyncConnection:
        while True:
            connection = await open_connection(self.lane.address, CONNECT_TIMEOUT, self._pool.token, self._pool.spin)
            if self._is_retired:
                connection.close()
                raise ConnectionError("The host was stopped, or is elsewhere now.")
            if not self._pool.should_reach_another(self.lane, connection.hello.pid):
                self.connection = connection
                return connection
            connection.close()

    async def reason(self, pid: int, error: JSHostError, name: bytes = b"") -> JSHostError:
        """The error that says why the worker of that process id was lost; without one, why none can be reached.

        It is the one that was met, with the `name` of the function, where nobody knows more. To ask may take a
        while: a thread does.
        """
        flight = self._explaining.setdefault(pid, SingleFlight())
        try:
            found = await flight.do(lambda: asyncio.to_thread(self._pool.explain, self.lane, pid))
        finally:
            self._explaining.pop(pid, None)
        if found is None:
            return self._pool.told(error, name)
        return copy(found)  # each caller gets its own: a traceback is of one

    def retire(self) -> None:
        """Let the calls here end, and begin no others."""
        self._is_retired = True
        if self.connection is not None:
            self.connection.retire()


class AsyncPool:
    """The connections of one event loop to one host. `pool` is the blocking client's, whose workers these are."""

    def __init__(self, pool: Pool, loop: AbstractEventLoop) -> None:
        self._pool = pool
        self.loop = loop
        self._holding = SingleFlight()
        self._of = pool.lanes
        self._lanes = [AsyncLane(lane, pool) for lane in pool.lanes]
        self._ending: AsyncGenerator[None, None] | None = _until_the_loop_ends(weakref.ref(self))
        _advance(self._ending.__anext__())

    async def call(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> object:
        """Call a function and return its decoded result: on the least busy worker, or the one of a `key`.

        A call that certainly did not run is tried again; one that may have run never is. One whose task is
        cancelled ends in JavaScript too.
        """
        text, attachments = encode(value)
        call = AsyncCall(self.loop, name, text, attachments, timeout, decode)
        if self._pool.gate is not None:
            return await self._call_in_turn(call, key)
        lane = self._choose(key)
        connection = None if lane is None else lane.connection
        if lane is None or connection is None or not connection.is_open:
            return await self._call_anew(call, key)
        # As in `_answer`: of the coroutines between the caller and the future, each one costs.
        connection.begin(call)
        try:
            return await call.future
        except (NotSent, Stopping):
            call.renew(self.loop)
        except WorkerDied as error:
            raise await lane.reason(connection.hello.pid, error, name) from None
        except BaseException:
            connection.cancel(call)
            raise
        finally:
            if connection.warnings:
                warn_of(connection.warnings)
        return await self._call_anew(call, key)

    async def _call_in_turn(self, call: AsyncCall, key: int | None) -> object:
        """The same as soon as a worker has room."""
        async with await self._passing(key, call.deadline) as place:
            call.renew(self.loop)
            with in_course_of(place.visit):
                return await self._call_anew(call, place.worker)

    async def stream(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> AsyncGenerator[object, None]:
        """Call a function and give the parts of its result as they are asked for; `timeout` is for each of them."""
        from .aio_stream import Parts  # late: few programs need it

        text, attachments = encode(value)
        async with await self._passing(key, deadline_in(timeout)) as place:
            for attempt in range(1, ATTEMPTS + 1):
                parts = Parts(name, text, attachments, timeout, decode)
                lane, connection = await self._connected(parts, place.worker)
                with in_course_of(place.visit):
                    connection.begin(parts)
                try:
                    while parts.has_one or await parts.wait(connection):
                        if connection.warnings:
                            warn_of(connection.warnings)
                        yield parts.take(connection)
                    return
                except (NotSent, Stopping):  # it did not run
                    if attempt == ATTEMPTS:
                        raise
                except WorkerDied as error:
                    raise await lane.reason(connection.hello.pid, error, name) from None
                finally:
                    connection.cancel(parts)

    async def _passing(self, key: int | None, deadline: float) -> Passing:
        if not self._lanes:
            await self.hold(deadline)
        return Passing(self._pool.gate, self._lanes, key, deadline)

    async def _answer(self, lane: AsyncLane, connection: AsyncConnection, call: AsyncCall) -> object:
        """Begin the call there, and wait for its end."""
        connection.begin(call)
        try:
            return await call.future
        except WorkerDied as error:
            raise await lane.reason(connection.hello.pid, error, call.name) from None
        except BaseException:
            connection.cancel(call)
            raise
        finally:
            if connection.warnings:
                warn_of(connection.warnings)

    async def _call_anew(self, call: AsyncCall, key: int | None) -> object:
        """The same where a connection may have to be made first; again, if it did not run and there is time."""
        reason: JSHostError | None = None
        for _ in range(ATTEMPTS):
            lane, connection = await self._connected(call, key)
            try:
                return await self._answer(lane, connection, call)
            except (NotSent, Stopping) as error:
                reason = error
                call.renew(self.loop)
        assert reason is not None
        raise reason

    async def _connected(self, call: Pending, key: int | None) -> tuple[AsyncLane, AsyncConnection]:
        """The least busy worker, and an open connection to it."""
        try:
            return await self._reached(call, key)
        except UNTOLD as error:
            raise self._pool.told(error, call.name) from None

    async def _reached(self, call: Pending, key: int | None) -> tuple[AsyncLane, AsyncConnection]:
        await self.hold(call.deadline)
        lanes = self._lanes
        try:
            return await self._connect(call, key)
        except ConnectionError as error:
            if error.maybe_executed or self._pool.is_closed:
                raise
            await self.hold(call.deadline, error)
            if self._lanes is lanes:
                raise
        # The host moved at this very moment, or another task found it elsewhere.
        return await self._connect(call, key)

    async def _connect(self, call: Pending, key: int | None) -> tuple[AsyncLane, AsyncConnection]:
        reason: JSHostError | None = None
        for _ in range(ATTEMPTS):
            if self._pool.is_closed:
                raise ConnectionError("The host was stopped. Start it again with its `start()`.")
            lane = self._choose(key)
            assert lane is not None
            try:
                connection = await lane.open(time_left(call.deadline))
            except ConnectionError as error:
                reason = await lane.reason(0, error)
            else:
                if connection.is_open:
                    return lane, connection
                reason = NotSent("The worker left before the request was sent.")
        assert reason is not None
        raise reason

    async def open(self, lane: AsyncLane) -> AsyncConnection:
        """An open connection to that worker, made if there is none."""
        if self._pool.is_closed:
            raise ConnectionError("The host was stopped. Start it again with its `start()`.")
        try:
            return await lane.open(None)
        except ConnectionError as error:
            raise await lane.reason(0, error) from None

    def lanes_for(self, key: int | None) -> list[AsyncLane]:
        """The ways to the workers that may get the calls of a key; to all, without one."""
        return self._lanes if key is None or not self._lanes else [choose(self._lanes, key)]

    @property
    def concurrency(self) -> int | None:
        """How many calls a worker is given at a time; None for any."""
        return self._pool.concurrency

    async def hold(self, deadline: float = inf, error: Exception | None = None) -> None:
        """Make sure that the workers are there; `error` is what was met when one was to be reached."""
        if self._pool.is_held or error is not None:
            renew = partial(asyncio.to_thread, self._pool.renew, None, error)
            await _in_time(self._holding.do(renew, time_left(deadline)))
        if self._of is not self._pool.lanes:
            for lane in self._lanes:
                lane.retire()
            self._of = self._pool.lanes
            self._lanes = [AsyncLane(lane, self._pool) for lane in self._of]

    def _choose(self, key: int | None) -> AsyncLane | None:
        """The worker of that key, or the least busy; None while none is known."""
        return choose(self._lanes, key) if self._lanes else None

    def close(self) -> None:
        """Close all connections that are idle now, and the others when their calls end."""
        for lane in self._lanes:
            lane.retire()
        ending, self._ending = self._ending, None
        if ending is not None:
            _advance(ending.aclose())

    def end(self) -> None:
        """Close all connections: the loop ends."""
        if self._ending is None:
            return  # it was closed before, and its last calls may still run
        for lane in self._lanes:
            if lane.connection is not None:
                lane.connection.close()

    def close_from_anywhere(self) -> None:
        """The same from any thread, also when the loop has ended."""
        self.do_from_anywhere(self.close)

    def do_from_anywhere(self, deed: Callable[[], None]) -> None:
        """Have the loop do it, where it runs in another thread; else do it here and now."""
        if self.loop.is_running() and self.loop is not _running_loop():
            try:
                self.loop.call_soon_threadsafe(deed)
                return
            except RuntimeError:
                pass  # it has just ended
        deed()


async def _until_the_loop_ends(pool: weakref.ref[AsyncPool]) -> AsyncGenerator[None, None]:
    """`asyncio.run` closes async generators at its end: that tells us to close the connections."""
    try:
        yield
    except GeneratorExit:
        if (found := pool()) is not None:
            found.end()
        raise


async def _in_time(what: Awaitable[T]) -> T:
    """Wait for what comes before a call, and raises TimeoutError at the call's deadline."""
    try:
        return await what
    except TimeoutError:
        raise OutOfTime("No worker was free before the deadline.", maybe_executed=False) from None


def _advance(awaitable: Awaitable[object]) -> None:
    """Await what needs no waiting."""
    try:
        awaitable.__await__().__next__()
    except (StopIteration, RuntimeError):
        pass


def _running_loop() -> AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
