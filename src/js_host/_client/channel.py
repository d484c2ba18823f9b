"""A blocking socket that carries frames: sending, receiving, polling before sleeping, and waiting with a limit.

A small call may go through memory instead: see `mailbox`, and `_exchange` for who falls back to the socket when.

It is the socket of C: gevent puts one in the place of `socket.socket` that waits where ours only looks.
"""

from __future__ import annotations

import _socket
import os
from math import inf
from struct import Struct
from time import monotonic

from .._wire.frames import HEADER, LOG, LOOK, MAILBOX, FrameReader
from .._wire.messages import mailbox_frame, read_log
from .._wire.traces import plain_name
from ..exceptions import ConnectionError, FunctionTimeout, JSHostError, UnexpectedResponse, WorkerDied
from ..utils.sockets import NO_SIGPIPE
from .spin import LONGEST_LOOK, Spinner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._wire.frames import Buffer, Frame
    from .mailbox import Mailbox
    from .tls import TlsSocket

#: How much longer than its deadline a call waits for the worker to say so itself, in seconds.
GRACE = 0.6

#: After so many answers that came while polling, the worker is offered a mailbox.
OFFER_AFTER = 64

#: How many buffers one `sendmsg` takes on every system.
MAX_PARTS = 1000

#: The timeout of a connection on which none was set.
UNSET = -1.0

#: A timeout beyond this, in seconds, is none: 23 days.
LONGEST = 2_000_000

#: The kernel takes no limit at all for none that is too short: this is short enough, in seconds.
SHORTEST = 0.001

#: The longest hello of a worker, which says what the limit is from then on.
MAX_HELLO = 16 * 1024 * 1024

_TIMEVAL = Struct("@ll")
_DONTWAIT = _socket.MSG_DONTWAIT
_WAITALL = _socket.MSG_WAITALL


class NotSent(ConnectionError):
    """The request did not leave whole, so nothing ran."""


class BrokenOff(WorkerDied):
    """The connection ended before the answer came, and only that is known."""

    def told(self, name: bytes, place: str) -> WorkerDied:
        """The error for who has called the function of that name, at a host with that URL, if it has one."""
        return WorkerDied(f"{_named(name, self)} See the log of {f'the host at {place}' if place else 'the host'}.")


class OutOfTime(FunctionTimeout):
    """The deadline passed without a word."""

    def told(self, name: bytes, place: str) -> FunctionTimeout:
        """The error for who has called the function of that name."""
        return FunctionTimeout(_named(name, self), maybe_executed=self.maybe_executed)


#: The errors that do not name the function, since who raises them does not know it: `told` gives one that does.
UNTOLD = (BrokenOff, OutOfTime)


