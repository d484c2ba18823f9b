"""A function of a host, called as if it were Python's own."""

from __future__ import annotations

from sys import modules

from .conf import settings
from .exceptions import ConfigError, FunctionError
from .utils.verbosity import FUNCTION_CALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any, Generic, Self, TypeVar, overload

    from ._wire.frames import Buffer
    from ._wire.results import Decoder
    from .js_host import JSHost

    T = TypeVar("T")

    class Base(Generic[T]): ...
else:
    T = None

    class Base:
        """`Function[T]` is for type checkers; `typing` is not worth its import at run time."""

        def __class_getitem__(cls, item):
            return cls


__all__ = ["Function", "Response"]

_NOTHING = object()

#: A program that has imported this wants to see its calls as spans.
TRACE = "opentelemetry.trace"

#: A frame has two bytes for the length of the name.
LONGEST_NAME = 65535


class Function(Base[T]):
    """A function that a host's config offers, under its name there.

        double = Function("double", timeout=2)
        double(number=20)           # 40: the JavaScript value, decoded
        double.call(number=20)      # '40': the same as text

    `name` is the name in the config. `host` is the JSHost that has it; without one, the default host is found
    on the first call. `timeout` is how many seconds a call may take, without one the setting FUNCTION_TIMEOUT.
    `exception_cls` is raised, with the text of the error, in place of FunctionError. `returns` is a type that
    results are decoded into: what msgspec knows (builtins, dataclasses, Structs, TypedDicts, attrs), or a
    pydantic model.

    Each may be given as an attribute of a subclass instead.
    """

    name: str | None = None
    host: JSHost | None = None
    timeout: float | None = None
    exception_cls: type[Exception] | None = None
    returns: object = None
    _key: int | None = None

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Function[Any],
            name: str | None = None,
            host: JSHost | None = None,
            timeout: float | None = None,
            exception_cls: type[Exception] | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self,
            name: str | None = None,
            host: JSHost | None = None,
            timeout: float | None = None,
            exception_cls: type[Exception] | None = None,
            *,
            returns: type[T],
        ) -> None: ...
        @overload
        def __init__(
            self: Function[Any],
            name: str | None = None,
            host: JSHost | None = None,
            timeout: float | None = None,
            exception_cls: type[Exception] | None = None,
            *,
            returns: object = None,
        ) -> None: ...

    def __init__(
        self,
        name: str | None = None,
        host: JSHost | None = None,
        timeout: float | None = None,
        exception_cls: type[Exception] | None = None,
        *,
        returns: object = None,
    ) -> None:
        if name is not None:
            self.name = name
        if host is not None:
            self.host = host
        if timeout is not None:
            self.timeout = timeout
        if exception_cls is not None:
            self.exception_cls = exception_cls
        if returns is not None:
            self.returns = returns
        self._name = _checked_name(self.name)
        _check_timeout(self.timeout)
        self._decode: Decoder | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def __call__(self, data: object = _NOTHING, /, **fields: object) -> T:
        """Call the function and return its result, decoded.

        One positional argument is the data itself; keywords become the data object. Raises FunctionError if
        the JavaScript throws, FunctionTimeout if it takes too long, and the other errors of `js_host.exceptions`.
        """
        return self._run(data, fields, self._decode or self._decoder())  # type: ignore[no-any-return]

    def call(self, data: object = _NOTHING, /, **fields: object) -> str:
        """Call the function and return its result as text: a string as it is, everything else as its JSON."""
        from ._wire import results

        return self._run(data, fields, results.text)  # type: ignore[no-any-return]

    def send_request(self, data: object = _NOTHING, /, **fields: object) -> Response:
        """Call the function and return the whole response: `.text`, `.content`, `.json()`."""
        return self._run(data, fields, Response)  # type: ignore[no-any-return]

    def stream(self, data: object = _NOTHING, /, **fields: object) -> Generator[T, None, None]:
        """Call the function and give its result in parts, as they come.

            for chunk in page.stream(url="/"):
                response.write(chunk)

        The function returns an (async) generator, an async iterable, or a Node or web stream; what another one
        returns is the only part. The JavaScript goes no faster than the parts are taken. `close()`, or leaving the
        loop, ends it at once. The timeout is for each part. Raises what calling does, also between parts.
        """
        value = fields if data is _NOTHING else _data(data, fields)
        host = self.host or self.get_host()
        timeout, decode, key = self.get_timeout(), self._decode or self._decoder(), self._key
        if TRACE in modules:
            from ._client.tracing import traced_parts

            parts = traced_parts(self._name, lambda name: host.stream(name, value, timeout, decode, key))
        else:
            parts = host.stream(self._name, value, timeout, decode, key)
        return parts if self.exception_cls is None else self._translated(parts)  # type: ignore[return-value]

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
            _check_timeout(timeout)
            other.timeout = timeout
        if exception_cls is not None:
            other.exception_cls = exception_cls
        if returns is not None:
            other.returns, other._decode = returns, None
        if key is not None:
            other._key = number_of(key)
        return other

    def get_host(self) -> JSHost:
        """The host that has the function: the one it was given, or the default host."""
        if self.host is None:
            from .host import host

            self.host = host
        return self.host

    def get_name(self) -> str:
        """The name in the config."""
        return self._name.decode()

    def get_timeout(self) -> float | None:
        """How many seconds a call may take; None for no limit."""
        return settings.FUNCTION_TIMEOUT if self.timeout is None else self.timeout

    def _run(self, data: object, fields: dict[str, object], decode: Decoder) -> Any:
        value = fields if data is _NOTHING else _data(data, fields)
        host = self.host or self.get_host()
        values = settings.current or settings.read()
        if values["VERBOSITY"] >= FUNCTION_CALL:
            host.say(FUNCTION_CALL, f'Calling function "{self.name}" with {value!r}')
        timeout = values["FUNCTION_TIMEOUT"] if self.timeout is None else self.timeout
        try:
            if TRACE in modules:
                return self._traced(host, value, timeout, decode)
            return host.call(self._name, value, timeout, decode, self._key)
        except FunctionError as error:
            if self.exception_cls is None:
                raise
            raise self.exception_cls(str(error)) from error

    def _traced(self, host: JSHost, value: object, timeout: float | None, decode: Decoder) -> object:
        """Call with a span around it: the program has imported OpenTelemetry."""
        from ._client.tracing import traced

        with traced(self._name) as name:
            return host.call(name, value, timeout, decode, self._key)

    def _translated(self, parts: Generator[object, None, None]) -> Generator[object, None, None]:
        assert self.exception_cls is not None
        try:
            yield from parts
        except FunctionError as error:
            raise self.exception_cls(str(error)) from error

    def _decoder(self) -> Decoder:
        from ._wire import results

        self._decode = results.value if self.returns is None else results.typed(self.returns)
        return self._decode


