"""How a host is to be started and called: what was given to JSHost, and the settings for the rest."""

from __future__ import annotations

import os

from .._client.spin import processors, spin_time
from .._host.environment import pick
from .._host.wear import Limits
from ..conf import find_setting, settings
from ..exceptions import ConfigError, HostWarning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal, TypeAlias

    from .._client.gate import Gate

    #: Which environment variables JavaScript gets beside the usual ones: names, names and values, or all.
    EnvironmentWish: TypeAlias = Sequence[str] | Mapping[str, str] | Literal["*"]

__all__ = ["CallOptions", "HostOptions", "count_workers", "environment", "limits_of"]


class CallOptions:
    """How to call: whether to `spin`, and how many calls a worker is given at a time (`concurrency`; None: any)."""

    __slots__ = ("concurrency", "queue_size", "spin")

    def __init__(self, spin: bool | None, concurrency: int | None, queue_size: int | None) -> None:
        self.spin = settings.SPIN if spin is None else spin
        self.concurrency = concurrency or settings.CONCURRENCY
        self.queue_size = settings.QUEUE_SIZE if queue_size is None else queue_size

    @property
    def spin_time(self) -> int:
        """How long a worker keeps turning for the next call, in microseconds."""
        return spin_time(self.spin)

    def gate(self) -> Gate | None:
        """What holds back the calls for which no worker has room; None without a limit."""
        if self.concurrency is None:
            return None
        from .._client.gate import Gate  # late: few programs want a limit

        return Gate(self.concurrency, self.queue_size)


class HostOptions:
    """The config file, checked to be there, and how to run it. `start_timeout` is in seconds."""

    __slots__ = (
        "calls",
        "config_file",
        "env",
        "forward_logs",
        "limits",
        "node_args",
        "path_to_node",
        "start_timeout",
        "wanted_env",
        "workers",
    )

    def __init__(
        self,
        config_file: str,
        workers: int | str | None,
        path_to_node: str | None,
        node_args: tuple[str, ...] | list[str] | None,
        start_timeout: float | None,
        calls: CallOptions,
        env: EnvironmentWish | None = None,
    ) -> None:
        if not os.path.isfile(config_file):
            from ..utils.near_config import missing_config  # late: only mistakes need it

            raise ConfigError(missing_config(config_file))
        self.config_file = config_file
        self.workers = count_workers(workers or settings.WORKERS)
        self.path_to_node = path_to_node or settings.PATH_TO_NODE
        self.node_args: tuple[str, ...] = _checked("node_args", settings.NODE_ARGS if node_args is None else node_args)
        self.start_timeout = start_timeout or settings.START_TIMEOUT
        self.limits = limits_of(settings.MAX_CALLS, settings.MAX_MEMORY, settings.MAX_AGE)
        self.calls = calls
        self.forward_logs = settings.FORWARD_LOGS
        self.wanted_env: tuple[str, ...] = _checked("env", settings.ENV if env is None else env)
        self.env = environment(self.wanted_env)


def _checked(keyword: str, value: object) -> Any:
    """What was given with a keyword, as the setting of the same name keeps it. Raises ConfigError if it is no good."""
    return find_setting(keyword.upper()).kind.check(keyword, value)


def limits_of(calls: int | None, megabytes: int | None, seconds: float | None) -> Limits:
    """What a worker may do before it is replaced; memory in MB."""
    return Limits(calls, None if megabytes is None else megabytes * 1_000_000, seconds)


def count_workers(wanted: int | str) -> int:
    """As many as wanted; "auto" is one for each processor that this program may use."""
    return max(1, int(processors())) if wanted == "auto" else int(wanted)


def environment(wanted: Sequence[str]) -> dict[str, str]:
    """The part of this program's environment that JavaScript gets. Warns where NODE_OPTIONS is left out."""
    env = pick(os.environ, wanted)
    if os.environ.get("NODE_OPTIONS") and "NODE_OPTIONS" not in env:
        from warnings import warn

        warn(
            "NODE_OPTIONS is set in the environment, and not passed on to JavaScript: it can make Node run any code. "
            'To pass it on, name it in the setting ENV (env=["NODE_OPTIONS"], --env NODE_OPTIONS); or give arguments '
            "for Node in NODE_ARGS. To end this warning, unset it.",
            HostWarning,
            stacklevel=2,
        )
    return env
