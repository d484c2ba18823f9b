"""Frames: the layout of messages as bytes, and the reader that finds them in a stream.

A frame is a header of 16 bytes and a body. `docs/protocol.md` is the law; `runtime/frames.mjs` is the twin.
"""

from __future__ import annotations

from io import BytesIO
from struct import Struct, unpack_from

from ..exceptions import UnexpectedResponse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Buffer = bytes | bytearray | memoryview

#: length of the body, call id, kind, flags, length of the name, extra
HEADER = Struct("<IIBBHI")
HEADER_SIZE = HEADER.size
MAX_ID = 0xFFFF_FFFF
MAX_LENGTH = 0xFFFF_FFFF
#: How deeply the lists and dicts of a value may be nested.
MAX_DEPTH = 500

HELLO, CALL, RESULT, ERROR, BYE, CANCEL, CHUNK, END = range(8)
CREDIT, LOG, STATUS, ASK, ANSWER, FAULT, MAILBOX, LOOK = range(8, 16)

#: Flag: the body is a table of sizes, JSON with tags, and attachments.
RICH = 1
#: Flag of a CALL: its result is taken in parts.
STREAM = 2
#: Flag of a CALL: its deadline counts from the moment that its function starts.
PATIENT = 4

#: How many bytes of a stream may be on their way before the client gives credit for more.
STREAM_WINDOW = 2 * 1024 * 1024
#: What a part of a stream takes of that at least.
LEAST_COST = 64 * 1024

#: What one read takes at most, unless a larger frame is being filled.
READ_SIZE = 256 * 1024

_pack = HEADER.pack
_unpack_from = HEADER.unpack_from
#: The start of a header; kind and flags as one number, which is the kind where there are no flags.
_unpack_start = Struct("<IIH").unpack_from
_unpack_count = Struct("<I").unpack_from


class FrameError(UnexpectedResponse):
    """The bytes are no frame, or one over the limit. The connection can not go on."""


class Frame:
    """One frame that was read. `body` is JSON text, less the `name` before it; `attachments` is None unless RICH.

    A body that fitted the reader's buffer is a view of it: decode it before reading on.
    """

    __slots__ = ("attachments", "body", "extra", "flags", "id", "kind", "name")

    def __init__(
        self, id: int, kind: int, flags: int, name: bytes, extra: int, body: Buffer, attachments: list[bytes] | None
    ) -> None:
        self.id = id
        self.kind = kind
        self.flags = flags
        self.name = name
        self.extra = extra
        self.body = body
        self.attachments = attachments


def pack(id: int, kind: int, flags: int, name: bytes, extra: int, parts: Sequence[Buffer]) -> bytes:
    """The header and the name of a frame whose body goes on with `parts`."""
    length = len(name) + sum(map(len, parts))
    return _pack(length, id, kind, flags, len(name), extra) + name


def rich_body(text: bytes, attachments: Sequence[Buffer]) -> list[Buffer]:
    """The parts of a RICH body: the table of sizes, then the JSON, then each attachment as it is."""
    sizes = [len(part) for part in attachments]
    table = Struct(f"<{1 + len(sizes)}I").pack(len(sizes), *sizes)
    return [table + text, *attachments]


def cost(frame: Frame) -> int:
    """What a CHUNK takes of its stream's credit: its length, but not nothing for a small one."""
    length = len(frame.body)
    if frame.attachments is not None:
        length += 4 + 4 * len(frame.attachments) + sum(map(len, frame.attachments))
    return max(length, LEAST_COST)


def split_rich(body: memoryview) -> tuple[memoryview, list[bytes]]:
    """The JSON and the attachments of a RICH body that is all there."""
    sizes = _table(body)
    if sizes is None:
        raise FrameError("The table of attachments is longer than its frame.")
    start = 4 + 4 * len(sizes)
    end = len(body) - sum(sizes)
    if end < start:
        raise FrameError("The attachments are longer than their frame.")
    attachments = []
    at = end
    for size in sizes:
        attachments.append(bytes(body[at : at + size]))
        at += size
    return body[start:end], attachments


def _table(body: memoryview) -> tuple[int, ...] | None:
    """The sizes of the attachments, or None while the table is not all there."""
    if len(body) < 4:
        return None
    (count,) = _unpack_count(body)
    if len(body) < 4 + 4 * count:
        return None
    return unpack_from(f"<{count}I", body, 4)


