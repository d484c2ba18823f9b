"""What workers print reaches `logging`, and nothing there can hold up or hurt the supervisor."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from js_host._host.lines import LogLine
from js_host._host.logs import LogForwarder


class Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def texts(self, logger: str = "js_host.worker") -> list[str]:
        return [record.getMessage() for record in self.records if record.name == logger]


@pytest.fixture
def collected() -> Iterator[Collector]:
    logger, handler = logging.getLogger("js_host"), Collector()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def handle() -> Iterator[Any]:
    """Add a handler that does what a function does, for the time of the test."""
    added: list[logging.Handler] = []

    def add(emit: Any) -> None:
        handler = logging.Handler()
        handler.emit = emit  # type: ignore[method-assign]
        added.append(handler)
        logging.getLogger("js_host").addHandler(handler)

    yield add
    for handler in added:
        logging.getLogger("js_host").removeHandler(handler)


def lines(count: int) -> list[LogLine]:
    return [LogLine("warn", f"line {number}", 0, 1) for number in range(count)]


def test_raw_output_and_records_come_at_their_levels(fake: Any, collected: Collector) -> None:
    supervisor = fake.start("out=plain,err=trouble,record=told,ready")
    pid = supervisor.slots[0].pid
    supervisor.stop()
    found = {record.getMessage(): record for record in collected.records if record.name == "js_host.worker"}
    assert {text: record.levelno for text, record in found.items()} == {"plain": 20, "trouble": 30, "told": 40}
    assert vars(found["told"])["worker"] == 0
    assert vars(found["told"])["pid"] == pid
    assert vars(found["told"])["level"] == "error"


def test_the_last_words_of_a_worker_are_not_lost(fake: Any, collected: Collector, wait_for: Any) -> None:
    supervisor = fake.start("ready")
    fake.end(supervisor, "partial=unfinished,kill=SIGKILL")
    wait_for(lambda: "unfinished" in collected.texts())


def test_a_flood_arrives_whole_and_in_order(fake: Any, collected: Collector) -> None:
    fake.start("flood=5000,ready").stop()
    assert collected.texts() == [f"line {number}" for number in range(5000)]


@pytest.mark.parametrize(("node", "warns"), [("v20.20.2", 1), ("v22.0.0", 0), ("nonsense", 0)])
def test_a_node_that_is_too_old_to_be_supported_is_warned_of_once(
    node: str, warns: int, fake: Any, collected: Collector
) -> None:
    supervisor = fake.start(f"ready={node}", workers=2)
    supervisor.stop()
    warnings = [text for text in collected.texts("js_host.supervisor") if "22 and later are supported" in text]
    assert [text.partition(", but")[0] for text in warnings] == ["Node 20.20.2 runs"] * warns


def test_what_becomes_of_workers_is_logged_too(fake: Any, collected: Collector, wait_for: Any) -> None:
    supervisor = fake.start("ready", max_crashes=2)
    slot = supervisor.slots[0]
    for _ in range(2):
        wait_for(lambda: slot.ready)
        os.kill(slot.pid, signal.SIGKILL)
        wait_for(lambda: not slot.ready)
    supervisor.stop()
    texts = collected.texts("js_host.supervisor")
    assert texts[0].endswith("is ready")
    assert texts[1].startswith("Worker 0 (pid ")
    assert texts[1].endswith("Another is started now.")
    assert texts[-1].endswith("It crashed too often; the next start is tried in 60 s.")
    assert [record.levelno for record in collected.records if record.name == "js_host.supervisor"] == [20, 30, 20, 40]


def test_a_handler_that_raises_hurts_nobody(fake: Any, handle: Any, collected: Collector) -> None:
    def explode(record: logging.LogRecord) -> None:
        raise SystemExit("the handler is broken")

    handle(explode)
    supervisor = fake.start("out=one,out=two,ready")
    assert fake.ask_pid(supervisor) == supervisor.slots[0].pid
    supervisor.stop()
    assert collected.texts() == ["one", "two"]


def test_a_handler_that_hangs_holds_up_neither_workers_nor_explanations(fake: Any, handle: Any) -> None:
    release = threading.Event()
    handle(lambda record: release.wait(20))
    supervisor = fake.start("ready")
    slot = supervisor.slots[0]
    fake.tell(supervisor, "flood=20000").close()
    pid = slot.pid
    assert fake.ask_pid(supervisor) == pid  # the flood was taken: the pipe never filled up
    os.kill(pid, signal.SIGKILL)
    assert supervisor.explain(slot, pid, wait=1.0) is not None
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < 3
    release.set()


def test_what_a_slow_handler_can_not_take_is_counted(handle: Any, collected: Collector) -> None:
    release, entered = threading.Event(), threading.Event()

    def slow(record: logging.LogRecord) -> None:
        entered.set()
        release.wait(20)

    handle(slow)
    forwarder = LogForwarder(most=10)
    forwarder.put(lines(1))
    entered.wait(20)
    forwarder.put(lines(25))
    release.set()
    forwarder.close(10)
    assert len(collected.texts()) == 11
    assert collected.texts("js_host.supervisor") == [
        "15 lines of workers were dropped: they print faster than the log handlers take them"
    ]


def test_long_lines_that_wait_take_bounded_memory(handle: Any, collected: Collector) -> None:
    release, entered = threading.Event(), threading.Event()

    def slow(record: logging.LogRecord) -> None:
        entered.set()
        release.wait(20)

    handle(slow)
    forwarder = LogForwarder()
    forwarder.put(lines(1))
    entered.wait(20)
    forwarder.put([LogLine("warn", "x" * 1024 * 1024, 0, 1)] * 100)
    release.set()
    forwarder.close(10)
    assert len(collected.texts()) == 1 + 16
    assert collected.texts("js_host.supervisor")[0].startswith("84 lines of workers were dropped")


def test_without_a_line_there_is_no_thread() -> None:
    before = threading.active_count()
    forwarder = LogForwarder()
    assert threading.active_count() == before
    forwarder.close()


def test_the_library_is_quiet_where_logging_is_not_configured_and_never_touches_root() -> None:
    root = list(logging.getLogger().handlers), logging.getLogger().level
    for _ in range(2):
        forwarder = LogForwarder()
        forwarder.put(lines(1))
        forwarder.close(10)
    handlers = logging.getLogger("js_host").handlers
    assert [type(handler) for handler in handlers].count(logging.NullHandler) == 1
    assert (list(logging.getLogger().handlers), logging.getLogger().level) == root


def test_lines_that_could_not_be_handled_are_counted_and_the_next_ones_are_handled(wait_for: Any) -> None:
    handled: list[str] = []

    def handle(lines: Any) -> None:
        if not handled:
            handled.append("out of descriptors")
            raise OSError("Too many open files")
        handled.extend(line.text for line in lines)

    forwarder = LogForwarder(handle=handle)
    forwarder.put([LogLine("warn", text, 0, 1, "js_host.worker") for text in "ab"])
    wait_for(lambda: handled)
    forwarder.put([LogLine("warn", "c", 0, 1, "js_host.worker")])
    wait_for(lambda: len(handled) == 3)
    assert handled[1] == "c"
    assert handled[2].startswith("2 lines of workers were dropped")
    forwarder.close()
