"""Many calls of one function at once, over all workers, in the caller's own thread: the deeds of `Function.map`.

What is decided lies elsewhere: how much a worker is given in `window.py`, whose result is given next in `turns.py`,
what was not sent in `outgoing.py`.
"""

from __future__ import annotations

from copy import copy
from time import monotonic

from .._wire.frames import ASK, BYE, ERROR, LOG, RESULT
from .._wire.messages import Stopping, read_bye, read_error, read_log
from .._wire.questions import Questions
from ..exceptions import FunctionTimeout, JSHostError, UnexpectedResponse, WorkerDied
from .bulk_connection import BulkConnection
from .bulk_workers import Workers
from .channel import LONGEST, lost
from .questions import Performer
from .rows import Rows
from .turns import AsTheyCome, Failed, InOrder
from .window import MOST, run_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from .._wire.frames import Frame
    from .job import Job
    from .pool import Pool

#: So long, in seconds, the workers are waited for that have not yet said hello.
MEETING = 0.05

#: Rows are taken for so long, in seconds, before answers are looked for: the next one may take its time.
TAKING = 1e-3

#: Where rows are slow to come, answers are waited for between them: for such a part of what the last ones took …
PATIENCE = 0.25
#: … and at most for so long, in seconds.
MOST_PATIENCE = 0.02

#: So many calls are sent as soon as they are there.
SEND_AT = 256

#: Who was away for so long, in seconds, sees whether the workers are still the same before sending to them.
LOOK_AFTER = 0.02


