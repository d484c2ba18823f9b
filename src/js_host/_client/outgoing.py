"""What is to be sent on a connection that does not wait for it: frames of many calls, put together. No I/O."""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._wire.frames import Buffer


class Outgoing:
    """A queue of bytes that knows which calls they are. Send what `next` gives, and tell `sent(n)`."""

    __slots__ = ("_chunks", "next")

    def __init__(self) -> None:
        self._chunks: deque[tuple[memoryview, Sequence[int]]] = deque()
        #: The bytes to send now; empty if there are none.
        self.next = memoryview(b"")

    def add(self, frames: Sequence[Buffer], ids: Sequence[int] = ()) -> None:
        """Send these too. `ids` are their calls, one each; without any, the frames belong to calls that run already."""
        chunk = memoryview(frames[0] if len(frames) == 1 else b"".join(frames))
        self._chunks.append((chunk, ids))
        if len(self._chunks) == 1:
            self.next = chunk

    def sent(self, count: int) -> None:
        """So many bytes of `next` have left."""
        if count < len(self.next):
            self.next = self.next[count:]
        else:
            self._chunks.popleft()
            self.next = self._chunks[0][0] if self._chunks else memoryview(b"")

    def take_back(self) -> list[int]:
        """The calls of all that is wholly unsent, which is not sent any more. A chunk that has begun stays."""
        keep = 1 if self._chunks and len(self.next) < len(self._chunks[0][0]) else 0
        ids: list[int] = []
        while len(self._chunks) > keep:
            ids[:0] = self._chunks.pop()[1]
        if not keep:
            self.next = memoryview(b"")
        return ids

    def unsent(self, frames: Mapping[int, Buffer]) -> list[int]:
        """The calls whose frames, found by their ids in `frames`, did not leave whole: they certainly do not run."""
        rest = self.take_back()
        if self._chunks:
            left = len(self.next)
            for id in reversed(self._chunks.popleft()[1]):
                if left <= 0:
                    break
                rest.insert(0, id)
                left -= len(frames.get(id, b""))
        return rest


def grouped(parts: list[Buffer], small: int) -> Sequence[Buffer]:
    """The same bytes in as few parts as can be had without copying large ones, which are over `small` bytes."""
    if sum(map(len, parts)) < small * 16:
        return (b"".join(parts),)
    groups: list[Buffer] = []
    together: list[Buffer] = []
    for part in parts:
        if len(part) < small:
            together.append(part)
            continue
        if together:
            groups.append(b"".join(together))
            together = []
        groups.append(part)
    if together:
        groups.append(b"".join(together))
    return groups
