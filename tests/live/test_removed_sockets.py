"""The directory of a host's sockets is removed: by somebody who tidies up, or with the session that it belonged to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from js_host import JSHost
from js_host.exceptions import ProcessError

CONFIG = """
module.exports = { disconnectTimeout: 200, functions: {
  pid: () => process.pid,
  later: () => new Promise((resolve) => setTimeout(resolve, 300, 'late'))
} }
"""


@pytest.fixture
def started(nothing_left: Any) -> Iterator[Any]:
    """Start a host, call it on one connection, and remove its sockets."""
    hosts = []

    def start(*, managed: bool) -> tuple[JSHost, int]:
        hosts.append(JSHost(nothing_left.config(CONFIG), managed=managed))
        hosts[-1].start()
        pid = hosts[-1].function("pid")()
        shutil.rmtree(nothing_left.runtime / "js-host")
        assert hosts[-1].function("pid")() == pid
        return hosts[-1], pid

    yield start
    for host in hosts:
        host.stop()


def two_at_once(host: JSHost) -> list[Any]:
    """What becomes of two calls of which one needs a connection of its own."""
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(host.function("later")) for _ in range(2)]
    return [call.exception() or call.result() for call in calls]


def test_who_needs_another_connection_to_a_host_of_its_own_is_told_what_to_do(started: Any) -> None:
    host, pid = started(managed=False)
    one, other = sorted(two_at_once(host), key=str)
    assert other == "late"
    assert isinstance(one, ProcessError)
    assert "was removed: somebody has tidied up, or the session has ended" in str(one)
    host.restart()
    assert two_at_once(host) == ["late", "late"]
    assert host.function("pid")() != pid


def test_a_managed_host_is_leased_anew_where_it_can_be_found(started: Any) -> None:
    host, pid = started(managed=True)
    assert two_at_once(host) == ["late", "late"]
    assert host.function("pid")() != pid
