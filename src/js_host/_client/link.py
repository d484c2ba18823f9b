"""The link to a host that runs already: frames where it speaks them, else plain HTTP."""

from __future__ import annotations

from .._wire.handshake import NotUpgraded
from .address import Address
from .http import HttpLink
from .pool import Lane, Pool

#: A host that says that it has more workers is not believed.
MOST_WORKERS = 1024

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .access import Access
    from .gate import Gate


def open_link(
    url: str, *, spin: bool, gate: Gate | None, timeout: float | None, access: Access | None = None
) -> Pool | HttpLink:
    """Connect to the host at a URL, and show it what `access` holds.

    Raises ConnectionError if none answers within `timeout` seconds, UnexpectedResponse if what answers is no host, or
    does not let us in: it was told no secret and no data then.
    """
    address = Address.url(url, access)
    if address.is_encrypted:
        address.access.tls()  # files that are no good are told of first
    pool = Pool([Lane(address)], spin=spin, gate=gate, token=address.access.token)
    try:
        pool.status(timeout)
    except NotUpgraded:
        pool.close()
        link = HttpLink(address)
        link.identify(timeout)
        return link
    _share(pool, address)
    return pool


def _share(pool: Pool, address: Address) -> None:
    """As many ways as the host has workers, so that all get calls."""
    (lane,) = pool.lanes
    count = min(lane.idle[0].hello.workers, MOST_WORKERS)
    if count > 1:
        lane.is_shared, lane.pid = True, lane.idle[0].hello.pid
        pool.lanes += [Lane(address, is_shared=True) for _ in range(count - 1)]
