"""The first call of a program to a host at a URL: to connect is a part of it, so its own timeout counts."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from js_host import AsyncJSHost, JSHost
from js_host._client.link import open_link
from js_host._homes.first_link import link_for
from js_host.exceptions import ConnectionError, FunctionTimeout

#: Far below the setting FUNCTION_TIMEOUT, which is 10 s, and far above what the timeouts below ask for.
SOON = 5.0


@pytest.fixture
def silent(nothing_left: Any) -> Iterator[str]:
    """The URL of what accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


async def one(host: AsyncJSHost, timeout: float) -> object:
    return await host.function("greet", timeout=timeout)()


async def stream(host: AsyncJSHost, timeout: float) -> object:
    return [part async for part in host.function("greet", timeout=timeout).stream()]


async def many(host: AsyncJSHost, timeout: float) -> object:
    return [result async for result in host.function("greet", timeout=timeout).map([1, 2])]


CALLS: dict[str, Callable[[str], object]] = {
    "call": lambda url: JSHost(root_url=url).function("greet", timeout=0.2)(),
    "stream": lambda url: list(JSHost(root_url=url).function("greet", timeout=0.2).stream()),
    "map": lambda url: list(JSHost(root_url=url).function("greet", timeout=0.2).map([1, 2])),
    "async call": lambda url: asyncio.run(one(AsyncJSHost(root_url=url), 0.2)),
    "async stream": lambda url: asyncio.run(stream(AsyncJSHost(root_url=url), 0.2)),
    "async map": lambda url: asyncio.run(many(AsyncJSHost(root_url=url), 0.2)),
}


@pytest.mark.parametrize("kind", CALLS)
def test_a_first_call_to_an_address_that_is_silent_ends_at_its_own_deadline(silent: str, kind: str) -> None:
    began = time.monotonic()
    with pytest.raises(FunctionTimeout, match=rf"^greet .* {silent} did not answer within 0\.\d+ s\.$") as caught:
        CALLS[kind](silent)
    assert 0.19 < time.monotonic() - began < SOON
    assert not caught.value.maybe_executed


def call_and_fail(host: JSHost, name: str, timeout: float) -> None:
    with pytest.raises(FunctionTimeout):
        host.function(name, timeout=timeout)()


def test_a_first_call_does_not_wait_longer_for_another_that_connects(silent: str) -> None:
    host = JSHost(root_url=silent)
    other = threading.Thread(target=call_and_fail, args=(host, "slow", 1.0))
    other.start()
    while host._settling.acquire(0):  # until it connects
        host._settling.release()
    began = time.monotonic()
    with pytest.raises(FunctionTimeout, match=r"^quick .* did not answer within 0\.2 s"):
        host.function("quick", timeout=0.2)()
    assert time.monotonic() - began < 0.9
    other.join()


def test_first_calls_of_an_event_loop_have_each_its_own_time(silent: str) -> None:
    async def timed(host: AsyncJSHost, timeout: float) -> float:
        began = time.monotonic()
        with pytest.raises(FunctionTimeout, match=rf"within {timeout:g} s"):
            await one(host, timeout)
        return time.monotonic() - began

    async def both() -> list[float]:
        host = AsyncJSHost(root_url=silent)
        return await asyncio.gather(timed(host, 0.2), timed(host, 0.8), timed(host, 0.4))

    shortest, longest, middle = asyncio.run(both())
    assert shortest < 0.39
    assert 0.39 <= middle < 0.79
    assert 0.79 <= longest < SOON


def test_a_call_has_what_connecting_has_left_of_its_time() -> None:
    class Slow:
        _root_url, _link, _managed, _owned, link = "http://host", None, False, False, "the link"
        _settling = JSHost(root_url=_root_url)._settling

        def _connected(self, timeout: float) -> Slow:
            threading.Event().wait(0.1)
            return self

    link, left = link_for(Slow(), b"greet", 5.0)  # type: ignore[arg-type]
    assert link == "the link"
    assert left is not None
    assert 0 < left <= 4.9
    with pytest.raises(FunctionTimeout, match=r"greet was not called before its deadline"):
        link_for(Slow(), b"greet", 0.05)  # type: ignore[arg-type]


def test_whether_a_host_runs_is_known_soon_where_an_address_is_silent(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from js_host import js_host

    assert js_host.PATIENCE == 2.0
    monkeypatch.setattr(js_host, "PATIENCE", 0.2)
    began = time.monotonic()
    assert not JSHost(root_url=silent).is_running()
    assert not asyncio.run(AsyncJSHost(root_url=silent).is_running())
    assert time.monotonic() - began < SOON


def test_an_address_that_is_silent_is_told_with_the_seconds_and_no_number_of_the_system(silent: str) -> None:
    with pytest.raises(ConnectionError) as caught:
        open_link(silent, spin=False, gate=None, timeout=0.2)
    assert str(caught.value) == f"The host at {silent} did not answer within 0.2 s."