class FrameReader:
    """Finds frames in a stream of bytes, read in place.

    Ask `get_buffer()` where the next bytes go, put them there, and tell `received(n)`, which returns
    the first frame that is complete, or None. `next_frame()` gives those that came along with it.
    A frame over `limit` bytes is refused by its header, before memory is taken for it.
    """

    __slots__ = ("_body", "_buffer", "_start", "_view", "end", "limit")

    def __init__(self, limit: int = MAX_LENGTH) -> None:
        self.limit = limit
        self._buffer = bytearray(READ_SIZE)
        self._view = memoryview(self._buffer)
        self._start = 0
        #: Where what was read and not yet given out ends; 0 if there is none.
        self.end = 0
        self._body: _LargeBody | None = None

    @property
    def is_empty(self) -> bool:
        """True between frames: nothing of a next one has been seen."""
        return self._start == self.end and self._body is None

    @property
    def is_large(self) -> bool:
        """True while a large body is being filled: all the buffer's bytes will come, and belong to it."""
        return self._body is not None

    def get_buffer(self) -> memoryview:
        """Where the next bytes of the stream are to be written, as many as there are up to its length."""
        if self._body is not None:
            return self._body.rest()
        if self._start:
            self._compact()
        return self._view[self.end :] if self.end else self._view

    def sole_result(self, count: int, id: int) -> memoryview | None:
        """The body, if the `count` bytes written first into an empty buffer are the plain result of call `id`, no more.

        Most answers are. For all others this does nothing and gives None: they are for `received`.
        """
        length, found, kind = _unpack_start(self._buffer)
        if found == id and kind == RESULT and length == count - HEADER_SIZE and length <= self.limit:
            return self._view[HEADER_SIZE:count]
        return None

    def small_results(self) -> Iterator[tuple[int, memoryview]]:
        """The ids and bodies of the plain results that come first in what was read; each is to be decoded at once."""
        buffer, view, limit = self._buffer, self._view, self.limit
        start, end = self._start, self.end
        while end - start >= HEADER_SIZE:
            length, id, kind = _unpack_start(buffer, start)
            stop = start + HEADER_SIZE + length
            if kind != RESULT or stop > end or length > limit:
                break
            if stop == end:
                self._start = self.end = 0
            else:
                self._start = stop
            yield id, view[start + HEADER_SIZE : stop]
            start = stop

    def received(self, count: int) -> Frame | None:
        """Take note that `count` bytes were written into the buffer; return a frame if one is complete."""
        if self._body is not None:
            if not self._body.received(count):
                return None
            frame = self._body.frame()
            self._body = None
            return frame
        self.end += count
        return self.next_frame()

    def next_frame(self) -> Frame | None:
        """The next frame that is complete in what was read already, or None."""
        start = self._start
        have = self.end - start - HEADER_SIZE
        if have < 0:
            return None
        length, id, kind, flags, name, extra = _unpack_from(self._buffer, start)
        if length > self.limit:
            raise FrameError(f"A frame of {length} bytes came in; the limit is {self.limit}.")
        if length > have:
            if length > READ_SIZE - HEADER_SIZE:
                self._begin_large()
            return None
        start += HEADER_SIZE
        end = start + length
        body = self._view[start + name : end]
        label = self._label(start, name, length) if name else b""
        if end == self.end:
            self._start = self.end = 0
        else:
            self._start = end
        if flags & RICH:
            text, attachments = split_rich(body)
            return Frame(id, kind, flags, label, extra, text, attachments)
        return Frame(id, kind, flags, label, extra, body, None)

    def _label(self, start: int, name: int, length: int) -> bytes:
        if name > length:
            raise FrameError("The name of a function is longer than its frame.")
        return bytes(self._view[start : start + name])

    def _begin_large(self) -> None:
        header = _unpack_from(self._buffer, self._start)
        first = self._view[self._start + HEADER_SIZE : self.end]
        self._body = _LargeBody.begin(header, first)
        if self._body is not None:
            self._start = self.end = 0

    def _compact(self) -> None:
        left = self.end - self._start
        self._buffer[:left] = self._buffer[self._start : self.end]
        self._start = 0
        self.end = left


class _LargeBody:
    """A body too large for the reader's buffer, read straight into its place: the JSON, then each attachment."""

    __slots__ = ("_at", "_done", "_header", "_is_whole", "_name", "_segment", "_sizes", "_view")

    def __init__(self, header: tuple[int, ...], name: bytes, sizes: list[int]) -> None:
        self._header = header
        #: The one segment is all of the body, its table of attachments included.
        self._is_whole = sizes == [header[0] - len(name)]
        self._name = name
        self._sizes = sizes
        self._done: list[bytes] = []
        self._begin_segment()

    @classmethod
    def begin(cls, header: tuple[int, ...], first: memoryview) -> _LargeBody | None:
        """Start with the bytes that are here, or return None while the name or the table is incomplete."""
        length, _, _, flags, name, _ = header
        is_full = len(first) >= READ_SIZE - HEADER_SIZE
        if len(first) < name:
            return None
        sizes, start = [length - name], name
        if flags & RICH:
            table = _table(first[name:])
            if table is None and not is_full:
                return None
            if table is not None:  # otherwise it is longer than one read: the body is taken apart when it is all there
                start = name + 4 + 4 * len(table)
                sizes = [length - start - sum(table), *table]
            if sizes[0] < 1:
                raise FrameError("The attachments are longer than their frame.")
        body = cls(header, bytes(first[:name]), sizes)
        body.fill(first[start:])
        return body

    def _begin_segment(self) -> None:
        # A BytesIO is the one buffer of the standard library that can be filled in place and then
        # handed over as bytes without a copy.
        self._segment = BytesIO(bytes(self._sizes[len(self._done)]))
        self._view = self._segment.getbuffer()
        self._at = 0

    def rest(self) -> memoryview:
        """The room that is left in the segment being filled."""
        return self._view[self._at :]

    def fill(self, data: memoryview) -> None:
        """Copy in the bytes that were read before the body was known to be large."""
        while data:
            room = self.rest()
            count = min(len(room), len(data))
            room[:count] = data[:count]
            room.release()
            self.received(count)
            data = data[count:]

    def received(self, count: int) -> bool:
        """Take note of `count` bytes; True when the body is complete."""
        self._at += count
        while self._at == len(self._view):
            self._view.release()  # while a view is alive, getvalue() would copy
            self._done.append(self._segment.getvalue())
            if len(self._done) == len(self._sizes):
                return True
            self._begin_segment()
        return False

    def frame(self) -> Frame:
        """The frame, once its body is complete."""
        _, id, kind, flags, _, extra = self._header
        text: Buffer = self._done[0]
        attachments = self._done[1:]
        if flags & RICH and self._is_whole:
            text, attachments = split_rich(memoryview(text))
        return Frame(id, kind, flags, self._name, extra, text, attachments if flags & RICH else None)
