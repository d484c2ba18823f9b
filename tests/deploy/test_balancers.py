"""nginx and HAProxy before two hosts: both ways of calling, and one of the hosts goes away under load."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from js_host import JSHost

WAYS = ("http", "frames")


def executed(directory: Path) -> Counter[str]:
    """How often each call ran: the functions write it down."""
    return Counter((directory / "ran").read_text().split())


def test_both_ways_of_calling_reach_both_hosts(load: Any, proxy: Any, two_hosts: list[Any], wait_for: Any) -> None:
    hosts = {one.process.pid for one in two_hosts}
    found = set()

    def programs_reach_both() -> bool:
        """Frames have connections that are kept, so each program stays with the host that it was given."""
        with JSHost(root_url=proxy.url) as program:
            found.add(program.function("count")("a new program")["host"])
        return found == hosts

    with load:
        wait_for(lambda: {host for _, id, host in load.answered if id.startswith("http")} == hosts, 20)
        wait_for(programs_reach_both, 20)
    assert load.failed == []


def test_a_host_that_is_killed_under_load_loses_only_what_was_in_flight(
    load: Any, two_hosts: list[Any], nothing_left: Any, wait_for: Any, swept: Any
) -> None:
    with load:
        wait_for(lambda: len(load.answered) > 400, 30)
        killed = time.monotonic()
        two_hosts[0].end(signal.SIGKILL)
        wait_for(lambda: all(load.since(killed + 1, way) > 200 for way in WAYS), 30)
    ran = executed(nothing_left.directory)
    assert max(ran.values()) == 1  # nothing was repeated that may have run
    assert all(ran[id] == 1 for _, id, _ in load.answered)
    assert len(load.failed) <= len(load.threads), load.failed  # each caller has one call in flight
    assert all(maybe for _, _, maybe, _ in load.failed), load.failed
    assert all(at - killed < 1 for at, *_ in load.failed)
    assert {host for at, _, host in load.answered if at > killed + 1} == {two_hosts[1].process.pid}
    two_hosts[1].end()
    swept()


def test_a_host_that_is_stopped_under_load_finishes_every_call_that_it_began(
    load: Any, two_hosts: list[Any], nothing_left: Any, wait_for: Any
) -> None:
    with load:
        wait_for(lambda: len(load.answered) > 400, 30)
        stopped = time.monotonic()
        two_hosts[0].end(signal.SIGTERM)
        wait_for(lambda: all(load.since(stopped + 1, way) > 200 for way in WAYS), 30)
    only_plain_requests_failed_and_none_ran(load, nothing_left.directory)


def only_plain_requests_failed_and_none_ran(load: Any, directory: Path) -> None:
    """A plain request that comes at the moment at which a worker leaves is refused by the proxy, and has not run."""
    ran = executed(directory)
    assert max(ran.values()) == 1
    assert all(ran[id] == 0 and id.startswith("http") for _, id, *_ in load.failed), load.failed


def test_a_host_that_the_proxy_drains_before_it_is_stopped_fails_no_call(
    load: Any, proxy: Any, two_hosts: list[Any], wait_for: Any
) -> None:
    first = two_hosts[0].process.pid
    with load:
        wait_for(lambda: len(load.answered) > 400, 30)
        proxy.drain_first()
        wait_for(lambda: http_has_left(load, first), 30)
        two_hosts[0].end(signal.SIGTERM)
        stopped = time.monotonic()
        wait_for(lambda: all(load.since(stopped, way) > 200 for way in WAYS), 30)
    assert load.failed == []


def test_a_host_that_reloads_under_load_finishes_every_call_that_it_began(
    load: Any, two_hosts: list[Any], nothing_left: Any, wait_for: Any
) -> None:
    with load:
        wait_for(lambda: len(load.answered) > 400, 30)
        two_hosts[0].process.send_signal(signal.SIGHUP)
        wait_for(two_hosts[0].has_reloaded, 30)
        reloaded = time.monotonic()
        wait_for(lambda: all(load.since(reloaded, way) > 200 for way in WAYS), 30)
    only_plain_requests_failed_and_none_ran(load, nothing_left.directory)


def http_has_left(load: Any, host: int) -> bool:
    """Whether none of the last answers over HTTP came from that host: a proxy takes its time to reload."""
    last = [one for _, id, one in load.answered[-2000:] if id.startswith("http")][-200:]
    return len(last) == 200 and host not in last


def test_a_host_that_comes_back_is_used_again(
    load: Any, two_hosts: list[Any], nothing_left: Any, wait_for: Any
) -> None:
    two_hosts[0].end(signal.SIGKILL)
    with load:
        wait_for(lambda: len(load.answered) > 50, 30)
        two_hosts.append(type(two_hosts[0])(nothing_left.directory / "host.config.js", two_hosts[0].port))
        back = two_hosts[-1].process.pid
        wait_for(lambda: any(host == back for _, _, host in load.answered), 20)


def test_a_program_finds_the_functions_of_the_hosts_behind_a_proxy(proxy: Any) -> None:
    with JSHost(root_url=proxy.url) as host:
        assert host.get_config()["functions"] == ["count"]
        assert list(host.function("count").map(range(100)))[99]["id"] == 99
