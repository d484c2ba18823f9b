"""A connection of the blocking client: one socket, one call at a time, in the caller's own thread.

There is no reader thread: a switch between threads costs more than the call. Whoever sees anything but a
complete exchange must close the connection, so that an answer never meets the wrong question.
"""

from __future__ import annotations

import _socket
import os
from time import monotonic, sleep

from .._wire import values
from .._wire.frames import (
    ASK,
    BYE,
    CALL,
    CHUNK,
    CREDIT,
    END,
    ERROR,
    HEADER,
    MAX_ID,
    RESULT,
    RICH,
    STATUS,
    pack,
    rich_body,
)
from .._wire.handshake import upgrade_answer, upgrade_request
from .._wire.messages import Bye, Stopping, hello_frame, read_bye, read_error, read_hello
from .._wire.traces import plain_name
from ..exceptions import (
    ConnectionError,
    FunctionTimeout,
    PayloadTooLarge,
    UnexpectedResponse,
    WorkerDied,
)
from ..utils.sockets import NO_SIGPIPE
from .access import tls_hint
from .address import Address
from .channel import LONGEST, Channel, NotSent, deadline_in, time_left
from .spin import SPIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._wire.frames import Buffer, Frame
    from .._wire.results import Decoder
    from .._wire.rich import Attachments
    from ..exceptions import JSHostError
    from .questions import Performer

#: Messages below this size are put together and sent at once; above it, copying costs more than a second part.
SMALL = 16 * 1024

SOCKET_BUFFER = 1 << 20

#: A Unix socket whose queue is full is tried again after this, in seconds.
QUEUE_IS_FULL = 0.002

_pack = HEADER.pack


