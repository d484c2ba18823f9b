"""A connection of the blocking client: one socket, one call at a time, in the caller's own thread.

There is no reader thread: a switch between threads costs more than the call. Whoever sees anything but a
complete exchange must close the connection, so that an answer never meets the wrong question.
"""

from __future__ import annotations

import socket
from struct import Struct
from time import monotonic

from .._wire.frames import BYE, CALL, ERROR, HEADER, LOG, MAX_ID, RESULT, RICH, STATUS, FrameReader, pack, rich_body
from .._wire.handshake import upgrade_answer, upgrade_request
from .._wire.messages import Bye, Stopping, hello_frame, read_bye, read_error, read_hello, read_log
from .._wire.values import encode
from ..exceptions import (
    ConnectionError,
    FunctionTimeout,
    PayloadTooLarge,
    UnexpectedResponse,
    WorkerDied,
)
from .address import Address
from .spin import SPIN, Spinner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._wire.frames import Buffer, Frame
    from .._wire.results import Decoder

#: How much longer than its deadline a call waits for the worker to say so itself, in seconds.
GRACE = 0.6

#: Messages below this size are put together and sent at once; above it, copying costs more than a second part.
SMALL = 16 * 1024

#: How many buffers one `sendmsg` takes on every system.
MAX_PARTS = 1000

SOCKET_BUFFER = 1 << 20

#: A timeout beyond this, in seconds, is none: 23 days.
LONGEST = 2_000_000

#: The longest hello of a worker, which says what the limit is from then on.
MAX_HELLO = 16 * 1024 * 1024

_TIMEVAL = Struct("@ll")
_DONTWAIT = socket.MSG_DONTWAIT
_WAITALL = socket.MSG_WAITALL
_pack = HEADER.pack


class NotSent(ConnectionError):
    """The request did not leave whole, so nothing ran."""


