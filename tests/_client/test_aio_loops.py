"""Event loops that come and go: one after the other, at once in threads, closed without a word, of uvloop, forked."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from js_host import AsyncFunction, JSHost
from js_host._client.aio import AsyncConnection

CONFIG = """
module.exports = { port: 0, functions: {
  echo: (data) => data,
  later: (ms) => new Promise((resolve) => setTimeout(resolve, ms, 'late')),
  bytes: (n) => Buffer.alloc(n, 7),
  gen: async function * (n) { for (let i = 0; i < n; i++) yield i },
  ask: async ({ f }) => await f(20) + 1
} }
"""


@pytest.fixture
def host(nothing_left: Any) -> Iterator[JSHost]:
    with JSHost(nothing_left.config(CONFIG)) as host:
        yield host


def sockets() -> int:
    return sum(1 for name in os.listdir("/proc/self/fd") if is_socket(f"/proc/self/fd/{name}"))


def is_socket(path: str) -> bool:
    try:
        return os.readlink(path).startswith("socket:")
    except OSError:
        return False


async def many(echo: AsyncFunction[Any], count: int = 100) -> None:
    assert await asyncio.gather(*map(echo, range(count))) == list(range(count))


def test_one_function_serves_one_loop_after_the_other_and_no_connection_stays(host: JSHost) -> None:
    echo = AsyncFunction("echo", host)
    before = sockets()
    for _ in range(5):
        asyncio.run(many(echo))
        assert sockets() == before


def test_a_loop_that_is_closed_without_a_word_is_forgotten_by_the_next_one(host: JSHost) -> None:
    echo = AsyncFunction("echo", host)
    before = sockets()
    for _ in range(3):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(many(echo))
        loop.close()
    asyncio.run(many(echo))
    assert sockets() == before


@pytest.mark.parametrize("where", ["in another loop", "without a loop"])
@pytest.mark.parametrize("kind", ["map", "stream"])
def test_what_is_collected_elsewhere_ends_in_its_own_loop(
    host: JSHost, kind: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[Any] = []
    begun, ended = threading.Event(), threading.Event()
    threads: list[int] = []
    finish = AsyncConnection.finish

    def observed(connection: AsyncConnection, call: Any) -> None:
        threads.append(threading.get_ident())
        finish(connection, call)
        ended.set()

    async def rows() -> AsyncIterator[int]:
        yield 1
        while True:
            yield 60_000

    async def begin() -> None:
        if kind == "map":
            held.append(AsyncFunction[Any]("later", host).map(rows()))
        else:
            held.append(AsyncFunction[Any]("gen", host).stream(10**9))
        await anext(held[0])
        monkeypatch.setattr(AsyncConnection, "finish", observed)
        begun.set()
        await asyncio.to_thread(ended.wait, 10)
        async with asyncio.timeout(10):
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0.001)

    async def collect() -> None:
        held.clear()

    def run() -> None:
        try:
            asyncio.run(begin(), debug=True)
        except TimeoutError:
            threads.clear()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert begun.wait(10)
    if where == "in another loop":
        asyncio.run(collect())
    else:
        held.clear()
    thread.join(30)
    assert threads, "nothing has ended, or a task has not"
    assert set(threads) == {thread.ident}


def test_a_loop_that_is_closed_with_a_call_in_flight_makes_no_noise(host: JSHost) -> None:
    async def begin() -> None:
        await echo(0)
        task = asyncio.ensure_future(later(60_000))
        await asyncio.sleep(0.01)
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # what asyncio says of it is not ours to test

    echo, later = AsyncFunction("echo", host), AsyncFunction("later", host)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(many(echo))
        gc.collect()


def test_a_host_that_is_closed_after_its_loops_leaves_nothing(nothing_left: Any) -> None:
    before = sockets()
    with JSHost(nothing_left.config(CONFIG)) as host:
        echo = AsyncFunction("echo", host)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(many(echo))
    assert sockets() == before + 2  # the loop's own pair
    loop.close()


def test_two_loops_in_two_threads_call_at_once(host: JSHost) -> None:
    echo = AsyncFunction("echo", host)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        async def main() -> None:
            for turn in range(20):
                values = [[number, turn, index] for index in range(50)]
                assert await asyncio.gather(*map(echo, values)) == values

        try:
            asyncio.run(main())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


def test_a_host_may_be_closed_from_another_thread_while_its_loop_runs(nothing_left: Any) -> None:
    with JSHost(nothing_left.config(CONFIG)) as host:
        echo, later = AsyncFunction("echo", host), AsyncFunction("later", host)

        async def main() -> None:
            await echo(1)
            running = asyncio.ensure_future(later(200))
            await echo(2)
            await asyncio.to_thread(host.close)
            assert await running == "late"

        asyncio.run(main())


@pytest.fixture
def uvloop() -> Any:
    uvloop = pytest.importorskip("uvloop")
    uvloop.new_event_loop().close()  # the first loop opens a pipe for all
    return uvloop


def test_under_uvloop_everything_works_the_same(uvloop: Any, host: JSHost) -> None:
    echo, data, later, gen, ask = (AsyncFunction(name, host) for name in ("echo", "bytes", "later", "gen", "ask"))

    async def double(number: int) -> int:
        return number * 2

    async def main() -> None:
        await many(echo, 1000)
        large = bytes(10_000_000)
        assert await asyncio.gather(echo(large), echo(large), data(20_000_000)) == [large, large, b"\7" * 20_000_000]
        assert [part async for part in gen.stream(100)] == list(range(100))
        assert await ask(f=double) == 41
        task = asyncio.ensure_future(later(60_000))
        await echo(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await echo(2) == 2

    before = sockets()
    for _ in range(2):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
        assert sockets() == before
    loop = uvloop.new_event_loop()
    loop.run_until_complete(many(echo))
    loop.close()
    asyncio.run(many(echo))
    assert sockets() == before


QUIET = """
import asyncio, sys
from js_host import AsyncFunction, AsyncJSHost, JSHost

