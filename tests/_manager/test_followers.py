"""Who follows a host gets its lines in batches, each after the one before was taken. By tables, without a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from js_host._host.lines import LogLine
from js_host._manager import followers
from js_host._manager.followers import Followers


class Program:
    """A line that keeps what is said on it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def say(self, message: dict[str, Any]) -> None:
        self.batches.append([line[1] for line in message["lines"]])


class Table:
    """Followers, a program that follows host "a", and the work that was posted."""

    def __init__(self) -> None:
        self.posted: list[Callable[[], None]] = []
        self.followers = Followers(self.posted.append)
        self.program: Any = Program()
        self.followers.add("a", self.program)

    def print(self, *texts: str, host: str = "a") -> None:
        self.followers.put(host, [LogLine("info", text, 0, 4711) for text in texts])

    def turn(self) -> list[list[str]]:
        """Do what was posted. Returns all batches so far."""
        while self.posted:
            self.posted.pop(0)()
        return self.program.batches


@pytest.fixture
def table() -> Table:
    return Table()


def test_lines_wait_until_the_batch_before_was_taken(table: Table) -> None:
    table.print("1")
    table.print("2")
    assert table.turn() == [["1", "2"]]
    table.print("3")
    table.print("4")
    assert table.turn() == [["1", "2"]]
    table.followers.took(table.program)
    assert table.turn() == [["1", "2"], ["3", "4"]]


def test_the_manager_is_woken_once_for_many_lines(table: Table) -> None:
    for _ in range(100):
        table.print("x")
    assert len(table.posted) == 1


def test_a_batch_is_bounded(table: Table) -> None:
    table.print(*["x" * 10_000] * 5)
    assert [len(batch) for batch in table.turn()] == [2]


def test_a_program_that_takes_nothing_costs_a_bounded_number_of_lines_and_is_told(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers, "MOST_WAITING", 10)
    table.print("first")
    table.turn()
    for number in range(100):
        table.print(str(number))
    table.followers.took(table.program)
    (_, rest) = table.turn()
    assert rest[:10] == [str(number) for number in range(10)]
    assert rest[10].startswith("90 lines of workers were dropped")
    table.followers.took(table.program)
    table.print("on it goes")
    assert table.turn()[-1] == ["on it goes"]


def test_other_hosts_and_programs_that_are_gone_hear_nothing(table: Table) -> None:
    table.print("elsewhere", host="b")
    table.followers.closed(table.program)
    table.print("late")
    table.followers.closed(table.program)
    table.followers.took(table.program)
    assert table.turn() == []
