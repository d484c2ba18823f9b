"""A function of a host, awaited as if it were Python's own."""

from __future__ import annotations

import sys
from asyncio import _get_running_loop
from contextlib import aclosing, nullcontext

from .conf import settings
from .exceptions import FunctionError
from .function import NOTHING, TRACE, FunctionBase, Response, given
from .utils.verbosity import FUNCTION_CALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Coroutine, Iterable
    from types import TracebackType
    from typing import Any, Generic, Self, TypeVar

    from ._wire.results import Decoder
    from .async_js_host import AsyncJSHost
    from .js_host import JSHost

    T = TypeVar("T")

    class Base(Generic[T]): ...
else:
    from .function import Base, T

__all__ = ["AsyncFunction", "AsyncStream"]


class AsyncFunction(FunctionBase[T]):
    """A function that a host's config offers, for programs with an event loop.

        double = AsyncFunction("double", timeout=2)
        await double(number=20)             # 40: the JavaScript value, decoded
        await double.call(number=20)        # '40': the same as text
        await asyncio.gather(*map(double, range(1000)))

    The parameters are those of Function; `host` is an AsyncJSHost, or a JSHost, whose workers are shared then. All
    calls of one event loop go over one connection to each worker, and their answers come in any order. A call whose
    task is cancelled ends in JavaScript too: its `signal` is aborted.

    One AsyncFunction serves any number of event loops, one after the other or in several threads at once.
    """

    host: AsyncJSHost | None = None

    def __call__(self, data: object = NOTHING, /, **fields: object) -> Coroutine[Any, Any, T]:
        """Call the function and return its result, decoded.

        One positional argument is the data itself; keywords become the data object. Coroutine functions and async
        iterators in the data run in this event loop when JavaScript uses them, other callables and iterators in
        threads. Raises FunctionError if the JavaScript throws, FunctionTimeout if it takes too long, and the other
        errors of `js_host.exceptions`.
        """
        return self._begun(data, fields, self._decode or self._decoder())

    def call(self, data: object = NOTHING, /, **fields: object) -> Coroutine[Any, Any, str]:
        """Call the function and return its result as text: a string, and bytes in UTF-8, as they are, else its JSON.

        In that JSON a Date is ISO text, NaN and Infinity null, a Set or a typed array an array, a Map an object (an
        array of pairs, if its keys are not all text), and bytes in something else base64.
        """
        from ._wire import results

        return self._begun(data, fields, results.text)

    def send_request(self, data: object = NOTHING, /, **fields: object) -> Coroutine[Any, Any, Response]:
        """Call the function and return the whole response: `.text`, `.content`, `.json()`."""
        return self._begun(data, fields, Response)

    def stream(self, data: object = NOTHING, /, **fields: object) -> AsyncStream[T]:
        """Call the function and give its result in parts, as they come.

            async for chunk in page.stream(url="/"):
                await response.write(chunk)

        The function returns an (async) generator, an async iterable, or a Node or web stream; what another one
        returns is the only part. The JavaScript goes no faster than the parts are taken. `aclose()`, leaving the
        loop, or cancelling the task ends it at once. The timeout is for each part. Raises what calling does, also
        between parts.
        """
        return AsyncStream(self._parts(data, fields, self._decode or self._decoder()))

    def map(
        self,
        rows: Iterable[object] | AsyncIterable[object],
        *,
        window: int | None = None,
        ordered: bool = True,
        return_exceptions: bool = False,
        progress: bool | str = False,
    ) -> AsyncIterator[T]:
        """Call the function for each of the rows, many calls at once on all workers, and give the results in order.

            async for html in render_page.map(pages):
                ...

        `rows` may be any iterable or async iterable, also an endless one: each row is the data of one call, like the
        one argument of `function(row)`. It is read as results are taken, never further ahead of them than the window;
        a plain iterable that takes its time holds up the event loop. `window` is how many calls one worker is given at
        a time. By default it begins at 16 and follows the calls: tiny ones go out by the hundred, slow ones stay
        balanced between the workers. With `ordered=False` results are given as they come.

        A call that fails raises, at its turn, what calling the function does, and ends the map; with
        `return_exceptions=True` the exception is given in place of its result, and the map goes on. The timeout is for
        each call, from the moment at which the worker begins with it. `aclose()`, leaving the loop, or cancelling the
        task aborts the calls in flight. `progress=True`, or a text to stand before it, shows a progress bar (needs
        tqdm).
        """
        job = self._job(window, ordered, return_exceptions)
        host = self.host or self.get_host()
        host.say(FUNCTION_CALL, f'Calling function "{self.name}" for many rows')
        results = host.map(rows, job)
        if not progress:
            return results
        from .utils.progress import with_async_progress

        return with_async_progress(results, rows, progress)

    def get_host(self) -> AsyncJSHost:
        """The host that has the function: the one it was given, or the default host."""
        if self.host is None:
            from .host import host

            self.host = self._taken(host)
        return self.host

    def _taken(self, host: JSHost | AsyncJSHost) -> AsyncJSHost:
        from .async_js_host import AsyncJSHost

        return host if isinstance(host, AsyncJSHost) else AsyncJSHost.sharing(host)

    def _prepared(self, data: object, fields: dict[str, object]) -> tuple[AsyncJSHost, object, float | None]:
        """The host, the data and the timeout of a call."""
        value = fields if data is NOTHING else given(data, fields)
        host = self.host or self.get_host()
        values = settings.current or settings.read()
        if values["VERBOSITY"] >= FUNCTION_CALL:
            host.say(FUNCTION_CALL, f'Calling function "{self.name}" with {value!r}')
        return host, value, values["FUNCTION_TIMEOUT"] if self.timeout is None else self.timeout

    def _begun(self, data: object, fields: dict[str, object], decode: Decoder) -> Coroutine[Any, Any, Any]:
        coroutine = self._run(data, fields, decode)
        coroutine.__qualname__ = repr(self)  # type: ignore[attr-defined]  # who forgets to await it is told this
        return coroutine

    async def _run(self, data: object, fields: dict[str, object], decode: Decoder) -> Any:
        host, value, timeout = self._prepared(data, fields)
        try:
            if TRACE in sys.modules:
                with self._traced() as name:
                    return await host.call(name, value, timeout, decode, self._key)
            return await host.call(self._name, value, timeout, decode, self._key)
        except FunctionError as error:
            own = self._own(error)
            if own is error:
                raise
            raise own from error

    async def _parts(self, data: object, fields: dict[str, object], decode: Decoder) -> AsyncGenerator[Any, None]:
        host, value, timeout = self._prepared(data, fields)
        try:
            with self._traced(is_current=False) if TRACE in sys.modules else nullcontext(self._name) as name:
                async with aclosing(await host.stream(name, value, timeout, decode, self._key)) as parts:
                    async for part in parts:
                        yield part
        except FunctionError as error:
            own = self._own(error)
            if own is error:
                raise
            raise own from error


class AsyncStream(Base[T]):
    """The parts of a streaming result: `async for part in stream`. Ends the JavaScript when it is left or closed."""

    def __init__(self, parts: AsyncGenerator[T, None]) -> None:
        self._parts = parts

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """The next part."""
        return await self._parts.__anext__()  # not only its awaitable: whoever awaits must keep this object

    async def aclose(self) -> None:
        """Take no more parts: the JavaScript ends at once."""
        await self._parts.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._parts.aclose()

    def __del__(self) -> None:
        # A loop that is left drops its iterator. Nothing has to be awaited to close one, so that is done here and now;
        # without a running loop there is nothing to close any more.
        try:
            if _get_running_loop() is not None:
                self._parts.aclose().send(None)
        except (StopIteration, RuntimeError):
            pass
