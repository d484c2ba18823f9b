"""What the soak measures: memory, descriptors, threads and processes."""

from __future__ import annotations

import os
import statistics
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self


def processes_of(place: Path) -> set[int]:
    """The processes that have this directory on their command line, and zombies of ours."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit() and _is_of(int(name), str(place))}


def _is_of(pid: int, place: str) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return False
    return (state == "Z" and int(parent) == os.getpid()) or place in command


def memory_of(pid: int) -> float:
    """Resident memory in MB; 0 for a process that is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
    except (OSError, IndexError):
        return 0.0


@dataclass
class Sample:
    """One look."""

    python: float
    workers: float
    descriptors: int
    threads: int
    processes: set[int]

    @classmethod
    def take(cls, place: Path) -> Self:
        processes = processes_of(place) - {os.getpid()}
        return cls(
            memory_of(os.getpid()),
            sum(map(memory_of, processes)),
            len(os.listdir("/proc/self/fd")),
            threading.active_count(),
            processes,
        )

    def more_than(self, before: Self) -> list[str]:
        """What there is now that was not there before."""
        return [
            f"{now - then} {name}"
            for name, now, then in (
                ("descriptors", self.descriptors, before.descriptors),
                ("threads", self.threads, before.threads),
                ("processes", len(self.processes), len(before.processes)),
            )
            if now > then
        ]

    def __str__(self) -> str:
        return (
            f"Python {self.python:.0f} MB, {len(self.processes)} processes {self.workers:.0f} MB, "
            f"{self.descriptors} descriptors, {self.threads} threads"
        )


class Measure:
    """All samples of a run."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.samples: list[Sample] = []
        self.times: list[float] = []
        self.seen: set[int] = set()
        self.left: list[str] = []

    def add(self, time: float) -> None:
        """Take a sample."""
        self.samples.append(Sample.take(self.place))
        self.times.append(time)
        self.seen |= self.samples[-1].processes

    def replaced(self) -> int:
        """How many processes were seen beyond those of the first look."""
        return len(self.seen) - len(self.samples[0].processes)

    def settled(self) -> list[Sample]:
        """The samples after the first quarter: by then, caches and buffers have their size."""
        return self.samples[len(self.samples) // 4 :]

    def memory(self) -> str:
        """Of this process."""
        settled = self.settled()
        slope = 0.0
        if len(settled) > 2:
            hours = [time / 3600 for time in self.times[-len(settled) :]]
            slope = statistics.linear_regression(hours, [one.python for one in settled]).slope
        return f"{settled[0].python:.0f} MB, {settled[-1].python:.0f} MB, {slope:+.1f} MB an hour"

    def descriptors(self) -> str:
        """Of this process."""
        settled = self.settled()
        return f"{settled[0].descriptors}, {settled[-1].descriptors}, {max(one.descriptors for one in self.samples)}"
