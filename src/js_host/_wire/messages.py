"""Messages: what the frames that are no values say, as JSON. `runtime/messages.mjs` is the twin."""

from __future__ import annotations

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
from ..utils import bare_json
from .frames import BYE, FAULT, HEADER, HELLO, MAILBOX, MAX_LENGTH, Frame, pack
from .values import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .frames import Buffer

    #: The fields of a message, and of which types each may be.
    Fields = Mapping[str, tuple[type, ...]]

PROTOCOL = 1

_TEXT, _NUMBER, _LIST = (str,), (int,), (list,)
_ANY = (dict, list, str, int, float, bool, type(None))
_HELLO: Fields = {
    "protocol": _NUMBER,
    "version": _TEXT,
    "node": _TEXT,
    "pid": _NUMBER,
    "limit": _NUMBER,
    "functions": _LIST,
    "workers": _NUMBER,
    "port": _NUMBER,
    "sockets": _LIST,
    "mailbox": (bool,),
}
_BYE: Fields = {"reason": _TEXT, "message": _TEXT, "stack": _TEXT}
_LOG: Fields = {"text": _TEXT}
_ERROR: Fields = {
    "type": _TEXT,
    "name": _TEXT,
    "message": _TEXT,
    "stack": (str, type(None)),
    "cause": _ANY,
    "fields": (dict, type(None)),
    "value": _ANY,
    "hint": (str, type(None)),
    "maybeExecuted": (bool,),
    "fault": (int, type(None)),
}


class Hello:
    """What a worker says of itself when a connection begins."""

    __slots__ = ("functions", "limit", "mailbox", "node", "pid", "port", "protocol", "sockets", "version", "workers")

    def __init__(
        self,
        protocol: int,
        version: str,
        node: str,
        pid: int,
        limit: int,
        functions: Sequence[str],
        workers: int = 1,
        port: int = 0,
        sockets: Sequence[str] = (),
        mailbox: bool = False,
    ) -> None:
        if not all(isinstance(text, str) for text in (*functions, *sockets)):
            raise TypeError("A name is no text.")
        self.protocol = protocol
        self.version = version
        self.node = node
        self.pid = pid
        self.limit = min(limit, MAX_LENGTH)
        self.functions = functions
        self.workers = workers
        self.port = port
        self.sockets = sockets
        self.mailbox = mailbox


class Bye:
    """Why a connection ends: all calls in flight on it end so."""

    __slots__ = ("message", "reason", "stack")

    def __init__(self, reason: str, message: str, stack: str = "") -> None:
        self.reason = reason
        self.message = message
        self.stack = stack

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


class Stopping(ProcessError):
    """The worker is ending and did not take the call: another one will."""


def hello_frame(token: str | None = None) -> bytes:
    """The first frame of a client."""
    hello = {"protocol": PROTOCOL, "version": __version__}
    if token is not None:
        hello["token"] = token
    body = bare_json.dumps(hello)
    return pack(0, HELLO, 0, b"", 0, (body,)) + body


def mailbox_frame(pid: int, descriptor: int, nonce: bytes) -> bytes:
    """The offer of memory to share: a descriptor of a process, and what it holds."""
    body = bare_json.dumps({"pid": pid, "descriptor": descriptor, "nonce": nonce.hex()})
    return pack(0, MAILBOX, 0, b"", 0, (body,)) + body


def read_hello(frame: Frame) -> Hello:
    """The first frame of a worker, checked. Raises Stopping if it is ending, UnexpectedResponse for anything else."""
    if frame.kind == BYE:
        bye = read_bye(frame.body)
        kind = UnexpectedResponse if bye.reason in ("protocol", "refused") else Stopping
        raise kind(f"The worker refused the connection: {bye.message}", maybe_executed=False)
    try:
        if frame.kind == HELLO:
            return _checked(Hello(**_read(frame.body, _HELLO)))
    except _MISUNDERSTOOD:
        pass
    raise UnexpectedResponse("The address answered, but its first message is not that of a js-host worker.")


