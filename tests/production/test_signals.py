"""Signals, releases and worn workers, under load. Real processes and real signals."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
import warnings
from pathlib import Path
from typing import Any

from js_host import JSHost
from js_host.exceptions import WorkerDied


def test_a_hangup_under_load_brings_the_new_code_and_fails_no_call(
    run: Any, wait_for: Any, release: Any, load: Any, code: Any
) -> None:
    host = run("--workers", "2")
    with load(host.url, [("version", None)] * 3 + [("later", 30)] * 2) as callers:
        wait_for(lambda: all(callers.answers))
        for version in (2, 3, 4):
            release(code.replace("version: () => 1", f"version: () => {version}"))
            host.signal(signal.SIGHUP)
            wait_for(lambda version=version: callers.errors or callers.answers[0][-1] == version, 20)
    assert not callers.errors
    for versions in callers.answers[:3]:
        assert versions == sorted(versions)
    assert host.end() == 0


def test_a_hangup_under_load_fails_no_call_on_kept_connections_of_plain_http(
    run: Any, wait_for: Any, release: Any, code: Any
) -> None:
    host = run("--workers", "2")
    versions: list[int] = [0]
    errors: list[Exception] = []

    def call() -> None:
        connection = http.client.HTTPConnection(host.url.removeprefix("http://"))
        try:
            while versions[-1] < 4:
                connection.request("POST", "/function/version", headers={"content-type": "application/json"})
                versions.append(int(connection.getresponse().read()))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for version in (2, 3, 4):
        release(code.replace("version: () => 1", f"version: () => {version}"))
        host.signal(signal.SIGHUP)
        wait_for(lambda version=version: errors or versions[-1] == version, 20)
    for caller in callers:
        caller.join(20)
    assert not errors
    assert host.end() == 0


def test_a_bad_release_keeps_the_old_workers_and_says_so(run: Any, wait_for: Any, release: Any, code: Any) -> None:
    host = run("--workers", "2")
    release("throw new Error('not finished')")
    host.signal(signal.SIGHUP)
    wait_for(lambda: host.said("The changed code does not start, so the workers with the code before it"), 20)
    wait_for(lambda: host.said("not finished"))
    with JSHost(root_url=host.url) as caller, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        version = caller.function("version")
        wait_for(lambda: version() != 1 or any("not finished" in str(warning.message) for warning in told))
        assert version() == 1
    assert host.end() == 0


def test_workers_that_wear_out_under_load_fail_no_call(run: Any, wait_for: Any, load: Any) -> None:
    host = run("--workers", "2", "--max-calls", "200", "--max-age", "3")
    with load(host.url, [("pid", None)] * 2 + [("later", 20)] * 2) as callers:
        wait_for(lambda: callers.errors or len(set(callers.answers[0]) | set(callers.answers[1])) >= 5, 60)
    assert not callers.errors
    assert host.end() == 0
    assert host.said("is worn (calls): another takes over")


def test_a_leaking_function_is_harmless_with_a_memory_limit(run: Any, wait_for: Any, load: Any) -> None:
    host = run("--memory-limit", "250")
    with load(host.url, [("pid", None)]) as callers:
        leak = callers.host.function("leak")
        pids = set()
        while len(pids) < 3:
            pids.add(leak(4))
            time.sleep(0.01)
    assert not callers.errors
    assert host.end() == 0
    assert host.said("is worn (memory): another takes over")


def test_a_host_is_ready_when_its_workers_have_warmed_up(launch: Any, release: Any, code: Any) -> None:
    config = code.replace(
        "port: 0,", "port: 0, warmup: async (host) => { await sleep(300); global.warm = host.config.port },"
    )
    release(config.replace("version: () => 1", "version: () => typeof global.warm"))
    host = launch("--workers", "2").wait_until_ready()
    with JSHost(root_url=host.url) as caller:
        assert caller.function("version")() == "number"
    assert host.end() == 0


def test_a_warm_up_that_fails_is_a_start_that_fails(launch: Any, release: Any, code: Any) -> None:
    release(code.replace("port: 0,", "port: 0,\n  warmup: () => { throw new Error('no database') },"))
    host = launch()
    assert host.code() == 1
    assert host.said("no database")
    assert host.said("host.config.js:4")


def test_a_host_that_can_not_start_ends_with_code_1_and_starts_nothing_again(
    launch: Any, directory: Path, release: Any
) -> None:
    release(f"require('fs').appendFileSync('{directory}/starts', '.'); throw new Error('broken')")
    host = launch("--workers", "2", "--address", "127.0.0.1")
    assert host.code() == 1
    assert len((directory / "starts").read_text()) <= 3
    assert host.said("broken")


def test_a_killed_worker_is_noticed_and_replaced_at_once(run: Any, wait_for: Any) -> None:
    host = run()
    with JSHost(root_url=host.url) as caller:
        pid = caller.function("pid")()
        errors: list[tuple[float, BaseException]] = []

        def call() -> None:
            try:
                caller.function("waits", timeout=20)()
            except BaseException as error:
                errors.append((time.monotonic(), error))

        thread = threading.Thread(target=call)
        thread.start()
        wait_for(lambda: host.said("it waits"))
        killed_at = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        thread.join()
        (noticed_at, error) = errors[0]
        assert noticed_at - killed_at < 0.1
        assert isinstance(error, (WorkerDied, ConnectionError))
        assert caller.function("pid")() != pid
    wait_for(lambda: host.said("was killed by SIGKILL"))
    assert host.end() == 0


def test_with_watch_changed_code_is_loaded_by_itself(run: Any, wait_for: Any, release: Any, code: Any) -> None:
    host = run("--watch")
    with JSHost(root_url=host.url) as caller:
        version = caller.function("version")
        assert version() == 1
        release(code.replace("version: () => 1", "version: () => 2"))
        wait_for(lambda: version() == 2, 20)
    assert host.end() == 0


def test_a_worker_that_is_told_to_end_is_replaced_first_and_fails_no_call(run: Any, wait_for: Any, load: Any) -> None:
    host = run()
    with load(host.url, [("pid", None)] * 2 + [("later", 300)]) as callers:
        wait_for(lambda: callers.answers[0])
        first = callers.answers[0][0]
        os.kill(first, signal.SIGTERM)
        wait_for(lambda: callers.errors or callers.answers[0][-1] != first, 20)
        wait_for(lambda: not os.path.exists(f"/proc/{first}"))
    assert not callers.errors
    assert host.end() == 0


def test_a_signal_to_all_processes_at_once_lets_calls_finish_too(run: Any, wait_for: Any) -> None:
    host = run("--workers", "2")
    with JSHost(root_url=host.url) as caller:
        pid, got = caller.function("pid")(), []
        thread = threading.Thread(target=lambda: got.append(caller.function("later")(1500)))
        thread.start()
        wait_for(lambda: caller.request_status()["counters"]["calls"] >= 1)  # type: ignore[index]
        os.kill(pid, signal.SIGTERM)
        host.signal(signal.SIGTERM)
        thread.join()
    assert got == [1]
    assert host.code() == 0
