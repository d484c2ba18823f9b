"""Performing what JavaScript asks of a call's callables and iterators, in the caller's own thread."""

from __future__ import annotations

from .._wire.questions import NO_MORE, Questions

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Sequence
    from typing import Any

    from .._wire.frames import Buffer, Frame
    from .._wire.questions import Operation

__all__ = ["Performer", "perform"]


def perform(reference: Any, operation: Operation, arguments: list[Any]) -> object:
    """Do it. Returns the result, or an awaitable of it; NO_MORE where an iterator has ended."""
    if operation == "call":
        return reference(*arguments)
    if operation == "next":
        if hasattr(reference, "__anext__"):
            return _next_later(reference)
        return next(reference, NO_MORE)
    close = getattr(reference, "aclose", None) or getattr(reference, "close", None)
    return close() if close else None


async def _next_later(iterator: Any) -> object:
    try:
        return await iterator.__anext__()
    except StopAsyncIteration:
        return NO_MORE


class Performer:
    """Answers the questions of one call, one after the other. `close` it when the call has ended.

    What has to be awaited runs in an event loop of its own, since the caller has none.
    """

    __slots__ = ("_questions", "_runner")

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self._runner: asyncio.Runner | None = None

    @property
    def faults(self) -> dict[int, BaseException]:
        """What was raised, by the number of the question."""
        return self._questions.faults

    def answer(self, frame: Frame) -> Sequence[Buffer]:
        """Do what an ASK frame asks, and give the parts of the frame that answers it."""
        question = self._questions.read(frame)
        try:
            result = perform(*question)
            if hasattr(result, "__await__"):
                result = self._run(result)
        except Exception as error:
            return self._questions.fault(frame.extra, error)
        return self._questions.answer(frame.extra, result)

    def _run(self, awaitable: Any) -> object:
        import asyncio  # late: most programs never need it

        if _is_in_a_loop():
            getattr(awaitable, "close", lambda: None)()
            raise RuntimeError(
                "An event loop runs in this thread already, so nothing can be awaited in a call of Function. "
                "Call it with AsyncFunction."
            )
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(_wait_for(awaitable))

    def close(self) -> None:
        """End the event loop, if there was one."""
        if self._runner is not None:
            self._runner.close()


def _is_in_a_loop() -> bool:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _wait_for(awaitable: Awaitable[object]) -> object:
    return await awaitable
