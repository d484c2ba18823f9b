"""A connection of the asyncio client: one socket, any number of calls at once, answers in any order.

It reads and writes its socket itself, when the loop says that it can: that is quicker than a transport, and what a
lost connection had sent is known to the byte. A call whose frame did not leave whole certainly did not run.
"""

from __future__ import annotations

import os
import socket
import weakref
from asyncio import _get_running_loop
from math import inf
from sys import maxsize
from time import monotonic

from .._wire.frames import BYE, CANCEL, HEADER, LOG, MAX_ID, FrameReader
from .._wire.messages import read_bye, read_log
from ..exceptions import PayloadTooLarge, UnexpectedResponse
from ..utils.sockets import NO_SIGPIPE
from .aio_calls import Pending, closed, unsent
from .aio_turning import Turning
from .channel import GRACE, MAX_HELLO, ended, lost
from .lane import CHECK_AFTER
from .outgoing import grouped
from .sync import SMALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle
    from collections.abc import Callable, Iterable, Sequence

    from .._wire.frames import Buffer, Frame
    from .._wire.messages import Bye, Hello
    from ..exceptions import JSHostError

__all__ = ["AsyncConnection"]

#: So many reads are done in a row, as long as much comes, before others of the loop have their turn: among them whoever
#: takes what was read. A worker that has to wait for the credit of all parts of a stream stands still.
READS_IN_A_ROW = 2

#: Where one read brought so many bytes, the next one is likely to find more.
MUCH = 64 * 1024

_pack = HEADER.pack


