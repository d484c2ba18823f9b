"""Random workers, rows and consumers: whatever order things happen in, each row of a map in a loop has its one end."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from js_host._client.address import Address
from js_host._client.aio_pool import pool_of_this_loop
from js_host._client.aio_results import AsyncResults
from js_host._client.aio_rows import RowSource
from js_host._client.job import Job
from js_host._client.pool import Lane, Pool
from js_host._wire import results
from js_host._wire.frames import CALL, HEADER, RESULT
from js_host.exceptions import ConnectionError, WorkerDied

#: So many connections to one address in a row may be of no use: after three, nobody asks there again.
MOST_IN_VAIN = 1


class Workers:
    """Those who answer at one address, one after the other: each connection finds another one, as chance has it."""

    def __init__(self, chance: random.Random, frames: Any) -> None:
        self._chance = chance
        self._hello, self._frame, self._stopping, self._bye = frames
        self._in_vain = 0
        #: How often each row began to run; how many have died, with what they had in hand and what was under way.
        self.begun, self.deaths = Counter[int](), 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        coming = asyncio.Queue[tuple[int, int, bytes]]()
        reading = asyncio.ensure_future(_read(reader, coming))
        try:
            await self._play(coming, reading, writer)
        except asyncio.CancelledError:
            pass  # the loop ends
        finally:
            reading.cancel()
            writer.close()

    async def _play(self, coming: Any, reading: Any, writer: Any) -> None:
        chance, hand, is_leaving = self._chance, dict[int, int](), False
        pace, bad = chance.choice([0, 0, 0.001, 0.003]), chance.choice([0, 0.02, 0.1, 0.4])
        await asyncio.wait([reading, asyncio.ensure_future(coming.get())], return_when=asyncio.FIRST_COMPLETED)
        self._in_vain += 1
        if chance.random() < bad and self._in_vain <= MOST_IN_VAIN:
            return
        writer.write(self._hello())
        while not reading.done():
            if chance.random() < bad and self._in_vain <= MOST_IN_VAIN:
                if chance.random() < 0.2:
                    self.deaths += 1
                    return
                writer.write(chance.choice([self._bye("draining"), b""]))
                is_leaving = True
            await asyncio.sleep(pace)
            for _ in range(min(coming.qsize(), chance.randint(0, 5))):
                kind, id, body = coming.get_nowait()
                if kind == CALL and is_leaving:
                    writer.write(self._stopping(id))
                elif kind == CALL:
                    hand[id] = json.loads(body[1:])
                    self.begun[hand[id]] += 1
            while hand and chance.random() < 0.7:
                id = chance.choice(list(hand))
                writer.write(self._frame(RESULT, id, json.dumps(hand.pop(id)).encode()))
                self._in_vain = self._in_vain if is_leaving else 0
            if is_leaving and not hand and chance.random() < 0.2:
                writer.write(self._bye("drained"))
                return


async def _read(reader: asyncio.StreamReader, coming: asyncio.Queue[tuple[int, int, bytes]]) -> None:
    try:
        while True:
            length, id, kind, _, _, _ = HEADER.unpack(await reader.readexactly(HEADER.size))
            coming.put_nowait((kind, id, await reader.readexactly(length)))
    except (asyncio.IncompleteReadError, OSError):
        pass  # the client has gone


async def play(seed: int, path: str, frames: Any) -> None:
    """One map over random workers, which ends as it should."""
    chance = random.Random(seed)
    workers = [Workers(chance, frames) for _ in range(chance.choice([1, 1, 2, 4]))]
    servers = [await asyncio.start_unix_server(each.serve, f"{path}{number}") for number, each in enumerate(workers)]
    pool = Pool([Lane(Address.unix(f"{path}{number}")) for number in range(len(workers))])
    loops: Any = pool_of_this_loop(pool)
    count = chance.choice([0, 1, 5, 40, 150])
    turns = [*[None] * 16, *(chance.randint(0, count) for _ in range(4))]
    fails_at, leaves_at, stops_at, closes_at = (chance.choice(turns) for _ in range(4))
    is_plain, ordered = chance.random() < 0.4, chance.random() < 0.6

    async def rows() -> AsyncIterator[int]:
        for number in range(count):
            if number == fails_at:
                raise ZeroDivisionError
            if number == stops_at:
                pool.close()
            if number == closes_at:
                asyncio.get_running_loop().call_later(0.005, answers.close)
            await asyncio.sleep(chance.choice([0, 0, 0, 0.002, 0.01]))
            yield number

    timeout, key, window = chance.choice([None, 5.0]), chance.choice([None, None, 1]), chance.choice([None, 1, 2, 5])
    job = Job(b"f", timeout, results.value, lambda error: error, key, window, ordered)
    answers = AsyncResults(lambda: asyncio.sleep(0, loops), RowSource(range(count) if is_plain else rows()), job)
    found: list[Any] = []
    raised: Exception | None = None
    try:
        while len(found) != leaves_at:
            found.append(await anext(answers))
            await asyncio.sleep(chance.choice([0, 0, 0.002]))
    except (StopAsyncIteration, ZeroDivisionError, ConnectionError) as error:
        raised = error
    answers.close()
    assert not any(lane.connection.pending for lane in loops.lanes_for(None) if lane.connection)
    pool.close()
    for server in servers:
        server.close()

    good = {turn: answer for turn, answer in enumerate(found) if not isinstance(answer, Exception)}
    assert {type(found[turn]) for turn in range(len(found)) if turn not in good} <= {WorkerDied}
    assert len(good) == len(found) or any(each.deaths for each in workers)
    assert len(set(good.values())) == len(good)
    assert max(sum((each.begun for each in workers), Counter()).values(), default=0) <= 1
    assert not ordered or all(turn == answer for turn, answer in good.items())
    if isinstance(raised, ZeroDivisionError):
        assert len(found) == fails_at
    elif is_plain or (stops_at is None and closes_at is None):
        assert not isinstance(raised, ConnectionError)
        assert len(found) in (count, leaves_at)


@pytest.mark.parametrize("seed", range(30))
def test_each_row_has_one_end(nothing_left: Any, hello: Any, frame: Any, stopping: Any, bye: Any, seed: int) -> None:
    async def main() -> None:
        async with asyncio.timeout(10):
            await play(seed, str(nothing_left.directory / "model"), (hello, frame, stopping, bye))

    asyncio.run(main())
