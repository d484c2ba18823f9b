"""How a host is to be started: what was given to JSHost, and the settings for the rest."""

from __future__ import annotations

import os

from .._client.spin import spin_time
from ..conf import settings
from ..exceptions import ConfigError

__all__ = ["HostOptions"]


class HostOptions:
    """The config file, checked to be there, and how to run it. `start_timeout` is in seconds."""

    __slots__ = ("config_file", "forward_logs", "node_args", "path_to_node", "spin", "start_timeout", "workers")

    def __init__(
        self,
        config_file: str,
        workers: int | None,
        path_to_node: str | None,
        node_args: tuple[str, ...] | list[str] | None,
        start_timeout: float | None,
        spin: bool | None,
    ) -> None:
        if not os.path.isfile(config_file):
            raise ConfigError(f"There is no config file {config_file}. Write one with `js-host init`, or name yours.")
        self.config_file = config_file
        self.workers = workers or settings.WORKERS
        self.path_to_node = path_to_node or settings.PATH_TO_NODE
        self.node_args = tuple(settings.NODE_ARGS if node_args is None else node_args)
        self.start_timeout = start_timeout or settings.START_TIMEOUT
        self.spin = settings.SPIN if spin is None else spin
        self.forward_logs = settings.FORWARD_LOGS

    @property
    def spin_time(self) -> int:
        """How long a worker keeps turning for the next call, in microseconds."""
        return spin_time(self.spin)
