"""Many calls at once: `python benches/bulk.py [--quick]` measures `map` beside what bounds it, in rounds."""

import argparse
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter as now
from typing import Any, NamedTuple

if __package__ in (None, ""):
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from benches import plan, workplace
from benches.bench import start_children
from benches.paths import JS, WORK
from benches.payloads import compact, page_props

PEERS = ("http", "jspybridge", "mini-racer")
"""They have no way to make many calls at once, and are asked one by one."""


class Target(NamedTuple):
    """How many times quicker, for each call, `quick` is to be than `slow`."""

    quick: str
    slow: str
    least: float


TARGETS = [
    Target("tiny", "tiny, prototype", 0.7),
    Target("tiny", "tiny, one by one", 1),
    *(Target("tiny", f"tiny, {peer}", 60) for peer in PEERS),
    Target("5 ms, 2 workers", "5 ms, 1 worker", 1.8),
    Target("page, 2 workers", "page, 1 worker", 1.8),
    Target("page, 2 workers", "page, 2 Nodes alone", 0.95),
]

Rounds = dict[str, list[float]]


class Alone:
    """Node processes that render pages on their own; with "codec" they decode and encode them, too."""

    def __init__(self, count: int, node: str, stack: ExitStack, *how: str) -> None:
        command = [node, os.path.join(JS, "pages.mjs"), *how]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        self.nodes = [stack.enter_context(subprocess.Popen(command, **pipes)) for _ in range(count)]
        self.say(compact(page_props()).decode())

    def say(self, line: str) -> None:
        for node in self.nodes:
            assert node.stdin
            node.stdin.write(line + "\n")
        for node in self.nodes:
            assert node.stdout
            node.stdout.readline()

    def render(self, pages: int) -> None:
        self.say(str(pages // len(self.nodes)))


def own_cases(node: str, scale: float, stack: ExitStack) -> dict[str, Callable[[], float]]:
    """What is measured in this process: each gives the seconds that one call took."""
    from benches.prototype import Prototype
    from js_host.js_host import JSHost

    config = os.path.join(JS, "host.config.cjs")
    one, two = (stack.enter_context(JSHost(config, workers=count, env=["BENCH_PAGE"])) for count in (1, 2))
    prototype, alone, codec = Prototype(), Alone(2, node, stack), Alone(2, node, stack, "codec")
    stack.callback(prototype.close)
    names, waits = ["World"] * int(100_000 * scale), [5] * int(400 * scale)
    pages = [page_props()] * (int(1000 * scale) * 2)
    hello = one.function("hello")
    return {
        "tiny": lambda: each(names, lambda: drain(hello.map(names))),
        "tiny, prototype": lambda: each(names, lambda: prototype.pipeline(b"hello", names)),
        "tiny, one by one": lambda: each(names[::20], lambda: [hello(name) for name in names[::20]]),
        **{f"5 ms, {title}": mapped(host, "busy", waits) for title, host in counted(one, two)},
        **{f"page, {title}": mapped(host, "renderPage", pages) for title, host in counted(one, two)},
        "page, 2 Nodes alone": lambda: each(pages, lambda: alone.render(len(pages))),
        "page, 2 Nodes alone, with codec": lambda: each(pages, lambda: codec.render(len(pages))),
    }


def counted(one: Any, two: Any) -> list[tuple[str, Any]]:
    return [("1 worker", one), ("2 workers", two)]


def mapped(host: Any, name: str, rows: list[Any]) -> Callable[[], float]:
    function = host.function(name)
    return lambda: each(rows, lambda: drain(function.map(rows)))


def drain(results: Any) -> None:
    for _ in results:
        pass


def each(rows: list[Any], run: Callable[[], object]) -> float:
    start = now()
    run()
    return (now() - start) / len(rows)


def measure(planned: plan.Plan) -> Rounds:
    """The seconds of one call, once a round; the first round warms everything up and does not count."""
    os.environ.update(planned.env)
    rounds: Rounds = defaultdict(list)
    with ExitStack() as stack:
        cases = own_cases(planned.node, planned.scale, stack)
        for name, child in start_children(planned, stack).items():
            cases[f"tiny, {name}"] = lambda child=child: child.ask("tiny", 0.3).get("mean", 0) / 1e6  # type: ignore[misc]
        for number in range(planned.rounds + 1):
            workplace.say(f"round {number} of {planned.rounds}")
            for name, case in cases.items():
                if (took := case()) and number:
                    rounds[name].append(took)
    return rounds


def tables(rounds: Rounds) -> str:
    lines = ["| what | µs a call | calls a second |", "| --- | ---: | ---: |"]
    for name, spent in rounds.items():
        middle = statistics.median(spent)
        lines.append(f"| {name} | {middle * 1e6:,.2f} | {1 / middle:,.0f} |")
    lines += ["", "| target | wanted | is | met |", "| --- | ---: | ---: | ---: |"]
    for quick, slow, least in TARGETS:
        if slow in rounds:
            ratio = statistics.median(b / a for a, b in zip(rounds[quick], rounds[slow], strict=False))
            lines.append(f"| {slow} / {quick} | ≥ {least} | {ratio:.2f} | {'yes' if ratio >= least else '**no**'} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.bulk", description=__doc__)
    parser.add_argument("--rounds", type=int, help="how often all is measured (default 7, quick: 1)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls, one peer; needs the React bundle")
    parser.add_argument("--node", help="the Node binary of all that is measured (default: the one from PyPI)")
    options = parser.parse_args()
    options.cases, options.peers = ["tiny"], ["http"] if options.quick else list(PEERS)
    options.rounds = options.rounds or (1 if options.quick else 7)
    os.makedirs(WORK, exist_ok=True)
    print(tables(measure(plan.quick(options) if options.quick else plan.full(options))))


if __name__ == "__main__":
    main()
