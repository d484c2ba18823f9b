"""Sockets: slow and silent clients, too few descriptors, clocks."""

from __future__ import annotations

import ast
import resource
import socket
import time
from pathlib import Path
from typing import Any

import js_host
from js_host._wire.values import decode

PACKAGE = Path(js_host.__file__).parent


def connect(started: Any) -> socket.socket:
    """A connection to a worker's private socket, on which nothing was said."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(started._link.lanes[0].address.target)
    return client


def test_a_client_that_takes_too_long_for_its_first_words_is_cut_off_and_others_are_served(host: Any) -> None:
    started = host("echo: (x) => x")
    began = time.monotonic()
    with connect(started) as silent, connect(started) as slow:
        slow.send(b"\x1f\0\0")  # of a header
        assert started.function("echo")(1) == 1
        assert silent.recv(1) == slow.recv(1) == b""
    assert 4 < time.monotonic() - began < 10
    assert started.function("echo")(1) == 1


def test_a_worker_without_descriptors_goes_on_with_its_calls_and_takes_new_ones_when_it_has_some(host: Any) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))  # the worker inherits it
    try:
        started = host("echo: (x) => x")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    echo = started.function("echo", timeout=20)
    assert echo("before") == "before"
    crowd = [connect(started) for _ in range(100)]
    try:
        assert [echo(number) for number in range(100)] == list(range(100))
    finally:
        for client in crowd:
            client.close()
    with connect(started) as late:
        assert late.fileno() >= 0
        assert echo("after") == "after"


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    assert decode(b'{"a":1,"b":2,"a":3}') == {"a": 3, "b": 2}


def test_no_clock_that_can_be_set_decides_how_long_anything_waits() -> None:
    # These tell people the time, or compare with that of files.
    tell = {"endings.py", "snapshot.py", "report.py", "service.py", "hosts.py", "daemon.py", "logfile.py", "serving.py"}
    found = {file.name for file in PACKAGE.rglob("*.py") if uses_wall_clock(file)}
    assert found - tell - {"managed_story.py"} == set()
    scripts = {file.name for file in (PACKAGE / "runtime").glob("*.mjs") if "Date.now()" in file.read_text()}
    assert scripts <= {"loads.mjs"}


def uses_wall_clock(file: Path) -> bool:
    """Whether a file calls time.time()."""
    calls = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute))
    return any(node.attr == "time" and isinstance(node.value, ast.Name) and node.value.id == "time" for node in calls)
