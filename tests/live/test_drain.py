"""A stopping worker and the calls that it still runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from js_host import JSHost
from js_host.exceptions import FunctionError, WorkerDied

CONFIG = """
let open = 0
const untilAborted = (signal) => new Promise((resolve) => {
  signal.addEventListener('abort', () => resolve(signal.reason.message))
})
module.exports = { functions: {
  honours: function () { open++; return untilAborted(this.signal) },
  ignores: () => { open++; return new Promise(() => {}) },
  streams: async function * () {
    open++
    for (;;) { yield open; await new Promise((resolve) => setTimeout(resolve, 5)) }
  },
  open: () => open
} }
"""


def outcome(work: Callable[[], object], into: list[object]) -> threading.Thread:
    """Do work in a thread, and keep what it returns or raises."""

    def run() -> None:
        try:
            into.append(work())
        except Exception as error:
            into.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_before_it_ends_them_a_stopping_worker_fires_the_signals_of_its_calls(
    nothing_left: Any, wait_for: Callable[..., None]
) -> None:
    with JSHost(nothing_left.config(CONFIG)) as host:
        honoured: list[Any] = []
        streamed: list[Any] = []
        ignored: list[Any] = []
        threads = [
            outcome(host.function("honours"), honoured),
            outcome(lambda: list(host.function("streams").stream()), streamed),
            outcome(host.function("ignores"), ignored),
        ]
        wait_for(lambda: host.function("open")() == 3)
        host._home._supervisor.stop(timeout=3.0)  # type: ignore[union-attr]
        for thread in threads:
            thread.join(5)
        assert honoured == ["The worker is stopping, and the time for its calls is nearly over."]
        assert isinstance(streamed[0], FunctionError)
        assert streamed[0].name == "AbortError"
        assert isinstance(ignored[0], WorkerDied)
