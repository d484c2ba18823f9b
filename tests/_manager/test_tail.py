"""Reading a log file from its end, and following it."""

from __future__ import annotations

from pathlib import Path

import pytest

from js_host._host.lines import LogLine
from js_host._manager.logfile import LogFile
from js_host._manager.tail import Tail, records


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "a.log")


def written(path: str, *texts: str, most: int = 10_000) -> LogFile:
    log = LogFile(path, most)
    for text in texts:
        log.write([LogLine("info", text, 0, 4711)])
    log.close()
    return log


def texts(lines: list[str]) -> list[str]:
    return [line.partition("info: ")[2] for line in lines]


@pytest.mark.parametrize(("count", "shown"), [(0, []), (1, ["c"]), (2, ["b", "c"]), (9, ["a", "b", "c"])])
def test_the_last_lines_are_as_many_as_were_asked_for(path: str, count: int, shown: list[str]) -> None:
    written(path, "a", "b", "c")
    with Tail(path) as tail:
        assert texts(tail.last(count)) == shown


def test_what_was_put_aside_is_read_where_the_present_file_is_too_short(path: str) -> None:
    written(path, *"abcdef", most=150)
    assert Path(path + ".1").exists()
    with Tail(path) as tail:
        assert texts(tail.last(4)) == ["c", "d", "e", "f"]


def test_more_is_what_was_added_since_in_whole_lines(path: str) -> None:
    tail = Tail(path)
    assert tail.last(5) == []
    written(path, "a")
    assert texts(tail.more()) == ["a"]
    with open(path, "a") as file:
        file.write("half")
        file.flush()
        assert tail.more() == []
        file.write(" and half\n")
    assert tail.more() == ["half and half"]
    tail.close()


def test_nothing_is_lost_or_read_twice_when_the_file_is_put_aside(path: str) -> None:
    written(path, "first")
    tail, seen = Tail(path), []
    seen += texts(tail.last(5))
    log = LogFile(path, 300)
    for number in range(50):
        log.write([LogLine("info", str(number), 0, 4711)])
        if number % 2:
            seen += texts(tail.more())
    log.close()
    assert seen == ["first", *map(str, range(50))]
    tail.close()


def test_a_file_that_somebody_emptied_is_read_from_its_start(path: str) -> None:
    written(path, "a", "b")
    tail = Tail(path)
    tail.last(5)
    Path(path).write_text("")
    written(path, "c")
    assert texts(tail.more()) == ["c"]
    tail.close()


def test_a_record_is_all_that_was_said_at_once(path: str) -> None:
    log = LogFile(path)
    log.write([LogLine("error", "one\n    two", 3, 4711, function="render #1 page", call=8)])
    log.say("ready")
    log.close()
    with Tail(path) as tail:
        first, second = records(tail.last(9))
    assert first.pop("time")
    where = {"worker": 3, "pid": 4711, "function": "render #1 page", "call": 8}
    assert first == {**where, "level": "error", "text": "one\ntwo"}
    assert (second["worker"], second["function"], second["text"]) == (None, None, "ready")
