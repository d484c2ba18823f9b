"""The manager, as a program sees it: a detached process that keeps hosts warm while programs come and go.

    from js_host.manager import JSHostManager

    manager = JSHostManager()
    manager.is_running()
    manager.hosts                    # what it keeps, with workers, leases and the last crash
    manager.stop()

It is for development. There is one for each user and environment (the same Python, PATH, JS_HOST_NODE and NODE_*
variables); who needs it first starts it, and it ends with its last host.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ._manager.client import Lease
    from ._manager.follow import Follow
    from ._manager.place import Place

__all__ = ["JSHostManager"]


class JSHostManager:
    """A handle on the manager of this user and environment. It holds nothing: any number of them mean the same one.

    `JSHostManager.all()` gives those of other environments too. They can be asked and stopped, and start nothing.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name

    @classmethod
    def all(cls) -> list[JSHostManager]:
        """The managers of this user that run: one for each environment (virtual environment, PATH, …) in use."""
        from ._manager.place import all_places

        return [manager for place in all_places() if (manager := cls(place.name)).is_running()]

    def __repr__(self) -> str:
        return f"<{self.get_name()}>"

    def get_name(self) -> str:
        """How messages call it."""
        return f"JSHostManager [{self._place().name}]"

    def is_running(self) -> bool:
        """Whether it runs and takes leases."""
        from ._manager.find import connect
        from ._manager.fork import close_held

        line = connect(self._place())
        if line is not None:
            close_held(line)
        return line is not None

    def get_status(self, *, ask_workers: bool = True) -> dict[str, Any] | None:
        """What it says of itself: version, pid, uptime, memory, logfile and `hosts`. None if it does not run.

        Its workers are asked how many calls they had, which functions run, and how large their heap is; a worker that
        is blocked may hold this up by half a second. Without `ask_workers` that is left out.
        """
        from ._manager.client import request

        return request("status", place=self._place(), survey=ask_workers)

    @property
    def hosts(self) -> list[dict[str, Any]]:
        """Its hosts: for each its `config_file`, `state`, `uptime`, `leases`, `logfile` and `workers`."""
        hosts: list[dict[str, Any]] = (self.get_status() or {}).get("hosts", [])
        return hosts

    def has_host(self, config_file: str | os.PathLike[str]) -> bool:
        """Whether the host of a config file runs there."""
        path = os.path.realpath(config_file)
        hosts = (self.get_status(ask_workers=False) or {}).get("hosts", [])
        return any(os.path.realpath(host["config_file"]) == path for host in hosts)

    @property
    def logfile(self) -> str | None:
        """The file in which it says what it does itself. Each host has one of its own. None if there is no place."""
        from ._manager.logfile import manager_log_path

        return manager_log_path(self._place().name)

    def get_logfile(
        self,
        config_file: str | os.PathLike[str],
        *,
        path_to_node: str | None = None,
        node_args: tuple[str, ...] | list[str] = (),
        env: tuple[str, ...] | list[str] = (),
    ) -> str | None:
        """The log file of the host of a config file, whether it runs or not. None if there is no place for logs."""
        from ._manager.logfile import host_log_path
        from ._manager.protocol import absolute_node, host_key

        path = os.path.abspath(config_file)
        return host_log_path(path, host_key(path, absolute_node(path_to_node), node_args, env))

    def stop(self) -> None:
        """Stop it, and all of its hosts: their calls finish first. Returns when it is gone. Else, does nothing."""
        from ._manager.client import request

        request("stop-manager", place=self._place())

    def start_host(
        self,
        config_file: str | os.PathLike[str],
        *,
        workers: int = 1,
        path_to_node: str | None = None,
        node_args: tuple[str, ...] | list[str] = (),
        env: tuple[str, ...] | list[str] = (),
        spin: int = 0,
        start_timeout: float = 30.0,
        say: Callable[[str], None] | None = None,
    ) -> Lease:
        """Start the host of a config file, if it does not run, and hold it: as long as the lease that this returns.

        Raises StartError with the file, the line and a hint, if the config can not be loaded.
        """
        from ._manager.client import lease, settings_message

        message = settings_message(
            os.fspath(config_file),
            workers=workers,
            path_to_node=path_to_node,
            node_args=node_args,
            env=env,
            spin=spin,
            start_timeout=start_timeout,
        )
        return lease(message, say)

    def follow_host(
        self,
        config_file: str | os.PathLike[str],
        *,
        path_to_node: str | None = None,
        node_args: tuple[str, ...] | list[str] = (),
        say: Callable[[str], None] | None = None,
    ) -> Follow:
        """Hand what the host of a config file prints to `logging`, until `close()` of what this returns.

        The loggers are `js_host.worker` and `js_host.supervisor`. Lines that a slow log handler has no time for are
        dropped, and told. The setting FORWARD_LOGS does this for every managed host.
        """
        from ._manager.follow import Follow

        return Follow(os.fspath(config_file), path_to_node=path_to_node, node_args=node_args, say=say)

    def stop_host(self, config_file: str | os.PathLike[str], *, stop_manager_if_last: bool = True) -> bool:
        """Stop the host of a config file: its calls finish first. Returns when it is gone, and whether there was one.

        With its last host the manager stops too, unless that is not wanted: then it stays for some minutes.
        """
        from ._manager.client import request

        path = os.path.abspath(config_file)
        answer = request("stop", place=self._place(), config_file=path, stop_manager_if_last=stop_manager_if_last)
        return bool(answer and answer["stopped"])

    def restart_host(
        self,
        config_file: str | os.PathLike[str],
        *,
        workers: int = 1,
        path_to_node: str | None = None,
        node_args: tuple[str, ...] | list[str] = (),
        env: tuple[str, ...] | list[str] = (),
        spin: int = 0,
        start_timeout: float = 30.0,
    ) -> None:
        """Replace the host of a config file by a new one with this program's environment; start it if it does not run.

        The old one goes when the new one is ready, so no call fails; returns when it is gone. If the new one does not
        start, the old one stays, and StartError says why. The settings count only where no host runs: one that runs
        keeps its own.
        """
        from ._manager.client import request_or_start, settings_message

        message = settings_message(
            os.fspath(config_file),
            workers=workers,
            path_to_node=path_to_node,
            node_args=node_args,
            env=env,
            spin=spin,
            start_timeout=start_timeout,
        )
        request_or_start("restart", message)

    def restart_as_it_was(self, config_file: str | os.PathLike[str]) -> None:
        """Replace a host that runs by a new one, with the environment that it has: for tools, which have another."""
        from ._manager.client import RESTART_LIMIT, request

        request("restart", RESTART_LIMIT, place=self._place(), config_file=os.path.abspath(config_file))

    def _place(self) -> Place:
        from ._manager.place import find_place, named_place

        return find_place() if self._name is None else named_place(self._name)
