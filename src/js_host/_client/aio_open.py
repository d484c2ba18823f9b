"""Opening a connection of the asyncio client: connect, ask for frames where the address speaks HTTP, shake hands."""

from __future__ import annotations

import asyncio
import socket

from .._wire.handshake import upgrade_answer, upgrade_request
from .._wire.messages import Stopping, hello_frame
from ..exceptions import ConnectionError, UnexpectedResponse, WorkerDied
from .aio import AsyncConnection
from .aio_calls import Greeting
from .sync import QUEUE_IS_FULL, SOCKET_BUFFER, prepare_tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .address import Address

__all__ = ["open_connection"]


async def open_connection(address: Address, timeout: float, token: str | None, spin: float) -> AsyncConnection:
    """Connect and shake hands; raises ConnectionError (nothing ran) if no host answers within `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            sock = await _connect(address)
            return await _greet(sock, address, token, spin)
    except TimeoutError:
        raise ConnectionError(f"The host at {address} did not answer within {timeout:g} s.") from None
    except (OSError, WorkerDied) as error:
        if isinstance(error, Stopping) or type(error) is ConnectionError:
            raise
        raise ConnectionError(f"The host at {address} did not answer: {error}") from None


async def _connect(address: Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
        if address.family == socket.AF_UNIX:
            await _connect_unix(sock, address)
        else:
            await asyncio.get_running_loop().sock_connect(sock, address.target)
            prepare_tcp(sock)
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            raise ConnectionError(f"No host answers at {address}: {error.strerror or error}.") from None
        raise
    return sock


async def _connect_unix(sock: socket.socket, address: Address) -> None:
    # Not by the loop: to it, a queue that is full looks like a connection that is being made.
    while True:
        try:
            return sock.connect(address.target)
        except BlockingIOError:
            await asyncio.sleep(QUEUE_IS_FULL)


async def _greet(sock: socket.socket, address: Address, token: str | None, spin: float) -> AsyncConnection:
    try:
        if address.is_http:
            await _upgrade(sock, address)
        connection = AsyncConnection(asyncio.get_running_loop(), sock, spin)
    except BaseException:
        sock.close()
        raise
    try:
        greeting = Greeting(connection.loop)
        connection.pending[0] = greeting
        connection.send((hello_frame(token),))
        await greeting.future
    except BaseException:
        connection.close()
        raise
    return connection


async def _upgrade(sock: socket.socket, address: Address) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, upgrade_request(address.authority))
    received = b""
    while (rest := upgrade_answer(received)) is None:
        data = await loop.sock_recv(sock, 4096)
        if not data:
            raise ConnectionError(f"The host at {address} did not answer: the connection was closed")
        received += data
    if rest:
        raise UnexpectedResponse("The host spoke frames before it was greeted.", maybe_executed=False)
