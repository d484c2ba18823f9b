"""Everything that js_host raises, as one tree.

    JSHostError
    ├── ConfigError (ValueError)            settings or config file are wrong
    │   ├── NodeNotFound (StartError)       no usable Node on this machine
    │   └── UnknownFunction (LookupError)   the config has no function of that name
    ├── ConnectionError (ConnectionError)   no host answers, or the line broke
    │   └── ProcessError                    a worker, or the process that keeps it, is the cause
    │       ├── StartError                  it could not start
    │       └── WorkerDied                  it ended with the call in its hands
    ├── FunctionError                       the JavaScript function threw
    ├── FunctionTimeout (TimeoutError)      no result before the deadline
    ├── QueueFull                           more calls wait for a worker than may
    ├── UnexpectedResponse                  what answered is no host, or its result does not fit `returns`
    ├── PayloadTooLarge (ValueError)        data or result is over the host's limit
    └── ValueNotSupported (TypeError)       a value that can not cross between the languages

    HostWarning (UserWarning)               a host works, but perhaps not as it should: its changed code does not start

Names in parentheses are the classes, most of them builtins, that a class also inherits from. Every error says whether
the function may have run: `error.maybe_executed`. Where it is False, calling again is safe.
"""

from __future__ import annotations

import builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ConfigError",
    "ConnectionError",
    "FunctionError",
    "FunctionTimeout",
    "HostWarning",
    "JSHostError",
    "NodeNotFound",
    "PayloadTooLarge",
    "ProcessError",
    "QueueFull",
    "StartError",
    "UnexpectedResponse",
    "UnknownFunction",
    "ValueNotSupported",
    "WorkerDied",
]


class JSHostError(Exception):
    """The root of everything that js_host raises on purpose.

    `maybe_executed` is True when the JavaScript function may have run, so that repeating the call
    could do its work twice; False when it certainly did not.
    """

    maybe_executed: bool = False

    def __init__(self, message: str = "", *, maybe_executed: bool | None = None) -> None:
        super().__init__(message)
        if maybe_executed is not None:
            self.maybe_executed = maybe_executed


class ConfigError(JSHostError, ValueError):
    """A setting, a config file or the name of a function is wrong. The message says which, and what to write."""


class UnknownFunction(ConfigError, LookupError):
    """The host's config has no function of that name. The message lists those it has."""


class ConnectionError(JSHostError, builtins.ConnectionError):
    """No host answers at the address, or the connection broke."""


class ProcessError(ConnectionError):
    """A process of ours is the cause: the message says which, how it ended and what it said last."""


class StartError(ProcessError):
    """A host could not start. The message carries the file, the line, the code and a hint where there is one."""


class NodeNotFound(ConfigError, StartError):
    """There is no usable Node. The message lists every place looked at, or says why the one found is no good."""


class WorkerDied(ProcessError):
    """The worker ended while the call was in its hands: the function may have run."""

    maybe_executed = True


class FunctionError(JSHostError):
    """The JavaScript function threw, rejected, or passed an error to its callback.

    `name`, `message` and `stack` are those of the JavaScript error (the stack in source positions
    where there is a source map); `cause` is its cause as another FunctionError, or None; `fields`
    are the error's own further properties; `value` is what was thrown, if that was no Error; `hint` is
    what to do next, where that is known.

    Its text is the stack without the calls inside Node, what an AggregateError holds, and the hint.
    """

    maybe_executed = True

    def __init__(
        self,
        message: str = "",
        *,
        function: str | None = None,
        name: str = "Error",
        stack: str | None = None,
        cause: FunctionError | None = None,
        fields: Mapping[str, object] | None = None,
        value: object = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.function = function
        self.name = name
        self.stack = stack
        self.cause = cause
        self.fields = dict(fields or {})
        self.value = value
        self.hint = hint
        self.__cause__ = cause

    def __reduce__(self) -> tuple[object, ...]:
        """What a pickle has: all of the error. A subclass may have a constructor that wants other arguments."""
        from copyreg import __newobj__  # type: ignore[attr-defined]

        return __newobj__, (type(self), *self.args), vars(self)

    def __str__(self) -> str:
        head = f"{self.function}: " if self.function else ""
        story = _own_calls(self.stack or f"{self.name}: {self.message}")
        hint = [f"Hint: {self.hint}"] if self.hint else []
        return "\n".join([head + story, *_held(self.fields.get("errors")), *hint])


def _own_calls(stack: str) -> str:
    """The stack without the calls inside Node, which help nobody."""
    lines = stack.split("\n")
    return "\n".join(line for line in lines if not line.startswith("    at ") or "node:" not in line)


def _held(errors: object) -> list[str]:
    """A line for each of the errors that an AggregateError holds; its own message is often empty."""
    held = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    lines = [f"{error.get('name', 'Error')}: {error.get('message', '')}" for error in held]
    return ["  - " + line.partition("\n")[0] for line in lines]


class FunctionTimeout(JSHostError, TimeoutError):
    """No result came before the deadline. Where a stuck loop was the reason, `stack` shows the JavaScript."""

    maybe_executed = True

    def __init__(self, message: str = "", *, stack: str | None = None, maybe_executed: bool | None = None) -> None:
        super().__init__(message, maybe_executed=maybe_executed)
        self.stack = stack


class QueueFull(JSHostError):
    """All workers have as many calls as they may, and as many wait already as may: this one did not run."""


class UnexpectedResponse(JSHostError):
    """The other end answered with something that a host does not say, or with a result that does not fit `returns`."""

    maybe_executed = True


class PayloadTooLarge(JSHostError, ValueError):
    """The data (nothing ran) or the result (the function ran) is over the host's `requestDataLimit`."""


class ValueNotSupported(JSHostError, TypeError):
    """A value can not cross between Python and JavaScript. The message names the path to it."""


class HostWarning(UserWarning):
    """A host works, but perhaps not as it should.

    Its code was changed and does not start, so the code before it answers; or NODE_OPTIONS was not passed on to it.
    """
