"""A connection that carries many calls at once and never waits: what `bulk.py` has one of for each worker."""

from __future__ import annotations

from time import monotonic

from .._wire.answers import AnswerReader
from .._wire.messages import read_hello
from ..utils.sockets import NO_SIGPIPE
from .channel import MAX_HELLO, ended
from .lane import warn_of
from .outgoing import Outgoing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .._wire.frames import Buffer, Frame
    from .._wire.results import Decoder
    from .lane import Lane
    from .sync import Connection
    from .window import Window


class BulkConnection:
    """A connection on which a hello was sent, and the calls that are in flight on it.

    `write` and `read` do what can be done now. Both raise OSError, and `read` WorkerDied, when the worker is gone.
    """

    def __init__(self, lane: Lane, connection: Connection, window: Window) -> None:
        self.lane = lane
        self.connection = connection
        self.window = window
        self.reader = AnswerReader(MAX_HELLO)
        self.outgoing = Outgoing()
        #: The frames of the calls in flight, by their ids, in the order in which they were given.
        self.calls: dict[int, bytes] = {}
        #: The bytes of these frames.
        self.size = 0
        #: The worker has said hello: it can be given calls.
        self.is_greeted = False
        #: The worker is stopping: it finishes what it has and takes no more.
        self.draining = False
        #: When the worker was last heard of, or was given the first call after a rest.
        self.last_sign = monotonic()
        #: Frames that were read already are left for the next `read`.
        self.has_more = False
        #: Calls that were given and are to be sent by `flush`, and their frames.
        self.given: list[int] = []
        self.frames: list[bytes] = []
        self._socket = connection.take_over()
        self.descriptor = self._socket.fileno()

    def room(self) -> int:
        """How many more calls it may be given."""
        if not self.is_greeted or self.draining:
            return 0
        return self.window.room(len(self.calls), self.size)

    @property
    def is_idle(self) -> bool:
        """Nothing is in flight, or waits to be sent."""
        return not self.calls and not self.outgoing.next

    def greet(self, frame: Frame) -> None:
        """The worker's hello has come."""
        self.connection.hello = read_hello(frame)
        self.reader.limit = self.connection.hello.limit
        self.is_greeted = True

    def give(self, id: int, frame: bytes) -> None:
        """Take a call; `flush` sends it."""
        self.calls[id] = frame
        self.size += len(frame)
        self.given.append(id)
        self.frames.append(frame)

    def flush(self) -> None:
        """Send what was given, as much as goes now."""
        if self.given:
            if len(self.calls) == len(self.given):
                self.last_sign = monotonic()
                self.window.began(self.last_sign)
            self.outgoing.add(self.frames, self.given)
            self.given, self.frames = [], []
        self.write()

    def reply(self, parts: Sequence[Buffer]) -> None:
        """Send what belongs to a call that runs already."""
        self.outgoing.add(parts)
        self.last_sign = monotonic()
        self.write()

    def write(self) -> None:
        """Send as much as goes now."""
        outgoing = self.outgoing
        try:
            while outgoing.next:
                outgoing.sent(self._socket.send(outgoing.next, NO_SIGPIPE))
        except BlockingIOError:
            pass

    def read(self, done: dict[int, object], decode: Decoder, failed: Callable[[Exception], object]) -> Iterator[Frame]:
        """Read once. Results go into `done`; all frames that are no plain results are given to the caller.

        Of small results not more than half a window is taken at a time: while those are dealt with, the worker
        has the other half to do.
        """
        frame = None if self.has_more else self._receive()
        most = max(self.window.size // 2, 1)
        while most > 0:
            if frame is not None:
                yield frame
            most -= self._take_results(done, most, decode, failed)
            frame = self.reader.next_frame() if most > 0 else None
            if frame is None:
                break
        self.has_more = most <= 0 and self.reader.end > 0

    def _receive(self) -> Frame | None:
        try:
            count = self._socket.recv_into(self.reader.get_buffer())
        except BlockingIOError:
            return None
        if not count:
            raise ended()
        self.last_sign = monotonic()
        return self.reader.received(count)

    def _take_results(
        self, done: dict[int, object], most: int, decode: Decoder, failed: Callable[[Exception], object]
    ) -> int:
        before = len(self.calls)
        asked, answered = self.reader.take_results(self.calls, done, most, decode, failed)
        count = before - len(self.calls)
        if count:
            self.size -= asked
            self.window.answered(count, answered, self.last_sign)
        return count

    def end_call(self, id: int, answered: int) -> bytes | None:
        """The frame of a call that has ended with an answer of so many bytes; None if there is no such call."""
        frame = self.calls.pop(id, None)
        if frame is not None:
            self.size -= len(frame)
            self.window.answered(1, answered, self.last_sign)
        return frame

    def take_back(self) -> list[int]:
        """The calls that were not begun to be sent, which are not sent any more."""
        given, self.given, self.frames = self.given, [], []
        return self.outgoing.take_back() + given

    def unsent(self) -> list[int]:
        """The calls that did not leave whole. The connection is of no more use."""
        given, self.given, self.frames = self.given, [], []
        return self.outgoing.unsent(self.calls) + given

    def withdraw(self, id: int) -> bytes:
        """Give a call back, to be given to another worker."""
        frame = self.calls.pop(id)
        self.size -= len(frame)
        return frame

    def warn(self, text: str) -> None:
        """Warn the program of something."""
        warn_of([text])

    def close(self) -> None:
        """Close the socket: calls that run on it are aborted."""
        self.lane.drop(self.connection)