class Channel:
    """One socket to a worker, and what has been read from it. It is for one thread at a time."""

    __slots__ = (
        "__weakref__",
        "_milliseconds",
        "_reader",
        "_socket",
        "_timeout",
        "last_used",
        "mailbox",
        "may_share",
        "spinner",
        "spins",
        "warnings",
    )

    def __init__(self, sock: _socket.socket, spin: float) -> None:
        self._socket: _socket.socket | TlsSocket = sock
        self._reader = FrameReader(MAX_HELLO)
        self._timeout: float | None = UNSET
        self._milliseconds = 0
        self.spinner = Spinner(spin)
        #: The worker would take a mailbox, and was not offered one.
        self.may_share = False
        #: The one that was offered to it.
        self.mailbox: Mailbox | None = None
        #: Whether to poll for the next answer.
        self.spins = False
        #: When it was taken for a call, or given back.
        self.last_used = 0.0
        #: What the program is to be warned of, and was not yet.
        self.warnings: list[str] = []

    def take_over(self) -> _socket.socket:
        """The socket, which waits no more: for who reads the worker's hello, and what follows, in another way."""
        assert isinstance(self._socket, _socket.socket)
        self._socket.setblocking(False)
        return self._socket

    def close(self) -> None:
        """Close the socket: calls that run on it are aborted."""
        self._socket.close()
        if self.mailbox is not None:
            self.mailbox.close()
            self.mailbox = None

    def is_usable(self) -> bool:
        """Whether the connection, idle until now, can carry a call. Takes note of what the worker said meanwhile."""
        try:
            while count := self._socket.recv_into(self._reader.get_buffer(), 0, _DONTWAIT):
                frame = self._reader.received(count)
                while frame is not None:
                    if not self._heeded(frame):
                        return False  # a goodbye
                    frame = self._reader.next_frame()
        except BlockingIOError:
            return True
        except (OSError, UnexpectedResponse):
            pass
        return False

    def _heeded(self, frame: Frame) -> bool:
        """Take note of what the worker says between its answers. Whether the frame is that."""
        if frame.kind == LOG:
            self.warnings.append(read_log(frame.body))
        elif frame.kind == MAILBOX:
            self._offered(frame)
        else:
            return False
        return True

    def _send(self, data: bytes) -> None:
        """Send a frame, or several. One that did not leave whole never runs, whatever the reason."""
        try:
            self._socket.sendall(data, NO_SIGPIPE)
        except OSError as error:
            raise _unsent(error) from None

    def _send_parts(self, parts: Sequence[Buffer]) -> None:
        """The same for what is not worth being put together."""
        try:
            for start in range(0, len(parts), MAX_PARTS):
                self._send_group(parts[start : start + MAX_PARTS])
        except OSError as error:
            raise _unsent(error) from None

    def _send_group(self, parts: Sequence[Buffer]) -> None:
        sent = self._socket.sendmsg(parts, (), NO_SIGPIPE)
        for part in parts:
            if sent < len(part):
                self._socket.sendall(memoryview(part)[sent:] if sent else part, NO_SIGPIPE)
            sent = max(sent - len(part), 0)

    def _read_frame(self, deadline: float | None, received: int = 0) -> Frame:
        """The next frame. So many bytes that it may begin with were `received` already."""
        reader = self._reader
        if reader.end and (frame := reader.next_frame()) is not None:
            return frame
        frame = reader.received(received or self._receive(reader.get_buffer()))
        while frame is None:
            if deadline is not None and monotonic() > deadline + GRACE:
                raise _late()
            self._wait_until(deadline)
            frame = reader.received(self._read(reader.get_buffer(), _WAITALL if reader.is_large else 0))
        return frame

    def _receive(self, buffer: memoryview) -> int:
        """Read the first bytes of an answer: poll a little before sleeping, where that is likely to pay."""
        if not self.spins:
            return self._read(buffer)
        try:
            count = self._socket.recv_into(buffer, 0, _DONTWAIT)
        except BlockingIOError:
            return self._poll(buffer)
        except OSError as error:
            raise lost(error) from None
        self.spinner.needless()
        return count or _ended()

    def _poll(self, buffer: memoryview) -> int:
        """The same, for an answer that was not there at once."""
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
                raise lost(error) from None
            else:
                self.spinner.succeeded(start, monotonic())
                if self.may_share and self.spinner.paid >= OFFER_AFTER and self.spinner.span <= LONGEST_LOOK:
                    self._offer()
            return count or _ended()

    def _exchange(self, mailbox: Mailbox, id: int, frame: bytes) -> int:
        """Put a call in the mailbox and read the start of its answer. So many bytes; 0 if it is still on the socket."""
        start = monotonic()
        mailbox.put(id, frame)
        buffer = self._reader.get_buffer()
        if mailbox.wait(id, start + self.spinner.span):
            self.spinner.succeeded(start, monotonic())
            return mailbox.answer(buffer)
        self._look(id)
        try:
            count = self._read(buffer)
        except WorkerDied:
            if not mailbox.has_answer(id):
                raise
            return mailbox.answer(buffer) or _ended()  # the last that it did
        self.spinner.failed(start, monotonic())  # the next call goes over the socket
        return count

    def _look(self, id: int) -> None:
        """Tell the worker that we look into the mailbox no more."""
        try:
            self._socket.sendall(HEADER.pack(0, id, LOOK, 0, 0, 0), NO_SIGPIPE)
        except OSError:
            pass  # the worker is gone: what it said before that is there to be read

    def _offer(self) -> None:
        """Offer the worker a mailbox, once."""
        self.may_share = False
        try:
            from .mailbox import Mailbox  # late: not every program calls so often

            self.mailbox = box = Mailbox()
        except (ImportError, OSError):
            return  # the system has no memory to share, or no descriptor, or shows our files no more
        try:
            self._socket.sendall(mailbox_frame(os.getpid(), box.descriptor(), box.nonce), NO_SIGPIPE)
        except OSError:
            pass  # the worker is gone: the next call finds out

    def _offered(self, frame: Frame) -> None:
        """The worker says whether it has taken what was offered."""
        if self.mailbox is None:
            raise UnexpectedResponse("The worker has a mailbox that it was not offered.")
        if frame.extra:
            self.mailbox.opened()
        else:
            self.mailbox.close()
            self.mailbox = None

    def _read(self, buffer: memoryview, flags: int = 0) -> int:
        try:
            count = self._socket.recv_into(buffer, 0, flags)
        except BlockingIOError:
            raise _late() from None
        except OSError as error:
            raise lost(error) from None
        return count or _ended()

    def _wait_until(self, deadline: float | None) -> None:
        """Something has come, and not all: from now on, wait for what is left of the time."""
        if deadline is not None:
            self._timeout = UNSET  # the next call sets its own
            self._limit_waits(min(deadline + GRACE - monotonic(), LONGEST))

    def set_timeout(self, timeout: float | None) -> None:
        """How long the calls that follow may take, in seconds."""
        self._timeout = timeout
        limit = None if timeout is None or timeout > LONGEST else timeout
        self._milliseconds = 0 if limit is None else int(limit * 1000) or 1
        self._limit_waits(None if limit is None else limit + GRACE)

    def _limit_waits(self, limit: float | None) -> None:
        """How long to wait whenever something is sent or read, in seconds. It holds until the next `set_timeout`."""
        # In the kernel, since Python's own timeouts make every call poll first.
        seconds = 0.0 if limit is None else max(limit, SHORTEST)
        value = _TIMEVAL.pack(int(seconds), int(seconds % 1 * 1_000_000))
        self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, value)
        self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, value)


