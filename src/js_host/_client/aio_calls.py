"""What waits for an answer on a connection of the asyncio client: calls, and the greeting."""

from __future__ import annotations

from abc import abstractmethod
from contextvars import copy_context
from math import inf
from time import monotonic

from .._wire.frames import ASK, CALL, ERROR, HEADER, RESULT, RICH, Frame, pack, rich_body
from .._wire.messages import Stopping, read_error, read_hello
from .._wire.traces import plain_name
from ..exceptions import FunctionTimeout, PayloadTooLarge, UnexpectedResponse, WorkerDied
from .channel import LONGEST, NotSent, deadline_in, time_left
from .sync import SMALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Sequence
    from contextvars import Context

    from .._wire.frames import Buffer
    from .._wire.results import Decoder
    from .._wire.rich import Attachments
    from ..exceptions import JSHostError
    from .aio import AsyncConnection
    from .aio_questions import AsyncPerformer

_pack = HEADER.pack

__all__ = ["AsyncCall", "Greeting", "Pending"]


class Pending:
    """One request, and who waits for its end. `timeout` is how many seconds it may take from when it begins."""

    __slots__ = ("attachments", "context", "deadline", "end", "flags", "id", "name", "performer", "text", "timeout")

    def __init__(
        self, name: bytes, text: bytes, attachments: Attachments | None, timeout: float | None, flags: int = 0
    ) -> None:
        self.name = name
        self.text = text
        self.attachments = attachments
        self.timeout = timeout
        self.flags = flags
        self.id = 0
        #: When it should have ended.
        self.deadline = deadline_in(timeout)
        #: How many bytes the connection has to have sent for the request to have left whole.
        self.end = 0
        #: Who answers what JavaScript asks of the callables in its data, once it has asked.
        self.performer: AsyncPerformer | None = None
        #: The context variables of the caller, for what is performed.
        self.context: Context | None = None

    def milliseconds(self) -> int:
        """The timeout as the worker is told it; 0 is none."""
        timeout = self.timeout
        return 0 if timeout is None or timeout > LONGEST else int(timeout * 1000) or 1

    def parts(self, id: int, limit: int) -> Sequence[Buffer]:
        """Its frame. Raises PayloadTooLarge."""
        name, text, attachments = self.name, self.text, self.attachments
        if attachments is not None:
            return self._rich_parts(id, limit, attachments)
        length = len(name) + len(text)
        if length > limit:
            raise self._too_large(length, limit)
        head = _pack(length, id, CALL, self.flags, len(name), self.milliseconds()) + name
        return (head + text,) if length < SMALL else (head, text)

    def _rich_parts(self, id: int, limit: int, attachments: Attachments) -> Sequence[Buffer]:
        body = rich_body(self.text, attachments)
        if attachments.references:
            self.context = copy_context()
        length = len(self.name) + sum(map(len, body))
        if length > limit:
            raise self._too_large(length, limit)
        return [pack(id, CALL, self.flags | RICH, self.name, self.milliseconds(), body) + body[0], *body[1:]]

    def _too_large(self, length: int, limit: int) -> PayloadTooLarge:
        return PayloadTooLarge(
            f"The data for {plain_name(self.name)} takes {length} bytes; the host's limit is {limit}. "
            "Raise requestDataLimit in the config, or send less.",
            maybe_executed=False,
        )

    def due(self, connection: AsyncConnection) -> float:
        """When it should have ended, at the latest."""
        return self.deadline

    @abstractmethod
    def received(self, connection: AsyncConnection, frame: Frame) -> None:
        """A frame of it came in."""

    def result(self, connection: AsyncConnection, body: memoryview) -> None:
        """Its result came in, without attachments."""
        self.received(connection, Frame(self.id, RESULT, 0, b"", 0, body, None))

    @abstractmethod
    def failed(self, error: JSHostError) -> None:
        """It will not get an answer: its waiter is to be told."""

    def late(self, unsent: bool) -> JSHostError:
        """The error where its deadline has passed without a word."""
        name = plain_name(self.name)
        if unsent:
            text = f"{name}: the worker did not take the request before the deadline."
            return FunctionTimeout(text, maybe_executed=False)
        return FunctionTimeout(f"{name}: the worker gave no sign before the deadline.")

    def error(self, frame: Frame) -> JSHostError:
        """The exception that an ERROR frame stands for."""
        faults = self.performer.faults if self.performer is not None else None
        return read_error(frame.body, self.name.decode(), faults)

    def ended(self, connection: AsyncConnection, frame: Frame) -> None:
        """An ERROR frame came in."""
        error = self.error(frame)
        if isinstance(error, Stopping):
            connection.retire()  # its goodbye may still be to come
        connection.finish(self)
        self.failed(error)

    def asked(self, connection: AsyncConnection, frame: Frame) -> None:
        """JavaScript asks something of the program, which is only right if it was given something to ask."""
        if frame.kind != ASK or self.attachments is None or not self.attachments.references:
            raise UnexpectedResponse(f"A frame came in that does not belong there, of the kind {frame.kind}.")
        if self.performer is None:
            from .aio_questions import AsyncPerformer  # late: few programs need it

            self.performer = AsyncPerformer(connection, self)
        self.performer.perform(frame)


