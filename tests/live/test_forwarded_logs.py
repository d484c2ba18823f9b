"""With FORWARD_LOGS, what a managed host prints reaches Python's `logging`, as with a host of the program's own."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host.conf import settings
from js_host.manager import JSHostManager

CONFIG = """
console.log('loading')
module.exports = {
  disconnectTimeout: 200,
  functions: {
    pid: () => process.pid,
    print: (text) => { console.warn(text) },
    flood: ([start, end]) => { for (let i = start; i < end; i++) console.log(`line ${i} ${'x'.repeat(200)}`) }
  }
}
"""

STOPPED = """
import logging, os, signal, sys
from js_host import JSHost
from js_host.conf import settings

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(name)s %(message).60s")
settings.configure(FORWARD_LOGS=True)
host = JSHost(sys.argv[1], managed=True)
host.function("pid")()
print("ready", flush=True)
sys.stdin.read()
"""


class Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def collected() -> Iterator[Collector]:
    handler, logger = Collector(), logging.getLogger("js_host")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def host(nothing_left: Any) -> Iterator[JSHost]:
    settings.configure(FORWARD_LOGS=True)
    host = JSHost(nothing_left.config(CONFIG), managed=True)
    yield host
    del settings.FORWARD_LOGS
    host.close()
    JSHostManager().stop()


def test_a_line_arrives_as_the_record_that_an_own_host_would_make(
    host: JSHost, collected: Collector, wait_for: Any
) -> None:
    pid = host.function("pid")()
    host.function("print")("hello\nworld")
    wait_for(lambda: "hello\n    world" in collected.texts())
    record = collected.records[-1]
    assert (record.name, record.levelno, record.level) == ("js_host.worker", logging.WARNING, "warn")
    assert (record.worker, record.pid, record.js_function) == (0, pid, "print")
    assert "loading" in collected.texts()
    assert [record.name for record in collected.records if "is ready" in record.getMessage()] == ["js_host.supervisor"]


def test_it_goes_on_when_the_host_is_restarted_and_when_its_manager_was_replaced(
    host: JSHost, collected: Collector, wait_for: Any
) -> None:
    host.function("print")("first")
    host.restart()
    host.function("print")("second")
    wait_for(lambda: "second" in collected.texts())
    assert host.manager is not None
    host.manager.stop()
    host.function("print")("third")
    wait_for(lambda: "third" in collected.texts())
    assert [text for text in collected.texts() if text in ("first", "second", "third")] == ["first", "second", "third"]


def test_a_flood_arrives_in_order_and_what_is_missing_is_told(
    host: JSHost, collected: Collector, wait_for: Any
) -> None:
    for start in range(0, 5000, 500):  # what one call may print in a second is limited
        host.function("flood")([start, start + 500])
    host.function("print")("last")
    wait_for(lambda: "last" in collected.texts(), 20)
    numbers = [int(text.split()[1]) for text in collected.texts() if text.startswith("line ")]
    dropped = sum(int(text.split()[0]) for text in collected.texts() if "lines of workers were dropped" in text)
    assert numbers == sorted(numbers)
    assert len(numbers) + dropped == 5000


def test_without_the_setting_nothing_arrives(host: JSHost, collected: Collector, wait_for: Any) -> None:
    settings.configure(FORWARD_LOGS=False)
    host.function("print")("hello")
    wait_for(lambda: "hello" in Path(host.logfile or "").read_text())
    assert collected.records == []


def test_a_program_that_stands_still_holds_up_neither_the_manager_nor_other_programs(
    host: JSHost, collected: Collector, wait_for: Any
) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", STOPPED, host.config_file]
    program = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=os.environ)
    try:
        assert program.stdout is not None
        while program.stdout.readline() != "ready\n":
            pass
        program.send_signal(signal.SIGSTOP)
        for _ in range(30):
            host.function("flood")([0, 900])
        wait_for(lambda: host.function("print")("still here") or "still here" in collected.texts(), 30)
        assert host.manager is not None
        assert len(host.manager.hosts) == 1
        program.send_signal(signal.SIGCONT)
        while "lines of workers were dropped" not in program.stdout.readline():
            pass
    finally:
        program.kill()
        program.communicate()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks beside threads: they are what is tested
def test_a_forked_child_follows_for_itself(host: JSHost, collected: Collector, wait_for: Any) -> None:
    host.function("print")("from the parent")
    hear, say = os.pipe()
    child = os.fork()
    if not child:
        collected.records.clear()
        host.function("print")("from the child")
        wait_for(lambda: "from the child" in collected.texts())
        os.write(say, b"1")
        os._exit(0)
    os.close(say)
    os.waitpid(child, 0)
    assert os.read(hear, 1) == b"1"
    os.close(hear)
    wait_for(lambda: "from the child" in collected.texts())  # it is the same host
    host.function("print")("from the parent again")
    wait_for(lambda: "from the parent again" in collected.texts())
