"""How many calls a worker is given, whose result is given next, and what was not sent: decisions, without a socket."""

from __future__ import annotations

from itertools import islice

import pytest

from js_host._client.outgoing import Outgoing
from js_host._client.turns import AsTheyCome, InOrder, ids
from js_host._client.window import FIRST, MOST, MOST_BYTES, QUICK, SLOW, Window, run_length
from js_host._wire.answers import AnswerReader
from js_host._wire.frames import ERROR, HEADER, MAX_ID, RESULT, RICH
from js_host._wire.results import typed
from js_host._wire.results import value as VALUE


def come_back(window: Window, took: float) -> None:
    """A full window comes back, `took` seconds after it began."""
    window.began(0.0)
    window.answered(window.size, 100, took)


def test_a_window_is_doubled_while_it_comes_back_quickly() -> None:
    window = Window()
    sizes = [window.size]
    for _ in range(10):
        come_back(window, QUICK / 2)
        sizes.append(window.size)
    assert sizes[:3] == [FIRST, FIRST * 2, FIRST * 4]
    assert sizes[-1] == MOST


def test_a_window_of_slow_calls_stays_and_a_large_one_shrinks() -> None:
    window = Window()
    come_back(window, QUICK * 2)
    assert window.size == FIRST
    come_back(window, QUICK / 2)
    come_back(window, SLOW * 2)
    assert window.size == FIRST
    come_back(window, SLOW * 2)
    assert window.size == FIRST


