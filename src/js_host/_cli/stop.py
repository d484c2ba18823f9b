"""Stop a managed host, for all programs that use it: its running calls finish first. With its last host, the manager
ends too. A program that calls a function after that starts the host again."""

from __future__ import annotations

import sys

from .managed import add_config_argument, choose, each_once, kept_hosts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

HELP = "stop a managed host, or all of them"

SERVED = "One of `js-host run` is stopped where it runs, by Ctrl-C or SIGTERM."


def add_arguments(parser: ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    add_config_argument(which)
    which.add_argument("--all", action="store_true", help="all hosts of this user, and their managers")


def main(arguments: Namespace) -> int:
    return stop_all() if arguments.all else stop_one(arguments.config)


def stop_all() -> int:
    from ..manager import JSHostManager

    managers = JSHostManager.all()
    for manager in managers:
        hosts = manager.hosts
        manager.stop()
        for host in hosts:
            say_stopped(host["config_file"])
    if not managers:
        print(f"No host is managed: there was nothing to stop. {SERVED}", file=sys.stderr)
    return 0


def stop_one(named: str | None) -> int:
    config_file, kept = choose(named, kept_hosts())
    stopped = [manager.stop_host(config_file) for manager in each_once(manager for manager, _ in kept)]
    if any(stopped):
        say_stopped(config_file)
    else:
        print(f"No host of {config_file} is managed: there was nothing to stop. {SERVED}", file=sys.stderr)
    return 0


def say_stopped(config_file: str) -> None:
    print(f"Stopped the host of {config_file}")
