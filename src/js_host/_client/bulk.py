"""Many calls of one function at once, over all workers, in the caller's own thread: the deeds of `Function.map`.

Each worker gets a connection of its own for the map, and calls as long as there is room in its window. What is
decided lies elsewhere: how much in `window.py`, whose result is given next in `turns.py`, what was sent in `outgoing.py`.
"""

from __future__ import annotations

import select
from copy import copy
from time import monotonic

from .._wire.frames import ASK, BYE, ERROR, HELLO, LOG, RESULT
from .._wire.messages import Stopping, read_bye, read_error, read_log
from .._wire.questions import Questions
from ..exceptions import ConnectionError, FunctionTimeout, JSHostError, UnexpectedResponse, WorkerDied
from .bulk_connection import BulkConnection
from .channel import GRACE
from .pool import ATTEMPTS, CONNECT_TIMEOUT
from .questions import Performer
from .turns import AsTheyCome, Failed, InOrder
from .window import Window, run_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .._wire.frames import Frame
    from .._wire.results import Decoder
    from .pool import Lane, Pool
    from .rows import Rows
    from .spin import Spinner

#: Rows are taken for so long, in seconds, before answers are looked for: the next one may take its time.
TAKING = 1e-3

#: Where rows are slow to come, answers are waited for between them: for such a part of what the last ones took …
PATIENCE = 0.25
#: … and at most for so long, in seconds.
MOST_PATIENCE = 0.02

#: So many calls are sent as soon as they are there.
SEND_AT = 64

#: Who did not look for so long, in seconds, looks whether the workers are still the same before sending to them.
LOOK_AFTER = 0.02

_POLLOUT = select.POLLOUT


