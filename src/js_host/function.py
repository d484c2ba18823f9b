"""A function of a host, called as if it were Python's own."""

from __future__ import annotations

import sys

from .conf import settings
from .exceptions import ConfigError, FunctionError, HostWarning
from .response import Response
from .utils.checks import check_exception_cls, check_host, check_timeout, check_window, checked_name
from .utils.verbosity import FUNCTION_CALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from contextlib import AbstractContextManager
    from typing import Any, Generic, Self, TypeVar, overload

    from ._client.job import Job, OnError
    from ._wire.results import Decoder
    from .async_js_host import AsyncJSHost
    from .js_host import JSHost

    T = TypeVar("T")

    class Base(Generic[T]): ...
else:
    T = None

    class Base:
        """`Function[T]` is for type checkers; `typing` is not worth its import at run time."""

        def __class_getitem__(cls, item):
            return cls


__all__ = ["NOTHING", "Function", "FunctionBase", "Response", "given"]


class _Nothing:
    def __repr__(self) -> str:
        """What `help()` shows as the default of a call's data."""
        return "<no data>"


#: Stands for data that was not given.
NOTHING = _Nothing()

#: A program that has imported this wants to see its calls as spans.
TRACE = "opentelemetry.trace"


class FunctionBase(Base[T]):
    """What Function and AsyncFunction have in common: all but the calling."""

    name: str | None = None
    host: JSHost | AsyncJSHost | None = None
    timeout: float | None = None
    exception_cls: type[Exception] | None = None
    returns: object = None
    _key: int | None = None
    _decode: Decoder | None = None
    _name: bytes

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: FunctionBase[Any],
            name: str | None = None,
            host: JSHost | AsyncJSHost | None = None,
            timeout: float | None = None,
            exception_cls: type[Exception] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self,
            name: str | None = None,
            host: JSHost | AsyncJSHost | None = None,
            timeout: float | None = None,
            exception_cls: type[Exception] | None = None,
            *,
            returns: type[T],
        ) -> None: ...
        @overload
        def __init__(
            self: FunctionBase[Any],
            name: str | None = None,
            host: JSHost | AsyncJSHost | None = None,
            timeout: float | None = None,
            exception_cls: type[Exception] | None = None,
            *,
            returns: object = None,
        ) -> None: ...

    def __init__(
        self,
        name: str | None = None,
        host: JSHost | AsyncJSHost | None = None,
        timeout: float | None = None,
        exception_cls: type[Exception] | None = None,
        *,
        returns: object = None,
    ) -> None:
        if name is None:
            self._name = checked_name(self.name)
        else:
            self.name = name
        if (wanted := host or self.host) is not None:
            check_host(wanted)
            self.host = self._taken(wanted)
        if timeout is not None:
            self.timeout = timeout
        if exception_cls is not None:
            self.exception_cls = exception_cls
        if returns is not None:
            self.returns = returns
        check_timeout(self.timeout)
        check_exception_cls(self.exception_cls)

    def __setattr__(self, attribute: str, value: object) -> None:
        """Set an attribute: calls follow from then on, also what was made of the name or of `returns` for them.

        No property does that: a subclass has a plain `name` in its place.
        """
        put = object.__setattr__
        if attribute == "name":
            put(self, "_name", checked_name(value))
        put(self, attribute, value)
        if attribute == "name" or attribute == "returns":
            put(self, "_decode", None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def __copy__(self) -> Self:
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def __getstate__(self) -> dict[str, object]:
        """What a pickle has: all but the decoder, which is made anew from `returns`."""
        return {**vars(self), "_decode": None}

    def with_options(
        self,
        *,
        timeout: float | None = None,
        exception_cls: type[Exception] | None = None,
        returns: object = None,
        key: object = None,
    ) -> Self:
        """The same function with other options; those that are None stay as they are.

        Calls with one `key` (whatever has a stable `repr`, such as a str or an int) go to one worker, as long as the
        number of workers is the same: what that worker has cached for the key is found again.

            render.with_options(key=user.id)(props)
        """
        from copy import copy  # late, like what follows: most programs never need it

        from ._client.routing import number_of

        other = copy(self)
        if timeout is not None:
            check_timeout(timeout)
            other.timeout = timeout
        if exception_cls is not None:
            check_exception_cls(exception_cls)
            other.exception_cls = exception_cls
        if returns is not None:
            other.returns = returns
        if key is not None:
            other._key = number_of(key)
        return other

    def _traced(self, is_current: bool = True) -> AbstractContextManager[bytes]:
        """A span around one call, and the name to call in it: the program has imported OpenTelemetry."""
        from ._client.tracing import traced

        return traced(self._name, is_current=is_current)

    def get_name(self) -> str:
        """The name in the config."""
        return self._name.decode()

    def get_timeout(self) -> float | None:
        """How many seconds a call may take; None for no limit."""
        return settings.FUNCTION_TIMEOUT if self.timeout is None else self.timeout

    def _taken(self, host: JSHost | AsyncJSHost) -> JSHost | AsyncJSHost:
        """The host that was given, as this kind of function uses it."""
        return host

    def _job(self, window: int | None, ordered: bool, return_exceptions: bool) -> Job:
        """What a map of this function is to do."""
        from ._client.job import Job

        check_window(window)
        decode, on_error = self._decode or self._decoder(), self._on_error(return_exceptions)
        return Job(self._name, self.get_timeout(), decode, on_error, self._key, window, ordered)

    def _on_error(self, return_exceptions: bool) -> OnError:
        """What to do with the error of a row: raise it as the caller is to see it, or give it as the result."""

        def on_error(error: Exception) -> object:
            found = self._own(error)
            if return_exceptions:
                return found
            raise found

        return on_error

    def _own(self, error: Exception) -> Exception:
        """The error that the caller is to see."""
        if self.exception_cls is None or not isinstance(error, FunctionError):
            return error
        from .utils.own_errors import translated  # late: most functions have no class of exceptions

        return translated(error, self.exception_cls)

    def _decoder(self) -> Decoder:
        from ._wire import results

        self._decode = results.value if self.returns is None else results.typed(self.returns, self.get_name())
        return self._decode


class Function(FunctionBase[T]):
    """A function that a host's config offers, under its name there.

        double = Function("double", timeout=2)
        double(number=20)           # 40: the JavaScript value, decoded
        double.call(number=20)      # '40': the same as text

    `name` is the name in the config. `host` is the JSHost that has it; without one, the default host is found
    on the first call. `timeout` is how many seconds a call may take, without one the setting FUNCTION_TIMEOUT.
    `returns` is a type that results are decoded into: what msgspec knows (builtins, dataclasses, Structs, TypedDicts,
    attrs), or a pydantic model.

    `exception_cls` is raised in place of FunctionError, which is its `__cause__`. A subclass of FunctionError carries
    all that the error does, such as `name`, `message`, `stack` and `fields`: they are copied into it, and a constructor
    of its own is not called. Any other class of exceptions is called with the text of the error.

    Each may be given as an attribute of a subclass instead.
    """

    host: JSHost | None = None

    def __call__(self, data: object = NOTHING, /, **fields: object) -> T:
        """Call the function and return its result, decoded.

        One positional argument is the data itself; keywords become the data object. Raises FunctionError if
        the JavaScript throws, FunctionTimeout if it takes too long, and the other errors of `js_host.exceptions`.
        """
        return self._run(data, fields, self._decode or self._decoder())  # type: ignore[no-any-return]

    def call(self, data: object = NOTHING, /, **fields: object) -> str:
        """Call the function and return its result as text: a string, and bytes in UTF-8, as they are, else its JSON.

        In that JSON a Date is ISO text, NaN and Infinity null, a Set or a typed array an array, a Map an object (an
        array of pairs, if its keys are not all text), and bytes in something else base64.
        """
        from ._wire import results

        return self._run(data, fields, results.text)  # type: ignore[no-any-return]

    def send_request(self, data: object = NOTHING, /, **fields: object) -> Response:
        """Call the function and return the whole response: `.text`, `.content`, `.json()`."""
        return self._run(data, fields, Response)  # type: ignore[no-any-return]

    def stream(self, data: object = NOTHING, /, **fields: object) -> Generator[T, None, None]:
        """Call the function and give its result in parts, as they come.

            for chunk in page.stream(url="/"):
                response.write(chunk)

        The function returns an (async) generator, an async iterable, or a Node or web stream; what another one
        returns is the only part. The JavaScript goes no faster than the parts are taken. `close()`, or leaving the
        loop, ends it at once. The timeout is for each part. Raises what calling does, also between parts.
        """
        value = fields if data is NOTHING else given(data, fields)
        host = self.host or self.get_host()
        args = (value, self.get_timeout(), self._decode or self._decoder(), self._key)
        parts = self._traced_parts(host, *args) if TRACE in sys.modules else host.stream(self._name, *args)
        return parts if self.exception_cls is None else self._translated(parts)  # type: ignore[return-value]

    def map(
        self,
        rows: Iterable[object],
        *,
        window: int | None = None,
        ordered: bool = True,
        return_exceptions: bool = False,
        progress: bool | str = False,
    ) -> Generator[T, None, None]:
        """Call the function for each of the rows, many calls at once on all workers, and give the results in order.

            for html in render_page.map(pages):
                ...

            dict(zip(names, shout.map(names)))

        `rows` may be any iterable, also an endless one: each row is the data of one call, like the one argument of
        `function(row)`. It is read in this thread as results are taken, never further ahead of them than the window.
        `window` is how many calls one worker is given at a time. By default it begins at 16 and follows the calls: tiny
        ones go out by the hundred, slow ones stay balanced between the workers. With `ordered=False` results are
        given as they come.

        A call that fails raises, at its turn, what calling the function does, and ends the map; with
        `return_exceptions=True` the exception is given in place of its result, and the map goes on. The timeout is for
        each call, from the moment at which the worker begins with it. `close()`, or leaving the loop, aborts the
        calls in flight. `progress=True`, or a text to stand before it, shows a progress bar (needs tqdm).
        """
        job, iterator = self._job(window, ordered, return_exceptions), iter(rows)
        host = self.host or self.get_host()
        host.say(FUNCTION_CALL, f'Calling function "{self.name}" for many rows')
        results: Generator[T, None, None] = host.map(iterator, job)  # type: ignore[assignment]
        if not progress:
            return results
        from .utils.progress import with_progress

        return with_progress(results, rows, progress)

    def get_host(self) -> JSHost:
        """The host that has the function: the one it was given, or the default host."""
        if self.host is None:
            from .host import host

            self.host = host
        return self.host

    def _taken(self, host: JSHost | AsyncJSHost) -> JSHost:
        if hasattr(host, "__aenter__"):
            raise ConfigError(f"{host!r} is for AsyncFunction; a Function needs a JSHost.")
        return host

    def _decoder(self) -> Decoder:
        # Once for each function, so that it costs the calls nothing.
        if "asyncio" in sys.modules:
            self._warn_in_a_loop()
        return super()._decoder()

    def _warn_in_a_loop(self) -> None:
        from asyncio import _get_running_loop

        loop = _get_running_loop()
        if loop is not None and loop.get_debug():
            from warnings import warn

            from ._client.lane import levels_up

            message = f"{self!r} is called in an event loop, which stands still meanwhile. Await an AsyncFunction."
            warn(message, HostWarning, stacklevel=levels_up())

    def _run(self, data: object, fields: dict[str, object], decode: Decoder) -> Any:
        value = fields if data is NOTHING else given(data, fields)
        host = self.host or self.get_host()
        values = settings.current or settings.read()
        if values["VERBOSITY"] >= FUNCTION_CALL:
            host.say(FUNCTION_CALL, f'Calling function "{self.name}" with {value!r}')
        timeout = values["FUNCTION_TIMEOUT"] if self.timeout is None else self.timeout
        try:
            if TRACE in sys.modules:
                with self._traced() as name:
                    return host.call(name, value, timeout, decode, self._key)
            return host.call(self._name, value, timeout, decode, self._key)
        except FunctionError as error:
            own = self._own(error)
            if own is error:
                raise
            raise own from error

    def _traced_parts(self, host: JSHost, *args: Any) -> Generator[object, None, None]:
        with self._traced(is_current=False) as name:
            yield from host.stream(name, *args)

    def _translated(self, parts: Generator[object, None, None]) -> Generator[object, None, None]:
        try:
            yield from parts
        except FunctionError as error:
            own = self._own(error)
            if own is error:
                raise
            raise own from error


def given(data: object, fields: dict[str, object]) -> object:
    """The data of a call that was given as one argument."""
    if fields:
        raise TypeError("Give the data as one positional argument or as keywords, not both.")
    return data
