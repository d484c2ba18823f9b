"""Callables and iterators in the data, and the questions that JavaScript asks of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from js_host._wire import frames, values
from js_host._wire.frames import ANSWER, ASK, END, FAULT, RICH, Frame, FrameReader
from js_host._wire.messages import read_error
from js_host._wire.questions import MAX_FAULTS, NO_MORE, Questions
from js_host.exceptions import FunctionError, UnexpectedResponse

JSON = st.recursive(st.none() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3))


def numbers() -> Iterator[int]:
    yield 1


async def later() -> Any:
    yield 1


class Callable:
    def __call__(self) -> None: ...


def ask(*body: object) -> Frame:
    return Frame(7, ASK, 0, b"", 5, json.dumps(body).encode(), None)


def parsed(parts: Any) -> tuple[int, int, int, int, bytes]:
    """The kind, the call, the question, the flags and the text of a frame to be sent."""
    data = b"".join(parts)
    reader = FrameReader()
    reader.get_buffer()[: len(data)] = data
    frame = reader.received(len(data))
    assert frame is not None
    return frame.kind, frame.id, frame.extra, frame.flags, bytes(frame.body)


def test_a_vector_of_what_stays_in_the_program_is_written(program_vector: dict[str, Any]) -> None:
    things = [print if kind == "function" else iter([]) for kind in program_vector["things"]]
    text, attachments = values.encode(things)
    assert json.loads(text) == json.loads(program_vector["text"])
    assert attachments is not None
    assert attachments.references == things


def kind_of(thing: object) -> str:
    """The name of its class."""
    return type(thing).__name__


@pytest.mark.parametrize("thing", [print, Callable, Callable(), numbers, lambda: 1], ids=kind_of)
def test_a_callable_crosses_as_its_number(thing: object) -> None:
    text, attachments = values.encode({"a": [1, thing]})
    assert json.loads(text) == {"a": [1, {"$": ["function", 0]}]}
    assert attachments is not None
    assert (list(attachments), attachments.references) == ([], [thing])


@pytest.mark.parametrize("thing", [iter([]), numbers(), map(str, []), later()], ids=kind_of)
def test_an_iterator_crosses_as_its_number(thing: object) -> None:
    text, attachments = values.encode([print, thing])
    assert json.loads(text) == [{"$": ["function", 0]}, {"$": ["iterator", 1]}]
    assert attachments is not None
    assert attachments.references == [print, thing]


def test_the_numbers_of_an_answer_go_on_from_those_of_the_data() -> None:
    questions = Questions(7, [print])
    kind, id, question, flags, text = parsed(questions.answer(5, {"more": len}))
    assert (kind, id, question, flags) == (ANSWER, 7, 5, RICH)
    assert text.endswith(b'{"more":{"$":["function",1]}}')
    assert questions.references == [print, len]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([0, "call", [1, "a"]], (print, "call", [1, "a"])),
        ([0, "call", []], (print, "call", [])),
        ([1, "next"], (len, "next", [])),
        ([1, "close"], (len, "close", [])),
    ],
)
def test_a_question_names_what_it_asks_of(body: list[object], expected: object) -> None:
    assert Questions(7, [print, len]).read(ask(*body)) == expected


@pytest.mark.parametrize(
    "body",
    [
        *([], [0], [2, "next"], [-1, "next"], ["0", "next"], [1.0, "next"]),
        *([0, "delete"], [0, "call"], [0, "call", 1], [0, "next", 1]),
    ],
    ids=str,
)
def test_a_question_that_is_none_is_an_unexpected_response(body: list[object]) -> None:
    with pytest.raises(UnexpectedResponse, match="A question came in that is not understood"):
        Questions(7, [print, len]).read(ask(*body))


@settings(max_examples=200)
@given(JSON.map(json.dumps).map(str.encode) | st.binary(max_size=20))
def test_a_hostile_question_is_an_unexpected_response(body: bytes) -> None:
    with pytest.raises(UnexpectedResponse):
        Questions(7, []).read(Frame(7, ASK, 0, b"", 5, body, None))


def test_the_end_of_an_iterator_is_an_empty_frame() -> None:
    assert parsed(Questions(7, []).answer(5, NO_MORE)) == (END, 7, 5, 0, b"")


def test_an_exception_crosses_with_its_name_its_message_and_its_traceback() -> None:
    questions = Questions(7, [])
    try:
        raise LookupError("no \ud800 such row")
    except LookupError as problem:
        error = problem
    kind, id, question, _, text = parsed(questions.fault(5, error))
    says = json.loads(text)
    assert (kind, id, question) == (FAULT, 7, 5)
    assert (says["name"], says["message"]) == ("LookupError", "no \ud800 such row")
    assert "test_questions.py" in says["stack"]
    assert questions.faults == {5: error}


def test_an_exception_without_a_message_that_can_be_had_crosses_too() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    says = json.loads(parsed(Questions(7, []).fault(5, Broken()))[4])
    assert says["message"] == "its message can not be had: ZeroDivisionError"


@pytest.mark.parametrize(("result", "name"), [(object(), "ValueNotSupported"), ("x" * 3000, "PayloadTooLarge")])
def test_an_answer_that_can_not_cross_is_a_fault(result: object, name: str) -> None:
    kind, _, _, _, text = parsed(Questions(7, [], limit=2000).answer(5, result))
    assert (kind, json.loads(text)["name"]) == (FAULT, name)


def test_an_error_that_was_ours_has_our_exception_as_its_cause() -> None:
    questions, error = Questions(7, []), ValueError("ours")
    questions.fault(5, error)
    body = json.dumps({"name": "ValueError", "message": "ours", "fault": 5, "cause": {"message": "theirs"}}).encode()
    found = questions.error(body, "f")
    assert isinstance(found, FunctionError)
    assert found.__cause__ is error
    assert str(found.cause) == "Error: theirs"


@pytest.mark.parametrize("fault", [None, 6, "5", 5.5])
def test_a_fault_that_is_not_known_changes_nothing(fault: object) -> None:
    found = read_error(json.dumps({"message": "m", "fault": fault}).encode(), "f", {5: ValueError()})
    assert found.__cause__ is None


def test_only_so_many_exceptions_are_remembered() -> None:
    questions = Questions(7, [])
    for question in range(MAX_FAULTS + 5):
        questions.fault(question, ValueError())
    assert list(questions.faults) == list(range(5, MAX_FAULTS + 5))


def test_a_part_of_a_stream_costs_its_length_but_not_nothing() -> None:
    small = Frame(1, frames.CHUNK, 0, b"", 0, b"1", None)
    large = Frame(1, frames.CHUNK, 0, b"", 0, b"x" * 100_000, None)
    rich = Frame(1, frames.CHUNK, RICH, b"", 0, b"x" * 10, [b"y" * 90_000, b"z"])
    assert [frames.cost(frame) for frame in (small, large, rich)] == [64 * 1024, 100_000, 4 + 8 + 10 + 90_001]
