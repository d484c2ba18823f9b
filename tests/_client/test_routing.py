"""Which worker gets a call, and who waits. No process, no thread."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from js_host._client.routing import Line, Visit, choose, number_of
from js_host.exceptions import QueueFull


class Way:
    """A way to a worker that says what its load is."""

    def __init__(self, calls: int = 0, *, ready: bool = True) -> None:
        self.calls = calls
        self.ready = ready

    def load(self) -> tuple[bool, int]:
        return not self.ready, self.calls


def enter(line: Line, ways: list[Way], key: int | None = None) -> Visit:
    visit = Visit(key)
    line.enter(visit, ways)
    return visit


def enter_within(line: Line, ways: list[Way], outer: Visit) -> Visit:
    visit = Visit(None, outer=outer)
    line.enter(visit, ways)
    return visit


def test_the_least_busy_worker_gets_the_call() -> None:
    ways = [Way(2), Way(1), Way(3)]
    assert choose(ways) is ways[1]


def test_a_worker_that_is_not_ready_comes_last() -> None:
    ways = [Way(0, ready=False), Way(9)]
    assert choose(ways) is ways[1]


def test_a_key_names_the_worker_however_busy_it_is() -> None:
    ways = [Way(0), Way(9, ready=False)]
    assert choose(ways, key=7) is ways[1]


def test_a_key_has_the_same_number_in_every_program() -> None:
    program = "from js_host._client.routing import number_of; print(number_of('user 7'), number_of(7))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(number_of("user 7")), str(number_of(7))]


def test_a_call_enters_where_the_fewest_calls_are() -> None:
    line, ways = Line(2, 0), [Way(), Way()]
    assert [enter(line, ways).worker for _ in range(4)] == [0, 1, 0, 1]


def test_a_call_enters_a_ready_worker_first() -> None:
    assert enter(Line(1, 0), [Way(ready=False), Way()]).worker == 1


def test_who_finds_no_room_waits_and_is_let_in_in_order() -> None:
    line, ways = Line(1, 10), [Way(), Way()]
    inside = [enter(line, ways), enter(line, ways)]
    first, second = enter(line, ways), enter(line, ways)
    assert (first.worker, second.worker) == (None, None)
    assert line.leave(inside[1]) is first
    assert first.worker == 1
    assert line.leave(inside[0]) is second
    assert second.worker == 0


def test_a_call_with_a_key_waits_for_its_worker_and_holds_nobody_else_up() -> None:
    line, ways = Line(1, 10), [Way(), Way()]
    inside = [enter(line, ways), enter(line, ways)]
    keyed, other = enter(line, ways, key=1), enter(line, ways)
    assert line.leave(inside[0]) is other
    assert line.leave(inside[1]) is keyed


def test_a_call_with_a_key_waits_for_that_worker_also_where_there_are_more_of_them_meanwhile() -> None:
    line, two, four = Line(1, 10), [Way(), Way()], [Way(), Way(), Way(), Way()]
    inside, keyed = enter(line, four, key=1), enter(line, two, key=3)
    assert (inside.worker, keyed.worker) == (1, None)
    assert line.leave(inside) is keyed


def test_a_call_that_another_waits_for_does_not_wait_for_its_place_and_lets_nobody_else_in() -> None:
    line, ways = Line(1, 10), [Way()]
    outer, other = enter(line, ways), enter(line, ways)
    inner = enter_within(line, ways, outer)
    innermost = enter_within(line, ways, inner)
    assert (inner.worker, innermost.worker, other.worker) == (0, 0, None)
    assert line.leave(innermost) is None
    assert line.leave(inner) is None
    assert line.leave(outer) is other
    assert enter_within(line, ways, outer).worker is None, "it has ended, and waits for nothing"


def test_a_call_that_one_of_another_host_waits_for_has_to_wait_unless_it_comes_back() -> None:
    here, there, ways = Line(1, 10), Line(1, 10), [Way()]
    outer, _ = enter(here, ways), enter(there, ways)
    assert enter_within(there, ways, outer).worker is None
    middle = Visit(None, outer=outer)
    Line(1, 10).enter(middle, ways)
    assert enter_within(here, ways, middle).worker == 0


def test_when_too_many_wait_the_next_is_refused_with_what_to_do() -> None:
    line, ways = Line(1, 1), [Way()]
    enter(line, ways)
    enter(line, ways)
    with pytest.raises(
        QueueFull, match=r"Every worker has .* is given \(1 x 1\), and as many as may are waiting \(1\).*`queue_size`"
    ) as caught:
        enter(line, ways)
    assert not caught.value.maybe_executed


def test_without_a_queue_nobody_waits() -> None:
    line = Line(1, 0)
    enter(line, [Way()])
    with pytest.raises(QueueFull):
        enter(line, [Way()])


def test_who_gives_up_waiting_is_forgotten() -> None:
    line, ways = Line(1, 10), [Way()]
    inside, patient = enter(line, ways), enter(line, ways)
    gone = enter(line, ways)
    assert line.leave(gone) is None
    assert line.leave(inside) is patient
    assert line.leave(patient) is None
    assert not line.waiting


@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(0, 4),
    st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.none() | st.integers(0, 9)), max_size=60),
)  # fmt: skip
def test_no_worker_has_more_than_it_may_and_none_is_idle_while_somebody_waits_for_it(
    workers: int, concurrency: int, size: int, steps: list[tuple[bool, int, int | None]]
) -> None:
    line, ways, alive = Line(concurrency, size), [Way() for _ in range(workers)], list[Visit]()
    for arrives, which, key in steps:
        if arrives or not alive:
            try:
                alive.append(enter(line, ways, key))
            except QueueFull:
                assert len(line.waiting) == size
        else:
            line.leave(alive.pop(which % len(alive)))
        assert sorted(line.counts.elements()) == sorted(visit.worker for visit in alive if visit.worker is not None)
        assert max(line.counts.values(), default=0) <= concurrency
        waiting_for = {None if visit.key is None else visit.key % workers for visit in line.waiting}
        full = {number for number in range(workers) if line.counts[number] == concurrency}
        assert waiting_for - {None} <= full
        assert None not in waiting_for or len(full) == workers
