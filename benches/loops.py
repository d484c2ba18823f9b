"""Event loops, threads and streams: `python benches/loops.py [--quick]` measures them beside their floors."""

import argparse
import asyncio
import os
import resource
import socket
import statistics
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import perf_counter as now
from typing import Any, NamedTuple

if __package__ in (None, ""):
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from benches import plan, workplace
from benches.floor import SCRIPT
from benches.measure import summary
from benches.node_child import reap, spawn
from benches.paths import JS, WORK

MB = 1_000_000
FRAME = 40
"""Bytes of a tiny call with its header: what the ping-pong carries."""

Figures = dict[str, float]
Rounds = dict[str, list[Figures]]


class Target(NamedTuple):
    """`over` divided by `under`, each a case and a figure of it, is at most (or at least) `limit`."""

    over: tuple[str, str]
    under: tuple[str, str]
    word: str
    limit: float


TARGETS = [
    Target(("await, alone", "p50"), ("await, ping-pong", "p50"), "≤", 1.3),
    Target(("5 ms, 8 threads, 2 workers", "p99"), ("5 ms, 8 threads, 2 workers", "p50"), "≤", 3),
    Target(("5 ms, 8 threads, 1 worker", "each"), ("5 ms, 8 threads, 2 workers", "each"), "≥", 1.8),
    Target(("5 ms, 8 tasks, 2 workers", "p99"), ("5 ms, 8 tasks, 2 workers", "p50"), "≤", 3),
    Target(("5 ms, 8 tasks, 1 worker", "each"), ("5 ms, 8 tasks, 2 workers", "each"), "≥", 1.8),
    Target(("stream", "MB/s"), ("stream, raw socket", "MB/s"), "≥", 0.6),
    Target(("stream, event loop", "MB/s"), ("stream, raw socket", "MB/s"), "≥", 0.6),
]


# The floors.


class PingPong(asyncio.BufferedProtocol):
    """The bytes of a tiny call there and back, and nothing else."""

    def __init__(self) -> None:
        self.buffer = bytearray(1024)
        self.have = 0
        self.answer: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.have += nbytes
        if self.have == FRAME and self.answer is not None:
            self.have = 0
            self.answer.set_result(None)

    async def call(self, data: bytes) -> None:
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(data)
        await self.answer


async def ping_pong(seconds: float) -> Figures:
    sock, pid = spawn(SCRIPT, "raw", str(FRAME))
    sock.setblocking(False)
    transport, protocol = await asyncio.get_running_loop().connect_accepted_socket(PingPong, sock)
    try:
        return await awaits(lambda: protocol.call(bytes(FRAME)), seconds)
    finally:
        transport.close()
        reap(sock, pid)


def raw_stream(size: int) -> Figures:
    sock, pid = spawn(SCRIPT, "pour")
    try:
        buffer = bytearray(256 * 1024)
        sock.recv_into(buffer, 1, socket.MSG_WAITALL)
        return rate(lambda: pull(sock, buffer, size), size)
    finally:
        reap(sock, pid)


def pull(sock: socket.socket, buffer: bytearray, size: int) -> None:
    left = size
    while left > 0:
        left -= sock.recv_into(buffer)


# The measuring.


async def awaits(call: Callable[[], Awaitable[object]], seconds: float) -> Figures:
    """One call after the other."""
    await call()
    spent, end = [], now() + seconds
    while (start := now()) < end:
        await call()
        spent.append(now() - start)
    return summary(spent)


