"""The link to a host that runs already: frames where it speaks them, else plain HTTP."""

from __future__ import annotations

from .._wire.handshake import NotUpgraded
from .address import Address
from .http import HttpLink
from .pool import Lane, Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .gate import Gate


def open_link(url: str, *, spin: bool, gate: Gate | None, timeout: float | None) -> Pool | HttpLink:
    """Connect to the host at a URL. Raises ConnectionError if none answers within `timeout` seconds."""
    address = Address.url(url)
    pool = Pool([Lane(address)], spin=spin, gate=gate)
    try:
        pool.status(timeout)
    except NotUpgraded:
        pool.close()
        return HttpLink(address)
    return pool