class Connection(Channel):
    """One socket to a worker. `open` it, `call` on it, `close` it."""

    __slots__ = ("_id", "draining", "hello", "in_exchange")

    def __init__(self, sock: _socket.socket, spin: float) -> None:
        super().__init__(sock, spin)
        self._id = 0
        #: A request is out and its answer not yet read whole: whoever leaves now must close the connection.
        self.in_exchange = False
        #: The worker is stopping: finish this call and go elsewhere.
        self.draining = False

    @classmethod
    def open(
        cls, address: Address, timeout: float | None, *, spin: float = SPIN, token: str | None = None
    ) -> Connection:
        """Connect and shake hands; raises ConnectionError (nothing ran) if no host answers within `timeout` seconds."""
        deadline = deadline_in(timeout)
        connection = cls.reach(address, timeout, spin=spin, token=token)
        connection.greet(address, deadline)
        return connection

    @classmethod
    def reach(
        cls, address: Address, timeout: float | None, *, spin: float = SPIN, token: str | None = None
    ) -> Connection:
        """Connect and say hello; `greet` waits for the answer. Raises as `open` does."""
        deadline = deadline_in(timeout)
        connection = cls(_connect(address, timeout), spin)
        try:
            connection._limit_waits(time_left(deadline))
            if address.is_encrypted:
                connection._encrypt(address, deadline)
            if address.is_http:
                connection._upgrade(address, deadline)
            connection._send(hello_frame(token))
        except BaseException as error:
            connection.close()
            raise _unanswered(address, timeout, error) from None
        return connection

    @classmethod
    def begin(cls, descriptor: int, *, spin: float = SPIN, token: str | None = None) -> Connection:
        """Say hello on a socket that is connected already; `greet` waits for the answer."""
        connection = cls(_socket.socket(fileno=descriptor), spin)
        try:
            connection._send(hello_frame(token))
        except NotSent:
            pass  # the worker is gone already: that is for `greet` to tell
        return connection

    def greet(self, address: Address, deadline: float) -> None:
        """Wait for the worker's hello. Without one before the deadline: closes, and raises ConnectionError."""
        timeout = max(deadline - monotonic(), 0)
        self._limit_waits(min(timeout, LONGEST))  # nobody but us sees to it, so there is no grace
        try:
            self.hello = read_hello(self._read_frame(deadline))
        except BaseException as error:
            self.close()
            raise _unanswered(address, timeout, error) from None
        self._reader.limit = self.hello.limit
        self.may_share = self.hello.mailbox and hasattr(os, "memfd_create")
        self.last_used = monotonic()

    def _encrypt(self, address: Address, deadline: float) -> None:
        from .tls import TlsSocket  # late: few programs need it

        assert isinstance(self._socket, _socket.socket)
        secure = TlsSocket(self._socket, address.access.tls(), address.host_name)
        self._socket = secure
        secure.shake_hands(lambda: self._limit_waits(time_left(deadline)))

    def _upgrade(self, address: Address, deadline: float) -> None:
        self._socket.sendall(upgrade_request(address.authority), NO_SIGPIPE)
        received = b""
        while (rest := upgrade_answer(received)) is None:
            self._limit_waits(time_left(deadline))
            data = self._socket.recv(4096)
            if not data:
                hint = "" if address.is_encrypted else ". Does it want TLS? Then its URL begins with https://"
                raise ConnectionError(f"it closed the connection{hint}")
            received += data
        if rest:
            raise UnexpectedResponse("The host spoke frames before it was greeted.", maybe_executed=False)

    def call(self, name: bytes, value: object, timeout: float | None, decode: Decoder) -> object:
        """Call a function and return its decoded result.

        Raises what the worker answers, and: NotSent (nothing ran), FunctionTimeout, WorkerDied. Whatever is raised,
        `in_exchange` says whether the connection must be closed.
        """
        text = values.encode_plain(value)
        if timeout != self._timeout:
            self.set_timeout(timeout)
        if text is None:
            return self._call_rich(name, value, timeout, decode)
        self._id = id = self._id % MAX_ID + 1
        length = len(name) + len(text)
        if length > self.hello.limit:
            raise self._too_large(name, length)
        head = _pack(length, id, CALL, 0, len(name), self._milliseconds) + name
        self.in_exchange = True
        reader = self._reader
        mailbox = self.mailbox
        count = 0
        if mailbox is not None and self.spins and not reader.end and mailbox.accepts(id, length, self.spinner.span):
            count = self._exchange(mailbox, id, head + text)
        elif length < SMALL:
            self._send(head + text)
        else:
            self._send_parts((head, text))
        if not reader.end:
            count = count or self._receive(reader.get_buffer())  # 0 bytes so far: the answer comes over the socket
            body = reader.sole_result(count, id)
            if body is not None:
                self.in_exchange = False
                return decode(body, None)
        return self._answer(id, name, None if timeout is None else self.last_used + timeout, decode, count)

    def _call_rich(self, name: bytes, value: object, timeout: float | None, decode: Decoder) -> object:
        text, attachments = values.encode(value)
        performer = self.begin_call(name, text, attachments)
        try:
            deadline = None if timeout is None else monotonic() + timeout
            return self._answer(self._id, name, deadline, decode, performer=performer)
        finally:
            performer.close()

    def begin_call(self, name: bytes, text: bytes, attachments: Attachments | None, flags: int = 0) -> Performer:
        """Send any call. Gives who answers its questions, to be closed at its end."""
        from .._wire.questions import Questions
        from .questions import Performer

        self._id = id = self._id % MAX_ID + 1
        body: Sequence[Buffer] = (text,)
        if attachments is not None:
            body, flags = rich_body(text, attachments), flags | RICH
        length = len(name) + sum(map(len, body))
        if length > self.hello.limit:
            raise self._too_large(name, length)
        self.in_exchange = True
        self._send_parts([pack(id, CALL, flags, name, self._milliseconds, body) + body[0], *body[1:]])
        return Performer(Questions(id, [] if attachments is None else attachments.references, self.hello.limit))

    def status(self, timeout: float | None) -> object:
        """What `GET /status` says."""
        self.set_timeout(timeout)
        self._id = id = self._id % MAX_ID + 1
        self.in_exchange = True
        self._send(_pack(0, id, STATUS, 0, 0, 0))
        return self._answer(id, b"status", None if timeout is None else monotonic() + timeout, values.decode)

    def _too_large(self, name: bytes, length: int) -> PayloadTooLarge:
        return PayloadTooLarge(
            f"The data for {plain_name(name)} takes {length} bytes; the host's limit is {self.hello.limit}. "
            "Raise requestDataLimit in the config, or send less.",
            maybe_executed=False,
        )

    def _answer(
        self,
        id: int,
        name: bytes,
        deadline: float | None,
        decode: Decoder,
        received: int = 0,
        performer: Performer | None = None,
    ) -> object:
        """Read until the answer to call `id`. So many bytes were `received` already."""
        while True:
            frame = self._read_frame(deadline, received)
            received = 0
            if frame.id != id:
                self._aside(frame, name, deadline)
            elif frame.kind == RESULT:
                self.in_exchange = False
                return decode(frame.body, frame.attachments)
            elif frame.kind == ERROR:
                raise self._failure(frame, name, performer)
            else:
                self._answer_question(frame, performer)
            self._wait_until(deadline)

    def next_part(self, name: bytes, timeout: float | None, performer: Performer) -> Frame:
        """The next frame of a stream: a CHUNK, the END, or the RESULT of a function that gave no stream. Or raises."""
        if timeout != self._timeout:
            self.set_timeout(timeout)
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            frame = self._read_frame(deadline)
            if frame.id != self._id:
                self._aside(frame, name, deadline)
            elif frame.kind == CHUNK:
                return frame
            elif frame.kind in (END, RESULT):
                self.in_exchange = False
                return frame
            elif frame.kind == ERROR:
                raise self._failure(frame, name, performer)
            else:
                self._answer_question(frame, performer)
            self._wait_until(deadline)

    def _failure(self, frame: Frame, name: bytes, performer: Performer | None) -> JSHostError:
        """The error that an ERROR frame stands for. The exchange is complete."""
        self.in_exchange = False
        error = read_error(frame.body, name.decode(), performer.faults if performer else None)
        if isinstance(error, Stopping):
            self.draining = True  # its goodbye may still be to come
        return error

    def give_credit(self, count: int) -> None:
        """Let so many more bytes of the stream come."""
        self._reply([_pack(0, self._id, CREDIT, 0, 0, count)])

    def _aside(self, frame: Frame, name: bytes, deadline: float | None) -> None:
        """A frame that is not of the call. Answers to others are dropped."""
        if not self._heeded(frame) and frame.kind == BYE:
            self._said_bye(read_bye(frame.body), name.decode(), deadline)

    def _answer_question(self, frame: Frame, performer: Performer | None) -> None:
        if frame.kind != ASK or performer is None:
            raise UnexpectedResponse(f"A frame came in that does not belong there, of the kind {frame.kind}.")
        self._reply(performer.answer(frame))

    def _reply(self, parts: Sequence[Buffer]) -> None:
        """Send what belongs to a call that runs already."""
        try:
            self._send_parts(parts)
        except (NotSent, FunctionTimeout) as error:
            raise WorkerDied(f"The connection to the worker broke in the middle of a call: {error}") from None

    def _said_bye(self, bye: Bye, function: str, deadline: float | None) -> None:
        if bye.reason != "draining":
            raise bye.error(function, deadline is not None and monotonic() >= deadline)
        self.draining = True