class Bulk:
    """One map: iterate over `results()`. `rows` are the data of its calls."""

    def __init__(self, pool: Pool, rows: Iterator[object], job: Job) -> None:
        limit = None if job.timeout is None or job.timeout > LONGEST else job.timeout
        self._pool = pool
        self._name = job.name
        self._function = job.name.decode()
        self._rows = Rows(job.name, rows, 0 if limit is None else int(limit * 1000) or 1)
        self._decode = job.decode
        self._on_error = job.on_error
        self._turns = InOrder() if job.ordered else AsTheyCome()
        self._workers = Workers(pool, job.key, limit, (job.window, pool.concurrency or MOST), pool.spin)
        #: Who answers the questions of a call, by its id.
        self._performers: dict[int, Performer] = {}
        #: How many rows were taken whose results were not given yet.
        self._ahead = 0
        #: How long to wait for answers, in seconds, if there are rows to be taken meanwhile; None if there are none.
        self._patience: float | None = None
        self._looked = monotonic()
        #: A worker was lost in this step: its calls may be for others now.
        self._has_lost = False

    def results(self) -> Generator[object, None, None]:
        """The results. Closing this aborts the calls in flight."""
        try:
            self._begin()
            while self._rows.are_left or self._ahead:
                self._step()
                ready = self._turns.take()
                for result in ready:
                    yield self._on_error(result.error) if isinstance(result, Failed) else result
                self._ahead -= len(ready)
            if self._rows.error is not None:
                raise self._rows.error
        finally:
            self._workers.close()
            for performer in self._performers.values():
                performer.close()

    def _begin(self) -> None:
        """Reach the workers, and wait a moment for all, so that the first rows are not all for the quickest."""
        self._pool.renew()
        self._workers.connect()
        end = monotonic() + MEETING
        while self._workers.are_expected and (left := end - monotonic()) > 0:
            self._exchange(left)

    def _step(self) -> None:
        """Send what there is room for; if there is nothing to give yet, wait for what comes, and read it."""
        self._has_lost = False
        self._look()
        self._fill()
        has_heard = self._look()  # of one who leaves, or is there at last: rows are to be given again before we wait
        self._flush()
        if (self._ahead or self._rows.are_left) and not (self._turns.is_ready or self._has_lost or has_heard):
            self._exchange(self._patience)

    def _look(self) -> bool:
        """After some time away: note what workers said, before they are sent more. Did they say anything?"""
        return monotonic() - self._looked > LOOK_AFTER and self._exchange(0)

    # Giving calls.

    def _fill(self) -> None:
        """Give the workers rows while they have room."""
        self._patience = None
        if not self._rows.are_left:
            return
        self._workers.connect()
        start = monotonic()
        while (connection := self._roomiest()) is not None:
            self._give(connection, start + TAKING)
            took = monotonic() - start
            if took > TAKING:
                self._patience = min(took * PATIENCE, MOST_PATIENCE)
                return

    def _roomiest(self) -> BulkConnection | None:
        """The worker that has most room, if there is a row to give it."""
        if not self._rows.again and (self._rows.ended or self._budget() <= 0):
            return None
        best = max(self._workers.open.values(), key=BulkConnection.room, default=None)
        return None if best is None or best.room() <= 0 else best

    def _budget(self) -> int:
        """How many more rows may be taken: never more than a window for each worker is on its way or waits here."""
        return sum(each.window.size for each in self._workers.open.values() if each.is_greeted) - self._ahead

    def _give(self, connection: BulkConnection, until: float) -> None:
        most = min(run_length(connection.window.size, len(self._workers.open)), connection.room(), SEND_AT)
        if self._rows.again:
            self._rows.give_again(connection, most)
        else:
            self._ahead += self._rows.give(connection, min(most, self._budget()), self._turns.done, until)
        if len(connection.given) >= SEND_AT:
            self._guard(connection, BulkConnection.flush)

    def _flush(self) -> None:
        for connection in tuple(self._workers.all.values()):
            if connection.given:
                self._guard(connection, BulkConnection.flush)

    # Reading answers.

    def _exchange(self, timeout: float | None) -> bool:
        """Read and write what can be now; if nothing can, wait for it, at most `timeout` seconds. Could anything?"""
        ready = self._workers.wait(timeout)
        for connection in ready:
            self._guard(connection, self._serve)
        for connection in self._workers.silent():
            self._lose(connection, FunctionTimeout(f"{self._function}: the worker gave no sign before the deadline."))
        self._looked = monotonic()
        return bool(ready)

    def _serve(self, connection: BulkConnection) -> None:
        before = len(connection.calls)
        self._hear(connection)
        if len(connection.calls) < before and not connection.draining:
            self._workers.found(connection.lane)
        connection.write()
        if connection.draining and connection.is_idle:
            self._workers.forget(connection)

    def _hear(self, connection: BulkConnection) -> None:
        for frame in connection.read(self._turns.done, self._decode, Failed):
            self._on_frame(connection, frame)

    def _on_frame(self, connection: BulkConnection, frame: Frame) -> None:
        """Anything but a small result that JSON can say."""
        if not connection.is_greeted:
            connection.greet(frame)
            if self._pool.should_reach_another(connection.lane, connection.connection.hello.pid):
                raise Stopping("The connection goes to a worker that has one already.")
        elif frame.kind == RESULT:
            self._on_result(connection, frame)
        elif frame.kind == ERROR:
            self._on_failure(connection, frame)
        elif frame.kind == ASK:
            if frame.id in connection.calls:
                connection.reply(self._performer(connection, frame.id).answer(frame))
        elif frame.kind == BYE:
            self._on_bye(connection, frame)
        elif frame.kind == LOG:
            connection.warn(read_log(frame.body))
        else:
            raise UnexpectedResponse(f"A frame came in that does not belong there, of the kind {frame.kind}.")

    def _on_result(self, connection: BulkConnection, frame: Frame) -> None:
        if not connection.end_call(frame.id, len(frame.body) + sum(map(len, frame.attachments or ()))):
            return
        try:
            self._turns.done[frame.id] = self._decode(frame.body, frame.attachments)
        except Exception as error:
            self._turns.done[frame.id] = Failed(error)
        self._end(frame.id)

    def _on_failure(self, connection: BulkConnection, frame: Frame) -> None:
        call = connection.end_call(frame.id, len(frame.body))
        if call is None:
            return
        performer = self._performers.get(frame.id)
        error = read_error(frame.body, self._function, performer.faults if performer else None)
        if isinstance(error, Stopping):
            self._rows.again.append((frame.id, call))
            if not connection.draining:
                self._workers.missed(connection.lane, error)
                self._leave(connection)
        else:
            self._turns.done[frame.id] = Failed(error)
            self._end(frame.id)

    def _performer(self, connection: BulkConnection, id: int) -> Performer:
        if id not in self._performers:
            questions = Questions(id, self._rows.references.get(id, []), connection.reader.limit)
            self._performers[id] = Performer(questions)
        return self._performers[id]

    def _end(self, id: int) -> None:
        """A call has ended: so have its questions."""
        self._rows.references.pop(id, None)
        performer = self._performers.pop(id, None)
        if performer is not None:
            performer.close()

    # Losing workers.

    def _on_bye(self, connection: BulkConnection, frame: Frame) -> None:
        bye = read_bye(frame.body)
        if bye.reason == "draining":
            self._leave(connection)
            return
        error = bye.error(self._function, deadline_passed=True)
        if isinstance(error, FunctionTimeout):  # the loop was stuck in one call, the others went with it
            first = next(iter(connection.calls), None)
            if first is not None and connection.end_call(first, 0):
                self._turns.done[first] = Failed(error)
            error = bye.error(self._function, deadline_passed=False)
        raise error

    def _leave(self, connection: BulkConnection) -> None:
        """The worker stops: what it has not begun goes to another one."""
        self._workers.leave(connection)
        self._take_back(connection, connection.take_back())

    def _take_back(self, connection: BulkConnection, ids: list[int]) -> None:
        self._rows.again.extend((id, connection.withdraw(id)) for id in ids)

    def _guard(self, connection: BulkConnection, deed: Callable[[BulkConnection], None]) -> None:
        """Do something on a connection; if it breaks, the map goes on without it."""
        try:
            deed(connection)
        except JSHostError as error:
            self._lose(connection, error)
        except OSError as error:
            self._lose(connection, self._last_words(connection) or lost(error))

    def _last_words(self, connection: BulkConnection) -> JSHostError | None:
        """Nothing can be sent any more. What the worker said before that is still to be read: also why it left."""
        seen = 0.0
        try:
            while connection.has_more or connection.last_sign != seen:
                seen = connection.last_sign
                self._hear(connection)
        except JSHostError as error:
            return error
        except OSError:
            pass
        return None

    def _lose(self, connection: BulkConnection, error: JSHostError) -> None:
        """The connection is of no more use: what did not run goes to another worker, what may have run has failed."""
        self._has_lost = True
        self._workers.forget(connection)
        self._take_back(connection, connection.unsent())
        if not connection.is_greeted:
            self._workers.missed(connection.lane, error)
        elif isinstance(error, Stopping):
            self._take_back(connection, list(connection.calls))
        elif connection.calls:
            if isinstance(error, WorkerDied):
                error = self._pool.reason(connection.lane, connection.connection, error)
                error = self._pool.told(error, self._name)
            for id in connection.calls:
                self._turns.done[id] = Failed(copy(error))
                self._end(id)
