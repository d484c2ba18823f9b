"""A fork: parent and child may call at once, and never on the same connection."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import os, sys, threading
from concurrent.futures import ThreadPoolExecutor
from js_host._client.address import Address
from js_host._client.http import HttpLink
from js_host._wire.results import value
from js_host.js_host import JSHost

config, kind = sys.argv[1:]
limits = {"workers": 1, "concurrency": 1} if kind == "one call at a time" else {"workers": 2}
with JSHost(config, **limits) as host:
    echo = host.function("echo")
    if kind == "remote":
        client = JSHost(root_url=host.get_url())
        echo = client.function("echo")
    elif kind == "plain HTTP":
        client = HttpLink(Address.url(host.get_url()))
        echo = lambda data: client.call(b"echo", data, 20, value)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(echo, range(400))) == list(range(400))  # several connections are idle now
    stop = threading.Event()
    def busy():
        number = 0
        while not stop.is_set():
            number += 1
            assert echo(["busy", number]) == ["busy", number]
    thread = threading.Thread(target=busy)
    thread.start()
    children = []
    for child in range(5):
        pid = os.fork()
        if pid == 0:
            for number in range(200):
                if echo([child, number]) != [child, number]:
                    os._exit(2)
            os._exit(0)
        children.append(pid)
    for number in range(200):
        assert echo(["parent", number]) == ["parent", number]
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    stop.set()
    thread.join()
    assert echo("after") == "after"
    assert codes == [0] * 5, codes
    if kind in ("remote", "plain HTTP"):
        client.close()
print("well")
"""


@pytest.mark.parametrize("kind", ["owned", "remote", "plain HTTP", "one call at a time"])
def test_parent_and_children_call_at_once_after_a_fork(nothing_left: Any, kind: str) -> None:
    config = nothing_left.config("module.exports = { port: 0, functions: { echo: (data) => data } }")
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", PROGRAM, str(config), kind],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.stdout, ended.returncode) == ("well\n", 0), ended.stdout + ended.stderr


CHILD = """
import os, sys
from js_host.js_host import JSHost

served, has_served = os.pipe()
stopped, has_stopped = os.pipe()
host = JSHost(sys.argv[1])
host.start()
pid = host.function("pid")
before = pid()
child = os.fork()
if child == 0:
    print("served" if host.is_running() and pid() == before else "left alone", flush=True)
    os.write(has_served, b"x")
    os.read(stopped, 1)
    print("runs" if host.is_running() else "does not run", flush=True)
    host.start()  # its own
    print("runs" if host.is_running() and pid() != before else "does not run", flush=True)
    host.stop()
    os._exit(0)
os.read(served, 1)
host.stop()
os.write(has_stopped, b"x")
os.waitpid(child, 0)
"""


def test_a_host_runs_for_a_forked_child_as_long_as_its_parents_serves(nothing_left: Any) -> None:
    config = nothing_left.config("module.exports = { port: 0, functions: { pid: () => process.pid } }")
    ended = subprocess.run([sys.executable, "-c", CHILD, str(config)], capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.returncode) == ("served\ndoes not run\nruns\n", 0), ended.stdout + ended.stderr
