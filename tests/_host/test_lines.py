"""What a worker prints, as lines."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from js_host._host.lines import LONGEST_LINE, LineSplitter, LogLine, read_line, safe


def split(*pieces: bytes, limit: int = LONGEST_LINE) -> list[str]:
    splitter = LineSplitter(limit)
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.flush()


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\ntw", b"o"], ["one", "two"]),
        ([b"one\r\ntwo\r\n"], ["one", "two"]),
        ([b"one\r", b"\ntwo"], ["one", "two"]),
        ([b"10%\r20%\rdone\n"], ["10%", "20%", "done"]),
        ([b"10%\r", b"20%\r"], ["10%", "20%"]),
        ([b"\n\na\n"], ["", "", "a"]),
        ([b"...\x1e{}\n"], ["...", "\x1e{}"]),
        ([b"...", b"\x1e", b"{}\n\x1e{}\n"], ["...", "\x1e{}", "\x1e{}"]),
        ([b"\x1e{}\n\n\x1e{}\n.\r", b"\x1e{}\n"], ["\x1e{}", "", "\x1e{}", ".", "\x1e{}"]),
        ([b"a\x1eb\x1e\x1e\n"], ["a", "\x1eb", "\x1e", "\x1e"]),
        ([b"\xff\xfe\n"], ["\ufffd\ufffd"]),
        ([b"w\xc3", b"\xb6rld\n"], ["wörld"]),
        ([], []),
    ],
)
def test_bytes_become_lines(pieces: list[bytes], lines: list[str]) -> None:
    assert split(*pieces) == lines


def test_a_line_over_the_limit_comes_in_pieces_and_no_character_is_cut() -> None:
    assert split(b"abcdefgh\n", limit=3) == ["abc", "def", "gh"]
    assert split(b"a\xc3\xb6\xc3\xb6\n", limit=2) == ["a", "ö", "ö"]
    assert split(b"x" * 600_000) == ["x" * 262144, "x" * 262144, "x" * (600_000 - 2 * 262144)]


def test_nothing_is_kept_of_a_stream_without_line_ends_but_one_piece() -> None:
    splitter = LineSplitter(1000)
    for _ in range(100):
        splitter.feed(b"x" * 777)
    assert len(splitter._rest) <= 1000


@given(st.text(st.characters(exclude_characters="\r\n\x1e", exclude_categories=["Cs"])), st.lists(st.integers(0, 200)))
def test_where_the_bytes_are_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    data = f"{text}\n{text}\r\n{text}\n".encode()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert split(*pieces) == split(data) == [text] * 3


@given(st.lists(st.sampled_from(["a", "ö", "\x1e", "\n", "\r"])).map("".join), st.lists(st.integers(0, 40)))
def test_where_records_are_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    data = text.encode()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert split(*(data[start:end] for start, end in pairwise(places))) == split(data)


def test_raw_output_that_ends_no_line_hides_no_record_however_long_it_is() -> None:
    told = record(level="info", text="done " + "x" * 30_000)
    for length in (1, 262_140, 262_144, 600_000):
        *raw, last = split(b"." * length, told.encode(), b"\n")
        assert ("".join(raw), last) == ("." * length, told)


def record(**fields: object) -> str:
    return "\x1e" + json.dumps(fields)


@pytest.mark.parametrize(
    ("stream", "line", "expected"),
    [
        ("stdout", "raw", ("info", "raw")),
        ("stderr", "raw", ("warn", "raw")),
        ("stdout", record(level="error", text="no"), ("error", "no")),
        ("stdout", record(level="debug", text="a\nb"), ("debug", "a\n    b")),
        ("stdout", record(level="strange", text="x"), ("strange", "x")),
        ("stdout", "\x1e{not json", ("info", "\\x1e{not json")),
        ("stdout", record(text="no level"), ("info", '\\x1e{"text": "no level"}')),
        ("stdout", "\x1e" + "[" * 100_000, ("info", "\\x1e" + "[" * 100_000)),
    ],
)
def test_records_say_their_level_and_the_rest_is_raw(stream: str, line: str, expected: tuple[str, str]) -> None:
    said = read_line(stream, line, 3, 4711)
    assert (said.level, said.text) == expected
    assert (said.worker, said.pid, said.function, said.call) == (3, 4711, None, None)


@pytest.mark.parametrize(
    ("function", "call", "expected"),
    [
        ("greet", 12, ("greet", 12)),
        ("a\x1bb\nc", 1, ("a\\x1bb\n    c", 1)),
        (5, "x", (None, None)),
        (None, None, (None, None)),
    ],
)
def test_a_record_may_say_whose_it_is(function: object, call: object, expected: tuple[object, object]) -> None:
    said = read_line("stdout", record(level="info", text="x", function=function, call=call), 0, 1)
    assert (said.function, said.call) == expected


@pytest.mark.parametrize("line", ["\x1e[1]", '\x1e"text"', "\x1enull"])
def test_a_record_that_is_no_object_is_raw(line: str) -> None:
    assert read_line("stdout", line, 0, 1).text.startswith("\\x1e")


@pytest.mark.parametrize(
    ("level", "number"),
    [("debug", 10), ("log", 20), ("info", 20), ("warn", 30), ("error", 40), ("fatal", 50), ("strange", 20)],
)
def test_levels_are_those_of_logging(level: str, number: int) -> None:
    assert LogLine(level, "", 0, 1).levelno == number


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain wörld ✓ 😀", "plain wörld ✓ 😀"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("bell\x07 nul\x00 del\x7f csi\x9b", "bell\\x07 nul\\x00 del\\x7f csi\\x9b"),
        ("one\nERROR forged", "one\n    ERROR forged"),
        ("a\tb", "a\tb"),
        ("lone \ud800", "lone \\ud800"),
    ],
)
def test_no_text_can_do_more_in_a_log_than_be_read(text: str, shown: str) -> None:
    assert safe(text) == shown


@given(st.text(st.characters()))
def test_safe_text_can_be_written_and_starts_no_line(text: str) -> None:
    shown = safe(text)
    shown.encode()
    assert not any(ord(character) < 32 and character not in "\n\t" for character in shown)
    assert all(line.startswith("    ") for line in shown.split("\n")[1:])
