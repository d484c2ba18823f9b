"""A host: what serves the functions of one config file, and the way to it."""

from __future__ import annotations

import os
import sys

from ._homes.first_link import ask_status, link_for
from ._homes.landing import ThereIsOne, pack
from .conf import find_setting, settings
from .exceptions import ConfigError, ConnectionError, ProcessError
from .utils import verbosity
from .utils.checks import absolute_path
from .utils.fork_lock import ForkLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from types import TracebackType
    from typing import Any, Self, TypeAlias, overload

    from ._client.http import HttpLink
    from ._client.job import Job
    from ._client.pool import Pool
    from ._homes.managed import ManagedHome
    from ._homes.options import CallOptions, EnvironmentWish, HostOptions
    from ._homes.owned import OwnedHome
    from ._homes.remote import RemoteHome
    from ._wire.results import Decoder
    from .function import Function, T
    from .manager import JSHostManager

    Home: TypeAlias = OwnedHome | ManagedHome | RemoteHome

__all__ = ["JSHost"]

#: How long the calls of a program that is interrupted may take to end, in seconds.
HURRY = 1.0

#: How long a host that we are not connected to may take to show that it runs, in seconds.
PATIENCE = 2.0


class JSHost(ThereIsOne):
    """The host of one config file.

        with JSHost("host.config.js", workers=2) as host:
            greet = host.function("greet")
            greet(name="Foo")

    In a `with`, or after `start()`, it is a host of this program's own: `workers` Node processes, which are gone
    when the block, or Python, ends; with `owned=True`, they are started when a function is first called. With
    `managed=True` a manager keeps it: it is started when a function is first called, or by `start()`, and stays warm
    for a while after the program has ended. Without any of these, it is the host that runs already at `root_url`, or
    at the address and port of the config: it is connected to when a function is first called, or by `connect()`.

    It can be pickled. In another process it is a host with the same parameters, one for all that arrives there; if it
    was this program's own, it is that process's own, and starts there when a function is first called.

    `config_file` is the path of the config, by default the setting CONFIG_FILE. `workers` (a number, or "auto": one
    for each processor), `path_to_node`, `node_args`, `start_timeout` (seconds), `spin` (poll for answers before
    sleeping), `concurrency` (how many calls each worker is given at a time: 1 for work that keeps it busy; None for
    any number), `queue_size` (how many calls may wait then; one more is QueueFull) and `env` (which environment
    variables JavaScript gets beside the usual ones: names, a dict, or "*" for all) are, by default, the settings of
    those names. So are, for a host at a `root_url`, its `token` or `token_file`, and the files for TLS: `tls_ca` (who
    signs for it), `tls_cert` and `tls_key` (who we are).
    """

    def __init__(
        self,
        config_file: str | os.PathLike[str] | None = None,
        *,
        root_url: str | None = None,
        managed: bool = False,
        owned: bool = False,
        workers: int | str | None = None,
        path_to_node: str | None = None,
        node_args: tuple[str, ...] | list[str] | None = None,
        start_timeout: float | None = None,
        spin: bool | None = None,
        concurrency: int | None = None,
        queue_size: int | None = None,
        env: EnvironmentWish | None = None,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        tls_ca: str | os.PathLike[str] | None = None,
        tls_cert: str | os.PathLike[str] | None = None,
        tls_key: str | os.PathLike[str] | None = None,
    ) -> None:
        config_file, token_file, tls_ca, tls_cert, tls_key = map(
            absolute_path, (config_file, token_file, tls_ca, tls_cert, tls_key)
        )
        self._given = {name: value for name, value in locals().items() if name != "self"}
        checked = {"workers": workers, "concurrency": concurrency, "queue_size": queue_size, "env": env, "token": token}
        for name, value in checked.items():
            if value is not None:
                find_setting(name.upper()).kind.check(name, value)
        if managed + owned + bool(root_url) > 1:
            raise ConfigError("A host is owned, or managed, or at a root_url: give one of these.")
        self._config_file = config_file
        self._root_url = root_url.rstrip("/") if root_url else None
        self._managed = managed
        self._owned = owned
        self._how = (workers, path_to_node, node_args, start_timeout)
        self._calls = (spin, concurrency, queue_size)
        self._env = env
        self._access = (token, token_file, tls_ca, tls_cert, tls_key)
        self._home: Home | None = None
        self._link: Pool | HttpLink | None = None
        self._status: Mapping[str, Any] | None = None
        self._was_stopped = self._is_checked = False
        self._settling = ForkLock()

    def __repr__(self) -> str:
        return f"<JSHost {self._root_url or self._config_file or 'default'}>"

    def __reduce__(self) -> tuple[Callable[..., JSHost], tuple[Any, ...]]:
        owned = self._owned or self._was_stopped or (self._home is not None and self._home.is_own)
        return pack(self, self._given, owned)

    def __enter__(self) -> Self:
        """Start the host; or connect, if it was given a `root_url`."""
        if self._root_url:
            self.connect()
        else:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(isinstance(error, KeyboardInterrupt))

    def _leave(self, is_hurried: bool) -> None:
        """Close, at the end of a `with`: who interrupts a program does not wait for a worker that is stuck."""
        if is_hurried and self._home is not None and self._home.is_own:
            self._home.stop(HURRY)
        self.close()

    # Calling.

    if TYPE_CHECKING:

        @overload
        def function(self, name: str, *, timeout: float | None = None, returns: type[T]) -> Function[T]: ...
        @overload
        def function(self, name: str, *, timeout: float | None = None, returns: Any = None) -> Function[Any]: ...

    def function(self, name: str, *, timeout: float | None = None, returns: Any = None) -> Function[Any]:
        """The function of that name; `timeout` (seconds) and `returns` (a type) as in `js_host.function.Function`."""
        from .function import Function

        return Function(name, self, timeout, returns=returns)

    def call(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> object:
        """Call the function of that name (in UTF-8) and decode its result. `Function` is the comfortable way."""
        link = self._link
        if link is None or (timeout is not None and not timeout > 0):
            link, timeout = link_for(self, name, timeout)
        return link.call(name, value, timeout, decode, key)

    def stream(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> Generator[object, None, None]:
        """Call the function of that name for a result in parts. `Function.stream` is the comfortable way."""
        link, _ = link_for(self, name, timeout)
        return link.stream(name, value, timeout, decode, key)

    def map(self, rows: Iterator[object], job: Job) -> Generator[object, None, None]:
        """Call a function for many rows, as a job says. `Function.map` is the comfortable way."""
        link, _ = link_for(self, job.name, job.timeout)
        return link.map(rows, job)

    # Starting and stopping.

    def start(self) -> None:
        """Start the host and wait until its workers are ready. Does nothing if it runs.

        Raises StartError, with the file, the line and a hint, if the config can not be loaded.
        """
        with self._settling:
            self._start()

    def _start(self) -> None:
        if self._home is not None and not self._home.is_foreign and self._home.is_running():
            return
        if self._root_url:
            raise ProcessError(f"The host at {self._root_url} is not this program's to start. Start it where it runs.")
        self.close()
        self._settle(self._managed_home() if self._managed else self._owned_home())
        if not self._managed:
            self._say(verbosity.VERBOSE, "Started")

    def stop(self, *, stop_manager_if_last: bool = True) -> None:
        """Stop the host: its calls finish first. Does nothing if it does not run.

        A managed host stops for everybody; with the last one, its manager stops too, unless `stop_manager_if_last`
        is False.
        """
        name = self.get_name() if self._home is not None else f"JSHost [{self._root_url or self.config_file}]"
        if self._managed:
            self._stop_managed(stop_manager_if_last)
        elif self._home is not None:
            self._home.stop()
            self._was_stopped = self._home.is_own
        elif not self._was_stopped and self.is_running():
            raise ProcessError(f"{name} was not started by this program. Stop it where it runs.")
        else:
            return
        self._unsettle()
        self.say(verbosity.PROCESS_STOP, f"Stopped {name}")

    def restart(self) -> None:
        """Stop the host and start it again. A managed one is replaced without losing a call."""
        if self._managed:
            self._restart_managed()
        else:
            self.stop()
            self.start()

    def close(self) -> None:
        """Stop the host if it is this program's own; in any case, close our connections to it."""
        home = self._home
        self._unsettle()
        if home is not None:
            home.close()
            self._was_stopped = home.is_own

    def is_running(self) -> bool:
        """Whether the host runs: our own, a managed one, or one that answers at its address, within 2 s at first."""
        if self._home is not None:
            return self._home.is_running()
        if self._managed:
            return self._manager().has_host(self.config_file)
        return not self._owned and not self._was_stopped and ask_status(self, PATIENCE) is not None

    @property
    def manager(self) -> JSHostManager | None:
        """The manager that keeps the host, if it is a managed one."""
        return self._manager() if self._managed else None

    @property
    def logfile(self) -> str | None:
        """The file with all that a managed host's workers have printed."""
        return getattr(self._home, "logfile", None)

    # Connecting.

    def connect(self) -> None:
        """Connect to the host, and check that it offers what the config file says. A managed host is started.

        Raises ConnectionError if none answers, UnexpectedResponse if it is not the one of the config file.
        """
        self._connected()
        if not self._is_checked:
            self._validate()
            self._is_checked = True
            self._say(verbosity.CONNECT, "Connected to")

    def get_name(self) -> str:
        """How messages call it."""
        return f"JSHost [{self.get_url()}]"

    def get_url(self, endpoint: str | None = None) -> str:
        """The URL of the host, or of one of its endpoints. One that Python has started is at http+unix://…"""
        return self._base_url() + (f"/{endpoint}" if endpoint else "")

    @property
    def config_file(self) -> str:
        """The path of the config file."""
        return self._config_file or settings.get_config_file()

    def get_config(self) -> dict[str, Any]:
        """What the config says, as JSON: `functions` is the list of their names."""
        config: dict[str, Any] = self.get_status()["config"]
        return config

    def get_status(self) -> dict[str, Any]:
        """What the host says of itself: `type`, `version` and `config`. Without a host that runs: what it would say."""
        if self._home is None and self._root_url:
            self._connected()
        status = self._home.status() if self._home is not None else self._status
        if status is None:
            status = self._status = self._read_config()
        return dict(status)

    def request_status(self) -> dict[str, Any] | None:
        """What the running host says of itself now, as `get_status` gives it; None if none answers."""
        return ask_status(self, settings.FUNCTION_TIMEOUT)

    def say(self, level: int, text: str) -> None:
        """Print what we do, if the setting VERBOSITY asks for it. On stderr: stdout is the program's own."""
        if level <= settings.VERBOSITY:
            print(text, file=sys.stderr)

    # How.

    def _say(self, level: int, deed: str) -> None:
        if level <= settings.VERBOSITY:
            self.say(level, f"{deed} {self.get_name()}")

    def _settle(self, home: Home) -> Home:
        self._home, self._link, self._status, self._is_checked = home, home.link, None, home.is_own
        return home

    def _unsettle(self) -> None:
        self._home = self._link = self._status = None

    def _connected(self, timeout: float | None = None) -> Home:
        """The home of a host that nobody started with `start()`: one, however many threads ask for it at once.

        One that runs already may take `timeout` seconds to answer, by default the setting FUNCTION_TIMEOUT.
        """
        with self._settling:
            if self._home is not None:
                return self._home
            if self._was_stopped:
                raise ConnectionError("The host was stopped. Start it again with its `start()`.")
            return self._settle(self._first_home(timeout))

    def _first_home(self, timeout: float | None) -> Home:
        if self._managed:
            return self._managed_home()
        return self._owned_home() if self._owned and not self._root_url else self._remote_home(timeout)

    def _options(self) -> HostOptions:
        from ._homes.options import HostOptions

        return HostOptions(self.config_file, *self._how, self._call_options(), self._env)

    def _call_options(self) -> CallOptions:
        from ._homes.options import CallOptions

        return CallOptions(*self._calls)

    def _owned_home(self) -> OwnedHome:
        from ._homes.owned import OwnedHome

        self._was_stopped = False
        return OwnedHome(self._options())

    def _managed_home(self) -> ManagedHome:
        from ._homes.managed import ManagedHome

        return ManagedHome(self._options(), lambda text: self.say(verbosity.PROCESS_START, text))

    def _remote_home(self, timeout: float | None) -> RemoteHome:
        from ._homes.access import AccessOptions
        from ._homes.remote import RemoteHome

        config_file = None if self._root_url else self._config_file or settings.CONFIG_FILE
        url, wait = self.get_url(), settings.FUNCTION_TIMEOUT if timeout is None else timeout
        return RemoteHome(url, self._call_options(), AccessOptions(*self._access), config_file, wait)

    def _manager(self) -> JSHostManager:
        from .manager import JSHostManager

        return JSHostManager()

    def _stop_managed(self, stop_manager_if_last: bool) -> None:
        self.close()
        self._manager().stop_host(self.config_file, stop_manager_if_last=stop_manager_if_last)

    def _restart_managed(self) -> None:
        from ._homes.managed import ManagedHome

        home = self._connected()
        assert isinstance(home, ManagedHome)
        home.restart()

    def _base_url(self) -> str:
        if self._root_url:
            return self._root_url
        if self._home is not None:
            return self._home.url()
        config = self.get_config()
        return f"http://{config['address']}:{config['port']}"

    def _validate(self) -> None:
        if self._config_file is None or self._managed or self._owned:
            return
        from ._homes.remote import check_functions

        check_functions(self.get_url(), self.get_config(), self._config_file, self._read_config()["config"])

    def _read_config(self) -> Mapping[str, Any]:
        from ._host.config_file import read_config_file

        if self._root_url and self._config_file is None:
            raise ConnectionError(f"No host answers at {self._root_url}.")
        options = self._options()
        node, program = settings.get_path_to_node(), settings.get_path_to_bin()
        return read_config_file(node, program, options.config_file, timeout=options.start_timeout, env=options.env)