class Bulk:
    """One map: iterate over `results()`.

    `window` is how many calls a worker is given, None to find out. `on_error` is called with the error of a row, at
    its turn: it raises it, or returns what is given instead.
    """

    def __init__(
        self,
        pool: Pool,
        function: str,
        rows: Rows,
        timeout: float | None,
        decode: Decoder,
        on_error: Callable[[BaseException], object],
        *,
        window: int | None,
        ordered: bool,
        spinner: Spinner,
    ) -> None:
        self._pool = pool
        self._function = function
        self._rows = rows
        self._timeout = timeout
        self._decode = decode
        self._on_error = on_error
        self._window = window
        self._turns = InOrder() if ordered else AsTheyCome()
        self._spinner = spinner
        self._poller = select.poll()
        #: All connections, by their descriptors; and those that can be given calls, by the ways to their workers.
        self._connections: dict[int, BulkConnection] = {}
        self._ways: dict[Lane, BulkConnection] = {}
        #: Who answers the questions of a call, by its id.
        self._performers: dict[int, Performer] = {}
        #: How often each worker was tried in vain, and what came of the last time.
        self._failures: dict[Lane, int] = {}
        self._unreachable: BaseException | None = None
        #: How many rows were taken whose results were not given yet.
        self._ahead = 0
        #: How long to wait for answers, in seconds, if there are rows to be taken meanwhile; None if there are none.
        self._patience: float | None = None
        self._looked = 0.0

    def results(self) -> Generator[object, None, None]:
        """The results. Closing this aborts the calls in flight."""
        try:
            self._pool.renew()
            while not self._rows.ended or self._ahead:
                self._step()
                ready = self._turns.take()
                for result in ready:
                    yield self._on_error(result.error) if result.__class__ is Failed else result  # type: ignore[attr-defined]
                self._ahead -= len(ready)
            if self._rows.error is not None:
                raise self._rows.error
        finally:
            self._close()

    def _close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        for performer in self._performers.values():
            performer.close()

    def _step(self) -> None:
        """Send what there is room for, and read what has come; wait for it if there is nothing to give yet."""
        self._look()
        self._fill()
        self._look()
        self._flush()
        if not self._turns.done:
            self._exchange(self._patience)

    def _look(self) -> None:
        """After a while away: take note of what the workers said meanwhile, before they are sent anything."""
        if self._connections and monotonic() - self._looked > LOOK_AFTER:
            self._exchange(0.0)

    # Giving.

    def _fill(self) -> None:
        """Take rows while there is room for them."""
        self._patience = None
        if not self._rows.are_left:
            return
        self._connect()
        start = monotonic()
        while (connection := self._roomiest()) is not None:
            self._give(connection, start + TAKING)
            if (now := monotonic()) > start + TAKING:
                self._patience = min((now - start) * PATIENCE, MOST_PATIENCE)
                return

    def _roomiest(self) -> BulkConnection | None:
        """The worker that has most room for a call, if there is one to give."""
        if not self._rows.again and (self._rows.ended or self._budget() <= 0):
            return None
        best = max(self._ways.values(), key=BulkConnection.room, default=None)
        return None if best is None or best.room() <= 0 else best

    def _budget(self) -> int:
        """How many more rows may be taken: never more than a window for each worker is on its way or waits here."""
        return sum(each.window.size for each in self._ways.values() if each.is_greeted) - self._ahead

    def _give(self, connection: BulkConnection, until: float) -> None:
        most = min(run_length(connection.window.size, len(self._ways)), connection.room(), SEND_AT)
        if self._rows.again:
            self._rows.give_again(connection, most)
        else:
            self._ahead += self._rows.give(connection, min(most, self._budget()), self._turns.done, until)
        if len(connection.given) >= SEND_AT:
            self._guard(connection, connection.flush)

    def _flush(self) -> None:
        for connection in tuple(self._connections.values()):
            if connection.given:
                self._guard(connection, connection.flush)

    # Reading and waiting.

    def _exchange(self, timeout: float | None) -> None:
        """Read and write what can be now; if there is nothing, wait for it, at most `timeout` seconds."""
        self._looked = monotonic()
        have_more = [each for each in self._connections.values() if each.has_more]
        if have_more:
            for connection in have_more:
                self._read(connection)
            return
        for descriptor in self._wait(timeout):
            connection = self._connections[descriptor]
            self._read(connection)
            if descriptor in self._connections:
                self._guard(connection, connection.write)
        self._end_silent()

    def _wait(self, timeout: float | None) -> list[int]:
        """The descriptors on which something can be done."""
        for descriptor, connection in self._connections.items():
            self._poller.modify(descriptor, select.POLLIN | (_POLLOUT if connection.outgoing.next else 0))
        limits = [timeout, *(self._left(each) for each in self._connections.values())]
        seconds = min((limit for limit in limits if limit is not None), default=None)
        return [descriptor for descriptor, _ in self._poll(seconds)]

    def _poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Poll a little before sleeping, where that is likely to pay."""
        poll = self._poller.poll
        start = monotonic()
        if timeout == 0 or not self._spinner.should_spin(start, start):
            return poll(None if timeout is None else timeout * 1000)
        end = start + self._spinner.span
        while not (events := poll(0)):
            if monotonic() > end:
                events = poll(None if timeout is None else timeout * 1000)
                self._spinner.failed(start, monotonic())
                return events
        self._spinner.succeeded(start, monotonic())
        return events

    def _left(self, connection: BulkConnection) -> float | None:
        """How long a worker may still be silent, in seconds."""
        if not connection.is_greeted:
            limit = CONNECT_TIMEOUT
        elif self._timeout is None or not connection.calls:
            return None
        else:
            limit = self._timeout + GRACE
        return max(connection.last_sign + limit - monotonic(), 0.0)

    def _end_silent(self) -> None:
        for connection in tuple(self._connections.values()):
            if self._left(connection) == 0 and connection.descriptor not in self._wait(0.0):
                self._lose(connection, FunctionTimeout(f"{self._function}: the worker gave no sign before the deadline."))

    def _read(self, connection: BulkConnection) -> None:
        def read() -> None:
            for frame in connection.read(self._turns.done, self._decode, Failed):
                self._on_frame(connection, frame)
            if connection.draining and connection.is_idle:
                self._forget(connection)

        self._guard(connection, read)

    def _guard(self, connection: BulkConnection, deed: Callable[[], None]) -> None:
        """Do something on a connection; if it breaks, the map goes on without it."""
        try:
            deed()
        except (OSError, EOFError) as error:
            why = getattr(error, "strerror", None) or "it was closed"
            self._lose(connection, error if isinstance(error, JSHostError) else _broken(why))
        except JSHostError as error:
            self._lose(connection, error)

    def _on_frame(self, connection: BulkConnection, frame: Frame) -> None:
        """Anything but a small result that JSON can say."""
        if frame.kind == HELLO and not connection.is_greeted:
            connection.greet(frame)
        elif not connection.is_greeted:
            connection.greet(frame)  # raises what it is instead
        elif frame.kind == RESULT:
            self._on_result(connection, frame)
        elif frame.kind == ERROR:
            self._on_error_frame(connection, frame)
