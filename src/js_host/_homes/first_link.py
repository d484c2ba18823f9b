"""The first call of a program to a host: what of its time goes into connecting."""

from __future__ import annotations

from time import monotonic

from .._wire.traces import plain_name, too_late
from ..exceptions import ConnectionError, FunctionTimeout, UnexpectedResponse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from .._client.http import HttpLink
    from .._client.pool import Pool
    from ..js_host import JSHost

    Link: TypeAlias = Pool | HttpLink

__all__ = ["CLOSE", "ask_status", "is_started", "late", "link_for", "silent"]

#: A wait that ended so close before its deadline was ended by it, in seconds: clocks are not that exact.
CLOSE = 0.01


def link_for(host: JSHost, name: bytes, timeout: float | None) -> tuple[Link, float | None]:
    """The link for a call of a function, and what is left of its `timeout` (seconds; None is no limit).

    To connect to a host that runs already is a part of the call; to start one, or to read its config, is not. Raises
    FunctionTimeout (nothing ran) where the host does not answer in time.
    """
    if timeout is not None and not timeout > 0:
        raise too_late(name, timeout)
    if host._link is not None or is_started(host):
        return host._link or host._connected().link, timeout
    _know_address(host)
    deadline = None if timeout is None else monotonic() + timeout
    try:
        link = _connected(host, timeout)
    except ConnectionError as error:
        if deadline is None or monotonic() < deadline - CLOSE:
            raise
        raise late(name, error) from None
    left = None if deadline is None else deadline - monotonic()
    if left is not None and left <= 0:
        raise late(name, f"To connect to the host took {timeout:g} s.")
    return link, left


def ask_status(host: JSHost, timeout: float | None) -> dict[str, Any] | None:
    """What the running host says of itself; None if none answers, or takes more than `timeout` seconds to connect."""
    try:
        status = (host._link or _connected(host, timeout)).status(timeout)
    except (ConnectionError, UnexpectedResponse, FunctionTimeout):
        return None
    return status if isinstance(status, dict) and "config" in status else None


def is_started(host: JSHost) -> bool:
    """Whether who calls the host first starts it; else it runs already, or there is none."""
    return host._managed or (host._owned and not host._root_url)


def silent(host: JSHost, timeout: float | None) -> str:
    """What to say of a host that let so many seconds pass."""
    return f"The host at {host.get_url()} did not answer within {timeout:.3g} s."


def _know_address(host: JSHost) -> None:
    """Have the config read, where only that says where the host is."""
    if not host._root_url:
        with host._settling:
            if host._home is None and not host._was_stopped:
                host.get_url()


def _connected(host: JSHost, timeout: float | None) -> Link:
    """The link, made if there is none. What another thread takes to make it counts too."""
    began = monotonic()
    if not host._settling.acquire(timeout if host._root_url else None):
        raise ConnectionError(silent(host, timeout))
    try:
        left = None if timeout is None else max(timeout - (monotonic() - began), CLOSE)
        return host._connected(left).link
    finally:
        host._settling.release()


def late(name: bytes, reason: object) -> FunctionTimeout:
    """The error for a call whose time went into connecting, with the reason for that."""
    return FunctionTimeout(f"{plain_name(name)} was not called before its deadline. {reason}", maybe_executed=False)