class Response:
    """The result of one call, as the original's `send_request` gave it."""

    status_code = 200

    def __init__(self, body: Buffer, attachments: Sequence[bytes] | None) -> None:
        from ._wire import results

        #: The result, decoded.
        self.value = results.value(body, attachments)
        #: The result as text.
        self.text = results.text(body, attachments)

    @property
    def content(self) -> bytes:
        """The result as bytes: its text in UTF-8."""
        return self.value if isinstance(self.value, bytes) else self.text.encode("utf-8", "surrogatepass")

    def json(self) -> Any:
        """The result, decoded."""
        return self.value


def _data(data: object, fields: dict[str, object]) -> object:
    if fields:
        raise TypeError("Give the data as one positional argument or as keywords, not both.")
    return data


def _checked_name(name: object) -> bytes:
    if not name or not isinstance(name, str):
        raise ConfigError(f"A Function needs the name that it has in the config, a str; it was given {name!r}.")
    encoded = name.encode("utf-8", "replace")
    if len(encoded) > LONGEST_NAME:
        raise ConfigError(f"A Function's name may have {LONGEST_NAME} bytes, and this one has {len(encoded)}.")
    return encoded


def _check_timeout(timeout: object) -> None:
    if timeout is not None and (
        isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout != timeout
    ):
        raise ConfigError(f"timeout must be a number of seconds or None, not {timeout!r}.")
