"""What no library can avoid: the same bytes there and back with nothing around them, and encoding and decoding alone.

`raw` is a ping-pong between a Python and a Node process over a socketpair, under the same spinning as the prototype.
`codec` is the sum of decode + function + encode inside Node and encode + decode inside Python.
"""

import json
import os
import socket
import subprocess
from typing import Any

from .cases import Case
from .codec import decode_any, encode
from .measure import median_time, summary, times
from .node_child import reap, spawn
from .paths import JS, NODE, WORK
from .payloads import compact
from .spinning import SpinningReader

SCRIPT = os.path.join(JS, "floor.mjs")
HEADER = 16


class RawEcho:
    """Sends some bytes to Node and waits until as many have come back."""

    def __init__(self, length: int, spin_us: int = 50) -> None:
        self.sock, self.pid = spawn(SCRIPT, "raw", str(length), spin_us=spin_us)
        self.reader = SpinningReader(self.sock, spin_us)
        self.buffer = bytearray(length)

    def call(self, data: bytes) -> None:
        self.sock.sendall(data)
        have = self.reader.read(self.buffer)
        while have < len(data):
            have += self.sock.recv_into(memoryview(self.buffer)[have:], 0, socket.MSG_WAITALL)

    def close(self) -> None:
        reap(self.sock, self.pid)


def raw(case: Case, seconds: float) -> dict[str, float]:
    """The ping-pong of a frame as large as the case's."""
    value = case.value()
    data = bytes(HEADER + len(value if isinstance(value, bytes) else compact(value)))
    echo = RawEcho(len(data))
    try:
        times(echo.call, data, seconds / 3)
        return summary(times(echo.call, data, seconds, case.gap))
    finally:
        echo.close()


def codec(case: Case, seconds: float) -> dict[str, float]:
    """µs of the five steps, and their sum as p50. Bytes need none."""
    value = case.value()
    if isinstance(value, bytes):
        return {"p50": 0}
    steps = node_steps(case, value, seconds) | python_steps(value, result_of(case, value), seconds)
    return {**steps, "p50": sum(steps.values())}


def node_steps(case: Case, value: Any, seconds: float) -> dict[str, float]:
    file = os.path.join(WORK, f"{case.name}.json")
    with open(file, "wb") as out:
        out.write(compact(value))
    printed = subprocess.check_output([NODE, SCRIPT, "codec", file, case.function, str(int(seconds * 1000))])
    return {f"node_{step}": us for step, us in json.loads(printed).items()}


def python_steps(value: Any, result: bytes, seconds: float) -> dict[str, float]:
    return {
        "python_encode": median_time(encode, value, seconds / 4),
        "python_decode": median_time(decode_any, memoryview(result), seconds / 4),  # type: ignore[arg-type]
    }


def result_of(case: Case, value: Any) -> bytes:
    """The encoded result of the case: an echo's is its value, a page's is as long as the page."""
    if case.function == "renderPage":
        return page(value)
    return compact("Hello, World!" if case.function == "hello" else value)


def page(props: Any) -> bytes:
    """The page as Node encodes it."""
    code = (
        "const [page, props] = process.argv.slice(1);"
        "process.stdout.write(JSON.stringify(require(page).renderPage(JSON.parse(props))))"
    )
    return subprocess.check_output([NODE, "-e", code, os.environ["BENCH_PAGE"], compact(props).decode()])
