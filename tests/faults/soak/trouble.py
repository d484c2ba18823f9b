"""The faults of the soak, one every few seconds."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from pathlib import Path
from typing import Any

from load import FAIR, Tally

from js_host import JSHost
from js_host.exceptions import FunctionTimeout, WorkerDied


class Trouble:
    """Makes faults happen to hosts: `own` has workers of this program, `managed` those of a manager."""

    def __init__(self, own: JSHost, managed: JSHost, config: Path, tally: Tally, seed: int) -> None:
        self.own, self.managed, self.config, self.tally = own, managed, config, tally
        self.code = config.read_text()
        self.generation = 0
        self.random = random.Random(seed)
        self.left: list[Any] = []
        self.count: dict[str, int] = {}
        #: How many infinite loops ended at their deadline, and of how many the stack was told.
        self.loops = self.stacks = 0

    def make(self) -> str:
        """Make one fault, each kind as often as the others. Returns its name."""
        if not self.left:
            self.left = [
                self.kill_a_worker, self.freeze_a_worker, self.loop_for_ever, self.use_up_the_heap, self.save_new_code,
                self.send_much, self.run_out_of_descriptors, self.flood_the_log, self.kill_the_manager, self.fork,
            ]  # fmt: skip
            self.random.shuffle(self.left)
        fault = self.left.pop()
        name = fault.__name__.replace("_", " ")
        self.count[name] = self.count.get(name, 0) + 1
        try:
            fault()
        except FAIR as error:
            self.tally.fair(error)  # of the fault before
        except Exception as error:
            self.tally.defect(f"{name}: {error!r}")
        return name

    def host(self) -> JSHost:
        return self.random.choice([self.own, self.own, self.managed])

    def kill_a_worker(self) -> None:
        os.kill(self.pid(self.host()), signal.SIGKILL)

    def freeze_a_worker(self) -> None:
        pid = self.pid(self.host())
        os.kill(pid, signal.SIGSTOP)
        time.sleep(3)
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass  # it was replaced

    def loop_for_ever(self) -> None:
        try:
            self.host().function("spin", timeout=0.5)(None)
        except FunctionTimeout as error:
            self.loops += 1
            self.stacks += "spin" in (error.stack or "")

    def use_up_the_heap(self) -> None:
        try:
            self.host().function("hoard", timeout=60)(None)
        except WorkerDied as error:
            if "memory" not in str(error):
                self.tally.defect(f"an overflow of the heap that is not called so: {error}")

    def save_new_code(self) -> None:
        self.generation += 1
        beside = self.config.with_suffix(".new")
        beside.write_text(self.code.replace("GENERATION", str(self.generation)))
        os.replace(beside, self.config)
        give_up_at = time.monotonic() + 60
        while self.managed.function("generation", timeout=5)() != self.generation:
            if time.monotonic() > give_up_at:
                raise AssertionError("new code did not serve within 60 s")
            time.sleep(0.05)

    def send_much(self) -> None:
        data = self.random.randbytes(1024) * 32 * 1024
        if self.host().function("echo", timeout=30)(data) != data:
            self.tally.defect("32 MB came back as others")

    def run_out_of_descriptors(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 2, hard))
        try:
            time.sleep(2)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def flood_the_log(self) -> None:
        self.host().function("flood", timeout=30)(100_000)

    def kill_the_manager(self) -> None:
        status = self.managed.manager.get_status(ask_workers=False) if self.managed.manager else None
        if status:
            os.kill(status["pid"], signal.SIGKILL)

    def fork(self) -> None:
        pid = os.fork()
        if pid == 0:
            self.in_the_child()
        _, status = os.waitpid(pid, 0)
        if status:
            self.tally.defect(f"a forked child ended with {status}")

    def in_the_child(self) -> None:
        signal.alarm(60)
        try:
            answer = self.managed.function("echo", timeout=20)("of the child")
            os._exit(0 if answer == "of the child" else 3)
        except FAIR:
            os._exit(0)
        except BaseException:
            os._exit(4)

    def pid(self, host: JSHost) -> int:
        return int(host.function("pid", timeout=10)())
