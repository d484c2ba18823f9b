"""The mailbox: memory that a connection shares with its worker, for small calls that follow one another closely.

Over a socket each side asks the system again and again whether something has come. While a worker turns its event
loop for one client only, it looks into the mailbox instead: the client puts its call there, and finds the answer there,
without asking the system. Nothing depends on it: who has looked in vain says so by a LOOK on the socket, and is
answered there. docs/protocol.md is the law; `runtime/mailbox.mjs` is the other side.
"""

from __future__ import annotations

import fcntl
import os
import sys
from io import FileIO
from itertools import repeat
from mmap import mmap
from time import monotonic

from .._wire.frames import HEADER_SIZE
from ..exceptions import UnexpectedResponse
from .spin import LONGEST_LOOK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: The longest frame that a mailbox takes, in bytes.
LARGEST = 3968

#: One call in so many goes over the socket: other threads of the program can run then, and not only when Python makes
#: us stop, and what else the worker has to say is read there.
TURN = 32

#: It is looked into at most so often for one answer, should a test have stopped the clock.
MOST_LOOKS = 10_000

#: Where the number of the newest call is, where the nonce, and where the worker says that it looks.
NUMBER, NONCE, AWAKE = 0, 16, 64

#: Where the frame of a call begins, and where that of an answer ends.
CALL_AT = 128
ANSWER_END = CALL_AT + 2 * LARGEST

#: Behind an answer its length is, and the number of its call.
LENGTH, ANSWERED = ANSWER_END, ANSWER_END + 4
SIZE = ANSWER_END + 8

#: The same places, counted in words of 4 bytes.
_NUMBER, _AWAKE, _LENGTH, _ANSWERED = (at // 4 for at in (NUMBER, AWAKE, LENGTH, ANSWERED))

#: From Python 3.13 on, memory can be had without a descriptor.
_TRACK: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}

#: Nobody can make it smaller under us, which would be the end of this process.
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL

_FLAGS = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING

#: What a closed one has.
_NO_MEMORY = bytearray(SIZE)
_NO_VIEW = memoryview(_NO_MEMORY)
_NO_WORDS = _NO_VIEW.cast("I")


class Mailbox:
    """The memory of one connection. It is offered first, then the worker may take it."""

    __slots__ = ("_file", "_memory", "_view", "_words", "nonce")

    def __init__(self) -> None:
        """Raises OSError if the system has no memory to share."""
        # Called by `map`, which no exception of a signal interrupts: it would lose a descriptor that nobody holds yet.
        (self._file,) = map(FileIO, map(os.memfd_create, ("js-host",), (_FLAGS,)), ("r+",))
        try:
            self._file.truncate(SIZE)
            fcntl.fcntl(self._file, fcntl.F_ADD_SEALS, _SEALS)
            self._memory: mmap | bytearray = mmap(self._file.fileno(), SIZE, **_TRACK)
        except BaseException:
            self._file.close()
            raise
        self._view = memoryview(self._memory)
        self._words = self._view.cast("I")
        #: What shows to the worker that it has found this very memory.
        self.nonce = os.urandom(16)
        self._memory[NONCE : NONCE + len(self.nonce)] = self.nonce

    def descriptor(self) -> int:
        """Where the worker finds it, among the descriptors of this process."""
        return self._file.fileno()

    def opened(self) -> None:
        """The worker has opened it: it needs no descriptor any more. (Before Python 3.13, `mmap` keeps one.)"""
        self._file.close()

    def accepts(self, id: int, length: int, span: float) -> bool:
        """Whether call `id` may be put in: the worker looks, and `length` and `span` are no longer than they may be."""
        return self._words[_AWAKE] != 0 and span <= LONGEST_LOOK and length <= LARGEST - HEADER_SIZE and id % TURN != 0

    def put(self, id: int, frame: bytes) -> None:
        """Put a call in."""
        self._memory[CALL_AT : CALL_AT + len(frame)] = frame
        self._words[_NUMBER] = id  # last: who sees it takes the frame

    def wait(self, id: int, end: float) -> bool:
        """Look for the answer to call `id` until that moment. Whether it is there."""
        words = self._words
        for _ in repeat(None, MOST_LOOKS):
            if words[_ANSWERED] == id:
                return True
            if monotonic() >= end:
                break
        return self.has_answer(id)  # another program may have had the processor since

    def has_answer(self, id: int) -> bool:
        """Whether the answer to call `id` is there, or that it is on the socket."""
        return self._words[_ANSWERED] == id

    def answer(self, room: memoryview) -> int:
        """Copy the answer to where the next bytes of the worker are to go. Its length; 0 if it is on the socket."""
        length = self._words[_LENGTH]
        if length > LARGEST:
            raise UnexpectedResponse(f"An answer of {length} bytes lies in the mailbox.")
        room[:length] = self._view[ANSWER_END - length : ANSWER_END]
        return length

    def close(self) -> None:
        """Give the memory back. Who is in the middle of a call, as after a fork in it, finds no answer."""
        self._memory, self._view, self._words = _NO_MEMORY, _NO_VIEW, _NO_WORDS
        self._file.close()
