"""Random kills, and the orphans they leave: `kills.py COUNT`. There must be none.

Each round starts a program with a host of its own, or a managed one, and kills it, a worker, the manager,
or several of them, at any moment: while they start, while they are idle, in a call, in an infinite loop.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

CONFIG = """
module.exports = { port: 0, disconnectTimeout: 100, functions: {
  echo: (data) => data, spin: () => { for (;;); }, never: () => new Promise(() => {})
} }
"""

PROGRAM = """
import sys
from js_host import JSHost

config, kind, deed = sys.argv[1:]
host = JSHost(config, managed=True) if kind == "managed" else JSHost(config, workers=2)
host.start()
print("ready", flush=True)
while True:
    try:
        host.function(deed, timeout=60)()
    except Exception:
        pass
"""

#: What is still there so many seconds after the last kill is an orphan. A manager waits 10 s for its first program.
PATIENCE = 30.0

KINDS = ("own", "own", "managed")


class Round:
    """One program, and the end of it."""

    def __init__(self, dice: random.Random, kinds: Sequence[str]) -> None:
        self.dice = dice
        self.place = Path(tempfile.mkdtemp(prefix="jsh-kill-", dir="/tmp"))
        (self.place / "run").mkdir(0o700)
        self.kind = dice.choice(kinds)
        self.deed = dice.choice(["echo", "spin", "never"])
        self.kills = self.program = 0

    def run(self) -> float:
        """Start, kill, and wait until all is gone. Returns the seconds that took after the last kill."""
        config = self.place / "host.config.js"
        config.write_text(CONFIG)
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(config), self.kind, self.deed],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.environment(),
        )  # fmt: skip
        try:
            self.program = program.pid
            self.wait_for_a_moment(program)
            self.kill_some()
            program.kill()
            began = time.monotonic()
            self.kills += 1
            program.wait()
            return self.wait_until_gone(began)
        finally:
            assert program.stdout
            program.stdout.close()

    def wait_until_gone(self, began: float) -> float:
        """The seconds until the last process was seen. One look is not enough: amid an exec, none is seen."""
        last = time.monotonic()
        while (now := time.monotonic()) - last < 1.0 and now - began < PATIENCE:
            if self.processes():
                last = time.monotonic()
            time.sleep(0.002)
        return last - began

    def environment(self) -> dict[str, str]:
        return os.environ | {"XDG_RUNTIME_DIR": str(self.place / "run"), "XDG_STATE_HOME": str(self.place / "state")}

    def wait_for_a_moment(self, program: subprocess.Popen[bytes]) -> None:
        """Any moment of the start, or one after it."""
        if self.dice.random() < 0.5:
            assert program.stdout
            program.stdout.readline()
            time.sleep(self.dice.uniform(0, 0.05))
        else:
            time.sleep(self.dice.uniform(0, 0.8))

    def kill_some(self) -> None:
        """Kill some of what the program has started, or nothing."""
        for pid in self.processes():
            if self.dice.random() < 0.3:
                try:
                    os.kill(pid, signal.SIGKILL)
                    self.kills += 1
                except ProcessLookupError:
                    pass
                time.sleep(self.dice.uniform(0, 0.05))

    def processes(self) -> list[int]:
        """Those that have this round's directory on their command line, the program itself left out."""
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and self.is_ours(int(name))]

    def is_ours(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return False
        return str(self.place) in command and pid != self.program

    def clean(self) -> list[str]:
        """End what was left. Returns what that was."""
        left = self.processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.place, ignore_errors=True)
        return [f"{self.kind} host, {self.deed}: process {pid}" for pid in left]


def kill_at_random(count: int, seed: int, kinds: Sequence[str] = KINDS) -> tuple[int, list[str], list[float]]:
    """So many kills. Gives how many there were, the orphans, and how long each round's processes lived on."""
    dice, kills, orphans, lived = random.Random(seed), 0, [], []
    while kills < count:
        one = Round(dice, kinds)
        try:
            seconds = one.run()
        finally:
            left = one.clean()
        kills += one.kills
        orphans += left
        if one.kind == "own":
            lived.append(seconds)
    return kills, orphans, lived


def main(count: int) -> int:
    """Kill so often, and print the figures."""
    seed = random.randrange(10**9)
    print(f"seed {seed}", flush=True)
    kills, orphans, lived = kill_at_random(count, seed)
    print(f"{kills} kills, {len(orphans)} orphans", *orphans, sep="\n")
    print(f"workers of a killed program lived on for {statistics.median(lived) * 1000:.0f} ms, "
          f"{max(lived) * 1000:.0f} ms at most")  # fmt: skip
    return 1 if orphans else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
