"""The parts of a streaming result in an event loop: what has come of it, and the credit for more."""

from __future__ import annotations

from collections import deque
from math import inf

from .._wire.frames import CHUNK, CREDIT, END, ERROR, HEADER, RESULT, STREAM, STREAM_WINDOW, cost
from ..exceptions import UnexpectedResponse
from .aio_calls import Pending
from .channel import deadline_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future

    from .._wire.frames import Frame
    from .._wire.results import Decoder
    from .._wire.rich import Attachments
    from ..exceptions import JSHostError
    from .aio import AsyncConnection

__all__ = ["Parts"]

#: Credit is given back when so much was consumed, in bytes.
ENOUGH = STREAM_WINDOW // 2


class Parts(Pending):
    """What has come of one stream and was not taken yet. `timeout` is for each part."""

    __slots__ = ("_consumed", "_credit", "_decode", "_end", "_parts", "_waiting")

    def __init__(
        self, name: bytes, text: bytes, attachments: Attachments | None, timeout: float | None, decode: Decoder
    ) -> None:
        super().__init__(name, text, attachments, timeout, STREAM)
        self._decode = decode
        self._parts: deque[tuple[object, int]] = deque()
        #: How it ended: with an error, or well (True).
        self._end: JSHostError | Exception | bool = False
        self._waiting: Future[None] | None = None
        self._consumed = 0
        self._credit = STREAM_WINDOW

    @property
    def has_one(self) -> bool:
        """Whether the next part is there."""
        return bool(self._parts)

    async def wait(self, connection: AsyncConnection) -> bool:
        """Wait for the next part. Returns False when there is none; raises what the stream ended with."""
        if self._end is False:
            await self._more(connection)
        if self._parts:
            return True
        if isinstance(self._end, Exception):
            raise self._end
        return False

    def take(self, connection: AsyncConnection) -> object:
        """The next part, which is there. Gives the worker credit for more."""
        part, size = self._parts.popleft()
        self._consumed += size
        if self._consumed >= ENOUGH and self._end is False:
            connection.send((HEADER.pack(0, self.id, CREDIT, 0, 0, self._consumed),))
            self._credit += self._consumed
            self._consumed = 0
        return part

    async def _more(self, connection: AsyncConnection) -> None:
        self.deadline = deadline_in(self.timeout)
        connection.watch(self)
        self._waiting = connection.loop.create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None
            self.deadline = inf  # while nobody waits for a part, none can be late

    def received(self, connection: AsyncConnection, frame: Frame) -> None:
        """A part, the end, an error, or a question."""
        if frame.kind == CHUNK:
            if self._credit <= 0:
                raise UnexpectedResponse("The worker sent more of a stream than it had credit for.")
            size = cost(frame)
            self._credit -= size
            self._keep(connection, frame, size)
        elif frame.kind in (END, RESULT):
            connection.finish(self)
            if frame.kind == RESULT:
                self._keep(connection, frame, 0)
            self._stop(True)
        elif frame.kind == ERROR:
            self.ended(connection, frame)
        else:
            self.asked(connection, frame)

    def _keep(self, connection: AsyncConnection, frame: Frame, size: int) -> None:
        try:
            self._parts.append((self._decode(frame.body, frame.attachments), size))
        except Exception as error:
            connection.cancel(self)
            self._stop(error)
        self._wake()

    def failed(self, error: JSHostError) -> None:
        """No more will come."""
        self._stop(error)

    def _stop(self, how: Exception | bool) -> None:
        if self._end is False:
            self._end = how
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