class Connection:
    """One socket to a worker. `open` it, `call` on it, `close` it."""

    __slots__ = (
        "__weakref__",
        "_id",
        "_milliseconds",
        "_reader",
        "_socket",
        "_timeout",
        "draining",
        "hello",
        "in_exchange",
        "last_used",
        "spinner",
        "spins",
        "warnings",
    )

    def __init__(self, sock: socket.socket, spin: float) -> None:
        self._socket = sock
        self._reader = FrameReader(MAX_HELLO)
        self._id = 0
        self._timeout: float | None = -1.0
        self._milliseconds = 0
        self.spinner = Spinner(spin)
        #: Whether to poll for the next answer.
        self.spins = False
        #: A request is out and its answer not yet read whole: whoever leaves now must close the connection.
        self.in_exchange = False
        #: The worker is stopping: finish this call and go elsewhere.
        self.draining = False
        self.last_used = 0.0
        #: What the program is to be warned of, and was not yet.
        self.warnings: list[str] = []

    @classmethod
    def open(
        cls, address: Address, timeout: float | None, *, spin: float = SPIN, token: str | None = None
    ) -> Connection:
        """Connect and shake hands; raises ConnectionError (nothing ran) if no host answers within `timeout` seconds."""
        connection = cls(_connect(address, timeout), spin)
        connection._set_timeout(timeout)
        try:
            if address.is_http:
                connection._upgrade(address)
            connection._send((hello_frame(token),))
        except BaseException as error:
            connection.close()
            raise _unanswered(address, timeout, error) from None
        connection.greet(address, timeout)
        return connection

    @classmethod
    def begin(cls, descriptor: int, *, spin: float = SPIN, token: str | None = None) -> Connection:
        """Say hello on a socket that is connected already; `greet` waits for the answer."""
        connection = cls(socket.socket(fileno=descriptor), spin)
        try:
            connection._send((hello_frame(token),))
        except NotSent:
            pass  # the worker is gone already: that is for `greet` to tell
        return connection

    def greet(self, address: Address, timeout: float | None) -> None:
        """Wait for the worker's hello. Without one in `timeout` seconds: closes, and raises ConnectionError."""
        self._set_timeout(timeout)
        try:
            self.hello = read_hello(self._read_frame(None if timeout is None else monotonic() + timeout))
        except BaseException as error:
            self.close()
            raise _unanswered(address, timeout, error) from None
        self._reader.limit = self.hello.limit

    def _upgrade(self, address: Address) -> None:
        self._socket.sendall(upgrade_request(address.authority))
        received = b""
        while (rest := upgrade_answer(received)) is None:
            data = self._socket.recv(4096)
            if not data:
                raise ConnectionError("the connection was closed")
            received += data
        if rest:
            raise UnexpectedResponse("The host spoke frames before it was greeted.", maybe_executed=False)

    def close(self) -> None:
        """Close the socket: calls that run on it are aborted."""
        self._socket.close()

    def is_usable(self) -> bool:
        """Whether the connection, idle until now, can carry a call. Takes note of what the worker said meanwhile."""
        try:
            while count := self._socket.recv_into(self._reader.get_buffer(), 0, _DONTWAIT):
                frame = self._reader.received(count)
                while frame is not None:
                    if frame.kind != LOG:
                        return False  # a goodbye
                    self.warnings.append(read_log(frame.body))
                    frame = self._reader.next_frame()
        except BlockingIOError:
            return True
        except (OSError, UnexpectedResponse):
            pass
        return False

    def call(self, name: bytes, value: object, timeout: float | None, decode: Decoder) -> object:
        """Call a function and return its decoded result.

        Raises what the worker answers, and: NotSent (nothing ran), FunctionTimeout, WorkerDied. Whatever is raised,
        `in_exchange` says whether the connection must be closed.
        """
        text, attachments = encode(value)
        self._id = id = self._id % MAX_ID + 1
        if timeout != self._timeout:
            self._set_timeout(timeout)
        milliseconds = self._milliseconds
        if attachments is None:
            length = len(name) + len(text)
            if length > self.hello.limit:
                raise self._too_large(name, length)
            head = _pack(length, id, CALL, 0, len(name), milliseconds) + name
            parts: Sequence[Buffer] = (head + text,) if length < SMALL else (head, text)
        else:
            parts = self._rich_parts(id, name, milliseconds, text, attachments)
        self.in_exchange = True
        self._send(parts)
        return self._answer(id, name, timeout, decode)

    def status(self, timeout: float | None) -> object:
        """What `GET /status` says."""
        from .._wire.values import decode

        self._set_timeout(timeout)
        self._id = id = self._id % MAX_ID + 1
        self.in_exchange = True
        self._send((_pack(0, id, STATUS, 0, 0, 0),))
        return self._answer(id, b"status", timeout, decode)

    def _rich_parts(
        self, id: int, name: bytes, milliseconds: int, text: bytes, attachments: Sequence[Buffer]
    ) -> Sequence[Buffer]:
        body = rich_body(text, attachments)
        length = len(name) + sum(map(len, body))
        if length > self.hello.limit:
            raise self._too_large(name, length)
        return [pack(id, CALL, RICH, name, milliseconds, body) + body[0], *body[1:]]

    def _too_large(self, name: bytes, length: int) -> PayloadTooLarge:
        return PayloadTooLarge(
            f"The data for {name.decode()} takes {length} bytes; the host's limit is {self.hello.limit}. "
            "Raise requestDataLimit in the config, or send less.",
            maybe_executed=False,
        )

    def _send(self, parts: Sequence[Buffer]) -> None:
        """Send all parts. A frame that did not leave whole never runs, whatever the reason."""
        try:
            if len(parts) == 1:
                self._socket.sendall(parts[0])
            else:
                self._send_parts(parts)
        except BlockingIOError:
            raise FunctionTimeout(
                "The worker did not take the request before the deadline.", maybe_executed=False
            ) from None
        except OSError as error:
            raise NotSent(f"The connection to the worker broke before the request was sent: {error}") from None

    def _send_parts(self, parts: Sequence[Buffer]) -> None:
        for start in range(0, len(parts), MAX_PARTS):
            group = parts[start : start + MAX_PARTS]
            sent = self._socket.sendmsg(group)
            for part in group:
                if sent < len(part):
                    self._socket.sendall(memoryview(part)[sent:] if sent else part)
                sent = max(sent - len(part), 0)

    def _answer(self, id: int, name: bytes, timeout: float | None, decode: Decoder) -> object:
        """Read until the answer to call `id`; answers to others are dropped."""
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            frame = self._read_frame(deadline)
            if frame.id == id:
                if frame.kind == RESULT:
                    self.in_exchange = False
                    return decode(frame.body, frame.attachments)
                if frame.kind == ERROR:
                    self.in_exchange = False
                    raise read_error(frame.body, name.decode())
                raise UnexpectedResponse(f"A frame of an unknown kind came in: {frame.kind}.")
            if frame.kind == LOG:
                self.warnings.append(read_log(frame.body))
            elif frame.kind == BYE:
                self._said_bye(read_bye(frame.body), name.decode(), deadline)

    def _said_bye(self, bye: Bye, function: str, deadline: float | None) -> None:
        if bye.reason != "draining":
            raise bye.error(function, deadline is not None and monotonic() >= deadline)
        self.draining = True

    def _read_frame(self, deadline: float | None) -> Frame:
        reader = self._reader
        if reader.end and (frame := reader.next_frame()) is not None:
            return frame
        frame = reader.received(self._receive(reader.get_buffer()))
        while frame is None:
            if deadline is not None and monotonic() > deadline + GRACE:
                raise _late()
            frame = reader.received(self._read(reader.get_buffer(), _WAITALL if reader.is_large else 0))
        return frame

    def _receive(self, buffer: memoryview) -> int:
        """Read the first bytes of an answer: poll a little before sleeping, where that is likely to pay."""
        if not self.spins:
            return self._read(buffer)
        receive = self._socket.recv_into
        start = monotonic()
        end = start + self.spinner.span
        while True:
            try:
                count = receive(buffer, 0, _DONTWAIT)
            except BlockingIOError:
                if monotonic() < end:
                    continue
                count = self._read(buffer)
                self.spinner.failed(start, monotonic())
            except OSError as error:
                raise _lost(error) from None
            else:
                self.spinner.succeeded(start, monotonic())
            return count or _ended()

    def _read(self, buffer: memoryview, flags: int = 0) -> int:
        try:
            return self._socket.recv_into(buffer, 0, flags) or _ended()
        except BlockingIOError:
            raise _late() from None
        except OSError as error:
            raise _lost(error) from None

    def _set_timeout(self, timeout: float | None) -> None:
        # In the kernel, since Python's own timeouts make every call poll first.
        self._timeout = timeout
        limit = None if timeout is None or timeout > LONGEST else timeout
        self._milliseconds = 0 if limit is None else int(limit * 1000) or 1
        seconds = 0.0 if limit is None else limit + GRACE
        value = _TIMEVAL.pack(int(seconds), int(seconds % 1 * 1_000_000))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, value)


def _connect(address: Address, timeout: float | None) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(None if timeout is None or timeout > LONGEST else timeout)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
        sock.connect(address.target)
        sock.settimeout(None)
        if address.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError):
            raise ConnectionError(f"No host answers at {address}: {error.strerror or error}.") from None
        raise
    return sock


def _unanswered(address: Address, timeout: float | None, error: BaseException) -> BaseException:
    """What is raised where a handshake failed: nothing ran."""
    if isinstance(error, FunctionTimeout):
        return ConnectionError(f"The host at {address} did not answer within {timeout:g} s.")
    if isinstance(error, (OSError, WorkerDied)) and not isinstance(error, Stopping):
        return ConnectionError(f"The host at {address} did not answer: {error}")
    return error


def _ended() -> int:
    raise WorkerDied("The worker closed the connection before it answered.")


def _lost(error: OSError) -> WorkerDied:
    return WorkerDied(f"The connection to the worker broke before it answered: {error.strerror or error}.")


def _late() -> FunctionTimeout:
    return FunctionTimeout("The worker gave no sign before the deadline.")
