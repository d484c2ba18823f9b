"""List the functions that a host offers, one a line."""

from __future__ import annotations

from .common import add_host_arguments, add_json_argument, open_host, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

HELP = "list the functions that a host offers"


def add_arguments(parser: ArgumentParser) -> None:
    add_host_arguments(parser)
    add_json_argument(parser)


def main(arguments: Namespace) -> int:
    with open_host(arguments) as host:
        names = list(host.get_config().get("functions") or [])
    if arguments.json:
        write_json(names)
    else:
        print("\n".join(names))
    return 0
