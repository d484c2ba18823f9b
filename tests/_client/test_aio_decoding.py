"""Types of the program that results are made into, in an event loop: what they raise is their call's alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from js_host import AsyncFunction, JSHost
from js_host.exceptions import WorkerDied

CONFIG = """module.exports = { port: 0, functions: {
  echo: (data) => data,
  later: (ms) => new Promise((resolve) => setTimeout(resolve, ms, 'late'))
} }"""


class Bad(BaseException):
    """What is no Exception."""


def raising(error: type[BaseException]) -> Any:
    def decode(*_: object) -> None:
        raise error("of a type")

    return decode


@pytest.fixture
def host(nothing_left: Any) -> Iterator[JSHost]:
    with JSHost(nothing_left.config(CONFIG)) as host:
        yield host


def run(host: JSHost, error: type[BaseException], how: str) -> tuple[Any, Any]:
    """What came of a call whose result can not be made into its type, and of another one at the same time."""

    async def main() -> tuple[Any, Any]:
        echo, later = AsyncFunction[Any]("echo", host), AsyncFunction[Any]("later", host)
        await echo(1)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        other = asyncio.ensure_future(later(50))
        await asyncio.sleep(0)
        echo._decode = raising(error)
        call = echo(1) if how == "call" else anext(aiter(echo.map([1])))
        async with asyncio.timeout(10):
            first, second = await asyncio.gather(call, other, return_exceptions=True)
        return first, second

    return asyncio.run(main())


@pytest.mark.parametrize("how", ["call", "map"])
def test_a_type_that_raises_stop_iteration_fails_its_call_alone(host: JSHost, how: str) -> None:
    error, other = run(host, StopIteration, how)
    assert isinstance(error, RuntimeError)
    assert isinstance(error.__cause__, StopIteration)
    assert other == "late"


@pytest.mark.parametrize("how", ["call", "map"])
def test_a_type_that_raises_what_is_no_exception_leaves_nobody_waiting(host: JSHost, how: str) -> None:
    error, other = run(host, Bad, how)
    assert isinstance(error, WorkerDied)
    assert isinstance(other, WorkerDied)
