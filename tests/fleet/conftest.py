"""Functions that travel: a program that sends them to other processes, and what each of those answers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CONFIG = """
module.exports = { port: 0, requestDataLimit: '1mb', functions: {
  double: (number) => number * 2,
  where: () => ({ node: process.pid, python: process.ppid }),
  shout: (text) => ({ text: text.toUpperCase() }),
  page: (row) => ({ html: `<h1>${row}</h1>`, node: process.pid, python: process.ppid }),
  fail: (data) => { throw Object.assign(new RangeError('no ' + data), { code: 'E_NO' }) }
} }
"""


@pytest.fixture
def config(nothing_left: Any) -> Path:
    """A config file, whose functions tell in which process they run."""
    path: Path = nothing_left.config(CONFIG)
    return path


@pytest.fixture
def python(nothing_left: Any) -> Callable[..., str]:
    """Run a program in the test's directory, and return what it printed. Warnings are errors in it."""

    def run(program: str, *arguments: str, name: str = "program.py", **options: Any) -> str:
        path = nothing_left.directory / name
        path.write_text(program)
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", str(path), *arguments],
            **{"cwd": nothing_left.directory, "capture_output": True, "text": True, "timeout": 100} | options,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    return run


@pytest.fixture
def swept(nothing_left: Any, wait_for: Callable[..., None]) -> Callable[[], None]:
    """Sweep, as the next host does, the socket files of processes that were ended by force, once those are gone."""
    from js_host._host.runtime_dir import sweep

    def nothing_lies_there() -> bool:
        sweep(os.path.join(nothing_left.runtime, "js-host"))
        return nothing_left.sockets() == []

    return lambda: wait_for(nothing_lies_there)


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
