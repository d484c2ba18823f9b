"""Show what a managed host's workers printed: each line with time, worker and level. The log file outlives its host, so
this works when the host has stopped too; without lines for a month, it is removed. With -f, Ctrl-C ends it."""

from __future__ import annotations

import sys
from time import sleep

from ..exceptions import ConfigError, ProcessError
from .common import add_json_argument, expects, write_json
from .managed import add_config_argument, choose, kept_hosts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

HELP = "show what the workers of a managed host printed"

PAUSE = 0.1
"""Seconds between looks at a log file that is followed."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what they print, until Ctrl-C")
    parser.add_argument("-n", "--lines", type=count, default=100, metavar="LINES", help="how many (default: 100)")
    add_config_argument(parser)
    add_json_argument(parser)


@expects("a whole number from 0")
def count(text: str) -> int:
    """An argument that is a whole number from 0."""
    if int(text) < 0:
        raise ValueError(text)
    return int(text)


def main(arguments: Namespace) -> int:
    from .._manager.tail import Tail

    with Tail(find_log(arguments.config, wait=arguments.follow)) as tail:
        write(tail.last(arguments.lines), arguments.json)
        while arguments.follow:
            sleep(PAUSE)
            write(tail.more(), arguments.json)
    return 0


def find_log(named: str | None, *, wait: bool) -> str:
    """The log file of the host that is meant: of the one that runs, or else the one that was written last."""
    from .._manager.logfile import logs_of
    from ..manager import JSHostManager

    config_file, kept = choose(named, kept_hosts())
    paths = [host["logfile"] for _, host in kept if host["logfile"]] or logs_of(config_file)
    if paths:
        return paths[0]
    path = JSHostManager().get_logfile(config_file)
    if path is None:
        raise ProcessError("There is no place for logs on this machine. Set XDG_STATE_HOME to a directory of yours.")
    if not wait:
        raise ConfigError(f"No managed host of {config_file} has left a log. It would be {path}.")
    print(f"Waiting for {path}, which the host will write.", file=sys.stderr)
    return path


def write(lines: Sequence[str], as_json: bool) -> None:
    from .._manager.tail import records

    if as_json:
        for record in records(lines):
            write_json(record)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
