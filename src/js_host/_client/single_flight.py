"""One deed for all who want it at once: the first begins it, the others wait for the same."""

from __future__ import annotations

import asyncio
from copy import copy
from weakref import WeakKeyDictionary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from collections.abc import Callable, Coroutine
    from typing import Any, TypeVar

    T = TypeVar("T")

__all__ = ["SingleFlight"]


class SingleFlight:
    """A deed that is done once at a time in each event loop. Who stops waiting does not stop it."""

    __slots__ = ("_running",)

    def __init__(self) -> None:
        self._running: WeakKeyDictionary[AbstractEventLoop, Task[Any]] = WeakKeyDictionary()

    async def do(self, deed: Callable[[], Coroutine[Any, Any, T]], timeout: float | None = None) -> T:
        """Begin the deed, if it is not being done, and return what came of it.

        Raises TimeoutError if that takes more than `timeout` seconds.
        """
        loop = asyncio.get_running_loop()
        task: Task[T] | None = self._running.get(loop)
        if task is None or task.done():
            task = self._running[loop] = loop.create_task(deed())
            task.add_done_callback(_look_at)
        await asyncio.wait((task,), timeout=timeout)
        if not task.done():
            raise TimeoutError
        error = None if task.cancelled() else task.exception()
        if error is not None:
            raise _own(error)
        return task.result()


def _own(error: BaseException) -> BaseException:
    """The same error for one of those who wait: it has the traceback of one."""
    own = copy(error).with_traceback(error.__traceback__)
    own.__context__, own.__cause__ = error.__context__, error.__cause__
    return own


def _look_at(task: Task[Any]) -> None:
    """An error that nobody waits for any more is no news."""
    if not task.cancelled():
        task.exception()
