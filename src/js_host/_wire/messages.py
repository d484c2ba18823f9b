"""Messages: what the frames that are no values say, as JSON. `runtime/messages.mjs` is the twin."""

from __future__ import annotations

import msgspec

from .. import __version__
from ..exceptions import (
    FunctionError,
    FunctionTimeout,
    JSHostError,
    PayloadTooLarge,
    ProcessError,
    UnexpectedResponse,
    UnknownFunction,
    ValueNotSupported,
    WorkerDied,
)
from .frames import BYE, FAULT, HEADER, HELLO, MAX_LENGTH, Frame, pack
from .values import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .frames import Buffer

PROTOCOL = 1


class Hello(msgspec.Struct):
    """What a worker says of itself when a connection begins."""

    protocol: int
    version: str
    node: str
    pid: int
    limit: int
    functions: list[str]
    workers: int = 1
    port: int = 0
    sockets: list[str] = []


class Bye(msgspec.Struct):
    """Why a connection ends: all calls in flight on it end so."""

    reason: str
    message: str
    stack: str = ""

    def error(self, function: str, deadline_passed: bool) -> JSHostError:
        """What the call that was in flight raises. `function` is its name, as it was called."""
        function = function.partition("\0")[0]
        if self.reason == "drained":
            return Stopping(f"The worker ended before it took {function}.", maybe_executed=False)
        if self.reason == "stuck" and deadline_passed:
            message = f"{function}: no result before the deadline. {self.message}"
            return FunctionTimeout(f"{message}\n{self.stack}" if self.stack else message, stack=self.stack or None)
        if self.reason == "protocol":
            return UnexpectedResponse(f"The worker ended the connection: {self.message}")
        return WorkerDied(f"The worker ended while {function} ran. {self.message}\n{self.stack}".rstrip())


class _Log(msgspec.Struct):
    level: str
    text: str


class _Error(msgspec.Struct, rename="camel"):
    """The JSON of an ERROR frame."""

    type: str = "error"
    name: str = "Error"
    message: str = ""
    stack: str | None = None
    cause: object = None
    fields: dict[str, object] | None = None
    value: object = None
    maybe_executed: bool = True
    fault: int | None = None


class Stopping(ProcessError):
    """The worker is ending and did not take the call: another one will."""


_decode_hello = msgspec.json.Decoder(Hello).decode
_decode_bye = msgspec.json.Decoder(Bye).decode


def hello_frame(token: str | None = None) -> bytes:
    """The first frame of a client."""
    hello = {"protocol": PROTOCOL, "version": __version__}
    if token is not None:
        hello["token"] = token
    body = msgspec.json.encode(hello)
    return pack(0, HELLO, 0, b"", 0, (body,)) + body


def read_hello(frame: Frame) -> Hello:
    """The first frame of a worker, checked. Raises Stopping if it is ending, UnexpectedResponse for anything else."""
    if frame.kind == BYE:
        bye = read_bye(frame.body)
        kind = UnexpectedResponse if bye.reason in ("protocol", "refused") else Stopping
        raise kind(f"The worker refused the connection: {bye.message}", maybe_executed=False)
    try:
        if frame.kind == HELLO:
            return _checked(_decode_hello(frame.body))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    raise UnexpectedResponse("The address answered, but its first message is not that of a js-host worker.")


def _checked(hello: Hello) -> Hello:
    if hello.protocol != PROTOCOL:
        raise UnexpectedResponse(
            f"This program speaks version {PROTOCOL} of the protocol, the host (js-host {hello.version}) version "
            f"{hello.protocol}. Install the same version of js-host on both sides.",
            maybe_executed=False,
        )
    hello.limit = min(hello.limit, MAX_LENGTH)
    return hello


def read_bye(body: Buffer) -> Bye:
    """The message of a BYE frame."""
    try:
        return _decode_bye(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UnexpectedResponse(f"A goodbye came in that is not understood: {error}.") from None


def read_log(body: Buffer) -> str:
    """The text of a LOG frame."""
    try:
        return msgspec.json.decode(body, type=_Log).text
    except msgspec.MsgspecError as error:
        raise UnexpectedResponse(f"A message came in that is not understood: {error}.") from None


LARGEST_SHARE = 20
"""The part of the limit, in characters, for each text of a FAULT that is over it: JSON has up to six bytes for one."""


def fault_frame(id: int, question: int, error: BaseException, limit: int) -> bytes:
    """The answer to a question of call `id` that raised: what JavaScript is to throw, or its beginning."""
    import traceback  # late: most programs never need it

    stack = "".join(traceback.format_exception(error)).rstrip()
    texts = {"name": type(error).__name__, "message": _message_of(error), "stack": stack}
    says = {key: text.encode("utf-8", "replace").decode() for key, text in texts.items()}
    body = msgspec.json.encode(says)
    if len(body) > limit:
        body = msgspec.json.encode({key: text[: limit // LARGEST_SHARE] for key, text in says.items()})
    return HEADER.pack(len(body), id, FAULT, 0, 0, question) + body


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as problem:
        return f"its message can not be had: {type(problem).__name__}"


def read_error(body: Buffer, function: str, faults: Mapping[int, BaseException] | None = None) -> JSHostError:
    """The exception that an ERROR frame stands for, to be raised by the call of `function`.

    `faults` are the exceptions that its questions to the program raised: one may have come back.
    """
    function = function.partition("\0")[0]  # without its traceparent
    try:
        error = msgspec.convert(decode(body), _Error)
        kind = _KINDS.get(error.type)
        if kind is not None:
            return kind(f"{function}: {error.message}", maybe_executed=error.maybe_executed)
        found = _function_error(error, function)
        if faults and error.fault is not None and error.fault in faults:
            found.__cause__ = faults[error.fault]
        return found
    except (msgspec.ValidationError, UnexpectedResponse, RecursionError) as problem:
        return UnexpectedResponse(f"An error came in that is not understood: {problem}")


_KINDS: dict[str, type[JSHostError]] = {
    "timeout": FunctionTimeout,
    "unknown-function": UnknownFunction,
    "too-large": PayloadTooLarge,
    "bad-value": ValueNotSupported,
    "stopping": Stopping,
}


def _function_error(error: _Error, function: str | None) -> FunctionError:
    return FunctionError(
        error.message,
        function=function,
        name=error.name,
        stack=error.stack,
        cause=_cause(error.cause),
        fields=error.fields,
        value=error.value,
    )


def _cause(cause: object) -> FunctionError | None:
    if not isinstance(cause, dict):
        return None
    try:
        return _function_error(msgspec.convert(cause, _Error), None)
    except msgspec.ValidationError:
        return None
