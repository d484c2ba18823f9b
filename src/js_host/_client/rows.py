"""The rows of a map, and the frames of their calls. Reads no further than it is asked to. No socket."""

from __future__ import annotations

from collections import deque
from itertools import islice
from time import monotonic

from .._wire import values
from .._wire.frames import CALL, HEADER, PATIENT, RICH, pack, rich_body
from ..exceptions import PayloadTooLarge
from .turns import Failed, ids
from .window import MOST_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._wire.frames import Buffer
    from .bulk_connection import BulkConnection

_pack = HEADER.pack


class Rows:
    """Gives the calls of function `name` to connections. `milliseconds` is what each may take; 0 is any time."""

    def __init__(self, name: bytes, rows: Iterator[object], milliseconds: int) -> None:
        self._name = name
        self._rows = rows
        self._milliseconds = milliseconds
        self._ids = ids()
        #: Calls that did not run where they were sent, with their frames: they are given before any new row.
        self.again: deque[tuple[int, bytes]] = deque()
        #: The callables and iterators in the data of calls that have some, by the calls' ids.
        self.references: dict[int, list[object]] = {}
        self.ended = False
        #: What the iterator of the rows raised: that is their end, too.
        self.error: Exception | None = None

    @property
    def are_left(self) -> bool:
        """Whether there may be more to give."""
        return bool(self.again) or not self.ended

    def give_again(self, connection: BulkConnection, most: int) -> None:
        """Give the connection what did not run elsewhere."""
        while self.again and most > 0:
            connection.give(*self.again.popleft())
            most -= 1

    def give(self, connection: BulkConnection, most: int, done: dict[int, object], until: float) -> int:
        """Give the connection so many new rows, fewer if it is full or `until` has passed. Returns how many were taken.

        Rows that can not be sent go to `done`, each with its error.
        """
        taken = 0
        limit, total = connection.reader.limit, connection.size
        calls, given, frames = connection.calls, connection.given, connection.frames
        ids, name, milliseconds = self._ids, self._name, self._milliseconds
        size = len(name)
        try:
            for row in islice(self._rows, most):
                taken += 1
                id = next(ids)
                try:
                    text = values.encode_plain(row)
                    if text is not None and (length := size + len(text)) <= limit:
                        frame = _pack(length, id, CALL, PATIENT, size, milliseconds) + name + text
                    else:
                        frame = self._frame(id, row, limit)
                except Exception as error:
                    done[id] = Failed(error)
                    continue
                calls[id] = frame  # what `connection.give` does, without the call
                given.append(id)
                frames.append(frame)
                total += len(frame)
                if monotonic() > until or total > MOST_BYTES:
                    break
            else:
                self.ended = taken < most
        except Exception as error:
            self.ended, self.error = True, error
        connection.size = total
        return taken

    def _frame(self, id: int, row: object, limit: int) -> bytes:
        """The frame of any call."""
        text, attachments = values.encode(row)
        body: list[Buffer] = [text]
        flags = PATIENT
        if attachments is not None:
            body, flags = rich_body(text, attachments), PATIENT | RICH
            if attachments.references:
                self.references[id] = attachments.references
        length = len(self._name) + sum(map(len, body))
        if length > limit:
            raise PayloadTooLarge(
                f"The data for {self._name.decode()} takes {length} bytes; the host's limit is {limit}. "
                "Raise requestDataLimit in the config, or send less.",
                maybe_executed=False,
            )
        return b"".join([pack(id, CALL, flags, self._name, self._milliseconds, body), *body])
