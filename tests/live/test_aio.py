"""Event loops and real hosts: managed ones, code that changes under load, workers that drain."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host import AsyncFunction, AsyncJSHost, Function, JSHost
from js_host.exceptions import HostWarning, WorkerDied

CONFIG = """
module.exports = {
  disconnectTimeout: 200,
  functions: {
    hello_world: function (data, cb) { cb(null, 'Hello, ' + (data.name || 'World') + '!') },
    echo: (data) => data,
    later: (ms) => new Promise((resolve) => setTimeout(resolve, ms, process.pid)),
    parts: async function * (n) { for (let i = 0; i < n; i++) { await new Promise((r) => setTimeout(r, 2)); yield i } },
    pid: () => process.pid,
    version: () => 1,
    exit: () => process.exit(3)
  }
}
"""

PROGRAM = """
import asyncio
import os
from js_host import AsyncFunction
from js_host.conf import settings

settings.configure(SOURCE_ROOT=os.path.dirname(os.path.abspath(__file__)), USE_MANAGER=True)
hello_world = AsyncFunction("hello_world")

async def main():
    print(await hello_world.call())
    print(*await asyncio.gather(*(hello_world(name=name) for name in ("Foo", "Bar"))))

asyncio.run(main())
"""


@pytest.fixture
def config(nothing_left: Any) -> Path:
    return Path(nothing_left.config(CONFIG))


@pytest.fixture
def managed(config: Path) -> Iterator[JSHost]:
    host = JSHost(config, managed=True)
    yield host
    host.stop()


def save(path: Path, text: str) -> None:
    """As editors do: another file is renamed into the place."""
    other = path.with_suffix(".tmp")
    other.write_text(text)
    os.replace(other, path)


def test_a_program_with_a_loop_starts_its_default_host_and_ends_without_a_word(config: Path) -> None:
    script = config.parent / "hello_world.py"
    script.write_text(PROGRAM)
    command = [sys.executable, "-X", "dev", str(script)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ)
    assert ended.stdout == "Hello, World!\nHello, Foo! Hello, Bar!\n", ended.stderr
    assert "Starting the host" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_managed_host_is_stopped_restarted_and_started_again_by_the_next_call(managed: JSHost) -> None:
    async def main() -> None:
        host = AsyncJSHost.sharing(managed)
        pid, echo = host.function("pid"), host.function("echo")
        before = await pid()
        await host.restart()
        after = await pid()
        assert after != before
        await host.stop(stop_manager_if_last=False)
        assert not await host.is_running()
        assert len(set(await asyncio.gather(*(pid() for _ in range(100))))) == 1
        await host.stop()
        assert [result async for result in echo.map(range(100))] == list(range(100))
        await host.stop()
        assert [part async for part in host.function("parts").stream(3)] == [0, 1, 2]
        with pytest.raises(WorkerDied, match=r"process\.exit\(3\)"):
            await host.function("exit")()
        assert await echo(1) == 1

    asyncio.run(main())


def test_no_call_stream_or_row_fails_while_code_is_saved_again_and_again(managed: JSHost, config: Path) -> None:
    later, echo, parts, version = (AsyncFunction[Any](name, managed) for name in ("later", "echo", "parts", "version"))
    done = False
    counts = {"calls": 0, "streams": 0, "rows": 0}

    async def call() -> None:
        while not done:
            await later(20)
            assert await echo(["x", counts["calls"]])
            counts["calls"] += 1

    async def stream() -> None:
        while not done:
            assert [part async for part in parts.stream(30)] == list(range(30))
            counts["streams"] += 1

    async def rows() -> None:
        while not done:
            assert [row async for row in echo.map(range(500))] == list(range(500))
            counts["rows"] += 500

    async def main() -> None:
        nonlocal done
        async with asyncio.TaskGroup() as group:
            for work in (call, call, call, call, stream, stream, rows):
                group.create_task(work())
            for number in range(2, 12):
                save(config, CONFIG.replace("version: () => 1", f"version: () => {number}"))
                await asyncio.sleep(0.15)
            give_up_at = time.monotonic() + 20
            while await version() != 11:
                assert time.monotonic() < give_up_at
                await asyncio.sleep(0.01)
            done = True

    asyncio.run(main())
    assert min(counts.values()) > 0


async def called(version: AsyncFunction[Any]) -> list[Any]:
    return [await version()]


async def streamed(version: AsyncFunction[Any]) -> list[Any]:
    return [part async for part in version.stream()]


async def mapped(version: AsyncFunction[Any]) -> list[Any]:
    return [result async for result in version.map([None])]


@pytest.mark.parametrize("ask", [called, streamed, mapped])
def test_broken_code_warns_at_the_line_that_awaits_while_the_old_code_answers(
    managed: JSHost, config: Path, ask: Callable[[AsyncFunction[Any]], Awaitable[list[Any]]]
) -> None:
    version = AsyncFunction[Any]("version", managed)

    async def main() -> None:
        assert await ask(version) == [1]
        save(config, CONFIG.replace("version: () => 1", "version: () => {"))
        give_up_at = time.monotonic() + 10
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            while not caught:
                assert await ask(version) == [1]
                assert time.monotonic() < give_up_at
                await asyncio.sleep(0.01)
        assert caught[0].category is HostWarning
        assert "SyntaxError" in str(caught[0].message)
        assert caught[0].filename == __file__

    asyncio.run(main())


def test_an_own_host_that_is_restarted_under_load_fails_no_call_that_did_not_run(config: Path) -> None:
    async def main() -> None:
        async with AsyncJSHost(config, workers=2) as host:
            echo = host.function("echo")
            results = echo.map(itertools.count())
            assert [await anext(results) for _ in range(100)] == list(range(100))
            await host.restart()
            assert await asyncio.gather(*map(echo, range(100))) == list(range(100))

    asyncio.run(main())


@pytest.mark.parametrize("debug", [True, False])
def test_a_blocking_call_in_a_loop_works_and_is_told_in_debug_mode(config: Path, debug: bool) -> None:
    with JSHost(config) as host:
        echo: Function[Any] = Function("echo", host)

        async def main() -> None:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                assert echo(1) == echo(1) == 1
            assert [warning.category for warning in caught] == ([HostWarning] if debug else [])
            if debug:
                assert "AsyncFunction" in str(caught[0].message)
                assert caught[0].filename == __file__

        asyncio.run(main(), debug=debug)


def test_who_forgets_to_await_a_call_is_told_which_one(config: Path) -> None:
    program = "from js_host import AsyncFunction, AsyncJSHost; AsyncFunction('pid', AsyncJSHost('host.config.js'))()"
    ended = subprocess.run([sys.executable, "-c", program], cwd=config.parent, capture_output=True, text=True)
    assert "coroutine '<AsyncFunction 'pid'>' was never awaited" in ended.stderr
