"""The rounds: everyone is measured once in each, and each begins with another one."""

import argparse
import os
import platform
import subprocess
from collections import defaultdict
from contextlib import ExitStack
from time import perf_counter as now
from typing import Any

from . import plan, report, starts, workplace
from .cases import Case
from .children import Child
from .hogs import hogs
from .plan import ROUNDS, Plan
from .targets import IMPORTS, Rounds

__all__ = ["ROUNDS", "run"]


def run(options: argparse.Namespace) -> None:
    planned = plan.quick(options) if options.quick else plan.full(options)
    began = now()
    rounds = measure(planned)
    described = facts(planned, now() - began)
    if planned.whole:
        report.write(rounds, described)
    print(report.tables(rounds, described))


def measure(planned: Plan) -> Rounds:
    rounds: Rounds = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        children = start_children(planned, stack)
        for turn in range(planned.rounds):
            workplace.say(f"round {turn + 1} of {planned.rounds}")
            measure_calls(planned, children, turn, rounds)
            if planned.starts:
                measure_starts(planned, turn, rounds)
    return rounds


def start_children(planned: Plan, stack: ExitStack) -> dict[str, Child]:
    children = {}
    for name, peer in planned.peers.items():
        children[name] = Child(peer.module, planned.python(peer), planned.env)
        stack.callback(children[name].close)
        if children[name].failure:
            workplace.say(f"{name} does not start: {children[name].failure}")
    return children


def rotated(names: list[str], turn: int) -> list[str]:
    """Another one first in each round, so that no one always runs in another's wake."""
    at = turn % len(names)
    return names[at:] + names[:at]


def measure_calls(planned: Plan, children: dict[str, Child], turn: int, rounds: Rounds) -> None:
    for case in planned.cases:
        if case.large and turn % 2:
            continue  # they take half of the time, and vary least
        began = now()
        with hogs(case.hogs):
            for name in rotated(list(children), turn):
                if planned.peers[name].does(case):
                    rounds[case.name][name].append(ask(children[name], case, planned.scale))
        workplace.say(f"  {case.title}: {now() - began:.0f} s")


def ask(child: Child, case: Case, scale: float) -> dict[str, Any]:
    return {"error": child.failure} if child.failure else child.ask(case.name, case.seconds * scale)


def measure_starts(planned: Plan, turn: int, rounds: Rounds) -> None:
    ours = planned.python(planned.peers.get("ours") or next(iter(planned.peers.values())))
    rounds["cold"]["bare starts"].append(starts.bare_starts(ours, planned.node, planned.env))
    for name in rotated([name for name, peer in planned.peers.items() if peer.is_peer and peer.is_complete], turn):
        peer = planned.peers[name]
        rounds["cold"][name].append(starts.cold_start(peer.module, planned.python(peer), planned.env))
    for statement in IMPORTS:
        rounds["import"][statement].append(starts.import_time(statement, ours, planned.env))


def facts(planned: Plan, seconds: float) -> dict[str, Any]:
    """What the figures depend on."""
    version = subprocess.check_output([planned.node, "--version"], text=True).strip()
    return {
        "Python": platform.python_version(),
        "Node": version,
        "CPUs": len(os.sched_getaffinity(0)),
        "rounds": planned.rounds,
        "seconds": round(seconds),
        "missing": planned.missing,
    }
