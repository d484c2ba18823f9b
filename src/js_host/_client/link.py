"""The link to a host that runs already: frames where it speaks them, else plain HTTP."""

from __future__ import annotations

import os
import stat
from _socket import gaierror

from .._wire.handshake import NotUpgraded
from ..exceptions import ConnectionError, FunctionTimeout
from .address import Address
from .channel import deadline_in, time_left
from .lane import CONNECT_TIMEOUT, Lane
from .pool import Pool
from .sync import Connection, silent

#: A host that says that it has more workers is not believed.
MOST_WORKERS = 1024

NOBODY_LISTENS = (ConnectionRefusedError, FileNotFoundError, gaierror)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._wire.messages import Hello
    from .access import Access
    from .gate import Gate
    from .http import HttpLink


def open_link(
    url: str, *, spin: bool, gate: Gate | None, timeout: float | None, access: Access | None = None, advice: str = ""
) -> Pool | HttpLink:
    """Connect to the host at a URL, and show it what `access` holds. `advice` is what to do where nobody listens.

    Raises ConnectionError if none answers within `timeout` seconds, UnexpectedResponse if what answers is no host, or
    does not let us in: it was told no secret and no data then.
    """
    address = Address.url(url, access)
    if address.is_encrypted:
        address.access.tls()  # files that are no good are told of first
    pool = RemotePool(address, spin=spin, gate=gate, advice=advice)
    timeout = CONNECT_TIMEOUT if timeout is None else timeout
    deadline = deadline_in(timeout)
    try:
        pool.ask(timeout)
    except NotUpgraded:
        pool.close()
        return _http_link(address, timeout, deadline)
    return pool


def _http_link(address: Address, timeout: float, deadline: float) -> HttpLink:
    from .http import HttpLink  # late: most hosts speak frames

    link = HttpLink(address)
    try:
        link.identify(time_left(deadline))
    except FunctionTimeout:
        raise silent(address, timeout) from None
    return link


class RemotePool(Pool):
    """The connections to a host at an address. It is asked which workers it has, and again when they are gone."""

    def __init__(self, address: Address, *, spin: bool, gate: Gate | None, advice: str = "") -> None:
        super().__init__([Lane(address)], spin=spin, gate=gate, token=address.access.token)
        self._address = address
        self._advice = advice
        self.place = str(address)

    def ask(self, timeout: float | None) -> None:
        """Say hello, and go to the workers of which the host tells."""
        connection = self._open(timeout)
        lanes = lanes_to(self._address, connection.hello)
        if lanes[0].address is self._address:
            lanes[0].pid = connection.hello.pid
            lanes[0].connections.add(connection)
            lanes[0].give_back(connection)
        else:
            connection.close()
        self.use(lanes)

    def _open(self, timeout: float | None) -> Connection:
        try:
            return Connection.open(self._address, timeout, spin=self.spin, token=self.token)
        except ConnectionError as error:
            if not self._advice or not _nobody_listens(error):
                raise  # a host that answers in another way is no reason to start one
            raise ConnectionError(f"{error} {self._advice}") from None

    @property
    def is_held(self) -> bool:  # type: ignore[override]
        """Whether the workers have sockets of their own, which may have gone with the host that they belonged to."""
        return self.lanes[0].address is not self._address

    def renew(self, timeout: float | None = None, error: Exception | None = None) -> bool:
        """Ask anew where nobody listens any more: another host may answer at the address now."""
        if self.is_closed or not (_nobody_listens(error) or (self.is_held and self._are_sockets_gone())):
            return False
        self.ask(CONNECT_TIMEOUT if timeout is None else timeout)
        return True

    def _are_sockets_gone(self) -> bool:
        return not all(_is_socket(str(lane.address.target)) for lane in self.lanes)


def lanes_to(address: Address, hello: Hello) -> list[Lane]:
    """The ways to the workers of the host at an address: by sockets of their own where they are in reach."""
    if hello.sockets and address.leads_to(hello.port) and all(map(_is_socket, hello.sockets)):
        return [Lane(Address.unix(path, str(address))) for path in hello.sockets]
    count = min(hello.workers, MOST_WORKERS)
    return [Lane(address, is_shared=count > 1) for _ in range(max(count, 1))]


def _nobody_listens(error: Exception | None) -> bool:
    """Whether it is that of a connection that the system refused."""
    return error is not None and isinstance(error.__context__, NOBODY_LISTENS)


def _is_socket(path: str) -> bool:
    """Whether there is a socket of our own user's."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISSOCK(found.st_mode) and found.st_uid == os.geteuid()
