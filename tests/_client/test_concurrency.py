"""So many calls at a time to each worker, the others in line: with real workers and threads."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from js_host import AsyncFunction
from js_host._client.gate import Gate
from js_host.exceptions import ConfigError, FunctionTimeout, QueueFull
from js_host.js_host import JSHost

CONFIG = """
let running = 0
let most = 0
module.exports = {
  port: 0,
  functions: {
    work: async (ms) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, ms))
      running--
      return process.pid
    },
    most: () => most,
    pid: () => process.pid,
    ask: async ({ f }) => await f(1),
    askInParts: async function * ({ f }) { yield await f(1); yield await f(2) },
    parts: async function * (n) { for (let i = 0; i < n; i++) yield i }
  }
}
"""


@pytest.fixture
def start(nothing_left: Any) -> Any:
    started: list[JSHost] = []

    def start(**options: Any) -> JSHost:
        started.append(JSHost(nothing_left.config(CONFIG), **options))
        started[-1].start()
        return started[-1]

    yield start
    for host in started:
        host.close()


def in_threads(count: int, work: Callable[[], object]) -> list[object]:
    """What each of so many threads returned or raised."""

    def careful() -> object:
        try:
            return work()
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(careful) for _ in range(count)]]


def test_a_worker_has_no_more_calls_in_hand_than_it_may(start: Any) -> None:
    host = start(concurrency=2)
    in_threads(8, lambda: host.function("work")(20))
    assert host.function("most")() == 2


def test_without_a_limit_all_run_at_once(start: Any) -> None:
    host = start()
    in_threads(8, lambda: host.function("work")(200))
    assert host.function("most")() == 8


def test_all_workers_are_used(start: Any) -> None:
    host = start(workers=2, concurrency=1)
    assert len(set(in_threads(4, lambda: host.function("work")(50)))) == 2


def test_a_call_beyond_the_queue_is_refused_at_once(start: Any) -> None:
    host = start(concurrency=1, queue_size=1)
    found = in_threads(6, lambda: host.function("work")(300))
    assert sum(isinstance(item, QueueFull) for item in found) == 4


def test_the_deadline_counts_the_waiting(start: Any, wait_for: Any) -> None:
    host = start(concurrency=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(host.function("work"), 600)
        wait_for(lambda: host._link.gate.line.counts[0])
        before = time.monotonic()
        with pytest.raises(FunctionTimeout, match="No worker had room for the call") as caught:
            host.function("work", timeout=0.1)(1)
        assert time.monotonic() - before < 0.5
        assert not caught.value.maybe_executed
        first.result()
    assert host.function("work")(1)


@pytest.mark.parametrize("timeout", [1e10, float("inf")])
def test_the_waiting_may_be_endless(start: Any, timeout: float) -> None:
    host = start(concurrency=1)
    work, parts = (host.function(name, timeout=timeout) for name in ("work", "parts"))
    assert len(set(in_threads(3, lambda: work(50)))) == 1
    assert in_threads(2, lambda: list(parts.stream(2))) == [[0, 1], [0, 1]]


@pytest.mark.parametrize("again", ["call", "stream", "deeper"])
def test_what_a_call_asks_may_call_the_same_worker_again(start: Any, again: str) -> None:
    host = start(concurrency=1, queue_size=0)
    ask, ask_in_parts, parts, pid = map(host.function, ("ask", "askInParts", "parts", "pid"))
    ways = {"call": lambda n: pid(), "stream": lambda n: list(parts.stream(n)), "deeper": lambda n: ask(f=ways["call"])}
    assert ask(f=ways[again])
    assert len(list(ask_in_parts.stream(f=ways[again]))) == 2
    assert host._link.gate.line.counts[0] == 0


@pytest.mark.parametrize("kind", ["in the loop", "in a thread"])
def test_in_an_event_loop_too(start: Any, kind: str) -> None:
    host = start(concurrency=1, queue_size=0)
    ask, ask_in_parts, pid = (AsyncFunction[Any](name, host) for name in ("ask", "askInParts", "pid"))

    async def in_the_loop(n: int) -> int:
        return int(await pid())

    def in_a_thread(n: int) -> int:
        return int(host.function("pid")())

    async def main() -> None:
        f = in_the_loop if kind == "in the loop" else in_a_thread
        own = await pid()
        assert await ask(f=f) == own
        assert [part async for part in ask_in_parts.stream(f=f)] == [own, own]

    asyncio.run(main())
    assert host._link.gate.line.counts[0] == 0


def test_between_the_parts_of_a_stream_other_calls_wait(start: Any) -> None:
    host = start(concurrency=1, queue_size=0)
    stream = host.function("parts").stream(3)
    next(stream)
    with pytest.raises(QueueFull):
        host.function("pid")()
    stream.close()
    assert host.function("pid")()


def test_a_stream_that_is_collected_while_another_call_enters_holds_nothing_up() -> None:
    class Collecting:
        """A worker at the sight of which Python collects its garbage, which may be at any time."""

        def load(self) -> tuple[bool, int]:
            gc.collect()
            return False, 0

    gate, ways = Gate(1, 0), [Collecting(), Collecting()]

    def stream() -> Iterator[None]:
        with gate.passing(ways, 0, None):
            yield

    def enter() -> None:
        with gate.passing(ways, None, None) as visit:
            entered.append(visit.worker)

    left: list[Any] = [stream()]
    next(left[0])
    left.append(left)
    del left
    entered: list[int | None] = []
    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    thread.join(5)
    assert entered == [1]
    assert +gate.line.counts == {}


def test_calls_with_one_key_go_to_one_worker(start: Any) -> None:
    host = start(workers=2)
    pid = host.function("pid")
    found = {key: {pid.with_options(key=key)() for _ in range(6)} for key in ("a", "b", 1, 2, 3, 4)}
    assert all(len(pids) == 1 for pids in found.values())
    assert len(set().union(*found.values())) == 2


def test_workers_auto_is_one_for_each_processor(start: Any) -> None:
    from js_host._client.spin import processors

    host = start(workers="auto")
    assert len(host._link.lanes) == int(processors())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, 'workers must be a whole number from 1, or "auto", not 0'),
        ({"workers": "many"}, 'workers must be a whole number from 1, or "auto"'),
        ({"concurrency": 0}, "concurrency must be a whole number from 1, or None"),
        ({"queue_size": -1}, "queue_size must be a whole number from 0"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        JSHost("host.config.js", **options)


def test_other_options_leave_the_function_itself_as_it_is(start: Any) -> None:
    plain = start().function("pid", timeout=3)
    other = plain.with_options(timeout=1, returns=str, exception_cls=KeyError)
    assert (plain.timeout, plain.returns, plain.exception_cls) == (3, None, None)
    assert (other.timeout, other.returns, other.exception_cls) == (1, str, KeyError)
    assert isinstance(plain(), int)
