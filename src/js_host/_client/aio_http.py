"""Calls of an event loop to hosts that speak plain HTTP only: the blocking client, in threads."""

from __future__ import annotations

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .._wire.results import Decoder
    from .http import HttpLink

__all__ = ["AsyncHttp"]


class AsyncHttp:
    """The way from one event loop to a host that answers `POST /function/<name>`."""

    def __init__(self, link: HttpLink) -> None:
        self._link = link

    async def call(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> object:
        """Call a function and return its decoded result. A call that is cancelled goes on, unheard."""
        return await asyncio.to_thread(self._link.call, name, value, timeout, decode)

    async def stream(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> AsyncGenerator[object, None]:
        """The result as the one part: plain HTTP knows no streams."""
        yield await self.call(name, value, timeout, decode)

    def close_from_anywhere(self) -> None:
        """Nothing is kept here."""
