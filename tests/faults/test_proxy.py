"""Whatever byte a connection is cut, delayed, split or doubled at: a call ends as promised, and never runs twice."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from js_host import JSHost
from js_host._client.address import Address
from js_host._client.aio_pool import pool_of_this_loop
from js_host._client.pool import Lane, Pool
from js_host._wire.results import value
from js_host.exceptions import JSHostError

from .proxy import DOWN, UP, Harm, Proxy

CONFIG = """
const counts = {}
module.exports = { port: 0, functions: {
  note: ({ number }) => { counts[number] = (counts[number] || 0) + 1; return { number } },
  counts: () => counts
} }
"""

SIDE_BY_SIDE = 12

#: Calls that a doubled byte leaves waiting for more end here, in seconds.
TIMEOUT = 0.25

Call = Callable[[Pool, int, float | None], object]


def call_blocking(pool: Pool, number: int, timeout: float | None) -> object:
    return pool.call(b"note", {"number": number}, timeout, value)


def call_in_a_loop(pool: Pool, number: int, timeout: float | None) -> object:
    async def call() -> object:
        return await pool_of_this_loop(pool).call(b"note", {"number": number}, timeout, value)

    return asyncio.run(call())


CLIENTS = pytest.mark.parametrize("call", [call_blocking, call_in_a_loop], ids=["blocking", "asyncio"])


class Bench:
    """A real worker, and calls to it through proxies that do harm."""

    def __init__(self, left: Any, host: JSHost, call: Call) -> None:
        self.left, self.host, self.call = left, host, call
        self.numbers = itertools.count(1000)
        self.worker = host._link.lanes[0].address.target  # type: ignore[union-attr]

    def length(self, way: str) -> int:
        """How many bytes pass in one direction in one call."""
        with self.through(None) as (proxy, pool):
            self.call(pool, next(self.numbers), 20)
            pool.close()
        return proxy.passed[way]

    def through(self, harm: Harm | None) -> Any:
        """A pool whose connections go through a proxy, and the proxy."""
        return Through(str(self.left.directory / f"p{next(self.numbers)}"), str(self.worker), harm)

    def outcome(self, harm: Harm, timeout: float) -> tuple[Harm, int, str]:
        """The number of a call that met harm, and how it ended. The call after it is answered."""
        number = next(self.numbers)
        with self.through(harm) as (_, pool):
            try:
                answer = self.call(pool, number, timeout)
                ended = "value" if answer == {"number": number} else f"a wrong value: {answer}"
            except JSHostError as error:
                ended = "may have run" if error.maybe_executed else "did not run"
            if harm.kind == "double":
                self.use_up(pool, timeout)
            after = next(self.numbers)
            assert self.call(pool, after, 20) == {"number": after}, harm
            pool.close()
        return harm, number, ended

    def use_up(self, pool: Pool, timeout: float) -> None:
        """Where a byte too much came behind a complete exchange, only the next call can notice."""
        try:
            number = next(self.numbers)
            assert self.call(pool, number, timeout) == {"number": number}
        except JSHostError:
            pass

    def outcomes(self, kind: str, timeout: float = 20) -> list[tuple[Harm, int, str, int]]:
        """How a call ends for every byte of both directions, and how often its function ran."""
        harms = [Harm(kind, way, at) for way in (UP, DOWN) for at in range(self.length(way))]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
            ended = list(threads.map(lambda harm: self.outcome(harm, timeout), harms))
        counts = self.host.function("counts")()
        assert all(count == 1 for count in counts.values()), counts
        return [(harm, number, end, counts.get(str(number), 0)) for harm, number, end in ended]


class Through:
    """A proxy and a pool of connections through it."""

    def __init__(self, path: str, worker: str, harm: Harm | None) -> None:
        self.proxy = Proxy(path, worker, harm)

    def __enter__(self) -> tuple[Proxy, Pool]:
        self.proxy.__enter__()
        self.pool = Pool([Lane(Address.unix(self.proxy.path))])
        return self.proxy, self.pool

    def __exit__(self, *_: object) -> None:
        self.pool.close()
        self.proxy.__exit__()


@pytest.fixture
def bench(nothing_left: Any, call: Call) -> Iterator[Bench]:
    with JSHost(nothing_left.config(CONFIG)) as host:
        yield Bench(nothing_left, host, call)


#: How often a function may have run, by how its call ended.
PROMISED = {"value": {1}, "did not run": {0}, "may have run": {0, 1}}


def check(outcomes: list[tuple[Harm, int, str, int]]) -> set[str]:
    """Check that each function ran as often as its caller was told. Returns the ways in which calls ended."""
    for harm, _, ended, count in outcomes:
        assert count in PROMISED.get(ended, set()), (harm, ended, count)
    return {ended for _, _, ended, _ in outcomes}


@CLIENTS
def test_a_connection_that_is_cut_at_any_byte(bench: Bench) -> None:
    outcomes = bench.outcomes("cut")
    # In the handshake nothing ran, and the call is tried again; in the request, nobody knows what left the machine.
    assert check(outcomes) == {"value", "may have run"}
    answers = [count for harm, _, ended, count in outcomes if harm.way == DOWN and ended == "may have run"]
    assert answers
    assert set(answers) == {1}


@CLIENTS
@pytest.mark.parametrize("kind", ["delay", "split"])
def test_bytes_that_come_late_or_one_by_one_make_no_difference(bench: Bench, kind: str) -> None:
    if kind == "split":
        assert check([(*bench.outcome(Harm(kind, way, 0), 20), 1) for way in (UP, DOWN)]) == {"value"}
    else:
        assert check(bench.outcomes(kind)) == {"value"}


@CLIENTS
def test_a_byte_that_comes_twice_is_no_wrong_answer_and_runs_nothing_twice(bench: Bench) -> None:
    assert check(bench.outcomes("double", TIMEOUT)) <= {"value", "may have run", "did not run"}