class AsyncConnection:
    """One socket to a worker, for one event loop. `begin` calls on it; they are told what comes of them."""

    __slots__ = (
        "__weakref__",
        "_gone",
        "_id",
        "_is_flushing",
        "_is_tcp",
        "_out",
        "_queued",
        "_reader",
        "_socket",
        "_sweep_at",
        "_timer",
        "_turning",
        "hello",
        "is_closed",
        "is_open",
        "last_read",
        "loop",
        "pending",
        "warnings",
    )

    hello: Hello

    def __init__(self, loop: AbstractEventLoop, sock: socket.socket, spin: float) -> None:
        self.loop = loop
        self._socket = sock
        self._reader = FrameReader(MAX_HELLO)
        self._id = 0
        #: Who waits for what comes in, by the number of the call.
        self.pending: dict[int, Pending] = {}
        #: What waits to be sent; how many bytes were ever given to be sent, and how many of them were.
        self._out: list[Buffer] = []
        self._queued = self._gone = 0
        #: Somebody will send what waits.
        self._is_flushing = False
        self._sweep_at = inf
        self._timer: TimerHandle | None = None
        self.last_read = 0.0
        self._is_tcp = sock.family != socket.AF_UNIX
        self._turning = Turning(loop, spin) if spin else None
        #: Calls may begin here. Not so any more when the worker is stopping, fell silent, or is gone.
        self.is_open = True
        self.is_closed = False
        #: What the program is to be warned of, and was not yet.
        self.warnings: list[str] = []
        _connections.add(self)
        loop.add_reader(sock, self._on_readable)

    def __del__(self) -> None:
        self._socket.close()

    # Calls.

    def begin(self, call: Pending) -> None:
        """Send a call, and tell it what comes in for it, until it is finished. Raises PayloadTooLarge."""
        if self._is_tcp and self._refuses((call,)):
            return
        self._id = id = self._id % MAX_ID + 1
        while id in self.pending:
            self._id = id = id % MAX_ID + 1
        parts = call.parts(id, self.hello.limit)
        call.id, call.end = id, maxsize
        self.pending[id] = call
        if call.deadline < self._sweep_at:
            self._sweep_later(call.deadline)
        if len(self.pending) == 1 and len(parts) == 1 and not self._is_flushing:
            self._send_alone(parts[0])
        else:
            self._send_together(parts)
        call.end = self._queued

    def begin_all(self, calls: Iterable[Pending]) -> None:
        """The same for many calls, which are sent together. One whose data is too large has failed."""
        if self._is_tcp and self._refuses(calls):
            return
        pending, limit, out = self.pending, self.hello.limit, self._out
        for call in calls:
            self._id = id = self._id % MAX_ID + 1
            while id in pending:
                self._id = id = id % MAX_ID + 1
            try:
                parts = call.parts(id, limit)
            except PayloadTooLarge as error:
                call.failed(error)
                continue
            call.id = id
            pending[id] = call
            self._queued += len(parts[0]) if len(parts) == 1 else sum(map(len, parts))
            call.end = self._queued
            out.extend(parts)
            if call.deadline < self._sweep_at:
                self._sweep_later(call.deadline)
        self._send_together(())

    def _refuses(self, calls: Iterable[Pending]) -> bool:
        """Whether the worker has closed while it was idle: TCP takes what is sent then, as if it arrived."""
        if not self.pending and monotonic() - self.last_read > CHECK_AFTER:
            self._on_readable()
        for call in calls if self.is_closed else ():
            call.failed(unsent())
        return self.is_closed

    def finish(self, call: Pending) -> None:
        """The call has ended."""
        del self.pending[call.id]
        if call.performer is not None:
            call.performer.close()
        if not self.is_open and not self.pending:
            self.close()

    def cancel(self, call: Pending) -> None:
        """Nobody waits for the call any more: it ends in JavaScript too."""
        if self.loop.is_closed():
            self.close()
        elif self.loop.is_running() and _get_running_loop() is not self.loop:  # a stream is collected anywhere
            self.loop.call_soon_threadsafe(self.cancel, call)
        elif self.pending.get(call.id) is call:
            self.send((_pack(0, call.id, CANCEL, 0, 0, 0),))
            if not self.is_closed:
                self.finish(call)

    def retire(self) -> None:
        """Let the calls here end, and begin no others."""
        self.is_open = False
        if not self.pending or self.loop.is_closed():
            self.close()

    def close(self, error: Callable[[Pending], JSHostError] | None = None) -> None:
        """Close the socket. Calls that run on it are aborted, and raise what `error` makes of them."""
        if self.is_closed:
            return
        self.is_open, self.is_closed = False, True
        if self.loop.is_closed():
            self._socket.close()
            return  # nobody can be told any more
        self.loop.remove_reader(self._socket)
        self.loop.remove_writer(self._socket)
        if self._timer is not None:
            self._timer.cancel()
        self._socket.close()
        self._out.clear()
        calls = tuple(self.pending.values())
        self.pending.clear()
        for call in calls:
            if call.performer is not None:
                call.performer.close()
            call.failed(unsent() if call.end > self._gone else error(call) if error else closed())

    def forget(self) -> None:
        """Close this process's copy of the socket after a fork. The loop, and all else, is the parent's."""
        self.is_open, self.is_closed = False, True
        self._socket.close()

    # Sending.

    def send(self, parts: Sequence[Buffer]) -> None:
        """Send these bytes: at once if nothing else is on its way, else together with what the loop has to send now."""
        if self._is_flushing or len(self.pending) > 1 or len(parts) > 1:
            self._send_together(parts)
        elif not self.is_closed:
            self._send_alone(parts[0])

    def _send_alone(self, data: Buffer) -> None:
        self._queued += len(data)
        rest = self._send_now(data)
        if rest is not None:
            self._wait_until_writable([rest])
        elif self._turning is not None:
            self._turning.begin(self.last_read)

    def _send_together(self, parts: Sequence[Buffer]) -> None:
        self._queued += sum(map(len, parts))
        self._out.extend(parts)
        if not self._is_flushing:
            self._is_flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Send all that waits, as far as the socket takes it."""
        if self.is_closed:
            return
        groups = list(grouped(self._out, SMALL))
        self._out = []
        self._is_flushing = False
        for number, group in enumerate(groups):
            rest = self._send_now(group)
            if rest is not None:
                self._wait_until_writable([rest, *groups[number + 1 :]])
                return
            if self.is_closed:
                return

    def _flush_on(self) -> None:
        self.loop.remove_writer(self._socket)
        self._flush()

    def _wait_until_writable(self, rest: list[Buffer]) -> None:
        self._is_flushing = True
        self._out = rest + self._out
        self.loop.add_writer(self._socket, self._flush_on)

    def _send_now(self, data: Buffer) -> Buffer | None:
        """What is left of the data when the socket takes no more; None if nothing is, or the connection is lost."""
        length = len(data)
        while True:
            try:
                sent = self._socket.send(data, NO_SIGPIPE)
            except BlockingIOError:
                return data
            except OSError as error:
                self._broke(error)
                return None
            self._gone += sent
            if sent == length:
                return None
            data = memoryview(data)[sent:]
            length -= sent

    def _broke(self, error: OSError) -> None:
        """Nothing can be sent any more. What the worker has said before is still to be read."""
        self._is_flushing = True
        try:
            while not self.is_closed and self._read():
                pass
        except UnexpectedResponse:
            pass
        self.close(lambda call: lost(error))

    # Receiving.

    def _on_readable(self) -> None:
        self.last_read = monotonic()
        if self._turning is not None and self._turning.since:
            self._turning.answered(self.last_read)
        try:
            for _ in range(READS_IN_A_ROW):
                count = self._read()
                if self.is_closed or not count or (count < MUCH and not self._reader.is_large):
                    break
        except UnexpectedResponse as error:
            message = str(error)
            self.close(lambda call: UnexpectedResponse(message))
        except BaseException:  # an interrupt: nobody knows how far it came
            self.close()
            raise

    def _read(self) -> int:
        """Read once, and hand out the frames that are complete. Returns how many bytes came."""
        reader = self._reader
        buffer = reader.get_buffer()
        try:
            count = self._socket.recv_into(buffer)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            reason = error
            self.close(lambda call: lost(reason))
            return 0
        if not count:
            self.close(lambda call: ended())
            return 0
        frame, pending = None, self.pending
        if reader.is_large:
            buffer.release()  # while it is alive, a body that is complete would have to be copied
            frame = reader.received(count)
        else:
            reader.end += count
        while True:
            if frame is not None:
                self._on_frame(frame)
            for id, body in reader.small_results():
                call = pending.get(id)
                if call is not None:
                    call.result(self, body)
            frame = reader.next_frame() if reader.end else None
            if frame is None:
                return count

    def _on_frame(self, frame: Frame) -> None:
        """Anything but a small result that JSON can say."""
        call = self.pending.get(frame.id)
        if call is not None:
            call.received(self, frame)
        elif frame.id:
            pass  # nobody waits for it any more
        elif frame.kind == LOG:
            self.warnings.append(read_log(frame.body))
        elif frame.kind == BYE:
            self._said_bye(read_bye(frame.body))
        else:
            raise UnexpectedResponse(f"A frame of an unknown kind came in: {frame.kind}.")

    def greeted(self, hello: Hello) -> None:
        """The worker has said who it is."""
        self.hello = hello
        self._reader.limit = hello.limit

    def _said_bye(self, bye: Bye) -> None:
        if bye.reason == "draining":
            self.retire()
        else:
            now = monotonic()
            self.close(lambda call: bye.error(call.name.decode(), call.deadline <= now))

    # Deadlines: the worker enforces them. This is for a worker that does not.

    def _sweep_later(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._sweep_at = deadline
        self._timer = self.loop.call_later(max(0.0, deadline + GRACE - monotonic()), self._sweep)

    def watch(self, call: Pending) -> None:
        """The deadline of a call has changed."""
        if call.deadline < self._sweep_at:
            self._sweep_later(call.deadline)

    def _sweep(self) -> None:
        """End the calls whose deadline has passed without a word; look again when the next may."""
        self._timer, self._sweep_at = None, inf
        limit = monotonic() - GRACE
        for call in tuple(self.pending.values()):
            due = call.due(self)
            if due <= limit:
                self._late(call)
            elif due < self._sweep_at:
                self._sweep_at = due
        if self.pending and self._sweep_at < inf:
            self._sweep_later(self._sweep_at)

    def _late(self, call: Pending) -> None:
        is_unsent = call.end > self._gone
        self.is_open = False  # who is silent once is not asked again: others begin elsewhere
        self.cancel(call)
        call.failed(call.late(is_unsent))


_connections: weakref.WeakSet[AsyncConnection] = weakref.WeakSet()


def _forget_all() -> None:
    for connection in tuple(_connections):
        connection.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
