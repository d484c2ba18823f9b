"""Frames: the shared vectors, any split of the bytes, and bytes that are none."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from js_host._wire import frames
from js_host._wire.frames import CALL, HEADER, HEADER_SIZE, READ_SIZE, RESULT, RICH, FrameError, FrameReader

Told = tuple[int, int, int, bytes, int, bytes, list[bytes] | None]


def told(frame: frames.Frame) -> Told:
    """All of a frame, copied out of the reader's buffer."""
    return frame.id, frame.kind, frame.flags, frame.name, frame.extra, bytes(frame.body), frame.attachments


def read(stream: bytes, cuts: list[int], limit: int = frames.MAX_LENGTH) -> tuple[list[Told], FrameReader]:
    """Feed a stream in pieces of these sizes, over and over, as a socket would."""
    reader, found, at, turn = FrameReader(limit), [], 0, 0
    while at < len(stream):
        buffer = reader.get_buffer()
        count = min(len(buffer), cuts[turn % len(cuts)], len(stream) - at)
        assert count > 0
        buffer[:count] = stream[at : at + count]
        at, turn = at + count, turn + 1
        frame = reader.received(count)
        while frame is not None:
            found.append(told(frame))
            frame = reader.next_frame()
    return found, reader


def write(frame: Told) -> bytes:
    id, kind, flags, name, extra, text, attachments = frame
    parts = [text] if attachments is None else frames.rich_body(text, attachments)
    return frames.pack(id, kind, flags, name, extra, parts) + b"".join(parts)


def plain_frames(largest: int) -> st.SearchStrategy[Told]:
    number = st.integers(0, 2**32 - 1)
    sizes = st.one_of(st.integers(0, 40), st.integers(READ_SIZE - 40, READ_SIZE + 40), st.integers(0, largest))
    body = st.builds(lambda size, fill: bytes([fill]) * size, sizes, st.integers(0, 255))
    parts = st.lists(body, max_size=4)
    name = st.binary(max_size=30)
    plain = st.tuples(number, st.integers(1, 10), st.just(0), name, number, body, st.none())
    rich = st.tuples(number, st.integers(1, 10), st.just(RICH), name, number, body.filter(bool), parts)
    return st.one_of(plain, rich)


def test_a_good_vector_is_read(good_frame: dict[str, Any], attachments_of: Any) -> None:
    found, reader = read(bytes.fromhex(good_frame["hex"]), [1])
    expected = good_frame["frame"]
    assert found == [
        (
            expected["id"],
            expected["kind"],
            expected["flags"],
            expected["name"].encode(),
            expected["extra"],
            expected["text"].encode(),
            attachments_of(expected) if expected["flags"] & RICH else None,
        )
    ]
    assert reader.is_empty


def test_a_good_vector_is_written(good_frame: dict[str, Any], attachments_of: Any) -> None:
    frame = good_frame["frame"]
    attachments = attachments_of(frame) if frame["flags"] & RICH else None
    fields = (frame["id"], frame["kind"], frame["flags"], frame["name"].encode(), frame["extra"])
    assert write((*fields, frame["text"].encode(), attachments)).hex() == good_frame["hex"]


@pytest.mark.parametrize("cuts", [[1], [7], [10**6]], ids=["bytes", "sevens", "whole"])
def test_a_bad_vector_is_refused(bad_frame: dict[str, Any], cuts: list[int]) -> None:
    with pytest.raises(FrameError):
        read(bytes.fromhex(bad_frame["hex"]), cuts, bad_frame["limit"])


@given(st.lists(plain_frames(3 * READ_SIZE), max_size=5), st.lists(st.integers(1, 2 * READ_SIZE), min_size=1))
def test_any_frames_are_found_in_any_split(sent: list[Told], cuts: list[int]) -> None:
    found, reader = read(b"".join(map(write, sent)), cuts)
    assert found == sent
    assert reader.is_empty


@given(st.lists(plain_frames(50), min_size=1, max_size=20), st.lists(st.integers(1, 40), min_size=1))
def test_small_frames_are_found_in_small_splits(sent: list[Told], cuts: list[int]) -> None:
    found, reader = read(b"".join(map(write, sent)), cuts)
    assert found == sent
    assert reader.is_empty


