"""The rows of an async map: taken from an iterable as there is room for them, or fed by an async iterable."""

from __future__ import annotations

import asyncio
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future, Task
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator

__all__ = ["NO_ROW", "RowSource"]

#: Stands for a row where there is none now.
NO_ROW = object()


class RowSource:
    """Gives rows one by one. `wake` is called when an async iterable has given one."""

    def __init__(self, rows: Iterable[object] | AsyncIterable[object]) -> None:
        self._iterator: Iterator[object] | None = None
        self._source: AsyncIterator[object] | None = None
        if hasattr(rows, "__aiter__"):
            self._source = rows.__aiter__()
        else:
            self._iterator = iter(rows)
        self.wake: Callable[[], None] = _nobody
        self._feeder: Task[None] | None = None
        #: Rows of the async iterable that were not taken yet.
        self._fed: deque[object] = deque()
        self._wanted: Future[None] | None = None
        #: How many rows may be taken now.
        self.room = 0
        self._is_fed = False
        self.ended = False
        #: What the iterator raised: that is its end, too.
        self.error: BaseException | None = None

    def take(self) -> object:
        """The next row; NO_ROW if there is none now."""
        if self._iterator is None:
            return self._take_fed()
        try:
            row = next(self._iterator, NO_ROW)
        except Exception as error:
            row, self.error = NO_ROW, error
        self.ended = self.ended or row is NO_ROW
        return row

    def _take_fed(self) -> object:
        if self._feeder is None:
            self._feeder = asyncio.get_running_loop().create_task(self._feed())  # an eager one has fed some already
        if self._fed:
            row = self._fed.popleft()
            self.ended = self._is_fed and not self._fed
            return row
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)
        return NO_ROW

    async def _feed(self) -> None:
        """Take from the async iterable as many rows as there is room for."""
        assert self._source is not None
        try:
            async for row in self._source:
                self._fed.append(row)
                self.wake()
                if len(self._fed) >= self.room:
                    self._wanted = asyncio.get_running_loop().create_future()
                    await self._wanted
        except BaseException as error:  # cancelled, too: not by us, whom `close` has told
            self.error = error
        finally:
            self._is_fed = True
            if not self._fed:
                self.ended = True
            self.wake()

    async def next(self) -> object:
        """Wait for the next row; NO_ROW at the end."""
        if self._source is None:
            return self.take()
        try:
            return await anext(self._source)
        except StopAsyncIteration:
            return NO_ROW

    def close(self) -> None:
        """Take no more."""
        self.ended = True
        if self._feeder is not None:
            self._feeder.cancel()


def _nobody() -> None:
    pass
