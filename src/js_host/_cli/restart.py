"""Put a new process in the place of each worker of a managed host, with the environment that the host had. No call
fails: the old ones finish theirs. If the new ones do not start, the old ones stay, and the exit code is 1."""

from __future__ import annotations

from ..exceptions import ProcessError
from .managed import add_config_argument, choose, each_once, kept_hosts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

HELP = "start the workers of a managed host anew"


def add_arguments(parser: ArgumentParser) -> None:
    add_config_argument(parser)


def main(arguments: Namespace) -> int:
    config_file, kept = choose(arguments.config, kept_hosts())
    running = [manager for manager, host in kept if host["state"] != "stopping"]
    if not running:
        raise ProcessError(
            f"No host of {config_file} is managed. The next call of a program starts it. "
            "One of `js-host run` loads its code anew when it gets SIGHUP."
        )
    for manager in each_once(running):
        manager.restart_as_it_was(config_file)
    print(f"Restarted the host of {config_file}")
    return 0
