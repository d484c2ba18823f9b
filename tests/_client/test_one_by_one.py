"""A map that has one call after the other, and calls of an event loop in threads: over plain HTTP, and over TLS."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from js_host._client.aio_results import AsyncResults
from js_host._client.aio_rows import RowSource
from js_host._client.aio_threads import AsyncThreads
from js_host._client.job import Job
from js_host._client.one_by_one import one_by_one
from js_host._wire import results
from js_host.exceptions import FunctionTimeout


class Link:
    """A way to a host that doubles numbers, and has no patience for two."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.may_end = threading.Event()

    def call(self, name: bytes, value: Any, *_: object) -> object:
        self.calls.append(value)
        if value == 2:
            raise ZeroDivisionError
        if value == "wait":
            self.may_end.wait(10)
        return value * 2


JOB = Job(b"double", 5.0, results.value, lambda error: error)


def test_whatever_a_row_raises_is_given_in_its_place() -> None:
    first, second, third = one_by_one(Link().call, [1, 2, 3], JOB)
    assert (first, type(second), third) == (2, ZeroDivisionError, 6)


def test_in_an_event_loop_too() -> None:
    async def main() -> None:
        async def connect() -> AsyncThreads:
            return AsyncThreads(Link())  # type: ignore[arg-type]

        first, second, third = [result async for result in AsyncResults(connect, RowSource([1, 2, 3]), JOB)]
        assert (first, type(second), third) == (2, ZeroDivisionError, 6)

    asyncio.run(main())


def test_a_call_that_waits_for_a_thread_beyond_its_deadline_is_not_made() -> None:
    async def main() -> None:
        link = Link()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        threads = AsyncThreads(link)  # type: ignore[arg-type]
        first = asyncio.create_task(threads.call(b"double", "wait", 5.0, results.value))
        second = asyncio.create_task(threads.call(b"double", 1, 0.05, results.value))
        await asyncio.wait((first, second), timeout=0.1)
        link.may_end.set()
        with pytest.raises(FunctionTimeout) as caught:
            await second
        assert not caught.value.maybe_executed
        assert await first == "waitwait"
        assert link.calls == ["wait"]

    asyncio.run(main())
