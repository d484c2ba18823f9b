"""The quick start prints what its README says."""

import subprocess
import sys
from pathlib import Path

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"


def test_hello_world_greets_the_world_and_then_foo(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, QUICKSTART / "hello_world.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout == "Hello, World!\nHello, Foo!\n", ended.stderr
    assert ended.returncode == 0
