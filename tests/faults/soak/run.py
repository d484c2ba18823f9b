"""The soak: mixed load, with a fault every ten seconds. `python3 dev.py soak [MINUTES]` writes docs/soak.md.

Two hosts are called at once by threads that check every answer: one of this program's own with two workers, and
a managed one. At the end nothing may be left, and what each call was told is compared with what ran.
"""

# ruff: noqa: E501 - a page of the docs is written here

from __future__ import annotations

import gc
import logging
import os
import platform
import random
import shutil
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path

from load import Load, Tally
from load_async import TASKS, AsyncLoad
from trouble import Trouble

from js_host import JSHost
from measure import Measure, Sample, processes_of

EVERY = 10.0
THREADS = 4
LOOPS = 2
SYSTEM = f"{platform.system()} {platform.machine()}"
HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "soak.md"


class Soak:
    """One run."""

    def __init__(self, minutes: float, seed: int) -> None:
        self.seconds, self.seed = minutes * 60, seed
        self.place = Path(tempfile.mkdtemp(prefix="jsh-soak-", dir="/tmp"))
        self.runtime = self.place / "run"
        self.runtime.mkdir(0o700)
        os.environ |= {"XDG_RUNTIME_DIR": str(self.runtime), "XDG_STATE_HOME": str(self.place / "state")}
        self.tally = Tally(self.place / "notes")
        self.over = threading.Event()

    def config(self, name: str) -> Path:
        """A config file for one host."""
        path = self.place / name
        path.write_text((HERE / "functions.js").read_text().replace("GENERATION", "0"))
        return path

    def run(self) -> tuple[Measure, Trouble]:
        """Run it all, and look at what is left."""
        own_config, managed_config = self.config("own.config.js"), self.config("managed.config.js")
        flags = ("--max-old-space-size=128",)
        before = Sample.take(self.place)
        own = JSHost(own_config, workers=2, node_args=flags)
        managed = JSHost(managed_config, managed=True, node_args=flags)
        trouble = Trouble(own, managed, managed_config, self.tally, self.seed)
        trouble.code = (HERE / "functions.js").read_text()
        measure = Measure(self.place)
        own.start()
        managed.start()
        threads = [self.thread(own if number % 3 else managed, number) for number in range(THREADS + LOOPS)]
        try:
            self.make_trouble(trouble, measure)
        finally:
            self.over.set()
            for thread in threads:
                thread.join(120)
            own.close()
            managed.close()
        self.tally.check_notes()
        self.look_for_leaks(before, measure)
        return measure, trouble

    def thread(self, host: JSHost, number: int) -> threading.Thread:
        """Start one thread of the load."""
        kind = Load if number < THREADS else AsyncLoad
        load = kind(host, self.tally, self.seed + number)
        thread = threading.Thread(target=load.run, args=(self.over,), name=f"load {number}")
        thread.start()
        return thread

    def make_trouble(self, trouble: Trouble, measure: Measure) -> None:
        """One fault after the other, and a sample before each. The first comes when all that is loaded once has been."""
        began = time.monotonic()
        number = 1
        while (now := time.monotonic() - began) < self.seconds:
            measure.add(now)
            time.sleep(max(0.0, number * EVERY - now))
            name = trouble.make()
            number += 1
            print(
                f"{now:6.0f} s  {name:24} {self.tally.answers} answers, {sum(self.tally.errors.values())} errors, "
                f"{len(self.tally.defects)} defects, {measure.samples[-1]}",
                *(f"\n    {kind}: {story}" for kind, story in self.tally.stories.items()),
                flush=True,
            )
            self.tally.stories.clear()

    def look_for_leaks(self, before: Sample, measure: Measure) -> None:
        """Wait until descriptors, threads and processes are as before; what does not go is a defect."""
        give_up_at = time.monotonic() + 30
        while (after := Sample.take(self.place)).more_than(before) and time.monotonic() < give_up_at:
            gc.collect()
            time.sleep(0.1)
        measure.left = after.more_than(before)
        for text in measure.left:
            self.tally.defect(f"left behind: {text}")
        for pid in processes_of(self.place):
            os.kill(pid, 9)


def page(soak: Soak, measure: Measure, trouble: Trouble, seconds: float) -> str:
    """What docs/soak.md says."""
    tally = soak.tally
    errors = "".join(f"| {name} | {count:,} |\n" for name, count in sorted(tally.errors.items()))
    faults = "".join(f"| {name} | {count} |\n" for name, count in sorted(trouble.count.items()))
    defects = "".join(f"- {text}\n" for text in tally.defects[:20]) or "None.\n"
    return f"""# The soak

`python3 dev.py soak MINUTES` calls two hosts, one with two workers of the program's own, one kept by a manager, from
{THREADS} threads and {LOOPS} event loops of {TASKS} tasks, with short pauses: values of up to 256 KB, sleeps, timeouts, cancels, streams,
maps, callbacks, errors, and functions that write down that they ran. Every ten seconds something breaks. Every answer is
compared with its question; at the end, what each call was told is compared with what ran, and descriptors, threads and
processes with those at the start.

The last run took **{seconds / 60:.0f} minutes**, on {date.today()}: Python {platform.python_version()}, {SYSTEM},
{os.cpu_count()} processors that other work shared.

| what | figure |
|---|---|
| right answers | {tally.answers:,} |
| wrong answers, notes that ran twice or not as told, errors that nothing explains | {len(tally.defects)} |
| calls whose effect was compared with what they were told | {tally.checked:,} |
| faults made | {sum(trouble.count.values())} |
| infinite loops that ended at their deadline, and those whose stack was told | {trouble.loops}, {trouble.stacks} |
| processes that were replaced | {measure.replaced()} |
| memory of Python: at a quarter of the time, at the end, slope | {measure.memory()} |
| descriptors of Python: at a quarter of the time, at the end, most | {measure.descriptors()} |
| left behind at the end | {", ".join(measure.left) or "nothing"} |

## The faults

| fault | times |
|---|---|
{faults}
## The errors that callers got

All are of the kinds that a fault explains, and each says whether the function may have run. A timeout that was asked for
is an answer.

| error | calls |
|---|---|
{errors}
## Defects

{defects}"""


def main(arguments: list[str]) -> int:
    """Run it for so many minutes, by default 60."""
    minutes = float(arguments[0]) if arguments else 60.0
    logging.getLogger("js_host").addHandler(logging.NullHandler())
    logging.getLogger("js_host").propagate = False
    seed = random.randrange(10**9)
    print(f"seed {seed}", flush=True)
    soak = Soak(minutes, seed)
    began = time.monotonic()
    try:
        measure, trouble = soak.run()
    finally:
        shutil.rmtree(soak.place, ignore_errors=True)
    text = page(soak, measure, trouble, time.monotonic() - began)
    PAGE.write_text(text)
    print(text)
    return 1 if soak.tally.defects else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
