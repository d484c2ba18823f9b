"""Where the time goes, on both sides: `python benches/profiles.py` samples some loads, and writes profiles.md.

Python is sampled by a timer of its processor time, Node by V8's profiler. A share is of the time in which that side was
busy; the two sides are busy at once.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

if __package__ in (None, ""):
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from benches.paths import HERE, JS
from js_host import AsyncFunction, JSHost

EVERY = 0.0005
"""Seconds of processor time between two samples of Python."""

SHOWN = 8
"""So many functions are shown for each side."""

CONFIG = os.path.join(JS, "host.config.cjs")
PAGE = Path(HERE) / "profiles.md"
INTRODUCTION = (
    "By `python benches/profiles.py`. What they say is in README.md, under Where the time goes. "
    "`main.cjs` is what the modules of the runtime are made into."
)

Shares = list[tuple[str, float]]


def one_by_one(host: JSHost) -> None:
    hello = host.function("hello")
    for _ in range(100_000):
        hello("World")


def mapped(host: JSHost) -> None:
    for _ in host.function("hello").map("World" for _ in range(1_000_000)):
        pass


def streamed(host: JSHost) -> None:
    for _ in host.function("pour").stream(40_000):
        pass


def awaited(host: JSHost) -> None:
    asyncio.run(await_in_turn(AsyncFunction("hello", host), 60_000))


def awaited_together(host: JSHost) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(await_in_turn(AsyncFunction("hello", host), 1000) for _ in range(100)))

    asyncio.run(all_at_once())


def streamed_in_a_loop(host: JSHost) -> None:
    async def read() -> None:
        async for _ in AsyncFunction("pour", host).stream(40_000):
            pass

    asyncio.run(read())


async def await_in_turn(hello: AsyncFunction[str], count: int) -> None:
    for _ in range(count):
        await hello("World")


LOADS: dict[str, Callable[[JSHost], None]] = {
    "tiny calls, one after the other": one_by_one,
    "map of tiny calls": mapped,
    "stream of 64 KiB parts": streamed,
    "one await after the other": awaited,
    "100 awaits at once": awaited_together,
    "the stream in an event loop": streamed_in_a_loop,
}


def profile(load: Callable[[JSHost], None]) -> tuple[Shares, Shares]:
    """The shares of Python's functions, and of Node's."""
    place = tempfile.mkdtemp()
    try:
        with JSHost(CONFIG, node_args=["--cpu-prof", f"--cpu-prof-dir={place}"]) as host:
            python = sampled(lambda: load(host))
        [file] = Path(place).iterdir()
        return shares(python), shares(of_node(json.loads(file.read_text())))
    finally:
        shutil.rmtree(place)


def sampled(run: Callable[[], None]) -> Counter[str]:
    """How often each function of Python was found at work."""
    found: Counter[str] = Counter()

    def on_time(number: int, frame: FrameType | None) -> None:
        if frame is not None:
            found[f"{frame.f_code.co_qualname}, {os.path.basename(frame.f_code.co_filename)}"] += 1

    before = signal.signal(signal.SIGPROF, on_time)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    try:
        run()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return found


def of_node(recorded: dict[str, Any]) -> Counter[str]:
    """How long each function of Node was at work, in microseconds."""
    frames = {node["id"]: node["callFrame"] for node in recorded["nodes"]}
    found: Counter[str] = Counter()
    for id, spent in zip(recorded["samples"], recorded["timeDeltas"], strict=True):
        if frames[id]["functionName"] != "(idle)":
            found[name_of(frames[id])] += spent
    return found


def name_of(frame: dict[str, str]) -> str:
    name = frame["functionName"] or "a function without a name"
    return f"{name}, {os.path.basename(frame['url'])}" if frame["url"] else name


def shares(found: Counter[str]) -> Shares:
    total = found.total()
    return [(name, count / total) for name, count in found.most_common(SHOWN)]


def table(python: Shares, node: Shares) -> str:
    lines = ["| Python | | Node | |", "|---|---:|---|---:|"]
    for (ours, our_share), (theirs, their_share) in zip(python, node, strict=True):
        lines.append(f"| {ours} | {our_share:.0%} | {theirs} | {their_share:.0%} |")
    return "\n".join(lines)


def main() -> None:
    parts = ["# Profiles", INTRODUCTION]
    for name, load in LOADS.items():
        print(name, file=sys.stderr, flush=True)
        parts.append(f"## {name[0].upper()}{name[1:]}\n\n{table(*profile(load))}")
    PAGE.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
