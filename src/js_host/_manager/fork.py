"""What a forked child must not keep: a lock's descriptor, a lease's connection. They would outlive the parent.

Such things are opened by `open_held` and closed by `close_held`. No fork falls between the opening and the noting.
"""

from __future__ import annotations

import _thread
import os

from js_host._host.sockets import RawSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    Thing = TypeVar("Thing", RawSocket, int, "tuple[int, int]")

__all__ = ["close_held", "no_fork", "open_held"]

no_fork = _thread.RLock()
"""`with no_fork:` nothing is forked meanwhile, so no child gets a copy of what is open in there only."""

_held: set[RawSocket | int] = set()


def open_held(make: Callable[[], Thing | None]) -> Thing | None:
    """Open something, unless `make` says None, and have it closed in every child that is forked from now on."""
    with no_fork:
        made = make()
        if made is not None:
            _held.update(_parts(made))
        return made


def close_held(thing: RawSocket | int) -> None:
    """Close it."""
    with no_fork:
        if thing in _held:
            _held.discard(thing)
            _close(thing)


def _parts(made: RawSocket | int | tuple[int, int]) -> Iterable[RawSocket | int]:
    return made if isinstance(made, tuple) else (made,)


def _close(thing: RawSocket | int) -> None:
    if isinstance(thing, int):
        os.close(thing)
    else:
        thing.close()


def _after_in_child() -> None:
    for thing in _held:
        _close(thing)
    _held.clear()
    no_fork._at_fork_reinit()  # type: ignore[attr-defined]  # a fork by C (uWSGI) did not acquire it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=no_fork.acquire, after_in_parent=no_fork.release, after_in_child=_after_in_child)
