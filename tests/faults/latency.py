"""How soon faults are told: `latency.py` measures a dead worker, deadlines and stuck loops on a real host, once.

Each is measured from Python, as a caller sees it. Run it alone on a quiet machine.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from js_host import JSHost
from js_host.exceptions import FunctionTimeout, JSHostError, WorkerDied

CONFIG = """
module.exports = { port: 0, functions: {
  pid: () => process.pid,
  never: () => new Promise(() => {}),
  spin: function turnForEver () { for (;;); }
} }
"""


def measure(host: JSHost, rounds: int) -> dict[str, list[float]]:
    """Seconds, by what was measured."""
    return {
        "a dead worker is told": [dead_worker(host) for _ in range(rounds)],
        "a deadline is overshot by": [overshoot(host, "never", 0.05) for _ in range(10 * rounds)],
        "a deadline of a stuck loop is overshot by": [overshoot(host, "spin", 0.2) for _ in range(rounds)],
    }


def dead_worker(host: JSHost) -> float:
    """From SIGKILL to the error of the call that the worker had in its hands."""
    pid = steady_pid(host)
    killed = threading.Event()
    at = [0.0]

    def kill() -> None:
        time.sleep(0.03)  # until the call is in the worker's hands
        at[0] = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        killed.set()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        host.function("never", timeout=20)()
    except WorkerDied:
        return time.monotonic() - at[0]
    finally:
        thread.join()
    raise AssertionError("it lives")


def overshoot(host: JSHost, name: str, timeout: float) -> float:
    """How much later than its deadline a call ends."""
    steady_pid(host)
    began = time.monotonic()
    try:
        host.function(name, timeout=timeout)()
    except FunctionTimeout as error:
        late = time.monotonic() - began - timeout
        if name == "spin" and "turnForEver" not in (error.stack or ""):
            print(f"without its stack: {error}", file=sys.stderr)
        return late
    raise AssertionError("it ended")


def steady_pid(host: JSHost) -> int:
    """The worker's process id, once there is one; a host that gave its worker up is started anew."""
    while True:
        try:
            return int(host.function("pid", timeout=20)())
        except JSHostError:
            host.stop()
            host.start()


def row(name: str, found: list[float]) -> str:
    """One line of a table, in milliseconds."""
    found = sorted(1000 * seconds for seconds in found)
    p99 = found[min(len(found) - 1, round(len(found) * 0.99))]
    return f"| {name} | {statistics.median(found):.1f} | {p99:.1f} | {found[-1]:.1f} | {len(found)} |"


def with_host(work: Callable[[JSHost], None]) -> None:
    """A host of one worker."""
    with tempfile.TemporaryDirectory(prefix="js-host-") as directory:
        config = Path(directory) / "host.config.js"
        config.write_text(CONFIG)
        with JSHost(config) as host:
            work(host)


def main(rounds: int) -> None:
    """Print a table."""

    def work(host: JSHost) -> None:
        print("| milliseconds | median | p99 | most | measured |\n|---|---|---|---|---|")
        for name, found in measure(host, rounds).items():
            print(row(name, found), flush=True)

    with_host(work)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
