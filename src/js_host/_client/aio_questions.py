"""Performing what JavaScript asks of a call's callables and iterators, for calls in an event loop.

What has to be awaited runs as a task of the loop, several at once. Everything else runs in a thread, so that it may
block, or call JavaScript again.
"""

from __future__ import annotations

import asyncio
from inspect import iscoroutinefunction

from .._wire.questions import Questions
from .questions import perform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._wire.frames import Buffer, Frame
    from .._wire.questions import Operation
    from .aio import AsyncConnection
    from .aio_calls import Pending

    Outcome = tuple[object, Exception | None]

__all__ = ["AsyncPerformer"]


class AsyncPerformer:
    """Answers the questions of one call. `close` it when the call has ended."""

    __slots__ = ("_connection", "_context", "_id", "_questions", "_tasks")

    def __init__(self, connection: AsyncConnection, call: Pending) -> None:
        assert call.attachments is not None
        assert call.context is not None
        self._connection = connection
        self._context = call.context
        self._questions = Questions(call.id, call.attachments.references, connection.hello.limit)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def faults(self) -> dict[int, BaseException]:
        """What was raised, by the number of the question."""
        return self._questions.faults

    def perform(self, frame: Frame) -> None:
        """Begin what an ASK frame asks."""
        question = self._questions.read(frame)
        work = self._answer(frame.extra, question)
        task = self._connection.loop.create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """The call has ended: nobody waits for these answers any more."""
        for task in tuple(self._tasks):
            task.cancel()

    async def _answer(self, number: int, question: tuple[Any, Operation, list[Any]]) -> None:
        try:
            result, error = await _outcome(*question)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:  # also a cancelling of its own: after ours, the call is not open any more
            if self._is_open():
                self._send(self._questions.fault(number, raised))
            raise
        if error is None:
            self._send(self._questions.answer(number, result))
        else:
            self._send(self._questions.fault(number, error))

    def _is_open(self) -> bool:
        call = self._connection.pending.get(self._questions.id)
        return call is not None and call.performer is self

    def _send(self, parts: Sequence[Buffer]) -> None:
        if self._is_open():
            self._connection.send(parts)


async def _outcome(reference: Any, operation: Operation, arguments: list[Any]) -> Outcome:
    """What came of a question: the result, or an exception, which is not raised: StopIteration could not be."""
    if _is_for_the_loop(reference, operation):
        result, error = _begun(reference, operation, arguments)
    else:
        result, error = await asyncio.to_thread(_begun, reference, operation, arguments)
    if error is None and hasattr(result, "__await__"):
        try:
            result = await result
        except Exception as raised:
            error = raised
    return result, error


def _is_for_the_loop(reference: Any, operation: Operation) -> bool:
    if operation == "call":
        return iscoroutinefunction(reference) or iscoroutinefunction(getattr(reference, "__call__", None))  # noqa: B004
    return hasattr(reference, "__anext__")


def _begun(reference: Any, operation: Operation, arguments: list[Any]) -> Outcome:
    try:
        return perform(reference, operation, arguments), None
    except Exception as error:
        return None, error
