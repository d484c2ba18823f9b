"""Answers to many calls at once: a reader that decodes them straight from what was read, without a frame for each."""

from __future__ import annotations

from struct import Struct

from . import values
from .frames import HEADER_SIZE, RESULT, FrameReader
from .results import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .results import Decoder

#: The start of a header. Kind and flags as one number: it is RESULT if there are no flags.
_unpack_from = Struct("<IIH").unpack_from


class AnswerReader(FrameReader):
    """A FrameReader that can also take all the plain results that lie in its buffer."""

    __slots__ = ()

    def take_results(
        self,
        calls: dict[int, bytes],
        done: dict[int, object],
        most: int,
        decode: Decoder,
        failed: Callable[[Exception], object],
    ) -> tuple[int, int]:
        """Move calls that were answered plainly from `calls` to `done`, with their decoded results; at most so many.

        `failed` makes what stands for a result that can not be decoded. Gives the bytes of their frames, and
        of their results. Whatever is not a plain result that is there as a whole is left to `next_frame`.
        """
        buffer, view, start, end = self._buffer, self._view, self._start, self.end
        limit, quick = self.limit, values.decode_quickly if decode is value else None
        asked, first = 0, start
        last = end - HEADER_SIZE
        while start <= last and most > 0:
            length, id, kind = _unpack_from(buffer, start)
            body = start + HEADER_SIZE
            stop = body + length
            if stop > end or kind != RESULT or length > limit:
                break
            start = stop
            frame = calls.pop(id, None)
            if frame is None:
                continue  # nobody asked
            asked += len(frame)
            most -= 1
            try:
                done[id] = quick(view[body:stop]) if quick else decode(view[body:stop], None)
            except Exception:
                done[id] = self._decode(view[body:stop], decode, failed)
        self._start = start
        if start == end:
            self._start = self.end = 0
        return asked, start - first

    def _decode(self, body: memoryview, decode: Decoder, failed: Callable[[Exception], object]) -> object:
        try:
            return decode(body, None)
        except Exception as error:
            return failed(error)