def _connect(address: Address, timeout: float | None) -> _socket.socket:
    try:
        sock = _socket.socket(address.family, _socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectionError(f"No socket for {address}: {error.strerror}. See `ulimit -n`.") from None
    try:
        sock.settimeout(None if timeout is None or timeout > LONGEST else timeout)
        for option in (_socket.SO_SNDBUF, _socket.SO_RCVBUF):
            sock.setsockopt(_socket.SOL_SOCKET, option, SOCKET_BUFFER)
        _connect_in_time(sock, address, timeout)
        sock.settimeout(None)
        if address.family != _socket.AF_UNIX:
            prepare_tcp(sock)
    except BaseException as error:
        sock.close()
        if isinstance(error, (TimeoutError, BlockingIOError)):
            raise silent(address, timeout) from None
        if isinstance(error, OSError):
            raise ConnectionError(f"No host answers at {address}: {error.strerror or error}.") from None
        raise
    return sock


def _connect_in_time(sock: _socket.socket, address: Address, timeout: float | None) -> None:
    """Connect. Where the queue of a Unix socket is full, which the system tells at once, wait for a place in it."""
    give_up_at = None if timeout is None else monotonic() + timeout
    while True:
        try:
            return sock.connect(address.target)
        except BlockingIOError:
            if give_up_at is not None and monotonic() > give_up_at:
                raise
            sleep(QUEUE_IS_FULL)


def prepare_tcp(sock: _socket.socket) -> None:
    """Send at once what is written, and notice in a minute or so where the other end's machine is gone."""
    sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4)):
        if hasattr(_socket, name):
            sock.setsockopt(_socket.IPPROTO_TCP, getattr(_socket, name), value)


def silent(address: Address, timeout: float | None) -> ConnectionError:
    """The error for a host that let so many seconds pass without an answer: nothing ran."""
    return ConnectionError(f"The host at {address} did not answer within {timeout:.3g} s.")


def _unanswered(address: Address, timeout: float | None, error: BaseException) -> BaseException:
    """What is raised where a handshake failed: nothing ran."""
    if isinstance(error, (FunctionTimeout, BlockingIOError)):  # the second is how the kernel tells that time is up
        return silent(address, timeout)
    if isinstance(error, (OSError, WorkerDied)) and not isinstance(error, Stopping):
        return ConnectionError(f"The host at {address} did not answer: {error}{tls_hint(error)}")
    return error
