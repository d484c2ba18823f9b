"""Hosts that travel by pickle, and the one that a process has for each configuration that lands in it."""

from __future__ import annotations

import os
import sys

from ..utils.fork_lock import ForkLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Self

    from ..js_host import JSHost

__all__ = ["ThereIsOne", "pack"]


class ThereIsOne:
    """A base for what can not be there twice: a copy of it is the thing itself."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


def pack(host: JSHost, given: Mapping[str, object], owned: bool) -> tuple[Callable[..., JSHost], tuple[Any, ...]]:
    """What `__reduce__` returns for a host: what it was `given`, and whether it is `owned` where it lands.

    Where it lands in the process that it came from, it is the host that it was.
    """
    if _is_default(host):
        return _default_host, (owned,)
    options = {name: value for name, value in {**given, "owned": owned}.items() if value is not None}
    _kept(_key(type(host), options), lambda: host)
    return _landed, (type(host), options)


def _is_default(host: JSHost) -> bool:
    module = sys.modules.get("js_host.host")  # where it was not imported, there is no default host yet
    return module is not None and vars(module).get("host") is host


def _default_host(owned: bool) -> JSHost:
    """The default host of this process. One that was owned is so here too, if no manager and no address is set."""
    from ..host import host

    host._owned = host._owned or owned
    return host


def _landed(kind: type[JSHost], options: dict[str, Any]) -> JSHost:
    return _kept(_key(kind, options), lambda: kind(**options))


_hosts: dict[tuple[type[JSHost], str], JSHost] = {}
_lock = ForkLock()


def _kept(key: tuple[type[JSHost], str], make: Callable[[], JSHost]) -> JSHost:
    """The host of this process that has such options; one that was stopped is no longer given to anybody."""
    with _lock:
        if key not in _hosts or _hosts[key]._was_stopped:
            _hosts[key] = make()
        return _hosts[key]


def _key(kind: type[JSHost], options: Mapping[str, object]) -> tuple[type[JSHost], str]:
    return kind, repr(sorted(options.items()))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_hosts.clear)  # what lands in a child is the child's own
