"""What the fault suite shares: whether to take its time, and what a program holds."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from js_host import JSHost

#: `make faults` takes its time; every other run of the tests does not.
LONG = bool(os.environ.get("JS_HOST_LONG"))

HELPERS = "const fs = require('node:fs'); const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));"

Base = tuple[int, int]


def base_of() -> Base:
    """How many descriptors and threads this program has."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def more_than(base: Base, left: Any, patience: float = 5.0) -> list[str]:
    """What there is still beyond that, and the processes of the test, after so many seconds."""
    give_up_at = time.monotonic() + patience
    while (found := _beyond(base, left)) and time.monotonic() < give_up_at:
        time.sleep(0.01)
    return found


def _beyond(base: Base, left: Any) -> list[str]:
    found: list[str] = left.processes()
    for name, now, then in zip(("descriptors", "threads"), base_of(), base, strict=True):
        if now > then:
            found.append(f"{now - then} more {name}")
    return found


@pytest.fixture
def host(nothing_left: Any) -> Iterator[Callable[..., JSHost]]:
    """Start hosts of functions that are given as JavaScript."""
    started: list[JSHost] = []

    def start(functions: str, before: str = "", **options: Any) -> JSHost:
        text = f"{HELPERS}{before}\nmodule.exports = {{ port: 0, functions: {{ {functions} }} }}\n"
        host = JSHost(nothing_left.config(text), **options)
        started.append(host)
        host.start()
        return host

    yield start
    for one in started:
        one.close()
