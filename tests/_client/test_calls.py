"""Calls of real workers: sizes, limits, deadlines, threads, interrupts, and what happens when a host stops."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from js_host import AsyncFunction, Function
from js_host.exceptions import (
    ConfigError,
    ConnectionError,
    FunctionTimeout,
    PayloadTooLarge,
    UnexpectedResponse,
    UnknownFunction,
    ValueNotSupported,
    WorkerDied,
)

SIZES = [0, 1, 16 * 1024, 64 * 1024 - 17, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 1024 * 1024]
HUGE = 100 * 1024 * 1024


def test_texts_and_bytes_of_any_size_cross_both_ways(host: Any) -> None:
    echo = host().function("echo")
    for size in SIZES:
        for value in ("x" * size, b"\xff" * size, [b"a" * size, "ü" * size, b""], np.zeros(size, "float32")):
            result = echo(value)
            assert np.array_equal(result, value) if isinstance(value, np.ndarray) else result == value


def test_a_hundred_megabytes_cross_each_way(host: Any) -> None:
    started = host()
    size, text, data = (started.function(name) for name in ("size", "text", "bytes"))
    assert size(bytes(HUGE)) == HUGE
    assert size("x" * HUGE) == HUGE
    assert len(text(HUGE)) == HUGE
    assert data(HUGE) == b"\7" * HUGE
    assert size("the connection goes on") == 22


def test_the_limit_holds_to_the_byte_both_ways(host: Any) -> None:
    limit = 100_000
    started = host(limit)
    size, text, data = (started.function(name) for name in ("size", "text", "bytes"))
    room = limit - len("size") - 2
    bytes_room = limit - len("size") - 8 - len(b'{"$":["bytes",0]}')
    for less in (1, 0):
        assert size("x" * (room - less)) == room - less
        assert size(bytes(bytes_room - less)) == bytes_room - less
        assert len(text(limit - 24 - less)) == limit - 24 - less
        assert len(data(limit - 8 - 17 - less)) == limit - 8 - 17 - less
    for call, argument, ran in (
        (size, "x" * (room + 1), False),
        (size, bytes(bytes_room + 1), False),
        (text, limit - 23, True),
        (data, limit - 24, True),
    ):
        with pytest.raises(PayloadTooLarge, match="requestDataLimit") as caught:
            call(argument)
        assert caught.value.maybe_executed is ran
        assert started.function("echo")(1) == 1


def test_more_attachments_than_one_read_or_one_write_takes_cross_both_ways(host: Any) -> None:
    started = host()
    many, echo = started.function("many"), started.function("echo")
    assert many(20_000)[19_999] == b"19999"
    assert many(150_000)[-1] == b"149999"
    value = [b"%d" % number for number in range(20_000)]
    assert echo(value) == value


@pytest.mark.parametrize("kind", ["int8", "uint16", "int32", "float32", "float64", "int64"])
def test_javascript_sees_the_numbers_of_a_numpy_array(host: Any, kind: str) -> None:
    found = host().function("type")(np.array([1, 2, 3], kind))
    assert found.lower().replace("big", "").startswith(kind)
    assert found.endswith(":1,2,3")


def test_deep_data_crosses_and_too_deep_data_does_not(host: Any) -> None:
    echo = host().function("echo")
    for leaf in (1, b"x", float("nan")):
        for depth, crosses in ((500, True), (501, False)):
            value: Any = leaf
            for _ in range(depth):
                value = [value]
            if crosses:
                assert str(echo(value)) == str(value)
            else:
                with pytest.raises(ValueNotSupported):
                    echo(value)


@pytest.mark.parametrize("timeout", [0, -1, -0.0, float("-inf")])
def test_a_deadline_that_has_passed_is_a_timeout_and_nothing_runs(host: Any, timeout: float, tmp_path: Path) -> None:
    with pytest.raises(FunctionTimeout) as caught:
        host().function("count", timeout=timeout)(str(tmp_path / "ran"))
    assert not caught.value.maybe_executed
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", [Function, AsyncFunction])
@pytest.mark.parametrize("host", ["host.config.js", Path("host.config.js")])
def test_a_host_that_is_none_is_refused(kind: Any, host: Any) -> None:
    with pytest.raises(ConfigError, match=r"is a JSHost, not .*host\.config\.js"):
        kind("echo", host)


def test_a_timeout_that_is_no_number_is_refused(host: Any) -> None:
    with pytest.raises(ConfigError, match="timeout"):
        host().function("echo", timeout=float("nan"))
    late = host().function("echo")
    late.timeout = float("nan")
    with pytest.raises(FunctionTimeout):
        late(1)


@pytest.mark.parametrize("timeout", [1e-9, 0.0001, 1e6, 1e9, 1e300, float("inf")])
def test_a_tiny_or_endless_timeout_is_one(host: Any, timeout: float) -> None:
    try:
        assert host().function("echo", timeout=timeout)(1) == 1
    except FunctionTimeout:
        assert timeout < 1


def test_a_function_that_never_answers_is_a_timeout_and_the_next_call_is_answered(host: Any) -> None:
    started = host()
    for _ in range(5):
        with pytest.raises(FunctionTimeout) as caught:
            started.function("never", timeout=0.05)()
        assert caught.value.maybe_executed
        assert started.function("echo")("next") == "next"


def test_an_unknown_function_is_named_with_those_there_are(host: Any) -> None:
    for name in ("ech", "__proto__", "constructor", "a.__proto__.b", "toString", "x" * 1000, "\u0000"):
        with pytest.raises(UnknownFunction, match="echo"):
            host().function(name)()


@pytest.mark.parametrize("spin", [True, False])
def test_many_threads_get_each_its_own_answers(host: Any, spin: bool) -> None:
    echo = host(workers=2, spin=spin).function("echo")
    wrong: list[object] = []

    def work(thread: int) -> None:
        for number in range(60):
            value = [thread, number, "x" * (thread * number)]
            if echo(value) != value:
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_a_worker_that_dies_in_a_call_is_told_and_the_call_is_not_repeated(host: Any, tmp_path: Path) -> None:
    started = host(workers=2)
    for _ in range(3):
        with pytest.raises(WorkerDied) as caught:
            started.function("die")()
        assert caught.value.maybe_executed
        started.function("count")(str(tmp_path / "ran"))
    assert (tmp_path / "ran").read_text() == "xxx"


@pytest.mark.parametrize("spin", [True, False])
def test_a_call_that_runs_while_the_host_is_stopped_is_finished(host: Any, spin: bool, wait_for: Any) -> None:
    started = host(spin=spin)
    results: list[object] = []
    lane = started._link.lanes[0]
    later = started.function("later")
    assert later(0) == "late"
    thread = threading.Thread(target=lambda: results.append(later(300)))
    thread.start()
    wait_for(lambda: lane.load()[1] == 1)
    started.stop()
    thread.join(10)
    assert results == ["late"]
    with pytest.raises(ConnectionError):
        later(0)
    assert len(lane.connections) == 0


def test_a_large_answer_leaves_whole_while_the_host_is_stopped(host: Any, wait_for: Any) -> None:
    started = host()
    lane = started._link.lanes[0]
    late = started.function("lateText")
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(late(HUGE // 2)))
    thread.start()
    wait_for(lambda: lane.load()[1] == 1)
    started.stop()
    thread.join(10)
    assert [len(text) for text in results] == [HUGE // 2]


def test_a_call_that_waits_keeps_nobody_else_from_calling(host: Any) -> None:
    started = host()
    thread = threading.Thread(target=started.function("later"), args=(200,))
    began = time.monotonic()
    thread.start()
    assert started.function("echo")(1) == 1
    assert time.monotonic() - began < 5
    thread.join(10)


def test_what_can_not_cross_names_its_path_and_leaves_the_connection(host: Any) -> None:
    echo = host().function("echo")
    for _ in range(3):
        with pytest.raises(ValueNotSupported, match=r"data\['a'\]\[0\]"):
            echo({"a": [object()]})
        assert echo(1) == 1


@pytest.mark.parametrize("unit", ["x", "é<", "世", "👋", "\ud800"])
def test_texts_of_every_length_come_back(host: Any, unit: str) -> None:
    repeat = host().function("repeat")
    for count in (0, 1, 4095, 4096, 8191, 8192, 8193, 65_535, 1_000_000):
        assert repeat([unit, count]) == repeat.call([unit, count]) == unit * count


def test_what_is_assigned_to_a_function_counts_from_the_next_call(host: Any) -> None:
    class Echo(Function[Any]):
        name = "echo"

    started = host()
    for function in (started.function("echo"), Echo(host=started)):
        assert function("1") == "1"
        function.name = "size"
        assert (function("four"), function.get_name(), repr(function)[-7:]) == (4, "size", "'size'>")
        function.returns = str
        with pytest.raises(UnexpectedResponse, match="size: the result does not fit returns=str"):
            function("four")
        function.name = "echo"
        assert function("four") == "four"
        for name in (None, "", 5):
            with pytest.raises(ConfigError, match="needs the name"):
                function.name = name
        assert function("four") == "four"


def test_a_new_name_counts_for_an_async_function_too(host: Any) -> None:
    async def main() -> None:
        function = AsyncFunction[Any]("echo", host())
        assert await function("four") == "four"
        function.name = "size"
        assert await function("four") == 4

    asyncio.run(main())
