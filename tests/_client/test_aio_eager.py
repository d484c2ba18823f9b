"""Tasks that begin to run where they are made: `asyncio.eager_task_factory`, from Python 3.12 on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any

import pytest

from js_host import AsyncFunction, JSHost
from js_host._client.aio_pool import pool_of_this_loop
from js_host.exceptions import ConnectionError

CONFIG = """module.exports = { port: 0, functions: {
  echo: (data) => data,
  ask: async ({ f, data }) => f(data),
  all: async ({ items }) => { const found = []; for await (const item of items) found.push(item); return found }
} }"""

pytestmark = pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="this Python has no eager tasks")


@pytest.fixture
def host(nothing_left: Any) -> Iterator[JSHost]:
    with JSHost(nothing_left.config(CONFIG)) as host:
        yield host


def run(work: Coroutine[Any, Any, Any]) -> Any:
    async def main() -> Any:
        factory = asyncio.eager_task_factory  # type: ignore[attr-defined]
        asyncio.get_running_loop().set_task_factory(factory)
        async with asyncio.timeout(10):
            return await work

    return asyncio.run(main())


async def later(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def collect(results: Any) -> list[Any]:
    return [result async for result in results]


@pytest.mark.parametrize("window", [None, 2])
def test_a_map_takes_the_rows_of_an_async_iterable(host: JSHost, window: int | None) -> None:
    assert run(collect(AsyncFunction[Any]("echo", host).map(later(50), window=window))) == list(range(50))


def test_coroutines_and_async_iterators_in_the_data_run(host: JSHost) -> None:
    async def again(data: int) -> object:
        return await AsyncFunction[Any]("ask", host)(f=again, data=data - 1) if data else "bottom"

    async def main() -> object:
        return await asyncio.gather(
            AsyncFunction[Any]("ask", host)(f=again, data=3), AsyncFunction[Any]("all", host)(items=later(3))
        )

    assert run(main()) == ["bottom", [0, 1, 2]]


def test_a_map_that_finds_its_host_stopped_says_so(host: JSHost) -> None:
    async def main() -> None:
        results = AsyncFunction[Any]("echo", host).map(range(5))
        assert host._link is not None
        pool_of_this_loop(host._link)
        host._link.is_closed = True  # type: ignore[union-attr]  # as it is while `stop` waits for the workers
        with pytest.raises(ConnectionError, match="was stopped"):
            await collect(results)

    run(main())
