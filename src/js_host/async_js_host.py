"""A host for programs with an event loop: what may block runs in a thread."""

from __future__ import annotations

import asyncio
from asyncio import _get_running_loop

from ._client.aio_pool import pool_of_this_loop
from ._client.single_flight import SingleFlight
from ._homes.aio_first_link import link_in_loop
from ._homes.landing import ThereIsOne
from ._wire.traces import too_late
from .js_host import JSHost

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Iterable
    from types import TracebackType
    from typing import Any, Self, TypeVar, overload

    from ._client.aio_pool import AsyncPool
    from ._client.aio_results import AsyncResults
    from ._client.aio_threads import AsyncThreads
    from ._client.job import Job
    from ._homes.options import EnvironmentWish
    from ._wire.results import Decoder
    from .async_function import AsyncFunction, T
    from .manager import JSHostManager

    R = TypeVar("R")

__all__ = ["AsyncJSHost"]


class AsyncJSHost(ThereIsOne):
    """The host of one config file, for programs with an event loop.

        async with AsyncJSHost("host.config.js", workers=2) as host:
            greet = host.function("greet")
            await greet(name="Foo")

    The parameters are those of JSHost, and so are the methods: those that may take a while are to be awaited.
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
        self._share(
            JSHost(
                config_file,
                root_url=root_url,
                managed=managed,
                owned=owned,
                workers=workers,
                path_to_node=path_to_node,
                node_args=node_args,
                start_timeout=start_timeout,
                spin=spin,
                concurrency=concurrency,
                queue_size=queue_size,
                env=env,
                token=token,
                token_file=token_file,
                tls_ca=tls_ca,
                tls_cert=tls_cert,
                tls_key=tls_key,
            )
        )

    @classmethod
    def sharing(cls, host: JSHost) -> Self:
        """The same host as a JSHost, with the same workers."""
        other = cls.__new__(cls)
        other._share(host)
        return other

    def _share(self, host: JSHost) -> None:
        self._host = host
        self._connecting = SingleFlight()

    def __repr__(self) -> str:
        return repr(self._host).replace("JSHost", "AsyncJSHost", 1)

    def __reduce__(self) -> tuple[Callable[[JSHost], Self], tuple[JSHost]]:
        return type(self).sharing, (self._host,)

    async def __aenter__(self) -> Self:
        """Start the host; or connect, if it was given a `root_url`."""
        await self._begin(self._host.__enter__)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await _to_the_end(lambda: self._host._leave(isinstance(error, (KeyboardInterrupt, asyncio.CancelledError))))

    # Calling.

    if TYPE_CHECKING:

        @overload
        def function(self, name: str, *, timeout: float | None = None, returns: type[T]) -> AsyncFunction[T]: ...
        @overload
        def function(self, name: str, *, timeout: float | None = None, returns: Any = None) -> AsyncFunction[Any]: ...

    def function(self, name: str, *, timeout: float | None = None, returns: Any = None) -> AsyncFunction[Any]:
        """The function of that name; `timeout` (seconds) and `returns` (a type) as in `js_host.function.Function`."""
        from .async_function import AsyncFunction

        return AsyncFunction(name, self, timeout, returns=returns)

    def call(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> Coroutine[Any, Any, object]:
        """Call the function of that name (in UTF-8) and decode its result. `AsyncFunction` is the comfortable way."""
        link = self._host._link
        pool = None if link is None else link.loops.get(_get_running_loop())  # type: ignore[arg-type]
        if pool is None or (timeout is not None and not timeout > 0):
            return self._call(name, value, timeout, decode, key)
        return pool.call(name, value, timeout, decode, key)

    async def _call(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None
    ) -> object:
        pool, timeout = await self._pool(name, timeout)
        return await pool.call(name, value, timeout, decode, key)

    async def stream(
        self, name: bytes, value: object, timeout: float | None, decode: Decoder, key: int | None = None
    ) -> AsyncGenerator[object, None]:
        """Call the function of that name for a result in parts. `AsyncFunction.stream` is the comfortable way."""
        pool, _ = await self._pool(name, timeout)
        return pool.stream(name, value, timeout, decode, key)

    def map(self, rows: Iterable[object] | AsyncIterable[object], job: Job) -> AsyncResults:
        """Call a function for many rows, as a job says. `AsyncFunction.map` is the comfortable way."""
        from ._client.aio_results import AsyncResults  # late, like the next: many programs never need it
        from ._client.aio_rows import RowSource

        if job.timeout is not None and not job.timeout > 0:
            raise too_late(job.name, job.timeout)

        async def connect() -> AsyncPool | AsyncThreads:
            pool, _ = await self._pool(job.name, job.timeout)
            return pool

        return AsyncResults(connect, RowSource(rows), job)

    async def _pool(self, name: bytes, timeout: float | None) -> tuple[AsyncPool | AsyncThreads, float | None]:
        """The connections of this event loop for a call of a function, and what is left of its time."""
        link = self._host._link
        if link is None or (timeout is not None and not timeout > 0):
            link, timeout = await link_in_loop(self._host, self._connecting, name, timeout)
        return pool_of_this_loop(link), timeout

    # Starting and stopping.

    async def start(self) -> None:
        """Start the host and wait until its workers are ready. Does nothing if it runs.

        Raises StartError, with the file, the line and a hint, if the config can not be loaded. If the task is
        cancelled meanwhile, the host does not stay.
        """
        await self._begin(self._host.start)

    async def stop(self, *, stop_manager_if_last: bool = True) -> None:
        """Stop the host: its calls finish first. Does nothing if it does not run.

        A managed host stops for everybody; with the last one, its manager stops too, unless `stop_manager_if_last`
        is False.
        """
        await _to_the_end(lambda: self._host.stop(stop_manager_if_last=stop_manager_if_last))

    async def restart(self) -> None:
        """Stop the host and start it again. A managed one is replaced without losing a call."""
        await self._begin(self._host.restart)

    async def close(self) -> None:
        """Stop the host if it is this program's own; in any case, close our connections to it."""
        await _to_the_end(self._host.close)

    async def is_running(self) -> bool:
        """Whether the host runs: our own, a managed one, or one that answers at its address, within 2 s at first."""
        return await asyncio.to_thread(self._host.is_running)

    @property
    def manager(self) -> JSHostManager | None:
        """The manager that keeps the host, if it is a managed one."""
        return self._host.manager

    @property
    def logfile(self) -> str | None:
        """The file with all that a managed host's workers have printed."""
        return self._host.logfile

    async def _begin(self, start: Callable[[], object]) -> None:
        """Run it in a thread. It can not be broken off: if the task is cancelled, it is undone."""
        try:
            await _to_the_end(start)
        except asyncio.CancelledError:
            await _to_the_end(self._host.close)
            raise

    # Connecting.

    async def connect(self) -> None:
        """Connect to the host, and check that it offers what the config file says. A managed host is started.

        Raises ConnectionError if none answers, UnexpectedResponse if it is not the one of the config file.
        """
        await asyncio.to_thread(self._host.connect)

    async def get_name(self) -> str:
        """How messages call it."""
        return await asyncio.to_thread(self._host.get_name)

    async def get_url(self, endpoint: str | None = None) -> str:
        """The URL of the host, or of one of its endpoints. One that Python has started is at http+unix://…"""
        return await asyncio.to_thread(self._host.get_url, endpoint)

    @property
    def config_file(self) -> str:
        """The path of the config file."""
        return self._host.config_file

    async def get_config(self) -> dict[str, Any]:
        """What the config says, as JSON: `functions` is the list of their names."""
        return await asyncio.to_thread(self._host.get_config)

    async def get_status(self) -> dict[str, Any]:
        """What the host says of itself: `type`, `version` and `config`. Without a host that runs: what it would say."""
        return await asyncio.to_thread(self._host.get_status)

    async def request_status(self) -> dict[str, Any] | None:
        """What the running host says of itself now, as `get_status` gives it; None if none answers."""
        return await asyncio.to_thread(self._host.request_status)

    def say(self, level: int, text: str) -> None:
        """Print what we do, if the setting VERBOSITY asks for it. On stderr: stdout is the program's own."""
        self._host.say(level, text)


async def _to_the_end(deed: Callable[[], R]) -> R:
    """Run it in a thread, and wait for its end also where the task is cancelled meanwhile."""
    task = asyncio.ensure_future(asyncio.to_thread(deed))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.cancelled():
            await asyncio.wait((task,))
            task.cancelled() or task.exception()  # the cancelling is what there is to tell
        raise
