"""When is a worker worn out? After so many calls, at so much memory, or at such an age. Pure: measures are passed in.

What a worker leaks does not matter where it is replaced in time. The limits are soft, and each worker has its own
share of them, from nine tenths to the whole, so that workers which started together do not wear out together.
"""

from __future__ import annotations

import os

__all__ = ["LEAST_SHARE", "Limits", "Measures", "draw_share", "worn"]

LEAST_SHARE = 0.9


class Limits:
    """What a worker may do before it is replaced: `calls`, `memory` in bytes, `age` in seconds. None: any."""

    __slots__ = ("age", "calls", "memory")

    def __init__(self, calls: int | None = None, memory: int | None = None, age: float | None = None) -> None:
        self.calls = calls
        self.memory = memory
        self.age = age

    def __bool__(self) -> bool:
        return (self.calls, self.memory, self.age) != (None, None, None)


class Measures:
    """What a worker has done by now, as far as it is known."""

    __slots__ = ("age", "calls", "memory")

    def __init__(self, calls: int | None, memory: int | None, age: float) -> None:
        self.calls = calls
        self.memory = memory
        self.age = age


def draw_share() -> float:
    """The share of the limits that one worker has."""
    # Without `random`, which takes 2 ms to import.
    return LEAST_SHARE + (1.0 - LEAST_SHARE) * int.from_bytes(os.urandom(4), "big") / 2**32


def worn(limits: Limits, share: float, now: Measures) -> str | None:
    """Which limit was reached: "memory", "calls" or "age", in the order in which they matter; None if none was."""
    for name in ("memory", "calls", "age"):
        limit, measure = getattr(limits, name), getattr(now, name)
        if limit is not None and measure is not None and measure >= limit * share:
            return name
    return None