async def at_once(call: Callable[[], Awaitable[object]], count: int, total: int) -> Figures:
    """So many calls in flight, each followed by another, until there were `total`."""
    spent: list[float] = []

    async def one_after_another() -> None:
        for _ in range(total // count):
            start = now()
            await call()
            spent.append(now() - start)

    start = now()
    await asyncio.gather(*(one_after_another() for _ in range(count)))
    return {**summary(spent), "each": (now() - start) * 1e6 / len(spent)}


def in_threads(call: Callable[[], object], count: int, total: int) -> Figures:
    """The same with threads."""
    spent: list[float] = []

    def one_after_another(_: int) -> None:
        for _ in range(total // count):
            start = now()
            call()
            spent.append(now() - start)

    with ThreadPoolExecutor(count) as pool:
        start = now()
        list(pool.map(one_after_another, range(count)))
        return {**summary(spent), "each": (now() - start) * 1e6 / len(spent)}


def rate(run: Callable[[], object], size: int) -> Figures:
    start = now()
    run()
    return {"MB/s": size / MB / (now() - start)}


async def drained(parts: Any) -> None:
    async for _ in parts:
        pass


async def rate_in_loop(parts: Any, size: int) -> Figures:
    start = now()
    await drained(parts)
    return {"MB/s": size / MB / (now() - start)}


# The cases.


def cases(scale: float, stack: ExitStack) -> dict[str, Callable[[], Figures]]:
    from js_host import JSHost
    from js_host.async_function import AsyncFunction

    config = os.path.join(JS, "host.config.cjs")
    one, two = (stack.enter_context(JSHost(config, workers=count, env=["BENCH_PAGE"])) for count in (1, 2))
    runner = stack.enter_context(asyncio.Runner())
    hello, parts = one.function("hello"), int(16_384 * scale)
    later, size = AsyncFunction("hello", one), parts * 64 * 1024
    many, few = int(20_000 * scale) + 1000, int(400 * scale) + 40
    pour, pour_later = one.function("pour", timeout=60), AsyncFunction("pour", one, timeout=60)
    found: dict[str, Callable[[], Figures]] = {
        "await, ping-pong": lambda: runner.run(ping_pong(0.5 * scale)),
        "await, alone": lambda: runner.run(awaits(lambda: later("World"), 0.5 * scale)),
        "8 threads": lambda: in_threads(lambda: hello("World"), 8, many),
        "stream, raw socket": lambda: raw_stream(size),
        "stream": lambda: rate(lambda: [None for _ in pour.stream(parts)], size),
        "stream, event loop": lambda: runner.run(rate_in_loop(pour_later.stream(parts), size)),
    }
    for count in (1, 10, 100, 1000):
        found[f"{count} at once"] = lambda count=count: runner.run(at_once(lambda: later("World"), count, many))  # type: ignore[misc]
    for title, host in (("1 worker", one), ("2 workers", two)):
        busy, busy_later = host.function("busy"), AsyncFunction("busy", host)
        found[f"5 ms, 8 threads, {title}"] = lambda busy=busy: in_threads(lambda: busy(5), 8, few)  # type: ignore[misc]
        found[f"5 ms, 8 tasks, {title}"] = lambda busy=busy_later: runner.run(at_once(lambda: busy(5), 8, few))  # type: ignore[misc]
    return found


def measure(planned: plan.Plan) -> Rounds:
    """The first round warms everything up and does not count."""
    os.environ.update(planned.env)
    rounds: Rounds = defaultdict(list)
    with ExitStack() as stack:
        found = cases(planned.scale, stack)
        for number in range(planned.rounds + 1):
            workplace.say(f"round {number} of {planned.rounds}")
            for name, case in found.items():
                figures = case()
                if number:
                    rounds[name].append(figures)
    return rounds


def tables(rounds: Rounds) -> str:
    lines = ["| what | p50, µs | p99, µs | max, µs | each, µs | MB/s |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for name, spent in rounds.items():
        lines.append(
            f"| {name} | " + " | ".join(cell(spent, key) for key in ("p50", "p99", "max", "each", "MB/s")) + " |"
        )
    lines += ["", "| target | wanted | is | met |", "| --- | ---: | ---: | ---: |"]
    for (over, figure), (under, other), word, limit in TARGETS:
        pairs = zip(rounds[over], rounds[under], strict=True)
        ratio = statistics.median(a[figure] / b[other] for a, b in pairs)
        met = ratio <= limit if word == "≤" else ratio >= limit
        title = f"{over} / {under}" if over != under else f"{over}: {figure} / {other}"
        lines.append(f"| {title} | {word} {limit} | {ratio:.2f} | {'yes' if met else '**no**'} |")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return "\n".join([*lines, "", f"Most memory of Python in all of it: {memory:.0f} MB."])


def cell(spent: list[Figures], key: str) -> str:
    found = [figures[key] for figures in spent if key in figures]
    return f"{statistics.median(found):,.1f}" if found else ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.loops", description=__doc__)
    parser.add_argument("--rounds", type=int, help="how often all is measured (default 5, quick: 1)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls")
    parser.add_argument("--node", help="the Node binary of all that is measured (default: the one from PyPI)")
    options = parser.parse_args()
    options.cases, options.peers, options.rounds = ["tiny"], ["ours"], options.rounds or (1 if options.quick else 5)
    os.makedirs(WORK, exist_ok=True)
    print(tables(measure(plan.quick(options) if options.quick else plan.full(options))))


if __name__ == "__main__":
    main()
