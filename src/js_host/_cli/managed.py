"""Which managed host is meant, for the commands that look at one or stop it."""

from __future__ import annotations

import os

from ..conf import settings
from ..exceptions import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, _MutuallyExclusiveGroup
    from collections.abc import Iterable, Sequence
    from typing import Any, TypeAlias

    from ..manager import JSHostManager

    #: A manager, and what it reports of one of its hosts.
    Kept: TypeAlias = tuple[JSHostManager, dict[str, Any]]


def add_config_argument(parser: ArgumentParser | _MutuallyExclusiveGroup) -> None:
    """--config, for a parser or a group of it."""
    parser.add_argument(
        "--config", metavar="FILE", help="config file (default: host.config.js in this directory, or the only one)"
    )


def kept_hosts() -> list[Kept]:
    """All hosts of all managers of this user: there is a manager for each environment in use."""
    from ..manager import JSHostManager

    return [
        (manager, host)
        for manager in JSHostManager.all()
        for host in (manager.get_status(ask_workers=False) or {}).get("hosts", ())
    ]


def choose(named: str | None, kept: Sequence[Kept]) -> tuple[str, list[Kept]]:
    """The config file that is meant, and the hosts of it that run: none, one, or one for each way to run Node."""
    config_file = which_config(named, settings.CONFIG_FILE, [host["config_file"] for _, host in kept])
    return config_file, [(manager, host) for manager, host in kept if same_file(host["config_file"], config_file)]


def which_config(named: str | None, usual: str, kept: Iterable[str]) -> str:
    """The one named; or else the usual one of this directory; or else the only one that is kept."""
    if named is not None or os.path.isfile(usual):
        return os.path.abspath(named or usual)
    files = sorted(set(kept))
    if len(files) == 1:
        return files[0]
    if files:
        raise ConfigError("Several hosts are managed. Name one with --config:\n" + "\n".join(f"  {f}" for f in files))
    raise ConfigError(
        f"No host is managed, and there is no config file {os.path.abspath(usual)}. Name yours with --config."
    )


def each_once(managers: Iterable[JSHostManager]) -> Iterable[JSHostManager]:
    """One handle for each manager."""
    return {manager.get_name(): manager for manager in managers}.values()


def same_file(one: str, other: str) -> bool:
    """Whether two paths of config files, which may not exist any more, mean the same one."""
    return os.path.realpath(one) == os.path.realpath(other)
