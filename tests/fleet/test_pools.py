"""Pools of processes: each process has a host of its own, and none outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

METHODS = ("fork", "spawn", "forkserver")

POOL = """
import json, multiprocessing, os, sys
from js_host import JSHost

def main():
    config, method, kind = sys.argv[1:]
    with JSHost(config) as host:
        page = host.function("page")
        with open_pool(multiprocessing.get_context(method), kind) as pool:
            pages = list(pool.map(page, range(200), chunksize=10))
        here = page("here")
    print(json.dumps([os.getpid(), here, pages]))

def open_pool(context, kind):
    if kind == "multiprocessing":
        return context.Pool(2)
    from concurrent.futures import ProcessPoolExecutor
    return ProcessPoolExecutor(2, mp_context=context)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("kind", ["multiprocessing", "concurrent.futures"])
@pytest.mark.parametrize("method", METHODS)
def test_each_process_of_a_pool_has_a_host_of_its_own(
    method: str, kind: str, config: Path, python: Callable[..., str], swept: Callable[[], None]
) -> None:
    pid, here, pages = json.loads(python(POOL, str(config), method, kind))
    assert [page["html"] for page in pages] == [f"<h1>{row}</h1>" for row in range(200)]
    assert here["python"] == pid
    assert all(page["python"] != pid for page in pages)
    pairs = {(page["python"], page["node"]) for page in pages}
    assert len(pairs) == len({python for python, _ in pairs}) <= 2  # one worker for each process
    swept()


POLITE = """
import multiprocessing, sys
from js_host import JSHost

def main():
    page = JSHost(sys.argv[1], owned=True).function("page")
    process = multiprocessing.get_context(sys.argv[2]).Process(target=page, args=(1,))
    process.start()
    process.join()
    print(process.exitcode)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", METHODS)
def test_a_process_that_ends_in_order_stops_its_host_in_order(
    method: str, config: Path, python: Callable[..., str], nothing_left: Any
) -> None:
    goodbye = config.parent / "goodbye"
    with config.open("a") as file:
        file.write(f"process.on('exit', () => require('fs').writeFileSync({str(goodbye)!r}, 'bye'))\n")
    assert python(POLITE, str(config), method) == "0\n"
    assert goodbye.read_text() == "bye"
    assert nothing_left.sockets() == []


ERRORS = """
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from js_host import JSHost
from js_host.exceptions import FunctionError

def main():
    fail = JSHost(sys.argv[1], owned=True).function("fail")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            pool.submit(fail, "bread").result()
        except FunctionError as error:
            print(error.name, error.message, error.fields["code"], "host.config.js:" in error.stack)

if __name__ == "__main__":
    main()
"""


def test_an_error_comes_back_from_a_pool_with_its_javascript_stack(
    config: Path, python: Callable[..., str], swept: Callable[[], None]
) -> None:
    assert python(ERRORS, str(config)) == "RangeError no bread E_NO True\n"
    swept()


FOREVER = """
import multiprocessing, sys
from js_host import JSHost

def main():
    where = JSHost(sys.argv[1], owned=True).function("where")
    with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:
        print(pool.apply(where)["python"], flush=True)
        sys.stdin.read()

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_that_is_killed_leaves_no_worker(
    method: str, config: Path, nothing_left: Any, swept: Callable[[], None], wait_for: Callable[..., None]
) -> None:
    script = config.parent / "forever.py"
    script.write_text(FOREVER)
    process = subprocess.Popen(
        [sys.executable, str(script), str(config), method],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().strip().isdigit()
        os.killpg(process.pid, signal.SIGKILL)
    wait_for(lambda: nothing_left.processes() == [], 2)
    swept()


BEFORE = """
import json, os, sys
from js_host import JSHost

def child_answers(call):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, json.dumps(call()).encode())
        os._exit(0)
    os.close(writing)
    os.wait()
    with os.fdopen(reading) as file:
        return json.load(file)

host = JSHost(sys.argv[1], owned=True)
where = host.function("where")
first = child_answers(where)
here = where()
second = child_answers(where)

def again():
    host.restart()
    return where()

third = child_answers(again)
assert where() == here
print(json.dumps([first, here, second, third]))
"""


def test_a_fork_before_the_first_call_gives_each_its_own_and_one_after_it_shares(
    config: Path, python: Callable[..., str], swept: Callable[[], None]
) -> None:
    first, here, second, third = json.loads(python(BEFORE, str(config)))
    assert first["node"] != here["node"]
    assert second == here
    assert third["python"] not in (here["python"], first["python"])
    assert third["node"] not in (here["node"], first["node"])
    swept()
