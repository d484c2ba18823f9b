"""Programs that end, forget, interrupt or come too early."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from js_host import AsyncFunction, JSHost
from js_host.exceptions import ConfigError, StartError

PROGRAM = """
import sys, threading
import js_host.exceptions
from js_host import JSHost

host = JSHost(sys.argv[1])
host.start()
never = host.function("never", timeout=60)

def call():
    try:
        never()
    except js_host.exceptions.WorkerDied:
        pass

for _ in range(3):
    threading.Thread(target=call, daemon=True).start()
while host.function("begun")() < 3:
    pass
"""


def test_a_program_that_ends_with_calls_in_flight_ends_soon_and_without_a_word(nothing_left: Any) -> None:
    config = nothing_left.config("""
        let begun = 0
        exports.never = () => { begun++; return new Promise(() => {}) }
        exports.begun = () => begun""")
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", PROGRAM, str(config)], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
    assert time.monotonic() - began < 15


def test_a_client_that_is_forgotten_leaves_no_connection(host: Any, wait_for: Any) -> None:
    started = host("echo: (x) => x")
    before = len(os.listdir("/proc/self/fd"))

    def call_and_forget() -> None:
        assert JSHost(root_url=started.get_url()).function("echo")(1) == 1
        gc.collect()

    with pytest.warns(ResourceWarning):
        call_and_forget()
    wait_for(lambda: gc.collect() is not None and len(os.listdir("/proc/self/fd")) <= before)


def test_a_start_that_failed_is_tried_again_and_works_once_the_cause_is_gone(nothing_left: Any) -> None:
    host = JSHost(nothing_left.config("module.exports = {"))
    with pytest.raises(StartError, match="SyntaxError"):
        host.start()
    nothing_left.config("module.exports = { port: 0, functions: { echo: (x) => x } }")
    with host:
        assert host.function("echo")(1) == 1


def test_a_slow_start_is_waited_for(host: Any) -> None:
    started = host("echo: (x) => x", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)")
    assert started.function("echo")(1) == 1


def test_a_host_whose_config_is_removed_goes_on_and_says_what_is_missing_when_it_is_started_again(host: Any) -> None:
    started = host("echo: (x) => x")
    os.unlink(started.config_file)
    assert started.function("echo")(1) == 1
    with pytest.raises(ConfigError, match="host\\.config\\.js"):
        started.restart()


def test_of_three_calls_on_one_worker_two_are_cancelled_and_the_third_runs(host: Any) -> None:
    started = host("later: (x) => sleep(200).then(() => x)", concurrency=1)

    async def calls() -> object:
        later = AsyncFunction("later", started, 20)
        tasks = [asyncio.ensure_future(later(number)) for number in range(3)]
        await asyncio.sleep(0.05)
        tasks[1].cancel()
        tasks[0].cancel()
        return await tasks[2]

    assert asyncio.run(calls()) == 2


IN_ONE = """
import sys
try:
    import _interpreters
except ImportError:
    import _xxsubinterpreters
    _xxsubinterpreters.run_string(_xxsubinterpreters.create(isolated=sys.argv[1] == "isolated"), sys.argv[2])
else:
    _interpreters.exec(_interpreters.create(sys.argv[1]), sys.argv[2])
"""


def run_in_sub_interpreter(kind: str, *lines: str) -> str:
    """What these lines print in a sub-interpreter: one that shares all with its process (legacy), or an isolated."""
    code = "\n".join([f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r}", *lines])
    command = [sys.executable, "-c", IN_ONE, kind, code]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return ended.stdout + ended.stderr


def test_a_sub_interpreter_that_shares_its_process_starts_hosts(nothing_left: Any) -> None:
    config = nothing_left.config("exports.double = (x) => 2 * x")
    lines = [
        "from js_host import JSHost",
        f"with JSHost({str(config)!r}) as host: print(host.function('double')(21))",
    ]
    assert run_in_sub_interpreter("legacy", *lines) == "42\n"


def test_an_isolated_sub_interpreter_is_told_to_connect_to_a_host(nothing_left: Any) -> None:
    config = nothing_left.config("exports.double = (x) => 2 * x")
    lines = [
        "from js_host import JSHost",
        "from js_host.exceptions import StartError",
        f"try: JSHost({str(config)!r}).start()",
        "except StartError as error: print(error)",
    ]
    told = run_in_sub_interpreter("isolated", *lines)
    assert "can start no thread" in told
    assert "JSHost(root_url=" in told


def test_an_isolated_sub_interpreter_calls_a_host_that_runs(host: Any) -> None:
    started = host("double: (x) => 2 * x")
    lines = [
        "from js_host import JSHost",
        f"host = JSHost(root_url={started.get_url()!r})",
        "print([host.function('double')(n) for n in range(300)][21])",
        "host.close()",
    ]
    assert run_in_sub_interpreter("isolated", *lines) == "42\n"
