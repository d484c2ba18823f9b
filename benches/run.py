"""Measure everything in interleaved rounds and write the tables: `python benches/run.py [--quick]`."""

import argparse
import os
import sys

if __package__ in (None, ""):
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from benches import bench


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches", description=__doc__)
    parser.add_argument("--rounds", type=int, help=f"how often all is measured (default {bench.ROUNDS}, quick: 1)")
    parser.add_argument("--quick", action="store_true", help="small cases, few peers, this Python; nothing is written")
    parser.add_argument("--node", help="the Node binary of all that is measured (default: the one from PyPI)")
    parser.add_argument("--peers", nargs="+", metavar="PEER", help="only these (peers/table.py); nothing is written")
    parser.add_argument("--cases", nargs="+", metavar="CASE", help="only these (cases.py); nothing is written")
    bench.run(parser.parse_args())


if __name__ == "__main__":
    main()
