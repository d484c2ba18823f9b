"""The first call of an event loop to a host: a thread connects, for all who want it at once."""

from __future__ import annotations

import asyncio
from time import monotonic

from .._wire.traces import too_late
from .first_link import CLOSE, is_started, late, link_for, silent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._client.single_flight import SingleFlight
    from ..js_host import JSHost
    from .first_link import Link

__all__ = ["link_in_loop"]


async def link_in_loop(
    host: JSHost, connecting: SingleFlight, name: bytes, timeout: float | None
) -> tuple[Link, float | None]:
    """The same as `link_for`. Who began to connect may have had less time than another who waits for it: that one
    begins anew.
    """
    if timeout is not None and not timeout > 0:
        raise too_late(name, timeout)
    began, left = monotonic(), timeout
    while True:
        limit = left

        async def connect(limit: float | None = limit) -> tuple[Link, float]:
            return await asyncio.to_thread(_link_and_cost, host, name, limit)

        try:
            link, cost = await connecting.do(connect, limit if host._root_url else None)
            waited = min(cost, monotonic() - began)
            return link, None if timeout is None else max(timeout - waited, CLOSE)
        except TimeoutError:
            if is_started(host):
                raise
            left = None if timeout is None else began + timeout - monotonic()
            if left is not None and left < CLOSE:
                raise late(name, silent(host, timeout)) from None


def _link_and_cost(host: JSHost, name: bytes, timeout: float | None) -> tuple[Link, float]:
    """The link, and how many seconds it took of the time of a call."""
    link, left = link_for(host, name, timeout)
    return link, 0.0 if timeout is None or left is None else timeout - left
