"""Waiting for a worker that has room, in an event loop. The decisions are those of `routing`."""

from __future__ import annotations

import asyncio

from .aio_calls import time_left
from .gate import no_room

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .gate import Gate
    from .routing import Visit, Way

__all__ = ["Passing"]


class Passing:
    """`async with Passing(…) as worker:` waits for room until the deadline, keeps it, and gives the worker's number.

    Without a gate there is room at once, and the worker is the one of the key.
    """

    __slots__ = ("_deadline", "_gate", "_key", "_visit", "_ways")

    def __init__(self, gate: Gate | None, ways: Sequence[Way], key: int | None, deadline: float) -> None:
        self._gate = gate
        self._ways = ways
        self._key = key
        self._deadline = deadline

    async def __aenter__(self) -> int | None:
        if self._gate is None:
            return self._key
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        self._visit: Visit = self._gate.enter(self._ways, self._key, lambda: _wake(loop, woken))
        try:
            if self._visit.worker is None:
                async with asyncio.timeout(time_left(self._deadline)):
                    await woken.wait()
        except BaseException as error:
            self._gate.leave(self._visit)
            if isinstance(error, TimeoutError):
                raise no_room() from None
            raise
        assert self._visit.worker is not None
        return self._visit.worker

    async def __aexit__(self, *_: object) -> None:
        if self._gate is not None:
            self._gate.leave(self._visit)


def _wake(loop: asyncio.AbstractEventLoop, woken: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(woken.set)
    except RuntimeError:
        pass  # the loop has ended, and who waited in it too