class AsyncCall(Pending):
    """A call, and the future that gets its result."""

    __slots__ = ("_decode", "future")

    def __init__(
        self,
        loop: AbstractEventLoop,
        name: bytes,
        text: bytes,
        attachments: Attachments | None,
        timeout: float | None,
        decode: Decoder,
    ) -> None:
        self.name = name
        self.text = text
        self.attachments = attachments
        self.timeout = timeout
        self.flags = self.id = self.end = 0
        self.deadline = inf if timeout is None or timeout > LONGEST else monotonic() + timeout
        self.performer = self.context = None
        self._decode = decode
        self.future: Future[object] = loop.create_future()

    def result(self, connection: AsyncConnection, body: Buffer, attachments: Sequence[bytes] | None = None) -> None:
        """It has ended well."""
        if not self.future.done():
            try:
                self.future.set_result(self._decode(body, attachments))
            except StopIteration as error:
                self.future.set_exception(_not_to_be_raised(error))
            except Exception as error:
                self.future.set_exception(error)
        connection.finish(self)

    def renew(self, loop: AbstractEventLoop) -> None:
        """Wait again, for the answer of another worker. The time that was waited counts."""
        self.timeout = time_left(self.deadline)
        self.future = loop.create_future()

    def received(self, connection: AsyncConnection, frame: Frame) -> None:
        """The result, the error, or a question."""
        if frame.kind == RESULT:
            self.result(connection, frame.body, frame.attachments)
        elif frame.kind == ERROR:
            self.ended(connection, frame)
        else:
            self.asked(connection, frame)

    def failed(self, error: JSHostError) -> None:
        """It will not get an answer."""
        if not self.future.done():
            self.future.set_exception(error)


class Greeting(Pending):
    """The wait for the hello of a worker."""

    __slots__ = ("future",)

    def __init__(self, loop: AbstractEventLoop) -> None:
        super().__init__(b"hello", b"", None, None)
        self.future: Future[None] = loop.create_future()

    def received(self, connection: AsyncConnection, frame: Frame) -> None:
        """The hello, or what is none."""
        connection.finish(self)
        try:
            connection.greeted(read_hello(frame))
        except Exception as error:
            connection.is_open = False
            self.future.set_exception(error)
        else:
            self.future.set_result(None)

    def failed(self, error: JSHostError) -> None:
        """The connection is lost."""
        if not self.future.done():
            self.future.set_exception(error)


def _not_to_be_raised(error: StopIteration) -> RuntimeError:
    """What stands for it in a Future, which can not raise it: what Python makes of it in a coroutine."""
    other = RuntimeError("what the result is made into raised StopIteration")
    other.__cause__ = error
    return other


def unsent() -> NotSent:
    """The error for a request that did not leave whole."""
    return NotSent("The connection to the worker broke before the request was sent.")


def closed() -> WorkerDied:
    """The error for a call that was in flight when we closed the connection."""
    return WorkerDied("The connection to the worker was closed before it answered.")
