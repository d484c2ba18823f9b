"""The leash, on real processes that would never look."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys

import pytest

from js_host._host.leash import make_leash, tie

pytestmark = pytest.mark.skipif(not hasattr(fcntl, "F_SETSIG"), reason="only Linux can tie a process to a pipe")

BUSY = "print(flush=True)\nwhile True: pass"


def start(code: str, reading: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", code], pass_fds=[reading], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_process_that_is_busy_for_ever_ends_when_the_writing_end_closes() -> None:
    reading, writing = make_leash()
    with start(BUSY, reading) as process:
        tie(reading, process.pid)
        os.close(reading)
        assert process.poll() is None
        os.close(writing)
        assert process.wait(5) == -9


def test_the_processes_that_it_has_started_end_with_it() -> None:
    reading, writing = make_leash()
    code = "import os, time\nif os.fork(): print(flush=True)\ntime.sleep(1000)"
    with start(code, reading) as process:
        tie(reading, process.pid)
        os.close(reading)
        os.close(writing)
        assert process.wait(5) == -9
        assert process.stdout is not None
        assert process.stdout.read() == b""  # the child had it open too


def test_it_holds_while_one_writing_end_is_open() -> None:
    reading, writing = make_leash()
    other = os.dup(writing)
    with start(BUSY, reading) as process:
        tie(reading, process.pid)
        os.close(reading)
        os.close(writing)
        assert process.poll() is None
        os.close(other)
        assert process.wait(5) == -9


def test_a_process_that_has_ended_and_was_collected_needs_none() -> None:
    reading, writing = make_leash()
    with start("print(flush=True)", reading) as process:
        process.wait(5)
    tie(reading, process.pid)
    os.close(reading)
    os.close(writing)
