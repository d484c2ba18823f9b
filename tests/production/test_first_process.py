"""`js-host run` as the first process of a container."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost

UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--map-root-user", "--user")


@pytest.fixture
def first(launch: Any, directory: Path) -> Callable[..., Any]:
    """Run a host as the first process of a namespace."""
    if subprocess.run([*UNSHARE, "true"], capture_output=True).returncode:
        pytest.skip("this user can not make a namespace of processes")
    (directory / "first.py").write_text(
        f"import os, sys\nos.execvp('unshare', [*{UNSHARE!r}, sys.executable, '-m', 'js_host', 'run', *sys.argv[1:]])\n"
    )
    return lambda *options: launch(*options, command=(str(directory / "first.py"),)).wait_until_ready()


ORPHAN = """
module.exports = { port: 0, functions: {
  orphan: () => { require('node:child_process').execSync('sh -c "true & exit"', { stdio: 'ignore' }) },
  zombies: () => require('node:child_process').execSync('ps -eo stat')
    .toString().split('\\n').filter((s) => s[0] === 'Z').length
} }
"""


def test_orphans_of_functions_are_collected(first: Any, release: Any, wait_for: Any) -> None:
    release(ORPHAN)
    running = first()
    with JSHost(root_url=running.url) as host:
        for _ in range(5):
            host.function("orphan")()
        wait_for(lambda: host.function("zombies")() == 0, 10)
    outside = running.process.pid
    os.kill(int(Path(f"/proc/{outside}/task/{outside}/children").read_text()), signal.SIGTERM)
    assert running.code() == 0
