"""Hosts whose code changes while they run: `live` makes one, with a pool of connections to it."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host._client.address import Address
from js_host._client.job import Job
from js_host._client.pool import Lane, Pool
from js_host._host.lifecycle import QUIET
from js_host._host.lines import LogLine
from js_host._host.supervisor import Supervisor, SupervisorOptions
from js_host._wire.values import decode as DECODE
from js_host.exceptions import WorkerDied

CODE = """
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
module.exports = { functions: {
  number: () => %(number)s,
  answer: () => ({ number: %(number)s, pid: process.pid }),
  later: async (ms) => { await sleep(ms); return { number: %(number)s, pid: process.pid } },
  large: () => ({ number: %(number)s, pid: process.pid, text: 'x'.repeat(300000) })
} }
"""


class Live:
    """A host with `reload`, and a pool of connections to it."""

    def __init__(
        self,
        left: Any,
        code: str = CODE % {"number": 1},
        *,
        name: str = "host.config.js",
        before: Callable[[Path], None] = lambda directory: None,
        **options: Any,
    ) -> None:
        self.directory: Path = left.directory
        self.file = self.directory / name
        self.file.parent.mkdir(exist_ok=True)
        before(self.directory)
        self.write(code)
        self.log: list[LogLine] = []
        self._before: int | None = None
        self.supervisor = Supervisor(SupervisorOptions(str(self.file), reload=True, log=self.log.extend, **options))
        self.supervisor.start()
        slots = self.supervisor.slots
        self.pool = Pool([Lane(Address.unix(slot.address), slot) for slot in slots], self.explain)

    def save(self, number: object) -> None:
        """Save code that answers with a number, as an editor does: beside the file, then in its place."""
        self.write(CODE % {"number": number})

    def write(self, text: str) -> None:
        """Save any text so."""
        beside = self.file.with_suffix(".new")
        beside.write_text(text)
        os.replace(beside, self.file)

    def call(self, name: str = "number", data: object = None) -> Any:
        """Call a function."""
        return self.pool.call(name.encode(), data, 20, DECODE)

    def map(self, name: str, rows: Iterable[object]) -> Iterator[Any]:
        """Call a function for each row; what fails is raised."""

        def on_error(error: Exception) -> object:
            raise error

        return self.pool.map(iter(rows), Job(name.encode(), 20, DECODE, on_error))

    def call_each(self, name: str = "number") -> list[Any]:
        """Call a function of each worker."""
        return [Pool([lane]).call(name.encode(), None, 20, DECODE) for lane in self.pool.lanes]

    def story(self) -> str:
        """What was logged."""
        return "\n".join(line.text for line in self.log)

    @property
    def reloads(self) -> int:
        """How many reloads have begun since the host settled for the first time."""
        return self.supervisor._keeper.reload.begun - (self._before or 0)  # type: ignore[union-attr]

    def wait_for(self, number: object, patience: float = 20.0) -> None:
        """Wait until new code answers."""
        give_up_at = time.monotonic() + patience
        while self.call() != number:
            assert time.monotonic() < give_up_at, f"{number} never served:\n{self.story()}"
            time.sleep(0.001)

    def wait_for_failure(self, word: str, patience: float = 20.0) -> None:
        """Wait until new code did not start, for a reason that has this word in it."""
        give_up_at = time.monotonic() + patience
        while word not in (self.supervisor.reload_failure or ""):
            assert time.monotonic() < give_up_at, f"no such failure:\n{self.story()}"
            time.sleep(0.005)

    def settle(self, patience: float = 20.0) -> None:
        """Wait until no reload is under way, and the present worker has said that it watches."""
        give_up_at = time.monotonic() + patience
        while not self._is_settled():
            assert time.monotonic() < give_up_at, f"it goes on reloading:\n{self.story()}"
            time.sleep(0.005)
        if self._before is None:
            self._before = self.reloads
        # Asked through the worker's watchdog, so that it runs: a thread that starts needs the worker's directory.
        self.supervisor.reports(self.supervisor.ask_for_reports(), give_up_at)

    def _is_settled(self) -> bool:
        with self.supervisor.lock:
            keeper, watch = self.supervisor._keeper, self.supervisor.slots[0].watch
            return keeper.reload.state == QUIET and watch is not None and "watching" in watch.reports  # type: ignore[union-attr]

    def explain(self, lane: Lane, pid: int) -> Any:
        """Why was the worker lost?"""
        end = self.supervisor.explain(lane.slot, pid) if pid else None  # type: ignore[arg-type]
        return WorkerDied(str(end)) if end else None

    def stop(self) -> None:
        """End it."""
        self.pool.close()
        self.supervisor.stop()


@pytest.fixture
def live(nothing_left: Any) -> Iterator[Callable[..., Live]]:
    """Make such hosts, and end them with the test."""
    made = []

    def make(*code: str, **options: Any) -> Live:
        made.append(Live(nothing_left, *code, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


class Callers:
    """Threads that call without a pause, and keep what they got."""

    def __init__(self, live: Live, names: list[tuple[str, object]], calls: int = 0) -> None:
        self.live = live
        self.left = calls
        self.done = False
        self.answers: list[list[Any]] = [[] for _ in names]
        self.errors: list[BaseException] = []
        self.longest = 0.0
        self.threads = [
            threading.Thread(target=self._run, args=(*name, got)) for name, got in zip(names, self.answers, strict=True)
        ]

    def __enter__(self) -> Callers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done = True
        for thread in self.threads:
            thread.join(30)

    def _run(self, name: str, data: object, got: list[Any]) -> None:
        while not self.done and not self.errors:
            self.left -= 1
            began = time.monotonic()
            try:
                answer = self.live.call(name, data)
            except BaseException as error:
                self.errors.append(error)
                return
            self.longest = max(self.longest, time.monotonic() - began)
            got.append(answer)


@pytest.fixture
def callers() -> type[Callers]:
    """Give `Callers` to the tests."""
    return Callers


@pytest.fixture
def node() -> str:
    """The path of Node."""
    from js_host._host.node import find_node

    return find_node().path


@pytest.fixture
def _node_tells_what_it_loads(node: str) -> None:
    """Older ones do not: there, all sources of the config's directory count, package.json too, and none elsewhere."""
    look = "process.exit(require('module').registerHooks ? 0 : 1)"
    if subprocess.run([node, "-e", look]).returncode:
        pytest.skip("this Node does not tell of the files that it loads")
