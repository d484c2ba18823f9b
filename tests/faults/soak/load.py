"""The load of the soak: threads that call without a pause, and check every answer."""

from __future__ import annotations

import collections
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from js_host import JSHost
from js_host.exceptions import ConnectionError, FunctionError, FunctionTimeout, JSHostError, QueueFull

#: What a call may end with while its worker is killed, stopped or replaced. Anything else is a defect.
FAIR = (ConnectionError, FunctionTimeout, QueueFull)

TIMEOUT = 5.0

#: What a caller does between two calls takes so long at most, in seconds.
PAUSE = 0.01

#: A map has at most so many rows, as a power of 2.
MOST_ROWS = 13

#: How often a function may have run whose caller was told so.
FAIR_COUNTS = {"answered": {1}, "did-not-run": {0}, "may-have-run": {0, 1}}


class Tally:
    """What came of all calls. Safe in threads.

    `notes` is the file in which JavaScript notes that it ran; what the callers were told of it is kept in another,
    which is open all the time: descriptors run out on purpose.
    """

    def __init__(self, notes: Path) -> None:
        self.notes = notes
        self.notes.touch()
        self.told = notes.with_name("told").open("w+")
        self.lock = threading.Lock()
        self.answers = 0
        self.errors: collections.Counter[str] = collections.Counter()
        #: What the last error of each kind said.
        self.stories: dict[str, str] = {}
        #: What must never be: a wrong answer, or an error that no fault explains.
        self.defects: list[str] = []
        self.checked = 0

    def right(self, count: int = 1) -> None:
        """Answers came that are right."""
        with self.lock:
            self.answers += count

    def fair(self, error: JSHostError) -> None:
        """A call ended with an error that a fault explains."""
        ran = "may have run" if error.maybe_executed else "did not run"
        kind = f"{type(error).__name__}, {ran}"
        with self.lock:
            self.errors[kind] += 1
            self.stories[kind] = str(error)[:300]

    def defect(self, text: str) -> None:
        """Something was wrong."""
        print(f"DEFECT: {text[:2000]}", flush=True)
        with self.lock:
            self.defects.append(text[:2000])

    def tell(self, number: int, outcome: str) -> None:
        """A note was answered, has failed without having run, or may have run."""
        with self.lock:  # not in memory, whose growth is measured
            self.told.write(f"{number} {outcome}\n")

    def check_notes(self) -> None:
        """Compare what JavaScript wrote down with what the callers were told."""
        written = collections.Counter(self.notes.read_text().split())
        self.told.seek(0)
        for line in self.told:
            number, outcome = line.split()
            self.checked += 1
            if written[number] not in FAIR_COUNTS[outcome]:
                self.defect(f"note {number}, whose caller was told {outcome}, ran {written[number]} times")


class Load:
    """One thread's calls to one host, in random order."""

    def __init__(self, host: JSHost, tally: Tally, seed: int) -> None:
        self.host, self.tally = host, tally
        self.random = random.Random(seed)
        self.deeds: list[Callable[[], int]] = [
            *[self.echo] * 8, *[self.later] * 4, *[self.note] * 6, self.give_up, self.fail, self.stream,
            self.leave_stream, self.map, self.ask,
        ]  # fmt: skip

    def run(self, over: threading.Event) -> None:
        """Call until it is over."""
        while not over.is_set():
            self.step(over)
            over.wait(self.random.uniform(0, PAUSE))

    def step(self, over: threading.Event) -> None:
        """Do one thing, and judge what came of it."""
        deed = self.random.choice(self.deeds)
        try:
            self.tally.right(deed())
        except FAIR as error:
            self.tally.fair(error)
            over.wait(0.02)
        except Exception as error:
            self.tally.defect(f"{deed.__name__}: {error!r}")

    def call(self, name: str, data: object, timeout: float = TIMEOUT) -> Any:
        """Call a function."""
        return self.host.function(name, timeout=timeout)(data)

    def value(self) -> object:
        """Any value: small ones are frequent, and some are large."""
        size = int(2 ** self.random.uniform(0, 18))
        kind = self.random.randrange(4)
        if kind == 0:
            return self.random.randbytes(size)
        if kind == 1:
            return {"number": self.random.random(), "text": "é" * (size // 2)}
        if kind == 2:
            return [self.random.randrange(2**60) for _ in range(size // 16)]
        return self.random.randrange(10**9)

    def rows(self) -> list[float]:
        """The rows of a map: mostly few, some thousands."""
        return [self.random.random() for _ in range(int(2 ** self.random.uniform(0, MOST_ROWS)))]

    # Each deed returns how many answers it checked.

    def echo(self) -> int:
        return self.same(value := self.value(), self.call("echo", value))

    def later(self) -> int:
        value = self.random.random()
        return self.same(value, self.call("later", {"ms": self.random.randrange(20), "value": value}))

    def note(self) -> int:
        number = self.random.getrandbits(62)
        try:
            answer = self.call("note", {"file": str(self.tally.notes), "number": str(number)})
        except JSHostError as error:
            self.tally.tell(number, "may-have-run" if error.maybe_executed else "did-not-run")
            raise
        self.tally.tell(number, "answered")
        return self.same(str(number), answer)

    def give_up(self) -> int:
        try:
            self.call("never", None, self.random.uniform(0.01, 0.2))
        except FunctionTimeout:
            return 1
        self.tally.defect("never: it came")
        return 0

    def fail(self) -> int:
        text = f"on purpose {self.random.random()}"
        try:
            self.call("fail", text)
        except FunctionError as error:
            return self.same(text, error.message)
        self.tally.defect("fail: it did not")
        return 0

    def stream(self) -> int:
        count, size = self.random.randrange(60), self.random.randrange(20_000)
        parts = self.host.function("parts", timeout=TIMEOUT).stream(count=count, size=size)
        return self.same([(i, size) for i in range(count)], [(i, len(text)) for i, text in parts])

    def leave_stream(self) -> int:
        parts = self.host.function("parts", timeout=TIMEOUT).stream(count=10_000, size=100)
        for expected, (number, _) in zip(range(self.random.randrange(1, 30)), parts, strict=False):
            self.same(expected, number)
        parts.close()
        return 1

    def map(self) -> int:
        rows = self.rows()
        results = list(self.host.function("echo", timeout=TIMEOUT).map(rows, return_exceptions=True))
        if len(results) != len(rows):
            self.tally.defect(f"map: {len(results)} results of {len(rows)} rows")
        return sum(self.row(*pair) for pair in zip(rows, results, strict=False))

    def row(self, row: float, result: object) -> int:
        if not isinstance(result, Exception):
            return self.same(row, result)
        if isinstance(result, FAIR):
            self.tally.fair(result)
        else:
            self.tally.defect(f"map: {result!r}")
        return 0

    def ask(self) -> int:
        count = self.random.randrange(20)
        answer = self.call("ask", {"double": lambda number: 2 * number, "count": count})
        return self.same(count * (count - 1), answer)

    def same(self, expected: object, found: Any) -> int:
        """Note whether the answer is that of the question."""
        if found == expected:
            return 1
        self.tally.defect(f"a wrong answer: {str(found)[:100]} instead of {str(expected)[:100]}")
        return 0