def _checked(hello: Hello) -> Hello:
    if hello.protocol != PROTOCOL:
        raise UnexpectedResponse(
            f"This program speaks version {PROTOCOL} of the protocol, the host (js-host {hello.version}) version "
            f"{hello.protocol}. Install the same version of js-host on both sides.",
            maybe_executed=False,
        )
    return hello


def read_bye(body: Buffer) -> Bye:
    """The message of a BYE frame."""
    try:
        return Bye(**_read(body, _BYE, "reason", "message"))
    except _MISUNDERSTOOD as error:
        raise UnexpectedResponse(f"A goodbye came in that is not understood: {error}.") from None


def read_log(body: Buffer) -> str:
    """The text of a LOG frame."""
    try:
        text: str = _read(body, _LOG, "text")["text"]
    except _MISUNDERSTOOD as error:
        raise UnexpectedResponse(f"A message came in that is not understood: {error}.") from None
    return text


#: A message that is no JSON, lacks a field, or has one of a wrong type.
_MISUNDERSTOOD = (ValueError, TypeError, RecursionError)


def _read(body: Buffer, fields: Fields, *needed: str) -> dict[str, Any]:
    found = _picked(bare_json.loads(bytes(body)), fields)
    for name in needed:
        if name not in found:
            raise TypeError(f"it has no {name}")
    return found


def _picked(message: object, fields: Fields) -> dict[str, Any]:
    """The known fields that a message has. Raises TypeError if one is of a wrong type."""
    if not isinstance(message, dict):
        raise TypeError("it is no object")
    found = {name: message[name] for name in fields if name in message}
    for name, value in found.items():
        if type(value) not in fields[name]:  # which takes no bool for a number
            raise TypeError(f"its {name} is a {type(value).__name__}")
    return found


LARGEST_SHARE = 20
"""The part of the limit, in characters, for each text of a FAULT that is over it: JSON has up to six bytes for one."""


def fault_frame(id: int, question: int, error: BaseException, limit: int) -> bytes:
    """The answer to a question of call `id` that raised: what JavaScript is to throw, or its beginning."""
    import traceback  # late: most programs never need it

    stack = "".join(traceback.format_exception(error)).rstrip()
    says = {"name": type(error).__name__, "message": _message_of(error), "stack": stack}
    body = bare_json.dumps(says)
    if len(body) > limit:
        beginnings = {key: text[: limit // LARGEST_SHARE] for key, text in says.items()}
        body = bare_json.dumps(beginnings)
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
        error = _picked(decode(body), _ERROR)
        kind = _KINDS.get(error.get("type", ""))
        if kind is not None:
            return kind(f"{function}: {error.get('message', '')}", maybe_executed=error.get("maybeExecuted", True))
        found = _function_error(error, function)
    except (TypeError, UnexpectedResponse, RecursionError) as problem:
        return UnexpectedResponse(f"An error came in that is not understood: {problem}")
    if faults and error.get("fault") in faults:
        found.__cause__ = faults[error["fault"]]
    return found


_KINDS: dict[str, type[JSHostError]] = {
    "timeout": FunctionTimeout,
    "unknown-function": UnknownFunction,
    "too-large": PayloadTooLarge,
    "bad-value": ValueNotSupported,
    "stopping": Stopping,
}


def _function_error(error: Mapping[str, Any], function: str | None) -> FunctionError:
    return FunctionError(
        error.get("message", ""),
        function=function,
        name=error.get("name", "Error"),
        stack=error.get("stack"),
        cause=_cause(error.get("cause")),
        fields=error.get("fields"),
        value=error.get("value"),
        hint=error.get("hint"),
    )


def _cause(cause: object) -> FunctionError | None:
    try:
        return _function_error(_picked(cause, _ERROR), None)
    except TypeError:
        return None
