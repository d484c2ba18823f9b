"""What a function does to the globals of its process is its own affair: nothing of ours depends on them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from js_host import JSHost
from js_host.exceptions import FunctionTimeout

CONFIG = """
const { setTimeout: realTimeout } = globalThis
const wait = (ms) => new Promise((resolve) => realTimeout(resolve, ms))
module.exports = { functions: {
  fake () {
    globalThis.performance = { now: () => 0 }
    for (const name of ['setTimeout', 'setInterval', 'setImmediate']) globalThis[name] = () => 7
    for (const name of ['clearTimeout', 'clearInterval']) globalThis[name] = () => {}
    process.nextTick = () => {}
    process.exit = () => { throw new Error('nobody leaves') }
    return process.pid
  },
  later: async (ms) => { await wait(ms); return process.pid },
  endOutput () { process.stdout.end(); console.log('to nobody'); return process.pid },
  count: async function * (n) { for (let i = 0; i < n; i++) { await wait(1); yield i } }
} }
"""


def test_a_worker_goes_on_and_ends_as_usual_though_its_timers_its_clock_and_its_exit_were_replaced(
    nothing_left: Any,
) -> None:
    with JSHost(nothing_left.config(CONFIG), workers=1) as host:
        pid = host.function("fake", timeout=5)()
        later = host.function("later", timeout=5)
        assert later(700) == pid
        assert list(host.function("count", timeout=5).stream(50)) == list(range(50))
        with pytest.raises(FunctionTimeout, match=r"no result within 0\.2 s"):
            later.with_options(timeout=0.2)(60_000)
        assert later(0) == pid
        began = time.monotonic()
    assert time.monotonic() - began < 5


def test_a_function_that_ends_stdout_loses_its_lines_and_not_its_worker(nothing_left: Any) -> None:
    with JSHost(nothing_left.config(CONFIG), workers=1) as host:
        pid = host.function("endOutput", timeout=5)()
        assert host.function("later", timeout=5)(100) == pid
