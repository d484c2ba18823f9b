"""What a run has to do, made from the command line."""

import argparse
import os
import sys
from typing import NamedTuple

from . import workplace
from .cases import BY_NAME, CASES, Case
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

    def python(self, peer: Peer) -> str:
        """Peers have a venv of their own; whoever needs no package does without it."""
        if not self.missing and self.scale < 1:
            return sys.executable
        return workplace.python_of(workplace.THEIRS if peer.packages else workplace.OURS)


def quick(options: argparse.Namespace) -> Plan:
    """What this Python can measure as it is, in seconds: nothing is installed."""
    from js_host._host.node import find_node

    node = options.node or find_node(None).path
    os.makedirs(workplace.WORK, exist_ok=True)
    cases = [case for case in CASES if not (case.large or case.hogs or case.function == "renderPage")]
    peers = {name: PEERS[name] for name in options.peers or QUICK_PEERS}
    env = workplace.environment(node)
    return Plan(chosen(options, cases), True, peers, options.rounds or 1, 0.1, node, env, {}, whole=False)


def full(options: argparse.Namespace) -> Plan:
    node, missing = workplace.install(options.node)
    peers = {name: PEERS[name] for name in options.peers or PEERS if name not in missing}
    starts = not options.cases or bool({*STARTS} & {*options.cases})
    whole = not options.peers and not options.cases
    env = workplace.environment(node)
    return Plan(chosen(options, CASES), starts, peers, options.rounds or ROUNDS, 1, node, env, missing, whole)


def chosen(options: argparse.Namespace, cases: list[Case]) -> list[Case]:
    return [BY_NAME[name] for name in options.cases if name not in STARTS] if options.cases else cases