def test_half_a_window_does_not_count() -> None:
    window = Window()
    window.began(0.0)
    window.answered(FIRST // 2, 100, 0.0)
    assert window.size == FIRST
    window.answered(FIRST // 2, 100, 0.0)
    assert window.size == FIRST * 2


def test_a_window_that_the_caller_asked_for_stays_as_it_is() -> None:
    window = Window(3)
    come_back(window, 0.0)
    come_back(window, SLOW * 2)
    assert (window.size, window.room(0, 0), window.room(1, 10), window.room(3, 30)) == (3, 3, 2, 0)


def test_no_window_grows_over_what_a_worker_may_have_in_hand() -> None:
    assert Window(50, 4).size == 4
    window = Window(None, 20)
    for _ in range(3):
        come_back(window, 0.0)
    assert window.size == 20
    come_back(window, SLOW * 2)
    assert window.size == FIRST
    small = Window(None, 2)
    come_back(small, SLOW * 2)
    assert small.size == 2


def test_large_calls_and_large_answers_leave_less_room_but_always_for_one() -> None:
    window = Window()
    assert window.room(1, MOST_BYTES) == 0
    assert window.room(0, 0) > 0
    window.answered(1, MOST_BYTES * 2, 0.0)
    assert window.room(1, 10) == 0
    assert window.room(0, 0) > 0


def test_few_rows_are_dealt_to_several_workers_one_by_one() -> None:
    assert run_length(FIRST, 1) == FIRST
    assert run_length(FIRST, 2) == 1
    assert run_length(MOST, 2) == MOST // FIRST


def test_results_wait_for_their_turn() -> None:
    turns = InOrder()
    turns.done.update({2: "b", 3: "c"})
    assert not turns.is_ready
    assert turns.take() == []
    turns.done[1] = "a"
    assert turns.is_ready
    assert turns.take() == ["a", "b", "c"]
    assert turns.done == {}


def test_without_order_results_are_given_as_they_come() -> None:
    turns = AsTheyCome()
    turns.done.update({2: "b"})
    assert turns.take() == ["b"]
    turns.done.update({3: "c", 1: "a"})
    assert turns.take() == ["c", "a"]
    assert not turns.is_ready


def test_after_the_last_id_that_a_frame_can_carry_the_first_comes_again() -> None:
    assert list(islice(ids(), 3)) == [1, 2, 3]
    turns = InOrder()
    turns._next = MAX_ID
    turns.done.update({1: "second", MAX_ID: "first"})
    assert turns.take() == ["first", "second"]


def test_what_was_not_begun_is_taken_back_and_what_was_not_sent_whole_did_not_leave() -> None:
    frames = {1: b"aaaa", 2: b"bbbb", 3: b"cc", 4: b"dd"}
    outgoing = Outgoing()
    outgoing.add([frames[1], frames[2]], [1, 2])
    outgoing.add([b"an answer"])
    outgoing.add([frames[3], frames[4]], [3, 4])
    assert bytes(outgoing.next) == b"aaaabbbb"
    outgoing.sent(5)
    assert bytes(outgoing.next) == b"bbb"
    assert outgoing.take_back() == [3, 4]
    assert bytes(outgoing.next) == b"bbb"
    assert outgoing.unsent(frames) == [2]


@pytest.mark.parametrize(("sent", "unsent"), [(0, [1, 2]), (3, [1, 2]), (4, [2]), (7, [2]), (8, [])])
def test_a_frame_that_left_whole_may_run(sent: int, unsent: list[int]) -> None:
    outgoing = Outgoing()
    outgoing.add([b"aaaa", b"bbbb"], [1, 2])
    if sent:
        outgoing.sent(sent)
    assert outgoing.unsent({1: b"aaaa", 2: b"bbbb"}) == unsent


def test_all_that_is_given_to_be_sent_is_sent_in_its_order() -> None:
    outgoing = Outgoing()
    for number in range(5):
        outgoing.add([b"%d" % number], [number])
    sent = b""
    while outgoing.next:
        sent += bytes(outgoing.next[:1])
        outgoing.sent(1)
    assert sent == b"01234"


def frame(kind: int, id: int, body: bytes, flags: int = 0) -> bytes:
    return HEADER.pack(len(body), id, kind, flags, 0, 0) + body


def read(data: bytes, calls: dict[int, bytes], most: int = 100) -> tuple[AnswerReader, dict[int, object]]:
    reader, done = AnswerReader(1000), dict[int, object]()
    reader.get_buffer()[: len(data)] = data
    reader.end = len(data)
    reader.take_results(calls, done, most, VALUE, repr)
    return reader, done


def test_plain_results_are_taken_and_the_rest_is_left_for_frames() -> None:
    calls = {1: b"x", 2: b"y", 3: b"z"}
    data = frame(RESULT, 2, b"[2]") + frame(RESULT, 9, b"0") + frame(ERROR, 1, b"{}") + frame(RESULT, 3, b"3")
    reader, done = read(data, calls)
    assert (done, list(calls)) == ({2: [2]}, [1, 3]), "the answer to a call that nobody made is dropped"
    left = reader.next_frame()
    assert left is not None
    assert (left.kind, left.id) == (ERROR, 1)
    assert reader.take_results(calls, done, 100, VALUE, repr)[0] == 1
    assert done == {2: [2], 3: 3}
    assert reader.is_empty


def test_no_more_results_are_taken_than_were_asked_for_and_none_that_is_not_whole() -> None:
    calls = dict.fromkeys(range(1, 5), b"x")
    data = b"".join(frame(RESULT, id, b"%d" % id) for id in calls)
    _, done = read(data, dict(calls), most=2)
    assert done == {1: 1, 2: 2}
    for cut in range(1, 18):
        reader, done = read(data[:-cut], dict(calls))
        assert done == {1: 1, 2: 2, 3: 3}
        assert reader.next_frame() is None
    rich = frame(RESULT, 1, b"\0\0\0\0" + b"1", RICH)
    assert read(rich, dict(calls))[1] == {}


def test_a_result_that_can_not_be_decoded_fails_alone() -> None:
    calls, done = dict.fromkeys(range(1, 4), b"x"), dict[int, object]()
    data = frame(RESULT, 1, b"1") + frame(RESULT, 2, b'"no"') + frame(RESULT, 3, b"3")
    reader = AnswerReader(1000)
    reader.get_buffer()[: len(data)] = data
    reader.end = len(data)
    reader.take_results(calls, done, 100, typed(int), lambda error: type(error).__name__)
    assert done == {1: 1, 2: "UnexpectedResponse", 3: 3}


def test_lone_surrogates_are_read_as_everywhere() -> None:
    assert read(frame(RESULT, 1, b'"\\ud800"'), {1: b""})[1] == {1: "\ud800"}
