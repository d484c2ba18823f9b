"""Calls of an event loop by the blocking client, in threads: to hosts that speak plain HTTP only, or over TLS."""

from __future__ import annotations

import asyncio

from .aio_calls import deadline_in, time_left
from .http import HttpLink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from .._wire.results import Decoder
    from .pool import Pool

__all__ = ["AsyncThreads"]

_END = object()


class AsyncThreads:
    """The way from one event loop to a host, each call in a thread."""

    def __init__(self, link: Pool | HttpLink) -> None:
        self._link = link

    async def call(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> object:
        """Call a function and return its decoded result. A call that is cancelled goes on, unheard."""
        deadline = deadline_in(timeout)  # the time that it takes to get a thread counts
        return await asyncio.to_thread(lambda: self._link.call(name, value, time_left(deadline), decode, key))

    async def stream(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> AsyncGenerator[object, None]:
        """The parts of the result. Plain HTTP knows no streams: there the result is the one part."""
        if isinstance(self._link, HttpLink):
            yield await self.call(name, value, timeout, decode)
            return
        parts = self._link.stream(name, value, timeout, decode, key)
        try:
            while (part := await asyncio.to_thread(next, parts, _END)) is not _END:
                yield part
        finally:
            _close(parts)

    def close_from_anywhere(self) -> None:
        """Nothing is kept here."""


def _close(parts: Generator[object, None, None]) -> None:
    try:
        parts.close()
    except ValueError:
        pass  # a thread waits for the next part: it is closed when nobody has it any more
