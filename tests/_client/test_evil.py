"""A server that ends, lies, repeats itself and falls silent: what the caller gets, and that nothing runs twice."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from js_host._client.channel import GRACE
from js_host._wire.frames import ERROR, HEADER, HELLO, RESULT
from js_host.exceptions import (
    ConnectionError,
    FunctionError,
    FunctionTimeout,
    JSHostError,
    PayloadTooLarge,
    UnexpectedResponse,
    WorkerDied,
)

ANSWER = b'{"a":[1,"\\u00fc"]}'


@pytest.mark.parametrize("how", ["end", "reset"])
def test_an_answer_cut_at_any_byte_is_a_worker_that_died_and_is_not_asked_again(
    evil: Any, frame: Any, how: str
) -> None:
    total = HEADER.size + len(ANSWER)

    def play(client: Any) -> None:
        client.greet()
        _, id, body = client.read()
        client.send(frame(RESULT, id, ANSWER)[: int(body[1:])])
        if how == "reset":
            client.reset()

    server = evil(play)
    for cut in range(total):
        with pytest.raises(WorkerDied) as caught:
            server.call(cut)
        assert caught.value.maybe_executed
    assert len(server.calls) == total
    assert server.call(total) == {"a": [1, "ü"]}


def test_a_hello_cut_at_any_byte_is_no_connection_and_nothing_ran(evil: Any, hello: Any) -> None:
    cuts = iter(range(len(hello())))
    server = evil(lambda client: (client.read(), client.send(hello()[: next(cuts)])))
    for _ in range(len(hello()) // 3):  # each call tries three times
        with pytest.raises(ConnectionError, match="did not answer") as caught:
            server.call()
        assert not caught.value.maybe_executed
    assert server.calls == []


@pytest.mark.parametrize(
    "says",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(16), b"\xff" * 64, HEADER.pack(2**32 - 1, 0, HELLO, 0, 0, 0)],
    ids=["HTTP", "zeros", "ones", "a hello of four gigabytes"],
)
def test_a_server_that_is_no_worker_is_an_error_of_ours(evil: Any, says: bytes) -> None:
    server = evil(lambda client: (client.read(), client.send(says), client.wait_for_end()))
    with pytest.raises((UnexpectedResponse, ConnectionError)):
        server.call(timeout=0.3)


def test_answers_to_unknown_ids_and_duplicates_are_dropped(evil: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            _, id, body = client.read()
            client.answer(id + 1000, "of another")
            client.answer(id - 1, "of the one before")
            client.answer(id, json.loads(body[1:]))
            client.answer(id, "again")

    server = evil(play)
    for number in range(50):
        assert server.call(number) == number


@pytest.mark.parametrize("kind", [HELLO, 6, 7, 8, 9, 77, 255])
def test_a_frame_of_another_kind_ends_the_connection(evil: Any, frame: Any, kind: int) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            _, id, _ = client.read()
            client.send(frame(kind if client.number == 1 else RESULT, id, b"1"))

    server = evil(play)
    with pytest.raises(UnexpectedResponse):
        server.call()
    assert server.call() == 1
    assert server.connections == 2


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[1]x", b"[" * 5000], ids=repr)
def test_a_result_that_is_no_json_is_an_unexpected_response(evil: Any, frame: Any, body: bytes) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            client.send(frame(RESULT, client.read()[1], body))

    with pytest.raises(UnexpectedResponse):
        evil(play).call()


def test_a_draining_worker_finishes_the_call_and_is_left(evil: Any, bye: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        _, id, _ = client.read()
        client.send(bye("draining"))
        client.answer(id, client.number)
        client.wait_for_end()

    server = evil(play)
    assert [server.call(), server.call()] == [1, 2]


def test_a_call_that_a_stopping_worker_did_not_take_is_taken_elsewhere(evil: Any, stopping: Any, bye: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            _, id, _ = client.read()
            if client.number == 1:
                client.send(bye("draining") + stopping(id))
            else:
                client.answer(id, client.number)

    server = evil(play)
    assert server.call() == 2
    assert len(server.calls) == 2


def test_a_call_that_came_too_late_for_a_draining_worker_is_taken_elsewhere(evil: Any, bye: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        _, id, _ = client.read()
        if client.number == 1:
            client.send(bye("draining") + bye("drained"))
        else:
            client.answer(id, client.number)

    server = evil(play)
    assert server.call() == 2
    assert len(server.calls) == 2


def test_a_host_that_is_always_stopping_is_given_up(evil: Any, stopping: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            client.send(stopping(client.read()[1]))

    server = evil(play)
    with pytest.raises(ConnectionError) as caught:
        server.call()
    assert not caught.value.maybe_executed
    assert len(server.calls) <= 4


@pytest.mark.parametrize("reason", ["crashed", "exit", "stuck", "protocol", "of a later version"])
def test_a_goodbye_ends_the_call_and_it_is_not_repeated(evil: Any, bye: Any, reason: str) -> None:
    def play(client: Any) -> None:
        client.greet()
        client.read()
        client.send(bye(reason))

    server = evil(play)
    with pytest.raises((WorkerDied, UnexpectedResponse), match="the reason") as caught:
        server.call()
    assert caught.value.maybe_executed
    assert len(server.calls) == 1


@pytest.mark.parametrize("part", [0, 1, 15, 16, 20])
def test_part_of_an_answer_and_then_silence_is_a_timeout(evil: Any, frame: Any, part: int) -> None:
    def play(client: Any) -> None:
        client.greet()
        _, id, _ = client.read()
        client.send(frame(RESULT, id, ANSWER)[:part])
        client.wait_for_end()

    server = evil(play)
    began = time.monotonic()
    with pytest.raises(FunctionTimeout) as caught:
        server.call(timeout=0.1)
    assert caught.value.maybe_executed
    assert 0.1 <= time.monotonic() - began < 0.1 + GRACE + 1.5
    assert len(server.calls) == 1


def test_a_large_answer_that_stops_in_the_middle_is_a_timeout(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        client.send(frame(RESULT, client.read()[1], b'"' + b"x" * 500_000 + b'"')[:300_000])
        client.wait_for_end()

    with pytest.raises(FunctionTimeout):
        evil(play).call(timeout=0.1)


def test_a_connection_that_was_closed_while_idle_is_replaced_in_silence(evil: Any, wait_for: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        _, id, _ = client.read()
        client.answer(id, client.number)

    server = evil(play)
    for number in range(1, 6):
        assert server.call() == number
        connection = server.pool.lanes[0].idle[0]
        wait_for(lambda connection=connection: not connection.is_usable())
        connection.last_used = 0.0  # as if it had been idle for long
    assert len(server.calls) == 5


def test_an_answer_over_the_limit_is_refused_and_the_connection_left(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet(limit=100)
        while True:
            size = 101 if client.number == 1 else 100
            client.send(frame(RESULT, client.read()[1], b'"' + b"x" * (size - 2) + b'"'))

    server = evil(play)
    with pytest.raises(UnexpectedResponse, match="101 bytes came in; the limit is 100"):
        server.call()
    assert server.call() == "x" * 98


def test_data_over_the_limit_of_the_worker_is_not_sent(evil: Any) -> None:
    def play(client: Any) -> None:
        client.greet(limit=100)
        while True:
            client.answer(client.read()[1], "ok")

    server = evil(play)
    assert server.call("x" * 97) == "ok"  # with the name and two quotes: 100
    for value in ("x" * 98, b"x" * 98):
        with pytest.raises(PayloadTooLarge, match="the host's limit is 100") as caught:
            server.call(value)
        assert not caught.value.maybe_executed
    assert server.call(1) == "ok"
    assert (len(server.calls), server.connections) == (2, 1)


def test_a_hostile_error_is_an_error_of_ours(evil: Any, frame: Any) -> None:
    bodies = iter([b"", b"[]", b'{"type":5}', b'{"message":{}}', b"\xff", b'{"cause":' * 900 + b"1" + b"}" * 900])

    def play(client: Any) -> None:
        client.greet()
        while True:
            client.send(frame(ERROR, client.read()[1], next(bodies)))

    server = evil(play)
    for _ in range(6):
        with pytest.raises(JSHostError):
            server.call()


def test_an_error_leaves_the_connection_usable(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            client.send(frame(ERROR, client.read()[1], b'{"type":"error","name":"E","message":"m"}'))

    server = evil(play)
    for _ in range(5):
        with pytest.raises(FunctionError, match="m"):
            server.call()
    assert server.connections == 1


def test_a_server_that_never_greets_is_given_up_at_the_deadline(evil: Any) -> None:
    server = evil(lambda client: client.wait_for_end())
    began = time.monotonic()
    with pytest.raises((ConnectionError, FunctionTimeout)) as caught:
        server.call(timeout=0.1)
    assert not caught.value.maybe_executed
    assert time.monotonic() - began < 3
