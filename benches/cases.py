"""What is measured on every peer: a function, the value it gets, and for how long."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .payloads import blob, page_props, records

KB, MB = 1000, 1_000_000


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    title: str
    function: str
    value: Callable[[], Any]
    seconds: float
    """How long a peer calls in one round; at least three calls are made, however long they take."""
    gap: float = 0
    """Seconds slept between calls."""
    hogs: int = 0
    """Processes that burn a CPU meanwhile."""
    spin_only: bool = False
    """Only for those that can spin, with and without it."""
    large: bool = False
    """Left out of quick runs; no warm-up; where it is about bytes, only for peers that carry bytes."""


CASES = [
    Case("tiny", "tiny call", "hello", lambda: "World", 0.3),
    Case("tiny_gap", "tiny call, 1 ms gaps", "hello", lambda: "World", 0.3, gap=0.001),
    Case("tiny_hog1", "tiny call, one CPU hog", "hello", lambda: "World", 0.6, hogs=1, spin_only=True),
    Case("tiny_hog2", "tiny call, two CPU hogs", "hello", lambda: "World", 0.6, hogs=2, spin_only=True),
    Case("json_10k", "10 KB of JSON, echoed", "echo", lambda: records(10 * KB), 0.3),
    Case("json_1m", "1 MB of JSON, echoed", "echo", lambda: records(MB), 0.4),
    Case("json_10m", "10 MB of JSON, echoed", "echo", lambda: records(10 * MB), 0.5, large=True),
    Case("bytes_1m", "1 MB of bytes, echoed", "echoBytes", lambda: blob(MB), 0.3),
    Case(
        "bytes_50m",
        "50 MB of bytes, echoed",
        "echoBytes",
        lambda: blob(50 * MB),
        0.5,
        large=True,
    ),
    Case("react", "React page", "renderPage", page_props, 0.4),
]
BY_NAME = {case.name: case for case in CASES}
