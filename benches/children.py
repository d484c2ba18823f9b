"""The harness's side of `child.py`: one process for each peer, all alive at once, asked in turns."""

import json
import select
import subprocess
import tempfile
from typing import Any

from .paths import ROOT
from .processes import kill_tree

PATIENCE = 60


class Child:
    """A peer in a process of its own. After a failure `failure` says why, and it is asked no more."""

    def __init__(self, module: str, python: str, env: dict[str, str]) -> None:
        self.failure = ""
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the child)
        self.process = subprocess.Popen(
            [python, "-m", "benches.child", module],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
        )
        self.answer()

    def ask(self, case: str, seconds: float) -> dict[str, Any]:
        """The figures, or {"error": ...}."""
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps({"case": case, "seconds": seconds}).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return self.failed("it is gone")
        return self.answer()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            return self.failed(f"no answer after {PATIENCE} s")
        line = self.process.stdout.readline()
        if not line:
            return self.failed(f"it ended with code {self.process.wait()}")
        read: dict[str, Any] = json.loads(line)
        return read

    def failed(self, why: str) -> dict[str, Any]:
        kill_tree(self.process.pid)
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip().splitlines()
        self.failure = ": ".join([why, *said[-1:]])
        return {"error": self.failure}

    def close(self) -> None:
        if self.process.poll() is None:
            assert self.process.stdin
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                kill_tree(self.process.pid)
        self.process.wait()
        self.errors.close()