config, how = sys.argv[1:]
host = JSHost(config)
host.start()
echo, later = AsyncFunction("echo", host), AsyncFunction("later", host)

async def main():
    await asyncio.gather(*map(echo, range(10)))
    if how == "calls in flight":
        asyncio.ensure_future(later(60_000))
        await asyncio.sleep(0.01)
    if how == "left in mid-stream":
        global stream
        stream = AsyncFunction("gen", host).stream(10**9)
        await anext(stream)

if how == "closed without a word":
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
else:
    asyncio.run(main())
host.close()
"""


@pytest.mark.parametrize("how", ["ended", "closed without a word", "calls in flight", "left in mid-stream"])
def test_a_program_ends_without_a_word(nothing_left: Any, how: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", QUIET, str(nothing_left.config(CONFIG)), how],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("", "", 0)


FORK = """
import asyncio, os, sys
from js_host import AsyncFunction, JSHost

with JSHost(sys.argv[1], workers=2) as host:
    echo = AsyncFunction("echo", host)

    async def many(who, count=200):
        values = [[who, number] for number in range(count)]
        assert await asyncio.gather(*map(echo, values)) == values

    def child(number):
        try:
            asyncio.run(many(number))
            os._exit(0)
        finally:
            os._exit(2)

    async def main():
        await many("before")
        flying = [asyncio.ensure_future(echo(["flying", number])) for number in range(100)]
        await asyncio.sleep(0)
        children = []
        for number in range(4):
            pid = os.fork()
            if pid == 0:
                child(number)
            children.append(pid)
        await many("parent")
        assert await asyncio.gather(*flying) == [["flying", number] for number in range(100)]
        codes = [await asyncio.to_thread(lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])) for pid in children]
        assert codes == [0] * 4, codes
        await many("after")

    asyncio.run(main())
print("well")
"""


def test_parent_and_children_call_at_once_after_a_fork_out_of_a_running_loop(nothing_left: Any) -> None:
    ended = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-W",
            "ignore::DeprecationWarning",
            "-c",
            FORK,
            str(nothing_left.config(CONFIG)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.stdout, ended.returncode) == ("well\n", 0), ended.stdout + ended.stderr
