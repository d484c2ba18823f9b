"""The load of the soak in an event loop: many calls at once on one thread, some of them cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from load import FAIR, PAUSE, TIMEOUT, Load

from js_host import AsyncFunction
from js_host.exceptions import FunctionTimeout, JSHostError

TASKS = 8


class AsyncLoad(Load):
    """One event loop's calls to one host."""

    def run(self, over: threading.Event) -> None:
        """Call until it is over."""
        asyncio.run(self.all(over))

    async def all(self, over: threading.Event) -> None:
        """Several tasks, each of which calls without a pause."""
        async with asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(self.calls(over))

    async def calls(self, over: threading.Event) -> None:
        """One task."""
        deeds: list[Callable[[], Awaitable[int]]] = [
            *[self.aecho] * 8, *[self.alater] * 4, *[self.anote] * 6, *[self.acancel] * 2, self.agive_up, self.astream,
            self.aleave_stream, self.amap, self.aask,
        ]  # fmt: skip
        while not over.is_set():
            await asyncio.sleep(self.random.uniform(0, PAUSE * TASKS / 2))
            deed = self.random.choice(deeds)
            try:
                self.tally.right(await deed())
            except FAIR as error:
                self.tally.fair(error)
                await asyncio.sleep(0.02)
            except Exception as error:
                self.tally.defect(f"{deed.__name__}: {error!r}")

    def function(self, name: str, timeout: float = TIMEOUT) -> AsyncFunction[Any]:
        """A function of the host."""
        return AsyncFunction(name, self.host, timeout)

    async def aecho(self) -> int:
        value = self.value()
        return self.same(value, await self.function("echo")(value))

    async def alater(self) -> int:
        value = self.random.random()
        return self.same(value, await self.function("later")(ms=self.random.randrange(20), value=value))

    async def anote(self) -> int:
        number = self.random.getrandbits(62)
        try:
            answer = await self.function("note")(file=str(self.tally.notes), number=str(number))
        except JSHostError as error:
            self.tally.tell(number, "may-have-run" if error.maybe_executed else "did-not-run")
            raise
        self.tally.tell(number, "answered")
        return self.same(str(number), answer)

    async def acancel(self) -> int:
        value = self.random.random()
        try:
            async with asyncio.timeout(self.random.uniform(0, 0.02)):
                answer = await self.function("later")(ms=self.random.randrange(20), value=value)
        except FunctionTimeout:
            raise
        except TimeoutError:
            return 0
        return self.same(value, answer)

    async def agive_up(self) -> int:
        try:
            await self.function("never", self.random.uniform(0.01, 0.2))()
        except FunctionTimeout:
            return 1
        self.tally.defect("never: it came")
        return 0

    async def astream(self) -> int:
        count, size = self.random.randrange(60), self.random.randrange(20_000)
        parts = [part async for part in self.function("parts").stream(count=count, size=size)]
        return self.same([(i, size) for i in range(count)], [(i, len(text)) for i, text in parts])

    async def aleave_stream(self) -> int:
        parts = self.function("parts").stream(count=10_000, size=100)
        expected, enough = 0, self.random.randrange(1, 30)
        async for number, _ in parts:
            self.same(expected, number)
            expected += 1
            if expected == enough:
                break
        await parts.aclose()
        return 1

    async def amap(self) -> int:
        rows = self.rows()
        results = [result async for result in self.function("echo").map(rows, return_exceptions=True)]
        if len(results) != len(rows):
            self.tally.defect(f"map: {len(results)} results of {len(rows)} rows")
        return sum(self.row(*pair) for pair in zip(rows, results, strict=False))

    async def aask(self) -> int:
        async def double(number: int) -> int:
            await asyncio.sleep(0)
            return 2 * number

        count = self.random.randrange(20)
        return self.same(count * (count - 1), await self.function("ask")(double=double, count=count))
