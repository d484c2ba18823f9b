"""A host: what serves the functions of one config file, and the way to it."""

from __future__ import annotations

import os
import sys

from .conf import settings
from .exceptions import ConfigError, ConnectionError, FunctionTimeout, ProcessError, UnexpectedResponse, WorkerDied
from .utils import verbosity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Any, Self

    from ._client.http import HttpLink
    from ._client.pool import Lane, Pool
    from ._host.supervisor import Supervisor
    from ._wire.results import Decoder
    from .exceptions import JSHostError
    from .function import Function

__all__ = ["JSHost"]


class JSHost:
    """The host of one config file.

        with JSHost("host.config.js", workers=2) as host:
            greet = host.function("greet")
            greet(name="Foo")

    In a `with`, or after `start()`, it is a host of this program's own: `workers` Node processes, which are gone
    when the block, or Python, ends. Without that, it is the host that runs already at `root_url`, or at the
    address and port of the config: it is connected to when a function is first called, or by `connect()`.

    `config_file` is the path of the config, by default the setting CONFIG_FILE. `workers`, `path_to_node`,
    `node_args`, `start_timeout` (seconds) and `spin` (poll for answers before sleeping) are, by default, the
    settings of those names.
    """

    def __init__(
        self,
        config_file: str | os.PathLike[str] | None = None,
        *,
        root_url: str | None = None,
        workers: int | None = None,
        path_to_node: str | None = None,
        node_args: tuple[str, ...] | list[str] | None = None,
        start_timeout: float | None = None,
        spin: bool | None = None,
    ) -> None:
        if workers is not None and (type(workers) is not int or workers < 1):
            raise ConfigError(f"workers must be a whole number from 1, not {workers!r}.")
        self._config_file = None if config_file is None else os.path.abspath(config_file)
        self._root_url = root_url.rstrip("/") if root_url else None
        self._workers = workers
        self._path_to_node = path_to_node
        self._node_args = node_args
        self._start_timeout = start_timeout
        self._spin = spin
        self._link: Pool | HttpLink | None = None
        self._supervisor: Supervisor | None = None
        self._status: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<JSHost {self._root_url or self._config_file or 'default'}>"

    def __enter__(self) -> Self:
        """Start a host of our own; or connect, if it was given a `root_url`."""
        if self._root_url:
            self.connect()
        else:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Calling.

    def function(self, name: str, *, timeout: float | None = None, returns: Any = None) -> Function[Any]:
        """The function of that name; `timeout` (seconds) and `returns` (a type) as in `js_host.function.Function`."""
        from .function import Function

        return Function(name, self, timeout, returns=returns)

    def call(self, name: bytes, value: object, timeout: float | None, decode: Decoder) -> object:
        """Call the function of that name (in UTF-8) and decode its result. `Function` is the comfortable way."""
        if timeout is not None and not timeout > 0:
            raise FunctionTimeout(
                f"{name.decode()} was given {timeout} s: its deadline had passed.", maybe_executed=False
            )
        link = self._link or self._connect()
        return link.call(name, value, timeout, decode)

    # Owning.

    def start(self) -> None:
        """Start a host of our own and wait until its workers are ready. Does nothing if it runs.

        Raises StartError, with the file, the line and a hint, if the config can not be loaded.
        """
        if self._owns_running():
            return
        from ._host.supervisor import Supervisor

        supervisor = Supervisor(self._options())
        supervisor.begin()
        from . import function as _  # while Node boots
        from ._client.pool import Pool

        pool = Pool(self._lanes(supervisor), self._explain, spin=self._spins())
        pool.begin()
        try:
            supervisor.wait_until_ready()
        except BaseException:
            pool.close()
            raise
        self._supervisor, self._link = supervisor, pool
        self._say(verbosity.VERBOSE, "Started")

    def stop(self) -> None:
        """Stop a host of our own: its calls finish first. Does nothing if it does not run."""
        if self._supervisor is None:
            if self.is_running():
                raise ProcessError(f"{self.get_name()} was not started by this program. Stop it where it runs.")
            return
        supervisor, self._supervisor = self._supervisor, None
        self._unlink()
        supervisor.stop()
        self._say(verbosity.PROCESS_STOP, "Stopped")

    def restart(self) -> None:
        """Stop a host of our own and start it again."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the host if it is our own; in any case, close our connections to it."""
        self._unlink()
        if self._supervisor is not None:
            self.stop()

    def is_running(self) -> bool:
        """Whether the host runs: our own, or one that answers at its address."""
        return self._owns_running() or self.request_status() is not None

    # Connecting.

    def connect(self) -> None:
        """Connect to the host that runs already, and check that it offers what the config file says.

        Raises ConnectionError if none answers, UnexpectedResponse if it is not the one of the config file.
        """
        if not self._owns_running():
            self._connect()
            self._validate()
            self._say(verbosity.CONNECT, "Connected to")

    def get_name(self) -> str:
        """How messages call it."""
        return f"JSHost [{self.get_url()}]"

    def get_url(self, endpoint: str | None = None) -> str:
        """The URL of the host, or of one of its endpoints. A host of our own is behind a Unix socket: http+unix://."""
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
        if self._status is None:
            self._status = self._own_status() or self._remote_status() or self._read_config()
        return dict(self._status)

    def request_status(self) -> dict[str, Any] | None:
        """The same, asked of the running host now; None if none answers."""
        try:
            status = (self._link or self._open_link()).status(settings.FUNCTION_TIMEOUT)
        except (ConnectionError, UnexpectedResponse, FunctionTimeout):
            return None
        return status if isinstance(status, dict) and "config" in status else None

    def say(self, level: int, text: str) -> None:
        """Print what we do, if the setting VERBOSITY asks for it. On stderr: stdout is the program's own."""
        if level <= settings.VERBOSITY:
            print(text, file=sys.stderr)

    def _say(self, level: int, deed: str) -> None:
        if level <= settings.VERBOSITY:
            self.say(level, f"{deed} {self.get_name()}")

    # How.

    def _owns_running(self) -> bool:
        return self._supervisor is not None and self._supervisor.is_running

    def _spins(self) -> bool:
        return settings.SPIN if self._spin is None else self._spin

    def _options(self) -> Any:
        from ._client.spin import spin_time
        from ._host.options import SupervisorOptions

        return SupervisorOptions(
            self._existing_config_file(),
            workers=self._workers or settings.WORKERS,
            path_to_node=self._path_to_node or settings.PATH_TO_NODE,
            node_args=settings.NODE_ARGS if self._node_args is None else self._node_args,
            start_timeout=self._start_timeout or settings.START_TIMEOUT,
            shared_unix=True,
            worker_args=("--spin", str(spin_time(self._spins()))),
        )

    def _existing_config_file(self) -> str:
        path = self.config_file
        if not os.path.isfile(path):
            raise ConfigError(f"There is no config file {path}. Write one with `js-host init`, or name yours.")
        return path

    def _lanes(self, supervisor: Supervisor) -> list[Lane]:
        from ._client.address import Address
        from ._client.pool import Lane

        return [Lane(Address.unix(slot.address), slot) for slot in supervisor.slots]

    def _explain(self, lane: Lane, pid: int) -> JSHostError | None:
        """Why the worker of a lane was lost with a call in its hands; or, without a pid, why none is there."""
        supervisor = self._supervisor
        if supervisor is None or lane.slot is None:
            return None
        slot = supervisor.slots[lane.slot.number]
        if not pid:
            story = slot.failure or slot.last_end
            return ProcessError(str(story)) if story else None
        end = supervisor.explain(slot, pid)
        return WorkerDied(str(end)) if end else None

    def _unlink(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None
        self._status = None

    def _base_url(self) -> str:
        if self._root_url:
            return self._root_url
        if self._supervisor is not None and self._supervisor.sockets is not None:
            from urllib.parse import quote

            return f"http+unix://{quote(self._supervisor.sockets.shared_address or '', safe='')}"
        config = self.get_config()
        return f"http://{config['address']}:{config['port']}"

    def _connect(self) -> Pool | HttpLink:
        if self._supervisor is not None:
            raise ConnectionError("The host was stopped. Start it again with `host.start()`.")
        link = self._open_link()
        self._link = link
        return link

    def _open_link(self) -> Pool | HttpLink:
        """Frames where the host speaks them, else HTTP."""
        from ._client.link import open_link

        try:
            return open_link(self.get_url(), spin=self._spins(), timeout=settings.FUNCTION_TIMEOUT)
        except ConnectionError as error:
            raise ConnectionError(
                f"{error} Start the host with `js-host run {self._config_file or settings.CONFIG_FILE}`, or let "
                "this program have one of its own: `with JSHost(config_file) as host: …`."
            ) from None

    def _validate(self) -> None:
        if self._config_file is None:
            return
        local, remote = self._read_config()["config"], self.get_config()
        if set(local.get("functions") or ()) != set(remote.get("functions") or ()):
            raise UnexpectedResponse(
                f"The host at {self.get_url()} is not one of {self._config_file}, or of an older version of it: "
                f"it offers {remote.get('functions')}, the file {local.get('functions')}. Restart it.",
                maybe_executed=False,
            )

    def _own_status(self) -> Mapping[str, Any] | None:
        if self._supervisor is None:
            return None
        for slot in self._supervisor.slots:
            if slot.info:
                status: Mapping[str, Any] = slot.info["status"]  # type: ignore[assignment]
                return status
        return None

    def _remote_status(self) -> Mapping[str, Any] | None:
        return self.request_status() if self._root_url or self._link else None

    def _read_config(self) -> Mapping[str, Any]:
        from ._host.config_file import read_config_file

        if self._root_url and self._config_file is None:
            raise ConnectionError(f"No host answers at {self._root_url}.")
        return read_config_file(
            settings.get_path_to_node(),
            settings.get_path_to_bin(),
            self._existing_config_file(),
            timeout=self._start_timeout or settings.START_TIMEOUT,
        )
