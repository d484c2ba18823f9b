"""A model of a program's life with a host: any order of calls, streams, maps, kills, forks, reloads and stops.

Hypothesis makes the order up. Every answer has to be that of its question; after each life, processes, descriptors
and threads are as before. `JS_HOST_LONG=1`, which `make faults` sets, tries many more lives.
"""

from __future__ import annotations

import asyncio
import os
import signal
import warnings
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from js_host import AsyncFunction, JSHost
from js_host.exceptions import ConnectionError, FunctionError, FunctionTimeout

from .conftest import LONG, base_of, more_than

CODE = """
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
module.exports = { port: 0, functions: {
  echo: (data) => data,
  pid: () => process.pid,
  generation: () => GENERATION,
  later: async ({ ms, value }) => { await sleep(ms); return value },
  fail: (text) => { throw new Error(text) },
  never: () => new Promise(() => {}),
  parts: async function * (n) { for (let i = 0; i < n; i++) { await sleep(0); yield i } },
  sum: async ({ read, n }) => { let sum = 0; for (let i = 0; i < n; i++) sum += await read(i); return sum }
} }
"""

#: One less than makes a supervisor give a worker up.
MOST_KILLS = 4

values = st.one_of(
    st.none(), st.integers(-(2**70), 2**70), st.text(max_size=40), st.binary(max_size=40),
    st.lists(st.floats(allow_nan=False), max_size=5), st.just("x" * 200_000), st.just(b"x" * 200_000),
)  # fmt: skip
counts = st.integers(0, 60)


class Life(RuleBasedStateMachine):
    """One program, and one host with two workers."""

    left: Any
    base: Any

    def __init__(self) -> None:
        super().__init__()
        self.generation = self.kills = 0
        self.host = JSHost(self.write(), workers=2)
        self.host.start()

    def write(self) -> Any:
        return self.left.config(CODE.replace("GENERATION", str(self.generation)))

    def answered(self, call: Callable[[], Any]) -> Any:
        """The answer of a call. It may fail only as long as connections to killed workers are left."""
        for _ in range(10 if self.kills else 0):
            try:
                return call()
            except ConnectionError:
                pass
        return call()

    def function(self, name: str, timeout: float = 30) -> Any:
        return self.host.function(name, timeout=timeout)

    @rule(value=values)
    def call(self, value: object) -> None:
        assert self.answered(lambda: self.function("echo")(value)) == value

    @rule(value=values, count=st.integers(1, 8))
    def call_from_a_loop(self, value: object, count: int) -> None:
        async def calls() -> list[object]:
            echo = AsyncFunction("echo", self.host, 30)
            return await asyncio.gather(*(echo([number, value]) for number in range(count)))

        assert self.answered(lambda: asyncio.run(calls())) == [[number, value] for number in range(count)]

    @rule(value=values, ms=st.integers(0, 10), patience=st.integers(0, 10))
    def cancel(self, value: object, ms: int, patience: int) -> None:
        async def call() -> object:
            try:
                async with asyncio.timeout(patience / 1000):
                    return await AsyncFunction("later", self.host, 30)(ms=ms, value=value)
            except TimeoutError:
                return value

        assert self.answered(lambda: asyncio.run(call())) == value

    @rule(count=counts)
    def stream(self, count: int) -> None:
        assert self.answered(lambda: list(self.function("parts").stream(count))) == list(range(count))

    @rule(count=counts)
    def leave_a_stream(self, count: int) -> None:
        def some() -> list[int]:
            parts = self.function("parts").stream(100_000)
            found = [part for part, _ in zip(parts, range(count), strict=False)]
            parts.close()
            return found

        assert self.answered(some) == list(range(count))

    @rule(count=counts)
    def map(self, count: int) -> None:
        assert self.answered(lambda: list(self.function("echo").map(range(count)))) == list(range(count))

    @rule(count=st.integers(0, 20))
    def be_called_back(self, count: int) -> None:
        assert self.answered(lambda: self.function("sum")(read=lambda i: 3 * i, n=count)) == 3 * sum(range(count))

    @rule()
    def fail(self) -> None:
        def message() -> str:
            try:
                return f"it gave {self.function('fail')('on purpose')}"
            except FunctionError as error:
                return error.message

        assert self.answered(message) == "on purpose"

    @rule()
    def time_out(self) -> None:
        def ended() -> str:
            try:
                return f"it gave {self.function('never', 0.02)()}"
            except FunctionTimeout:
                return "in time"

        assert self.answered(ended) == "in time"

    @precondition(lambda self: self.kills < MOST_KILLS)
    @rule()
    def kill_a_worker(self) -> None:
        pid = self.answered(self.function("pid"))
        self.kills += 1
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it was killed before

    @rule(value=values)
    def fork(self, value: object) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            try:
                os._exit(0 if self.answered(lambda: self.function("echo")(value)) == value else 1)
            except BaseException:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    @rule()
    def reload(self) -> None:
        self.generation += 1
        self.write()
        self.host._home._supervisor.reload()  # type: ignore[union-attr]
        assert self.answered(self.function("generation")) == self.generation

    @rule()
    def restart(self) -> None:
        self.host.restart()
        self.kills = 0
        assert self.function("generation")() == self.generation

    @invariant()
    def it_runs(self) -> None:
        assert self.host.is_running()

    def teardown(self) -> None:
        self.host.close()
        assert not more_than(self.base, self.left)


def test_any_order_of_calls_kills_forks_and_reloads_gives_right_answers_and_leaves_nothing(nothing_left: Any) -> None:
    # so that what the first use of each part leaves for good is there before
    with JSHost(nothing_left.config(CODE.replace("GENERATION", "0"))) as host:
        assert host.function("echo")(b"x") == b"x"
        asyncio.run(AsyncFunction("echo", host)(1))
    Life.left, Life.base = nothing_left, base_of()
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Life,
        settings=settings(
            max_examples=150 if LONG else 5,
            stateful_step_count=50 if LONG else 20,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
