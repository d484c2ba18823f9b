"""What a run has to do, made from the command line."""

import argparse
import os
import sys
from typing import NamedTuple

from . import workplace
from .cases import BY_NAME, CASES, Case
from .paths import WORK
from .peers.table import PEERS, Peer

ROUNDS = 9
QUICK_PEERS = ("raw", "codec", "ours", "prototype", "http")
STARTS = ("cold", "import")


class Plan(NamedTuple):
    cases: list[Case]
    starts: bool
    """Cold starts and imports too?"""
    peers: dict[str, Peer]
    rounds: int
    scale: float
    """Of the seconds that each case asks for."""
    node: str
    env: dict[str, str]
    missing: dict[str, str]
    """Why a peer is not there."""
    whole: bool
    """Is this a full run, one to keep?"""
    ours: str
    """The Python of all that needs no package of its own."""
    theirs: str

    def python(self, peer: Peer) -> str:
        return self.theirs if peer.packages else self.ours


def quick(options: argparse.Namespace) -> Plan:
    """What this Python can measure as it is, in seconds: nothing is installed."""
    from js_host._host.node import find_node

    node = options.node or find_node(None).path
    os.makedirs(WORK, exist_ok=True)
    small = [case for case in CASES if not (case.large or case.hogs or case.function == "renderPage")]
    return Plan(
        cases=chosen(options, small),
        starts=True,
        peers={name: PEERS[name] for name in options.peers or QUICK_PEERS},
        rounds=options.rounds or 1,
        scale=0.1,
        node=node,
        env=workplace.environment(node),
        missing={},
        whole=False,
        ours=sys.executable,
        theirs=sys.executable,
    )


def full(options: argparse.Namespace) -> Plan:
    node, missing = workplace.install(options.node)
    return Plan(
        cases=chosen(options, CASES),
        starts=not options.cases or bool({*STARTS} & {*options.cases}),
        peers={name: PEERS[name] for name in options.peers or PEERS if name not in missing},
        rounds=options.rounds or ROUNDS,
        scale=1,
        node=node,
        env=workplace.environment(node),
        missing=missing,
        whole=not options.peers and not options.cases,
        ours=workplace.python_of(workplace.OURS),
        theirs=workplace.python_of(workplace.THEIRS),
    )


def chosen(options: argparse.Namespace, cases: list[Case]) -> list[Case]:
    return [BY_NAME[name] for name in options.cases if name not in STARTS] if options.cases else cases
