"""Results in parts, through the blocking client and a real worker."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from js_host._wire.frames import CALL, CHUNK, CREDIT, END, LEAST_COST, STREAM_WINDOW
from js_host.exceptions import (
    FunctionError,
    FunctionTimeout,
    UnexpectedResponse,
    UnknownFunction,
    ValueNotSupported,
    WorkerDied,
)
from js_host.js_host import JSHost

CONFIG = """
const { Readable } = require('node:stream')
let open = 0
let taken = 0
const aborted = []
module.exports = {
  port: 0,
  functions: {
    numbers: function * (n) { for (let i = 0; i < n; i++) yield i },
    later: async function * (n) { for (let i = 0; i < n; i++) { await new Promise(setImmediate); yield `part ${i}` } },
    values: function * () { yield * [null, { a: [1] }, Buffer.from('b'), new Date(0), 2n ** 70n, ''] },
    list: () => [1, 2, 3],
    iterable: () => ({ [Symbol.asyncIterator]: async function * () { yield 1; yield 2 } }),
    readable: (n) => Readable.from(Array.from({ length: n }, (_, i) => Buffer.alloc(100000, i))),
    text: () => Readable.from(['a', 'é', '👋'], { encoding: 'utf8' }),
    web: () => new ReadableStream({ start (c) { c.enqueue('x'); c.enqueue(new Uint8Array([1, 2])); c.close() } }),
    callback: (data, cb) => cb(null, Readable.from([1, 2])),
    promised: async () => Readable.from([3, 4]),
    fails: function * () { yield 1; throw new RangeError('in the middle') },
    failsAtOnce: function * () { throw new RangeError('at once') },
    breaks: () => new Readable({ read () { this.destroy(new Error('torn')) } }),
    strange: function * () { yield 1; yield () => {} },
    endless: async function * () {
      open++
      try { for (;;) { taken++; yield 'x'.repeat(20000); await null } } finally { open-- }
    },
    stuck: async function * () { yield 1; await new Promise(() => {}) },
    spins: async function * () { yield 1; await new Promise(setImmediate); for (;;); },
    slow: async function * (n) { for (let i = 0; i < n; i++) { await new Promise((r) => setTimeout(r, 60)); yield i } },
    signals: async function * (data, { signal }) {
      signal.addEventListener('abort', () => aborted.push(signal.reason.name))
      for (;;) { yield 1; await new Promise((r) => setTimeout(r, 1)) }
    },
    state: () => ({ open, taken, aborted }),
    dies: async function * () { yield 1; await new Promise(setImmediate); process.kill(process.pid, 'SIGKILL') },
    pid: () => process.pid
  }
}
"""


@pytest.fixture
def host(nothing_left: Any) -> Any:
    with JSHost(nothing_left.config(CONFIG)) as host:
        yield host


def parts(host: JSHost, name: str, data: object = None, **options: Any) -> list[Any]:
    return list(host.function(name, **options).stream(data))


@pytest.mark.parametrize("name", ["numbers", "later", "readable"])
@pytest.mark.parametrize("count", [0, 1, 3, 200])
def test_all_parts_come_in_order(host: JSHost, name: str, count: int) -> None:
    expected = {
        "numbers": list(range(count)),
        "later": [f"part {i}" for i in range(count)],
        "readable": [bytes([i % 256]) * 100000 for i in range(count)],
    }
    assert parts(host, name, count) == expected[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("values", [None, {"a": [1]}, b"b", datetime(1970, 1, 1, tzinfo=UTC), 2**70, ""]),
        ("iterable", [1, 2]),
        ("text", ["a", "é", "👋"]),
        ("web", ["x", b"\x01\x02"]),
        ("callback", [1, 2]),
        ("promised", [3, 4]),
        ("list", [[1, 2, 3]]),
    ],
)
def test_every_kind_of_stream_gives_its_parts(host: JSHost, name: str, expected: list[object]) -> None:
    assert parts(host, name) == expected


def test_parts_are_decoded_into_the_type_of_returns(host: JSHost) -> None:
    assert parts(host, "numbers", 2, returns=float) == [0.0, 1.0]
    with pytest.raises(UnexpectedResponse, match=r"^numbers: the result does not fit returns=str"):
        parts(host, "numbers", 2, returns=str)


def test_an_error_in_the_middle_comes_after_the_parts_before_it(host: JSHost) -> None:
    stream = host.function("fails").stream()
    assert next(stream) == 1
    with pytest.raises(FunctionError, match="in the middle") as caught:
        next(stream)
    assert caught.value.name == "RangeError"
    assert list(stream) == []


@pytest.mark.parametrize(("name", "message"), [("failsAtOnce", "at once"), ("breaks", "torn")])
def test_an_error_before_the_first_part_is_one(host: JSHost, name: str, message: str) -> None:
    with pytest.raises(FunctionError, match=message):
        parts(host, name)


def test_an_error_becomes_the_exception_class_of_the_function(host: JSHost) -> None:
    with pytest.raises(KeyError, match="in the middle"):
        list(host.function("fails").with_options(exception_cls=KeyError).stream())


def test_a_part_that_can_not_cross_is_an_error_there(host: JSHost) -> None:
    stream = host.function("strange").stream()
    assert next(stream) == 1
    with pytest.raises(ValueNotSupported, match="a function"):
        next(stream)


def test_a_function_that_is_not_there_is_an_error_at_the_first_part(host: JSHost) -> None:
    with pytest.raises(UnknownFunction):
        parts(host, "nothing")


@pytest.mark.parametrize("name", ["numbers", "readable", "web", "callback", "promised", "iterable"])
def test_a_stream_that_is_called_for_one_value_says_what_to_do(host: JSHost, name: str) -> None:
    with pytest.raises(ValueNotSupported, match=r"returned a stream: call it with `\.stream"):
        host.function(name)(1)


def leave_by_close(stream: Any) -> None:
    stream.close()


def leave_by_forgetting(stream: Any) -> None:
    del stream
    gc.collect()


@pytest.mark.parametrize("leave", [leave_by_close, leave_by_forgetting])
def test_who_leaves_early_ends_the_javascript(host: JSHost, leave: Callable[[Any], None], wait_for: Any) -> None:
    state = host.function("state")
    stream = host.function("endless").stream()
    next(stream)
    assert state()["open"] == 1
    leave(stream)
    del stream
    wait_for(lambda: state()["open"] == 0)


def test_leaving_early_fires_the_signal(host: JSHost, wait_for: Any) -> None:
    stream = host.function("signals").stream()
    next(stream)
    stream.close()
    wait_for(lambda: host.function("state")()["aborted"] == ["AbortError"])


def test_the_javascript_goes_no_faster_than_the_parts_are_taken(host: JSHost, wait_for: Any) -> None:
    state = host.function("state")
    stream = host.function("endless").stream()
    next(stream)
    most = STREAM_WINDOW // LEAST_COST + 2
    wait_for(lambda: state()["taken"] >= most - 4)
    for _ in range(20):
        assert state()["taken"] <= most
    for _ in range(100):
        next(stream)
    assert 100 <= state()["taken"] <= 100 + most
    stream.close()


def test_the_timeout_is_for_each_part(host: JSHost) -> None:
    assert parts(host, "slow", 6, timeout=0.25) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ["stuck", "spins"])
def test_a_part_that_does_not_come_in_time_is_a_timeout(host: JSHost, name: str) -> None:
    stream = host.function(name, timeout=0.3).stream()
    assert next(stream) == 1
    with pytest.raises(FunctionTimeout):
        next(stream)


def test_the_time_of_the_reader_does_not_count(host: JSHost, wait_for: Any) -> None:
    stream = host.function("endless", timeout=0.2).stream()
    next(stream)
    pause = threading.Event()
    pause.wait(0.5)  # the reader's own business
    assert len([next(stream) for _ in range(100)]) == 100
    stream.close()


def test_a_worker_that_dies_ends_the_stream_with_its_story(host: JSHost) -> None:
    stream = host.function("dies").stream()
    assert next(stream) == 1
    with pytest.raises(WorkerDied, match="SIGKILL") as caught:
        next(stream)
    assert caught.value.maybe_executed


def test_a_stream_that_was_read_to_its_end_gives_its_connection_back(host: JSHost) -> None:
    for _ in range(5):
        parts(host, "numbers", 10)
        parts(host, "list")
        with pytest.raises(FunctionError):
            parts(host, "fails")
    assert len(host._link.lanes[0].connections) == 1


def test_calls_and_other_streams_go_on_beside_a_stream(host: JSHost) -> None:
    streams = [host.function("numbers").stream(5) for _ in range(4)]
    found = []
    for _ in range(5):
        found += [next(stream) for stream in streams]
        assert host.function("pid")()
    assert found == [i for i in range(5) for _ in streams]
    for stream in streams:
        assert list(stream) == []


def test_a_keyboard_interrupt_between_parts_ends_the_javascript(host: JSHost, wait_for: Any) -> None:
    def read() -> None:
        for _ in host.function("signals").stream():
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        read()
    gc.collect()
    wait_for(lambda: host.function("state")()["aborted"] == ["AbortError"])


@pytest.mark.slow
def test_a_large_stream_takes_no_more_memory_than_its_window(host: JSHost) -> None:
    import tracemalloc

    tracemalloc.start()
    total = 0
    for part in host.function("readable").stream(1000):
        total += len(part)
        assert tracemalloc.get_traced_memory()[0] < 4_000_000
    tracemalloc.stop()
    assert total == 100_000_000


def test_credit_is_given_as_parts_are_consumed(evil: Any, frame: Any, hello: Any) -> None:
    credits: list[int] = []
    quarter = STREAM_WINDOW // 4

    def play(client: Any) -> None:
        client.greet()
        kind, id, _ = client.read()
        assert kind == CALL
        for _ in range(5):
            client.send(frame(CHUNK, id, b'"' + b"x" * quarter + b'"'))
        for _ in range(2):
            kind, _, _ = client.read()
            credits.append(kind)
        client.send(frame(END, id, b""))
        client.wait_for_end()

    server = evil(play)
    assert sum(len(part) for part in server.pool.stream(b"f", None, 5.0, _value)) == 5 * quarter
    assert credits == [CREDIT, CREDIT]


def test_a_frame_that_does_not_belong_into_a_stream_is_an_unexpected_response(evil: Any, frame: Any) -> None:
    def play(client: Any) -> None:
        client.greet()
        _, id, _ = client.read()
        client.send(frame(CREDIT, id, b""))
        client.wait_for_end()

    with pytest.raises(UnexpectedResponse, match="does not belong there"):
        list(evil(play).pool.stream(b"f", None, 5.0, _value))


def _value(body: Any, attachments: Any) -> Any:
    from js_host._wire import results

    return results.value(body, attachments)
