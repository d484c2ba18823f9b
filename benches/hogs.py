"""Processes that do nothing but burn a CPU each."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """`count` hogs while the block runs."""
    burning = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in burning:
            hog.kill()
        for hog in burning:
            hog.wait()
