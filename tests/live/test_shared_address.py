"""All workers of a host that is reached at one address are used, though the system decides which gets a connection."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from js_host import AsyncFunction, JSHost
from js_host._client import link
from js_host._client.address import Address
from js_host._wire.messages import Hello
from js_host.exceptions import UnexpectedResponse

CONFIG = """
module.exports = { port: 0, functions: {
  pid: () => process.pid,
  later: async (ms) => { await new Promise((resolve) => setTimeout(resolve, ms)); return process.pid }
} }
"""
WORKERS = 3


@contextmanager
def running(config: Path, port: str = "0") -> Iterator[str]:
    """A host of `js-host run`, until the block ends: its URL."""
    command = [sys.executable, "-m", "js_host", "run", str(config), "--workers", str(WORKERS), "--port", port]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        try:
            yield "http://" + process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@pytest.fixture
def url(nothing_left: Any) -> Iterator[str]:
    with running(nothing_left.config(CONFIG)) as url:
        yield url


def test_threads_use_all_workers(url: str) -> None:
    with JSHost(root_url=url) as host, ThreadPoolExecutor(WORKERS) as threads:
        for _ in range(3):
            assert len(set(threads.map(host.function("later"), [200] * WORKERS))) == WORKERS


def test_a_map_uses_all_workers(url: str) -> None:
    with JSHost(root_url=url) as host:
        assert len(set(host.function("later").map([20] * 30, window=1))) == WORKERS


def test_an_event_loop_uses_all_workers(url: str) -> None:
    async def program(host: JSHost) -> list[Any]:
        later = AsyncFunction("later", host)
        return await asyncio.gather(*(later(200) for _ in range(WORKERS)))

    with JSHost(root_url=url) as host:
        assert len(set(asyncio.run(program(host)))) == WORKERS


def test_calls_with_one_key_go_to_one_worker_there_too(url: str) -> None:
    with JSHost(root_url=url) as host:
        found = [{host.function("pid").with_options(key=key)() for _ in range(5)} for key in range(12)]
        assert all(len(pids) == 1 for pids in found)
        assert len(set().union(*found)) > 1


def pids_of(host: JSHost, later: Any) -> set[Any]:
    async def program() -> list[Any]:
        return await asyncio.gather(*(AsyncFunction("later", host)(100) for _ in range(WORKERS)))

    with ThreadPoolExecutor(WORKERS) as threads:
        by_threads = threads.map(later, [100] * WORKERS)
    return {*by_threads, *asyncio.run(program()), *later.map([10] * 30, window=1)}


def test_where_the_sockets_of_the_workers_are_out_of_reach_connections_spread_as_well_as_they_can(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "_is_socket", lambda path: False)
    with JSHost(root_url=url) as host:
        assert all(lane.is_shared for lane in host._link.lanes)
        assert len(pids_of(host, host.function("later"))) > 1


def test_a_host_that_was_started_anew_is_found_by_all_that_had_its_workers(nothing_left: Any) -> None:
    config = nothing_left.config(CONFIG)
    with running(config) as url:
        host = JSHost(root_url=url)
        host.connect()
        later = host.function("later")
        before = pids_of(host, later)
    with running(config, url.rpartition(":")[2]), host:
        assert later(1) not in before
        assert len(pids_of(host, later) - before) == WORKERS


def test_who_connects_is_told_of_other_functions_also_where_the_host_was_asked_before(
    nothing_left: Any, tmp_path: Path
) -> None:
    other = tmp_path / "other.config.js"
    other.write_text("module.exports = { functions: { other: () => 1 } }")
    with running(nothing_left.config(CONFIG)) as url:
        host = JSHost(other, root_url=url)
        assert host.is_running()
        for _ in range(2):
            with pytest.raises(UnexpectedResponse, match="not one of"):
                host.connect()
        host.close()


HELLO = Hello(1, "1", "v24", 5, 1000, [], workers=2, port=9009, sockets=["/a", "/b"])


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1:9009", True),
        ("http+unix://%2Frun%2Fs", True),
        ("http://127.0.0.1:80", False),
        ("http://127.0.0.1:9009/behind/a/proxy", False),
        ("https://127.0.0.1:9009", False),
    ],
)
def test_only_who_came_to_the_hosts_own_port_goes_to_the_sockets(
    url: str, near: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "_is_socket", lambda path: True)
    lanes = link.lanes_to(Address.url(url), HELLO)
    there = Address.url(url).target
    assert [lane.address.target for lane in lanes] == (["/a", "/b"] if near else [there, there])
    assert {str(lane.address) for lane in lanes} == {url}  # as its users know it
    assert all(lane.is_shared is not near for lane in lanes)


def test_a_path_that_is_no_socket_of_ours_is_not_gone_to(nothing_left: Any) -> None:
    plain = nothing_left.directory / "plain"
    plain.write_text("")
    for path in (plain, nothing_left.directory / "nothing"):
        hello = Hello(1, "1", "v24", 5, 1000, [], workers=1, port=9009, sockets=[str(path)])
        assert link.lanes_to(Address.url("http://127.0.0.1:9009"), hello)[0].address.target == ("127.0.0.1", 9009)