@settings(max_examples=150)
@given(st.binary(max_size=200), st.lists(st.integers(1, 40), min_size=1))
def test_garbage_gives_frames_or_a_frame_error(stream: bytes, cuts: list[int]) -> None:
    try:
        read(stream, cuts, limit=10**6)
    except FrameError:
        pass


@settings(max_examples=150)
@given(plain_frames(READ_SIZE * 2), st.data())
def test_a_header_with_any_byte_changed_gives_frames_or_a_frame_error(frame: Told, data: st.DataObject) -> None:
    stream = bytearray(write(frame))
    stream[data.draw(st.integers(0, min(len(stream), 40) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(stream), [READ_SIZE], limit=4 * READ_SIZE)
    except FrameError:
        pass


@given(plain_frames(READ_SIZE * 2), st.data())
def test_a_truncated_frame_is_never_given(frame: Told, data: st.DataObject) -> None:
    stream = write(frame)
    end = data.draw(st.integers(1, len(stream) - 1))
    found, reader = read(stream[:end], [data.draw(st.integers(1, READ_SIZE))])
    assert found == []
    assert not reader.is_empty


def test_a_frame_of_the_limit_is_read_and_one_more_byte_is_refused() -> None:
    for size in (10, 200_000):
        assert read(write((1, RESULT, 0, b"", 0, b"x" * size, None)), [READ_SIZE], limit=size)[0]
        with pytest.raises(FrameError, match=f"frame of {size + 1} bytes came in; the limit is {size}"):
            read(write((1, RESULT, 0, b"", 0, b"x" * (size + 1), None)), [READ_SIZE], limit=size)


def test_a_frame_over_the_limit_is_refused_by_its_header_alone() -> None:
    with pytest.raises(FrameError):
        read(HEADER.pack(0xFFFF_FFFF, 1, RESULT, 0, 0, 0), [1], limit=10**6)


@pytest.mark.parametrize("length", [4, 100, 65530])
def test_a_name_longer_than_its_frame_is_refused(length: int) -> None:
    header = HEADER.pack(length, 1, CALL, 0, 0xFFFF, 0)
    with pytest.raises(FrameError):
        read(header + b"x" * length + bytes(READ_SIZE), [READ_SIZE])


def test_a_large_frame_may_have_the_longest_name() -> None:
    sent = (1, CALL, 0, b"n" * 0xFFFF, 0, bytes(400_000), None)
    assert read(write(sent), [1000])[0] == [sent]


@pytest.mark.parametrize("count", [65_531, 65_532, 80_000])
def test_a_table_of_attachments_may_be_larger_than_one_read(count: int) -> None:
    sent = (1, RESULT, RICH, b"", 0, b"[]", [b"ab"] * count)
    assert read(write(sent), [READ_SIZE])[0] == [sent]


@pytest.mark.parametrize("count", [2**31, 2**32 - 1, 20_000, 50_000, 100_000])
def test_a_table_that_promises_too_much_is_refused_when_its_frame_is_there(count: int) -> None:
    body = struct.pack("<I", count) + bytes([1]) * 300_000
    with pytest.raises(FrameError):
        read(HEADER.pack(len(body), 1, RESULT, RICH, 0, 0) + body, [READ_SIZE])


def test_a_rich_frame_without_json_is_refused_or_empty() -> None:
    body = struct.pack("<II", 1, 300_000) + bytes(300_000)
    with pytest.raises(FrameError):
        read(HEADER.pack(len(body), 1, RESULT, RICH, 0, 0) + body, [READ_SIZE])


def test_attachments_of_a_small_frame_outlive_the_buffer() -> None:
    first = (1, RESULT, RICH, b"", 0, b"{}", [b"first"])
    second = (2, RESULT, RICH, b"", 0, b"{}", [b"other"])
    reader = FrameReader()
    kept = []
    for frame in (first, second):
        data = write(frame)
        reader.get_buffer()[: len(data)] = data
        found = reader.received(len(data))
        assert found is not None
        kept.append(found.attachments)
    assert kept == [[b"first"], [b"other"]]


def test_is_large_says_when_all_bytes_belong_to_one_frame() -> None:
    reader = FrameReader()
    data = write((1, RESULT, 0, b"", 0, bytes(READ_SIZE), None))
    reader.get_buffer()[:HEADER_SIZE] = data[:HEADER_SIZE]
    assert not reader.is_large
    assert reader.received(HEADER_SIZE) is None
    assert reader.is_large
    assert len(reader.get_buffer()) == READ_SIZE
