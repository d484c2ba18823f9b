"""Code that changes while a host starts, and what is said to workers while they change places."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host._host.lifecycle import HANDING_OVER
from js_host._host.supervisor import Supervisor, SupervisorOptions

SLOW_SECOND = """
if (process.argv[process.argv.indexOf('--slot') + 1] === '1' && !process.argv.includes('--hold')) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
module.exports = { functions: {} }
"""


@pytest.fixture
def starting(nothing_left: Any) -> Iterator[tuple[Supervisor, Path]]:
    """A host whose first worker is ready, and whose second one never will be, if the code does not change."""
    config = nothing_left.config(SLOW_SECOND)
    supervisor = Supervisor(SupervisorOptions(str(config), workers=2, reload=True, log=lambda lines: None))
    supervisor.begin()
    yield supervisor, config
    supervisor.kill()


def test_a_start_ends_where_changed_code_is_ready_before_the_last_worker(
    starting: tuple[Supervisor, Path], wait_for: Any
) -> None:
    supervisor, config = starting
    waiting = threading.Thread(target=supervisor.wait_until_ready, daemon=True)
    waiting.start()
    slot = supervisor.slots[0]
    wait_for(lambda: slot.watch is not None and "watching" in slot.watch.reports, 20)
    config.write_text(SLOW_SECOND + "// changed\n")
    wait_for(lambda: supervisor.generation == 2, 20)
    waiting.join(5)
    assert not waiting.is_alive()


BLOCKS = """
module.exports = { functions: {
  pid: () => process.pid,
  block: () => { console.log('it blocks'); for (const end = Date.now() + 1500; Date.now() < end;); }
} }
"""


def test_nothing_but_the_word_to_serve_lets_a_new_worker_serve(live: Any, wait_for: Any) -> None:
    host = live(BLOCKS, pulse=0.1)
    host.settle()
    old = host.call("pid")
    blocking = threading.Thread(target=host.call, args=("block",))
    blocking.start()
    wait_for(lambda: "it blocks" in host.story(), 20)
    host.supervisor.ask_to_reload()
    while host.supervisor._keeper.reload.state != HANDING_OVER:
        time.sleep(0.001)
    assert host.call("pid") != old
    state = host.supervisor._keeper.reload.state
    blocking.join(20)
    assert state != HANDING_OVER, "it served before the old worker had said that it drains, or had been given time"
