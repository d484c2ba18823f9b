"""What a supervisor is told: the config, how many workers, and how patient to be."""

from __future__ import annotations

import os

from js_host._host.lifecycle import RestartBudget
from js_host._host.permissions import with_permissions
from js_host._host.wear import Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from js_host._host.lines import LogLine
    from js_host._host.node import Node

__all__ = ["RUNTIME", "SupervisorOptions"]

RUNTIME = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "runtime", "bundle", "main.cjs")
"""The program that every worker is."""


class SupervisorOptions:
    """How to run one host.

    `command` is what follows Node's path on the command line of a worker; without it, `node_args`,
    the runtime and the config file. `worker_args` follow it, and then the descriptors. Timeouts are
    seconds: `start_timeout` until a worker must be ready, `drain_timeout` for its calls when it is
    stopped, `exit_timeout` for the same when Python ends. `log` takes the lines that workers print, in a thread
    of its own; without it they go to `logging`. With `reload`, new workers take over when a file that the
    config loaded has changed. A worker that reaches one of the `limits` is replaced by a new one. With
    `metrics`, which says where they can be had, the workers keep them. Every `pulse` seconds they are asked whether
    they live. `env` is the environment of the workers; without it, the usual part of ours.
    """

    __slots__ = (
        "command",
        "config_file",
        "drain_timeout",
        "env",
        "exit_timeout",
        "first_pause",
        "limits",
        "log",
        "max_crashes",
        "max_failed_starts",
        "metrics",
        "node",
        "node_args",
        "path_to_node",
        "pulse",
        "reload",
        "shared_unix",
        "start_timeout",
        "window",
        "worker_args",
        "workers",
    )

    def __init__(
        self,
        config_file: str,
        *,
        workers: int = 1,
        node: Node | None = None,
        path_to_node: str | None = None,
        node_args: Sequence[str] = (),
        command: Sequence[str] | None = None,
        worker_args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        shared_unix: bool = False,
        start_timeout: float = 30.0,
        drain_timeout: float = 10.0,
        exit_timeout: float = 1.0,
        max_crashes: int = 5,
        max_failed_starts: int = 3,
        window: float = 60.0,
        first_pause: float = 0.1,
        log: Callable[[Sequence[LogLine]], None] | None = None,
        reload: bool = False,
        limits: Limits | None = None,
        metrics: str | None = None,
        pulse: float = 5.0,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be 1 or more, not {workers!r}")
        self.config_file = os.path.abspath(config_file)
        self.workers = workers
        self.node = node
        self.path_to_node = path_to_node
        self.node_args = tuple(node_args)
        self.command = tuple(command or (*with_permissions(node_args), RUNTIME, self.config_file))
        self.worker_args = tuple(worker_args)
        self.env = env
        self.shared_unix = shared_unix
        self.start_timeout = start_timeout
        self.drain_timeout = drain_timeout
        self.exit_timeout = exit_timeout
        self.max_crashes = max_crashes
        self.max_failed_starts = max_failed_starts
        self.window = window
        self.first_pause = first_pause
        self.log = log
        self.reload = reload
        self.limits = limits or Limits()
        self.metrics = metrics
        self.pulse = pulse

    def new_budget(self) -> RestartBudget:
        """Return an unspent restart budget for one slot."""
        return RestartBudget(self.max_crashes, self.max_failed_starts, self.window, self.first_pause)