def deadline_in(timeout: float | None) -> float:
    """The moment that many seconds from now; never, for None or a timeout beyond all bounds."""
    return inf if timeout is None or timeout > LONGEST else monotonic() + timeout


def time_left(deadline: float, reason: object = None) -> float | None:
    """The seconds that are left, None for no limit; raises FunctionTimeout when there are none: nothing ran.

    `reason` says where they went.
    """
    if deadline == inf:
        return None
    left = deadline - monotonic()
    if left <= 0:
        why = f" {reason}" if reason else ""
        raise OutOfTime(f"No worker was free before the deadline.{why}", maybe_executed=False)
    return left


def _named(name: bytes, error: JSHostError) -> str:
    text = str(error)
    return f"{plain_name(name)}: {text[:1].lower()}{text[1:]}"


def _unsent(error: OSError) -> FunctionTimeout | NotSent:
    if isinstance(error, BlockingIOError):
        return OutOfTime("The worker did not take the request before the deadline.", maybe_executed=False)
    return NotSent(f"The connection to the worker broke before the request was sent: {error}")


def ended() -> BrokenOff:
    """The error for a call that was in flight when the other end closed the connection."""
    return BrokenOff("The worker closed the connection before it answered.")


def lost(error: OSError) -> BrokenOff:
    """The error for a call that was in flight when the connection broke."""
    return BrokenOff(f"The connection to the worker broke before it answered: {error.strerror or error}.")


def _ended() -> int:
    raise ended()


def _late() -> OutOfTime:
    return OutOfTime("The worker gave no sign before the deadline.")
