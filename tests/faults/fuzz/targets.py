"""What the fuzzer gives bytes to: everything in Python that reads what came over a socket.

The first byte of an input chooses the target. A target lets only errors of ours out, and checks what it can.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from js_host._wire.answers import AnswerReader
from js_host._wire.frames import ASK, BYE, HELLO, Frame, FrameError, FrameReader, split_rich
from js_host._wire.handshake import upgrade_answer
from js_host._wire.messages import read_bye, read_error, read_hello, read_log
from js_host._wire.questions import Questions
from js_host._wire.results import text, typed
from js_host._wire.values import decode, encode
from js_host.exceptions import JSHostError

LIMIT = 200_000

Told = list[tuple[int, int, int, bytes, int, bytes, list[bytes] | None]]


def frames(data: bytes) -> None:
    """Frames are the same however their bytes are cut; the first byte is the length of a piece."""
    if data:
        whole, cut = read(data[1:], len(data)), read(data[1:], data[0] + 1)
        assert whole == cut, (whole, cut)


def read(stream: bytes, piece: int) -> tuple[Told, bool]:
    """The frames of a stream, and whether it ended in an error. Of a stream that is refused, only that counts."""
    reader, found, at = FrameReader(LIMIT), [], 0
    try:
        while at < len(stream):
            buffer = reader.get_buffer()
            count = min(len(buffer), piece, len(stream) - at)
            buffer[:count] = stream[at : at + count]
            at += count
            frame = reader.received(count)
            while frame is not None:
                found.append(told(frame))
                frame = reader.next_frame()
    except FrameError:
        return [], True
    return found, False


def told(frame: Frame) -> tuple[int, int, int, bytes, int, bytes, list[bytes] | None]:
    """All of a frame, copied out of the reader's buffer."""
    return frame.id, frame.kind, frame.flags, frame.name, frame.extra, bytes(frame.body), frame.attachments


def answers(data: bytes) -> None:
    """Answers to many calls at once: none is lost, none is given twice."""
    reader = AnswerReader(LIMIT)
    buffer = reader.get_buffer()
    count = min(len(buffer), len(data))
    buffer[:count] = data[:count]
    calls, done = {id: b"x" * id for id in range(1, 10)}, {}
    frame = reader.received(count)
    while frame is not None or reader.end:
        before = reader.end - reader._start
        reader.take_results(calls, done, 5, decode, lambda error: error)
        frame = reader.next_frame()
        if frame is None and reader.end - reader._start == before:
            break
    assert not set(calls) & set(done)


def plain(data: bytes) -> None:
    """JSON: what was read can be written again, and is then read as the same."""
    try:
        value = decode(data)
    except JSHostError:
        return
    try:
        body, attachments = encode(value)
    except JSHostError:
        return  # nested too deeply, or an integer that Python does not write
    again = decode(body, attachments)
    assert repr(again) == repr(value) or "." in repr(value) or "e" in repr(value), (value, again)


def rich(data: bytes) -> None:
    """A body with tags and attachments."""
    body, attachments = split_rich(memoryview(data))
    decode(body, attachments)
    text(body, attachments)


def typed_value(data: bytes) -> None:
    """A result that is to be of a type."""
    typed(dict[str, list[int]])(data, None)


def hello(data: bytes) -> None:
    """The first message of a worker."""
    read_hello(Frame(0, HELLO, 0, b"", 0, data, None))


def goodbye(data: bytes) -> None:
    """The last one, in place of the first too."""
    read_bye(data).error("f", True)
    read_hello(Frame(0, BYE, 0, b"", 0, data, None))


def error(data: bytes) -> None:
    """An error can be shown, whatever it says."""
    str(read_error(data, "f", {1: ValueError()}))


def log(data: bytes) -> None:
    """A warning."""
    read_log(data)


def question(data: bytes) -> None:
    """A question about one of two callables."""
    questions = Questions(1, [len, iter(())], LIMIT)
    attachments = [b"", data[:8]] if data[:1] == b"[" else None
    found, operation, arguments = questions.read(Frame(1, ASK, 0, b"", 1, data, attachments))
    assert found in questions.references
    assert operation in ("call", "next", "close")
    assert isinstance(arguments, list)


def upgrade(data: bytes) -> None:
    """The answer to an upgrade."""
    rest = upgrade_answer(data)
    assert rest is None or data.endswith(rest)


TARGETS: tuple[Callable[[bytes], object], ...] = (
    frames, answers, plain, rich, typed_value, hello, goodbye, error, log, question, upgrade,
)  # fmt: skip


def fuzz(data: bytes) -> None:
    """Give an input to its target."""
    if data:
        try:
            TARGETS[data[0] % len(TARGETS)](data[1:])
        except JSHostError:
            pass


def seeds(vectors: str) -> list[bytes]:
    """Inputs to begin with: the vectors, for every target that may understand them."""
    with open(vectors, encoding="utf-8") as file:
        good = [bytes.fromhex(vector["hex"]) for vector in json.load(file)["good"]]
    for frame in good:
        assert fuzz(b"\0" + b"\6" + frame) is None
    bodies = [frame[16:] for frame in good]
    streams = [bytes([0, 6]) + b"".join(good), bytes([1]) + b"".join(good), *(bytes([0, 0]) + frame for frame in good)]
    return streams + [bytes([number]) + body for body in bodies for number in range(2, len(TARGETS))] + [HEAD]


HEAD = bytes([10]) + b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: js-host/1\r\n\r\n"
