"""Ctrl-C in the middle of calls. In a program of its own: an interrupt knows no test's borders."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

import pytest

PROGRAM = """
import gc, os, signal, sys, threading, time
from js_host.js_host import JSHost

with JSHost(sys.argv[1], workers=int(sys.argv[2])) as host:
    echo = host.function("echo")
    assert echo("before") == "before"
    descriptors = len(os.listdir("/proc/self/fd"))
    begun, stop = [], []                         # no Event: an interrupt could leave its lock taken

    def interrupt():
        while not stop:
            time.sleep(0.002)
            if begun:
                signal.raise_signal(signal.SIGINT)     # Python's handler runs in the main thread

    def call(number):
        try:
            assert echo([number, "x" * (number % 7 * 10_000)])[0] == number
        except KeyboardInterrupt:
            return 1
        return 0

    thread = threading.Thread(target=interrupt)
    thread.start()
    interrupts = number = 0

    def call_again_and_again():
        global interrupts, number
        while interrupts < 150:
            try:
                number += 1
                interrupts += call(number)
            except KeyboardInterrupt:
                interrupts += 1

    while interrupts < 150:
        try:
            begun.append(True)
            call_again_and_again()
        except KeyboardInterrupt:                # between two of its own `try`
            interrupts += 1
    while not stop:
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            stop.append(True)
        except KeyboardInterrupt:
            pass
    thread.join()
    for number in range(50):
        assert echo(number) == number
    gc.collect()
    lanes = host._link.lanes
    assert all(lane.load()[1] == 0 for lane in lanes), "connections that nobody uses count as busy"
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 2 * len(lanes), "descriptors are left"
print("well")
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_in_the_middle_of_a_call_never_mixes_answers_up_and_leaves_nothing(
    nothing_left: Any, workers: int
) -> None:
    config = nothing_left.config("module.exports = { port: 0, functions: { echo: (data) => data } }")
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(config), str(workers)], capture_output=True, text=True, timeout=60
    )
    assert (ended.stdout, ended.returncode) == ("well\n", 0), ended.stdout + ended.stderr


STUCK = """
import sys
from js_host import JSHost

with JSHost(sys.argv[1]) as host:
    host.function("loops", timeout=None)(print=lambda: print("begun", flush=True))
"""
STUCK_LOOP = """
import asyncio, sys
from js_host import AsyncJSHost

async def main():
    async with AsyncJSHost(sys.argv[1]) as host:
        await host.function("loops", timeout=None)(print=lambda: print("begun", flush=True))

asyncio.run(main())
"""
LOOPS = "module.exports = { functions: { loops: async ({ print }) => { await print(); while (true) {} } } }"


@pytest.mark.parametrize("program", [STUCK, STUCK_LOOP])
def test_an_interrupt_does_not_wait_for_javascript_that_loops_for_ever(nothing_left: Any, program: str) -> None:
    command = [sys.executable, "-c", program, nothing_left.config(LOOPS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in running.communicate(timeout=60)[1]
    assert time.monotonic() - began < 6
