"""Waiting for a worker that has room, in an event loop. The decisions are those of `routing`."""

from __future__ import annotations

import asyncio

from .channel import time_left
from .gate import no_room

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from .gate import Gate
    from .routing import Visit, Way

__all__ = ["Passing"]


class Passing:
    """`async with Passing(…) as place:` waits for room until the deadline, and keeps it. `worker` is where that is.

    Without a gate there is room at once, and the worker is the one of the key; `visit` is None.
    """

    __slots__ = ("_deadline", "_gate", "_ways", "visit", "worker")

    def __init__(self, gate: Gate | None, ways: Sequence[Way], key: int | None, deadline: float) -> None:
        self._gate = gate
        self._ways = ways
        self._deadline = deadline
        self.worker = key
        self.visit: Visit | None = None

    async def __aenter__(self) -> Self:
        if self._gate is None:
            return self
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        self.visit = visit = self._gate.enter(self._ways, self.worker, lambda: _wake(loop, woken))
        try:
            if visit.worker is None:
                async with asyncio.timeout(time_left(self._deadline)):
                    await woken.wait()
        except BaseException as error:
            self._gate.leave(visit)
            if isinstance(error, TimeoutError):
                raise no_room() from None
            raise
        self.worker = visit.worker
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._gate is not None and self.visit is not None:
            self._gate.leave(self.visit)


def _wake(loop: asyncio.AbstractEventLoop, woken: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(woken.set)
    except RuntimeError:
        pass  # the loop has ended, and who waited in it too
