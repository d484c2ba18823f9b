"""The results of an async map, one by one: what `AsyncFunction.map` returns."""

from __future__ import annotations

from collections import deque

from .aio_map import AsyncMap
from .aio_rows import NO_ROW, RowSource
from .aio_threads import AsyncThreads
from .turns import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType
    from typing import Any, Self

    from .aio_pool import AsyncPool
    from .job import Job

__all__ = ["AsyncResults"]


class AsyncResults:
    """An async iterator over the results. `aclose`, or dropping it, aborts the calls in flight.

    `connect` gives the pool when the first result is asked for.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncPool | AsyncThreads]],
        rows: RowSource,
        job: Job,
    ) -> None:
        self._connect = connect
        self._rows = rows
        self._job = job
        self._map: AsyncMap | AsyncThreads | None = None
        self._ready: deque[object] = deque()
        self._is_closed = False
        #: A task waits for the next result.
        self._is_awaited = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        """The next result."""
        while not self._ready:
            if self._is_awaited:
                raise RuntimeError("The results of a map are for one task at a time: another one waits for the next.")
            self._is_awaited = True
            try:
                more = [] if self._is_closed else await self._more()
            except BaseException:
                self.close()
                raise
            finally:
                self._is_awaited = False
            if not more or self._is_closed:
                self.close()
                raise StopAsyncIteration
            self._ready.extend(more)
        result = self._ready.popleft()
        if result.__class__ is not Failed:
            return result
        try:
            return self._job.on_error(result.error)
        except BaseException:
            self.close()
            raise

    async def _more(self) -> list[object]:
        if self._map is None:
            pool = await self._connect()
            if self._is_closed:
                return []
            self._map = pool if isinstance(pool, AsyncThreads) else AsyncMap(pool, self._rows, self._job)
        if isinstance(self._map, AsyncMap):
            return await self._map.more()
        return await self._one_more(self._map)

    async def _one_more(self, threads: AsyncThreads) -> list[object]:
        """One after the other: over plain HTTP, and over TLS."""
        job, row = self._job, await self._rows.next()
        if row is NO_ROW:
            if self._rows.error is not None:
                raise self._rows.error
            return []
        try:
            return [await threads.call(job.name, row, job.timeout, job.decode, job.key)]
        except Exception as error:
            return [Failed(error)]

    def close(self) -> None:
        """Abort the calls in flight, and give no more results."""
        self._is_closed = True
        self._ready.clear()
        if isinstance(self._map, AsyncMap):
            self._map.close()
        self._map = None

    async def aclose(self) -> None:
        """Abort the calls in flight, and give no more results."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if isinstance(self._map, AsyncMap):
            self._map.close_from_anywhere()
