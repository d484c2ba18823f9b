"""The door of a worker to HTTP is made for the first who comes to it."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CONFIG = """
const http = require('node:http')
const { syncBuiltinESMExports } = require('node:module')
const { createServer } = http
function make (create) {
  http.createServer = create
  syncBuiltinESMExports()
}
make(() => {
  make(createServer)
  throw new Error('too many open files')
})
module.exports = { port: 0, functions: { one: () => 1 } }
"""


@contextmanager
def running(config: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A host of `js-host run` with one worker, until the block ends: its URL, and its process."""
    command = [sys.executable, "-m", "js_host", "run", str(config), "--workers", "1", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True) as process:  # type: ignore[call-overload]
        try:
            assert process.stdout
            yield "http://" + process.stdout.readline().split()[-1], process
        finally:
            process.terminate()


def test_a_worker_that_could_not_open_its_door_for_one_caller_opens_it_for_the_next(nothing_left: Any) -> None:
    with running(nothing_left.config(CONFIG)) as (url, process):
        with pytest.raises(OSError, match=r"reset|closed|disconnected"):
            urllib.request.urlopen(f"{url}/health", timeout=5)
        assert urllib.request.urlopen(f"{url}/health", timeout=5).read() == b'{"status":"ok"}'
        process.terminate()
        _, log = process.communicate(timeout=20)
    assert "A connection could not be served: too many open files" in log


CLEARING = """
const clear = () => { for (const file of Object.keys(require.cache)) delete require.cache[file] }
clear()
module.exports = { port: 0, functions: { pid: () => { clear(); return process.pid } } }
"""


def test_a_worker_goes_on_though_its_functions_clear_the_cache_of_require_to_load_their_own_files_anew(
    nothing_left: Any,
) -> None:
    with running(nothing_left.config(CLEARING)) as (url, _):
        pids = set()
        for _ in range(3):
            request = urllib.request.Request(f"{url}/function/pid", b"{}", {"Content-Type": "application/json"})
            pids.add(urllib.request.urlopen(request, timeout=5).read())
    assert len(pids) == 1
