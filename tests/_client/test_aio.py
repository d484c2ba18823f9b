"""Calls from an event loop: many at once on one connection, of real workers."""

from __future__ import annotations

import asyncio
import inspect
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import js_host.host
from js_host import AsyncFunction, AsyncJSHost, Function, JSHost
from js_host._client.aio import AsyncConnection
from js_host.exceptions import (
    ConfigError,
    ConnectionError,
    FunctionError,
    FunctionTimeout,
    PayloadTooLarge,
    QueueFull,
    UnknownFunction,
    ValueNotSupported,
    WorkerDied,
)

SIZES = [0, 1, 16 * 1024, 64 * 1024 - 17, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 1024 * 1024]
HUGE = 80 * 1024 * 1024


def function(host: JSHost, name: str, **options: Any) -> AsyncFunction[Any]:
    return AsyncFunction(name, host, **options)


def public(kind: type) -> dict[str, Any]:
    return {name: value for name, value in inspect.getmembers(kind) if not name.startswith("_")}


def parameters(function: Any) -> list[tuple[object, ...]]:
    return [(each.name, each.kind, each.default) for each in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize(
    ("kind", "twin", "more"), [(Function, AsyncFunction, set()), (JSHost, AsyncJSHost, {"sharing"})], ids=str
)
def test_both_colours_have_the_same_names_and_signatures(kind: type, twin: type, more: set[str]) -> None:
    names, twins = public(kind), public(twin)
    assert set(twins) - set(names) == more
    assert set(names) <= set(twins)
    for name in ("__init__", "__call__", *names):
        one, other = getattr(kind, name, None), getattr(twin, name, None)
        if inspect.isfunction(one):
            assert inspect.isfunction(other), name
            assert parameters(one) == parameters(other), name


def test_each_of_a_thousand_calls_at_once_gets_its_answer_whatever_the_order(host: Any) -> None:
    started = host(workers=2)
    wait = function(started, "wait")
    order = []

    async def call(number: int) -> None:
        assert await wait([random.randrange(50), number]) == number
        order.append(number)

    async def main() -> None:
        await asyncio.gather(*map(call, range(1000)))

    asyncio.run(main())
    assert sorted(order) == list(range(1000))
    assert order != sorted(order)


def test_a_burst_of_calls_shares_its_writes_and_a_call_alone_is_sent_at_once(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sends: list[int] = []
    original = AsyncConnection._send_now

    def send(connection: AsyncConnection, data: bytes) -> object:
        sends.append(len(data))
        return original(connection, data)

    monkeypatch.setattr(AsyncConnection, "_send_now", send)
    echo = function(host(), "echo")

    async def main() -> None:
        await echo(0)
        sends.clear()
        task = asyncio.ensure_future(echo(1))
        await asyncio.sleep(0)
        assert len(sends) == 1
        await task
        sends.clear()
        await asyncio.gather(*map(echo, range(1000)))
        assert len(sends) < 10

    asyncio.run(main())


def test_texts_and_bytes_of_any_size_cross_both_ways_and_at_once(host: Any) -> None:
    echo = function(host(), "echo")

    async def call(value: Any) -> None:
        result = await echo(value)
        assert np.array_equal(result, value) if isinstance(value, np.ndarray) else result == value

    async def main() -> None:
        values = [
            value
            for size in SIZES
            for value in ("x" * size, b"\xff" * size, [b"a" * size, "ü" * size, b""], np.zeros(size, "float32"))
        ]
        random.shuffle(values)
        await asyncio.gather(*map(call, values))

    asyncio.run(main())


def test_large_data_in_both_directions_at_once_is_no_deadlock(host: Any) -> None:
    started = host()
    echo, size, data = (function(started, name) for name in ("echo", "size", "bytes"))

    async def main() -> None:
        values = [bytes([number]) * 5_000_000 for number in range(20)]
        assert await asyncio.gather(*map(echo, values)) == values
        assert await size(bytes(HUGE)) == HUGE
        assert len(await data(HUGE)) == HUGE
        assert await echo("the connection goes on") == "the connection goes on"

    asyncio.run(main())


def test_a_class_may_name_the_function_and_its_options(host: Any) -> None:
    started = host()

    class Wrong(Exception):
        pass

    class Boom(AsyncFunction[Any]):
        name = "boom"
        exception_cls = Wrong

    class Pair(AsyncFunction[tuple[int, str]]):
        name = "echo"
        returns = tuple[int, str]

    class Echo(AsyncFunction[Any]):
        name = "echo"
        host = started  # type: ignore[assignment]  # a JSHost, as everywhere

    async def main() -> None:
        assert await Echo()(1) == 1
        with pytest.raises(Wrong, match="so it is") as caught:
            await Boom(host=started)()
        assert isinstance(caught.value.__cause__, FunctionError)
        assert await Pair(host=started)([1, "a"]) == (1, "a")
        echo = function(started, "echo")
        assert await echo.call({"a": 1}) == '{"a":1}'
        assert (await echo.send_request(a=b"x")).json() == {"a": b"x"}
        with pytest.raises(TypeError):
            await echo([], a=1)

    asyncio.run(main())


def test_the_default_host_is_found_on_the_first_of_many_calls_at_once(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = JSHost(root_url=host().get_url())
    monkeypatch.setitem(vars(js_host.host), "host", default)
    echo: AsyncFunction[Any] = AsyncFunction("echo")

    async def main() -> None:
        assert await asyncio.gather(*map(echo, range(100))) == list(range(100))
        assert len(await descriptors_of(default)) == 1

    asyncio.run(main())
    default.close()


async def descriptors_of(host: JSHost) -> list[AsyncConnection]:
    """The connections of the running loop."""
    pool = host._link.loops[asyncio.get_running_loop()]  # type: ignore[union-attr]
    return [lane.connection for lane in pool._lanes if lane.connection is not None]  # type: ignore[union-attr]


def test_a_function_that_never_answers_is_a_timeout_and_the_connection_goes_on(host: Any) -> None:
    started = host()
    never, echo = function(started, "never", timeout=0.05), function(started, "echo")

    async def main() -> None:
        await echo(1)
        before = await descriptors_of(started)
        outcomes = await asyncio.gather(*(never() for _ in range(50)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {FunctionTimeout}
        assert all(outcome.maybe_executed for outcome in outcomes)  # type: ignore[union-attr]
        assert await echo("next") == "next"
        assert await descriptors_of(started) == before

    asyncio.run(main())


@pytest.mark.parametrize("timeout", [0, -1, float("-inf")])
def test_a_deadline_that_has_passed_is_a_timeout_and_nothing_runs(host: Any, timeout: float, tmp_path: Path) -> None:
    count = function(host(), "count", timeout=timeout)
    with pytest.raises(FunctionTimeout) as caught:
        asyncio.run(call_once(count, str(tmp_path / "ran")))
    assert not caught.value.maybe_executed
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("timeout", [1e6, 1e9, 1e300, float("inf")])
def test_an_endless_timeout_is_one(host: Any, timeout: float) -> None:
    assert asyncio.run(call_once(function(host(), "echo", timeout=timeout), 1)) == 1


async def call_once(called: AsyncFunction[Any], value: object) -> object:
    return await called(value)


def test_errors_are_those_of_the_blocking_client_and_leave_the_connection(host: Any) -> None:
    started = host(100_000)
    size, text, echo = (function(started, name) for name in ("size", "text", "echo"))

    async def main() -> None:
        await echo(1)
        before = await descriptors_of(started)
        with pytest.raises(PayloadTooLarge, match="requestDataLimit") as caught:
            await size("x" * 100_000)
        assert not caught.value.maybe_executed
        with pytest.raises(PayloadTooLarge, match="requestDataLimit"):
            await text(100_000)
        with pytest.raises(UnknownFunction, match="echo"):
            await function(started, "ech")()
        with pytest.raises(ValueNotSupported, match=r"data\['a'\]"):
            await echo(a=object())
        assert await echo(2) == 2
        assert await descriptors_of(started) == before

    asyncio.run(main())


def test_of_a_thousand_calls_in_flight_each_learns_why_its_worker_died_and_the_next_one_works(host: Any) -> None:
    started = host()
    later, die, echo = (function(started, name) for name in ("later", "die", "echo"))

    async def main() -> None:
        await echo(1)
        calls = [asyncio.ensure_future(later(60_000)) for _ in range(1000)]
        await asyncio.sleep(0)
        outcomes = await asyncio.gather(die(), *calls, return_exceptions=True)
        assert Counter(map(type, outcomes)) == {WorkerDied: 1001}
        assert len({id(outcome) for outcome in outcomes}) == 1001
        assert all("SIGKILL" in str(outcome) and outcome.maybe_executed for outcome in outcomes)  # type: ignore[union-attr]
        assert await echo("again") == "again"

    asyncio.run(main())


def test_calls_go_to_the_least_busy_worker_or_to_that_of_their_key(host: Any) -> None:
    started = host(workers=2)
    pid, later = function(started, "pid"), function(started, "laterPid")

    async def main() -> None:
        pids = await asyncio.gather(*(later(50) for _ in range(10)))
        assert sorted(Counter(pids).values()) == [5, 5]
        for key in range(5):
            assert len(set(await asyncio.gather(*(pid.with_options(key=key)() for _ in range(10))))) == 1

    asyncio.run(main())


def test_with_concurrency_the_others_wait_and_too_many_are_told_so(host: Any) -> None:
    started = host(concurrency=2, queue_size=3)
    later = function(started, "later")

    async def main() -> None:
        outcomes = await asyncio.gather(*(later(50) for _ in range(8)), return_exceptions=True)
        assert Counter(map(type, outcomes)) == {str: 5, QueueFull: 3}
        busy = [asyncio.ensure_future(later(300)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(FunctionTimeout) as caught:
            await later.with_options(timeout=0.05)(1)
        assert not caught.value.maybe_executed
        waiting = asyncio.ensure_future(later(1))
        await asyncio.sleep(0)
        waiting.cancel()
        assert await asyncio.gather(*busy, later(1)) == ["late"] * 3

    asyncio.run(main())
    assert not sum(started._link.gate.line.counts.values())


def test_a_blocking_and_an_async_client_share_a_host(host: Any) -> None:
    started = host()
    blocking, asynchronous = started.function("pid"), function(started, "pid")

    async def main() -> None:
        assert await asyncio.to_thread(blocking) == await asynchronous()

    asyncio.run(main())
    with pytest.raises(ConfigError, match="AsyncFunction"):
        Function("pid", AsyncJSHost.sharing(started))  # type: ignore[arg-type]


def test_an_own_host_ends_with_its_block(nothing_left: Any) -> None:
    config = nothing_left.config("module.exports = { functions: { echo: (data) => data } }")

    async def main() -> None:
        async with AsyncJSHost(config, workers=2) as host:
            assert await host.is_running()
            assert (await host.get_config())["functions"] == ["echo"]
            assert (await host.request_status())["type"] == "Host"  # type: ignore[index]
            assert await host.function("echo")(a=1) == {"a": 1}
            assert "http+unix" in await host.get_url()
            await host.restart()
            assert await host.function("echo")(a=1) == {"a": 1}
        assert not await host.is_running()
        with pytest.raises(ConnectionError, match="was stopped"):
            await host.function("echo")()

    asyncio.run(main(), debug=True)


def test_a_start_that_is_cancelled_leaves_no_host(nothing_left: Any) -> None:
    config = nothing_left.config("module.exports = { functions: { echo: (data) => data } }")

    async def main() -> None:
        host = AsyncJSHost(config)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await host.start()
        assert not await host.is_running()
        assert nothing_left.processes() == []

    asyncio.run(main())


def test_calls_that_run_while_the_host_is_stopped_are_finished(host: Any) -> None:
    started = host()
    later = function(started, "later")

    async def main() -> None:
        *calls, last = (asyncio.ensure_future(later(ms)) for ms in [300] * 10 + [0])
        assert await last == "late"  # so those before it have begun
        await AsyncJSHost.sharing(started).stop()
        assert await asyncio.gather(*calls) == ["late"] * 10
        with pytest.raises(ConnectionError):
            await later(0)

    asyncio.run(main())


def test_many_tasks_do_not_hold_the_loop_up(host: Any) -> None:
    echo = function(host(), "echo")
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - began)

    async def main() -> None:
        watcher = asyncio.ensure_future(watch())
        for _ in range(20):
            await asyncio.gather(*map(echo, range(200)))
        watcher.cancel()

    asyncio.run(main())
    assert longest < 1
