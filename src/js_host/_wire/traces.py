"""The name of a function as a CALL carries it: a NUL and a traceparent (W3C Trace Context) may follow it.

A call that nobody traces is not longer for that, and nobody has to look. `runtime/traces.mjs` is the twin.
"""

from __future__ import annotations

from ..exceptions import FunctionTimeout

__all__ = ["plain_name", "split_name", "too_late", "traced_name"]

MARK = b"\0"


def traced_name(name: bytes, traceparent: str) -> bytes:
    """The name of a function, with the traceparent of this call of it."""
    return name + MARK + traceparent.encode("ascii")


def split_name(name: bytes) -> tuple[bytes, str | None]:
    """The name of the function itself, and the traceparent, if there is one."""
    plain, mark, traceparent = name.partition(MARK)
    return plain, traceparent.decode("ascii") if mark else None


def plain_name(name: bytes) -> str:
    """The name of the function itself, for messages."""
    return name.partition(MARK)[0].decode()


def too_late(name: bytes, timeout: float) -> FunctionTimeout:
    """The error for a call of that name that was given no time."""
    return FunctionTimeout(
        f"{plain_name(name)} was given {timeout} s: its deadline had passed, and it was not called. "
        "Give it a timeout above 0, or none to have that of the setting FUNCTION_TIMEOUT.",
        maybe_executed=False,
    )
