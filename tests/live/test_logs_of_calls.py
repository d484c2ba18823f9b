"""What a function says with `console` reaches `logging`, with the function, the call and the worker."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from js_host import JSHost

CONFIG = """
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
module.exports = { functions: {
  says: (text) => { console.info('%s', text); return process.versions.node },
  awaits: async (text) => { await pause(5); console.warn(text); await pause(5); console.error(text) },
  streams: async function * () { yield 1 },
  late: (text) => { setTimeout(() => console.info(text), 20) },
  flood: (count) => { for (let i = 0; i < count; i++) console.log('line %d', i) },
  long: ({ length, character }) => { console.log(character.repeat(length)) },
  dots: async () => { for (let i = 0; i < 3; i++) { process.stdout.write('.'); await pause(5) } console.warn('done') },
  forges: () => { process.stdout.write('one\\x1etwo\\x1e{"level"\\n'); console.warn('done') }
} }
"""


class Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def of(self, function: str) -> list[Any]:
        return [record for record in self.records if vars(record).get("js_function") == function]


@pytest.fixture
def logged() -> Iterator[Collector]:
    logger, handler = logging.getLogger("js_host.worker"), Collector()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def host(nothing_left: Any, logged: Collector) -> Iterator[JSHost]:
    with JSHost(nothing_left.config(CONFIG)) as host:
        yield host


def test_a_line_says_which_function_which_call_and_which_worker(
    host: JSHost, logged: Collector, wait_for: Callable[..., None]
) -> None:
    for text in ("one", "two"):
        host.function("says")(text)
    wait_for(lambda: len(logged.of("says")) == 2)
    found = [(record.getMessage(), record.levelno, record.worker, record.js_call) for record in logged.of("says")]
    first = found[0][3]
    assert found == [("one", logging.INFO, 0, first), ("two", logging.INFO, 0, first + 1)]


def test_a_line_behind_an_await_says_it_too(host: JSHost, logged: Collector, wait_for: Callable[..., None]) -> None:
    host.function("awaits")("slowly")
    wait_for(lambda: len(logged.of("awaits")) == 2)
    assert {record.js_call for record in logged.of("awaits")} == {1}


def test_calls_that_wait_side_by_side_keep_their_lines_apart(
    host: JSHost, logged: Collector, wait_for: Callable[..., None]
) -> None:
    node = host.function("says")("x")
    if int(node.split(".")[0]) < 24:
        pytest.skip("before Node 24 this would slow every promise down")
    threads = [threading.Thread(target=host.function("awaits"), args=(f"text {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: len(logged.of("awaits")) == 8)
    lines = {(record.getMessage(), record.js_call) for record in logged.of("awaits")}
    assert len(lines) == len({text for text, _ in lines}) == len({call for _, call in lines}) == 4


def test_what_nobody_calls_has_no_call(host: JSHost, logged: Collector, wait_for: Callable[..., None]) -> None:
    host.function("late")("after all")
    wait_for(lambda: [record for record in logged.records if record.getMessage() == "after all"])


def test_a_flood_is_cut_and_counted_and_the_worker_goes_on(
    host: JSHost, logged: Collector, wait_for: Callable[..., None]
) -> None:
    host.function("flood")(1_000_000)
    assert host.function("says")("still here")
    wait_for(lambda: any("were dropped" in record.getMessage() for record in logged.of("flood")))
    lines = logged.of("flood")
    told = sum(int(re.findall(r"\d+", line.getMessage())[0]) for line in lines if "were dropped" in line.getMessage())
    said = [line.getMessage() for line in lines if "were dropped" not in line.getMessage()]
    assert said[:1000] == [f"line {number}" for number in range(1000)]
    assert len(said) + told <= 1_000_000
    assert len(said) < 20_000


@pytest.mark.parametrize("character", ["x", "漢", "\x01"])
def test_a_line_that_is_too_long_is_cut_and_says_so(
    character: str, host: JSHost, logged: Collector, wait_for: Callable[..., None]
) -> None:
    host.function("long")(length=100_000, character=character)
    wait_for(lambda: logged.records)
    assert logged.of("long")[0].getMessage().endswith("… (67232 more characters)")


def test_a_raw_write_that_ends_no_line_hides_no_line_behind_it(
    host: JSHost, logged: Collector, wait_for: Callable[..., None]
) -> None:
    host.function("dots")()
    wait_for(lambda: len(logged.records) == 2)
    raw, said = logged.records
    assert (raw.getMessage(), raw.levelno, vars(raw)["js_function"]) == ("...", logging.INFO, None)
    assert (said.getMessage(), said.levelno, vars(said)["js_function"]) == ("done", logging.WARNING, "dots")


def test_what_only_looks_like_a_record_stays_raw_output(
    host: JSHost, logged: Collector, wait_for: Callable[..., None]
) -> None:
    host.function("forges")()
    wait_for(lambda: logged.of("forges"))
    raw = [record.getMessage() for record in logged.records if vars(record)["js_function"] is None]
    assert raw == ["one", "\\x1etwo", '\\x1e{"level"']
