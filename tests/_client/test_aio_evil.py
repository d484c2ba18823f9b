"""A server that ends, lies, repeats itself and falls silent, met from an event loop; and that nothing runs twice."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from js_host._client.aio_calls import AsyncCall
from js_host._client.aio_pool import AsyncPool, pool_of_this_loop
from js_host._client.channel import GRACE
from js_host._wire import results
from js_host._wire.frames import CHUNK, ERROR, HEADER, HELLO, LOG, RESULT
from js_host.exceptions import (
    ConnectionError,
    FunctionError,
    FunctionTimeout,
    HostWarning,
    JSHostError,
    PayloadTooLarge,
    UnexpectedResponse,
    WorkerDied,
)

ANSWER = b'{"a":[1,"\\u00fc"]}'

Call = Callable[..., Coroutine[Any, Any, Any]]


def talk(server: Any, main: Callable[[Call], Coroutine[Any, Any, Any]]) -> Any:
    """Run `main` in a loop, with a way to call the server."""

    async def run() -> Any:
        pool = pool_of_this_loop(server.pool)

        def call(value: object = None, timeout: float | None = 5.0) -> Coroutine[Any, Any, Any]:
            return pool.call(b"f", value, timeout, results.value)

        call.pool = pool  # type: ignore[attr-defined]
        return await main(call)

    return asyncio.run(run())


def once(server: Any, value: object = None, timeout: float | None = 5.0) -> Any:
    return talk(server, lambda call: call(value, timeout))


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

    async def main(call: Call) -> None:
        for cut in range(total):
            with pytest.raises(WorkerDied) as caught:
                await call(cut)
            assert caught.value.maybe_executed
        assert len(server.calls) == total
        assert await call(total) == {"a": [1, "ü"]}

    talk(server, main)


def test_answers_to_unknown_ids_and_duplicates_are_dropped_and_each_of_many_gets_its_own(evil: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            read = [client.read() for _ in range(10)]
            for _, id, body in reversed(read):
                client.answer(id + 1000, "of another")
                client.answer(id, json.loads(body[1:]))
                client.answer(id, "again")

    async def main(call: Call) -> None:
        for _ in range(10):
            assert await asyncio.gather(*map(call, range(10))) == list(range(10))

    talk(evil(play), main)


@pytest.mark.parametrize("kind", [HELLO, CHUNK, 7, 8, LOG, 11, 12, 77, 255])
def test_a_frame_of_another_kind_ends_the_connection_and_all_calls_on_it(evil: Any, frame: Any, kind: int) -> None:
    def play(client: Any) -> None:
        client.greet()
        if client.number == 1:
            client.read()
            client.send(frame(kind, client.read()[1], b"1"))
        while True:
            client.answer(client.read()[1], 1)

    server = evil(play)

    async def main(call: Call) -> None:
        outcomes = await asyncio.gather(call(), call(), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {UnexpectedResponse}
        assert len({id(outcome) for outcome in outcomes}) == 2
        assert await call() == 1

    talk(server, main)
    assert server.connections == 2


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[1]x", b"[" * 5000], ids=repr)
def test_a_result_that_is_no_json_is_an_unexpected_response(evil: Any, frame: Any, body: bytes) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            client.send(frame(RESULT, client.read()[1], body))

    with pytest.raises(UnexpectedResponse):
        once(evil(play))


def test_a_draining_worker_finishes_its_calls_and_gets_no_more(evil: Any, bye: Any) -> None:
    others_are_done = threading.Event()

    def play(client: Any) -> None:
        client.greet()
        ids = [client.read()[1] for _ in range(2)]
        client.send(bye("draining"))
        client.answer(ids[0], client.number)
        if client.number == 1:
            others_are_done.wait(10)
        client.answer(ids[1], client.number)
        client.wait_for_end()

    async def main(call: Call) -> None:
        first, second = asyncio.ensure_future(call()), asyncio.ensure_future(call())
        assert await first == 1
        assert await asyncio.gather(call(), call()) == [2, 2]
        others_are_done.set()
        assert await second == 1

    talk(evil(play), main)


def test_calls_that_a_stopping_worker_did_not_take_are_taken_elsewhere(evil: Any, stopping: Any, bye: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            _, id, _ = client.read()
            if client.number == 1:
                client.send(bye("draining") + stopping(id))
            else:
                client.answer(id, client.number)

    server = evil(play)

    async def main(call: Call) -> None:
        assert await asyncio.gather(*map(call, range(20))) == [2] * 20

    talk(server, main)


def test_a_host_that_is_always_stopping_is_given_up(evil: Any, stopping: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            client.send(stopping(client.read()[1]))

    server = evil(play)
    with pytest.raises(ConnectionError) as caught:
        once(server)
    assert not caught.value.maybe_executed
    assert len(server.calls) <= 4


@pytest.mark.parametrize("reason", ["crashed", "exit", "stuck", "protocol", "of a later version"])
def test_a_goodbye_ends_all_calls_and_none_is_repeated(evil: Any, bye: Any, reason: str) -> None:
    def play(client: Any) -> None:
        client.greet()
        for _ in range(5):
            client.read()
        client.send(bye(reason))

    server = evil(play)

    async def main(call: Call) -> None:
        outcomes = await asyncio.gather(*map(call, range(5)), return_exceptions=True)
        for outcome in outcomes:
            assert isinstance(outcome, (WorkerDied, UnexpectedResponse))
            assert "the reason" in str(outcome)
            assert outcome.maybe_executed

    talk(server, main)
    assert len(server.calls) == 5


@pytest.mark.parametrize("part", [0, 1, 15, 16, 20])
def test_part_of_an_answer_and_then_silence_is_a_timeout_and_others_go_elsewhere(
    evil: Any, frame: Any, part: int
) -> None:
    def play(client: Any) -> None:
        client.greet()
        while True:
            kind, id, _ = client.read()
            if client.number == 1:
                client.send(frame(RESULT, id, ANSWER)[:part])
                client.wait_for_end()
                return
            client.answer(id, kind)

    server = evil(play)

    async def main(call: Call) -> None:
        began = time.monotonic()
        with pytest.raises(FunctionTimeout) as caught:
            await call(timeout=0.1)
        assert caught.value.maybe_executed
        assert 0.1 <= time.monotonic() - began < 0.1 + GRACE + 1.5
        assert await call() == 1

    talk(server, main)
    assert server.connections == 2


def test_a_server_that_takes_no_more_bytes_ends_the_call_as_not_run(evil: Any) -> None:
    def play(client: Any) -> None:
        client.greet(limit=2**31)
        client.socket.recv(1)
        while client.socket.recv(1, socket.MSG_PEEK) and server.open:
            time.sleep(0.005)

    server = evil(play)
    server.open = True

    async def main(call: Call) -> None:
        with pytest.raises(FunctionTimeout) as caught:
            await call(b"x" * 30_000_000, timeout=0.1)
        assert not caught.value.maybe_executed
        server.open = False

    talk(server, main)


def test_what_left_whole_may_have_run_and_what_did_not_is_sent_again(evil: Any) -> None:
    def play(client: Any) -> None:
        client.greet(limit=2**31)
        if client.number == 1:
            client.read()
            client.socket.recv(1_000_000)
            return
        while True:
            client.answer(client.read()[1], client.number)

    server = evil(play)

    async def main(call: Call) -> None:
        outcomes = await asyncio.gather(call("small"), call(b"x" * 20_000_000), return_exceptions=True)
        assert isinstance(outcomes[0], WorkerDied)
        assert outcomes[1] == 2

    talk(server, main)


def test_a_connection_that_was_closed_while_idle_is_replaced_in_silence(evil: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        client.answer(client.read()[1], client.number)

    server = evil(play)

    async def main(call: Call) -> None:
        for number in range(1, 6):
            assert await call() == number
            time.sleep(0.02)

    talk(server, main)
    assert len(server.calls) == 5


def test_calls_sent_together_get_other_numbers_than_one_under_way_also_where_they_come_again(evil: Any) -> None:
    def play(client: Any) -> None:
        client.greet(limit=100)
        client.read()  # which is never answered
        client.answer(client.read()[1], "the answer")

    async def main(call: Call) -> Any:
        first = asyncio.ensure_future(call())
        while not server.calls:
            await asyncio.sleep(0.001)
        loop = asyncio.get_running_loop()
        [lane] = call.pool.lanes_for(None)  # type: ignore[attr-defined]
        calls = [AsyncCall(loop, b"f", text, None, 5.0, results.value) for text in (b"1" * 200, b"2")]
        lane.connection._id -= 1  # as after four thousand million calls
        lane.connection.begin_all(calls)
        outcomes = await asyncio.gather(*(each.future for each in calls), return_exceptions=True)
        first.cancel()
        return outcomes

    server = evil(play)
    too_large, answer = talk(server, main)
    assert isinstance(too_large, PayloadTooLarge)
    assert answer == "the answer"


def test_data_and_answers_over_the_limit_are_refused(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet(limit=100)
        while True:
            _, id, _ = client.read()
            size = 101 if client.number == 1 else 100
            client.send(frame(RESULT, id, b'"' + b"x" * (size - 2) + b'"'))

    server = evil(play)

    async def main(call: Call) -> None:
        with pytest.raises(UnexpectedResponse, match="101 bytes came in; the limit is 100"):
            await call()
        for value in ("x" * 98, b"x" * 98):
            with pytest.raises(PayloadTooLarge, match="the host's limit is 100"):
                await call(value)
        assert await call() == "x" * 98

    talk(server, main)
    assert len(server.calls) == 2


def test_a_hostile_error_is_an_error_of_ours_and_leaves_the_connection(evil: Any, frame: Any) -> None:
    bodies = [b"", b"[]", b'{"type":5}', b'{"message":{}}', b"\xff", b'{"cause":' * 900 + b"1" + b"}" * 900]
    bodies.append(b'{"type":"error","name":"E","message":"m"}')
    left = iter(bodies)

    def play(client: Any) -> None:
        client.greet()
        while True:
            client.send(frame(ERROR, client.read()[1], next(left)))

    server = evil(play)

    async def main(call: Call) -> None:
        for _ in bodies[:-1]:
            with pytest.raises(JSHostError):
                await call()
        with pytest.raises(FunctionError, match="m"):
            await call()

    talk(server, main)
    assert server.connections == 1


def test_a_stream_over_its_credit_ends_the_connection(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        _, id, _ = client.read()
        for _ in range(100):
            client.send(frame(CHUNK, id, b"1"))
        client.wait_for_end()

    server = evil(play)

    async def main(call: Call) -> int:
        pool: AsyncPool = call.pool  # type: ignore[attr-defined]
        count = 0
        with pytest.raises(UnexpectedResponse, match="credit"):  # noqa: PT012
            async for _ in pool.stream(b"f", None, 5.0, results.value):
                await asyncio.sleep(0.01)
                count += 1
        return count

    assert talk(server, main) <= 32


def test_a_warning_of_the_worker_is_given_at_the_line_that_calls(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        client.send(frame(LOG, 0, b'{"level":"warn","text":"changed code does not start"}'))
        client.answer(client.read()[1], 1)

    async def main(call: Call) -> None:
        with pytest.warns(HostWarning, match="does not start") as caught:
            assert await call() == 1
        assert caught[0].filename == __file__

    talk(evil(play), main)
