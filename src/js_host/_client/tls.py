"""A blocking socket that speaks TLS, for `Channel`: the methods of a socket that it uses, with flags and timeouts.

An `ssl.SSLSocket` takes no flags, and does not notice timeouts that the kernel keeps. So the encryption is done in
memory here, and the plain socket below sends and receives as it always does.
"""

from __future__ import annotations

import _socket
import ssl

from ..utils.sockets import NO_SIGPIPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._wire.frames import Buffer

__all__ = ["TlsSocket"]

#: What is read at once, and encrypted before it is sent: a few records of TLS.
CHUNK = 64 * 1024


class TlsSocket:
    """TLS on a connected socket. `shake_hands` comes first."""

    __slots__ = ("_incoming", "_outgoing", "_raw", "_tls")

    def __init__(self, raw: _socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._raw = raw
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)

    def shake_hands(self, hurry: Callable[[], None]) -> None:
        """Check who answers. Raises ssl.SSLError, an OSError, if it is not the host of that name.

        `hurry` is called before each read, to limit it.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                hurry()
                if not self._fill(0):
                    raise ConnectionResetError("the connection was closed during the TLS handshake") from None
            except ssl.SSLError:
                self._flush()  # the other end is told why
                raise
            else:
                return self._flush()

    def recv(self, count: int) -> bytes:
        """Read some bytes; none at the end."""
        buffer = bytearray(count)
        return bytes(memoryview(buffer)[: self.recv_into(buffer)])

    def recv_into(self, buffer: bytearray | memoryview, count: int = 0, flags: int = 0) -> int:
        """Read what fits into the buffer; 0 at the end. MSG_DONTWAIT and timeouts raise BlockingIOError."""
        while True:
            try:
                return int(self._tls.read(len(buffer), buffer))
            except ssl.SSLWantReadError:
                self._flush()
                if not self._fill(flags & _socket.MSG_DONTWAIT):
                    return 0
            except ssl.SSLZeroReturnError:
                return 0

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        """Send all bytes."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), CHUNK):
            self._tls.write(view[start : start + CHUNK])
            self._flush()

    def sendmsg(self, parts: Sequence[Buffer], ancillary: Sequence[object] = (), flags: int = 0) -> int:
        """Send all bytes of all parts. Returns how many they were."""
        for part in parts:
            self.sendall(part)
        return sum(map(len, parts))

    def setsockopt(self, level: int, name: int, value: int | bytes) -> None:
        self._raw.setsockopt(level, name, value)

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()

    def _fill(self, flags: int) -> bool:
        """Take what has come. Returns whether there was anything."""
        data = self._raw.recv(CHUNK, flags)
        self._incoming.write(data)
        return bool(data)

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._raw.sendall(data, NO_SIGPIPE)
