"""Health, readiness, metrics and `js-host top` of a `js-host run`."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from js_host import JSHost
from js_host.exceptions import FunctionError


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def get(url: str) -> tuple[int, str]:
    """Status and text of a GET; status 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def samples(url: str) -> dict[tuple[str, ...], float]:
    """What Prometheus reads there: by name and labels."""
    status, text = get(f"{url}/metrics")
    assert status == 200, text
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_host_is_alive_while_it_starts_and_ready_when_it_has(
    launch: Any, release: Any, code: str, port: int, wait_for: Any, directory: Path
) -> None:
    gate = directory / "gate"
    warmup = f"warmup: async () => {{ while (!require('fs').existsSync('{gate}')) await sleep(5) }},"
    release(code.replace("port: 0,", f"port: 0, {warmup}"))
    host = launch("--metrics-port", str(port))
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: get(f"{url}/ready") == (503, "The host is starting: 0 of 1 workers are ready.\n"), 20)
    assert get(f"{url}/health") == (200, "ok\n")
    gate.touch()
    host.wait_until_ready()
    assert get(f"{url}/ready") == (200, "ready\n")
    assert get(f"{host.url}/ready") == (200, '{"status":"ready"}')
    assert host.end() == 0


def test_a_host_that_drains_is_alive_and_not_ready(run: Any, port: int, wait_for: Any) -> None:
    host = run("--metrics-port", str(port))
    url = f"http://127.0.0.1:{port}"
    kept = http.client.HTTPConnection(host.url.removeprefix("http://"), timeout=20)
    kept.request("GET", "/ready")
    assert kept.getresponse().read() == b'{"status":"ready"}'
    with JSHost(root_url=host.url) as caller:
        thread = threading.Thread(target=lambda: caller.function("later")(1500))
        thread.start()
        wait_for(lambda: "later" in str(json.loads(get(f"{url}/stats")[1])["workers"][0]["running"]))
        host.signal(signal.SIGTERM)
        wait_for(lambda: get(f"{url}/ready")[0] == 503)
        assert get(f"{url}/health") == (200, "ok\n")
        thread.join()
    kept.close()
    assert host.code() == 0


def test_a_host_whose_workers_all_crash_is_alive_and_not_ready(
    run: Any, release: Any, port: int, wait_for: Any
) -> None:
    host = run("--metrics-port", str(port))
    url = f"http://127.0.0.1:{port}"
    with JSHost(root_url=host.url) as caller:
        pid = caller.function("pid")()
    release("throw new Error('gone')")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: get(f"{url}/ready")[0] == 503, 20)
    wait_for(lambda: "failed" in get(f"{url}/ready")[1], 20)
    assert get(f"{url}/health")[0] == 200
    wait_for(lambda: host.said("It crashed too often"), 20)
    assert samples(url)["js_host_ready",] == 0
    assert host.end() == 0


def test_prometheus_hears_of_calls_workers_and_restarts(run: Any, port: int, wait_for: Any) -> None:
    host = run("--metrics-port", str(port), "--workers", "2")
    url = f"http://127.0.0.1:{port}"
    with JSHost(root_url=host.url) as caller:
        for _ in range(20):
            caller.function("version")()
        with pytest.raises(FunctionError):
            caller.function("throws")()
        before = samples(url)
        assert before["js_host_calls_total", "function=version", "outcome=ok"] == 20
        assert before["js_host_calls_total", "function=throws", "outcome=error"] == 1
        assert before["js_host_call_duration_seconds_count", "function=version"] == 20
        assert before["js_host_worker_memory_bytes", "worker=1"] > 10_000_000
        assert sum(value for name, value in before.items() if name[0] == "js_host_connections") >= 1
        pid = caller.function("pid")()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: samples(url).get(("js_host_restarts_total", "reason=signal")) == 1)
        wait_for(lambda: samples(url)["js_host_worker_up", "worker=0"] == 1, 20)
        after = samples(url)
        assert after["js_host_calls_total", "function=version", "outcome=ok"] == 20
        host.signal(signal.SIGHUP)
        wait_for(lambda: samples(url).get(("js_host_restarts_total", "reason=reload")) == 2, 20)
        caller.function("version")()
    wait_for(lambda: samples(url)["js_host_calls_total", "function=version", "outcome=ok"] == 21)
    assert host.end() == 0


def test_a_scrape_is_answered_while_a_worker_is_blocked(run: Any, port: int) -> None:
    host = run("--metrics-port", str(port))
    with JSHost(root_url=host.url) as caller:
        thread = threading.Thread(target=lambda: caller.function("blocks")(1500))
        thread.start()
        while thread.is_alive() and json.loads(get(f"http://127.0.0.1:{port}/stats")[1])["workers"][0]["answers"]:
            pass
        assert samples(f"http://127.0.0.1:{port}")["js_host_ready",] == 1
        assert thread.is_alive()
        thread.join()
    assert host.end() == 0


def test_the_door_may_be_a_socket_and_web_pages_may_not_use_it(run: Any, directory: Path, wait_for: Any) -> None:
    path = directory / "door"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))  # what a program left that was killed
    host = run("--metrics-port", str(path))
    assert ask(path, "/health").endswith("ok\n")
    assert " 403 " in ask(path, "/stats", "Origin: http://evil.example\r\n").splitlines()[0]
    assert host.end() == 0
    assert not path.exists()


def ask(path: Path, what: str, header: str = "") -> str:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(20)
        caller.connect(str(path))
        caller.sendall(f"GET {what} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n".encode())
        return b"".join(iter(lambda: caller.recv(65536), b"")).decode()


def test_a_port_that_is_taken_is_named(launch: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host = launch("--metrics-port", str(taken.getsockname()[1]))
        assert host.code() == 1
    assert host.said("It is the option --metrics-port.")


def top(*options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "js_host", "top", *options]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)


def test_top_shows_the_workers_and_functions_of_a_host_that_runs(run: Any, directory: Path) -> None:
    host = run("--metrics-port", "0")
    with JSHost(root_url=host.url) as caller:
        caller.function("version")()
    shown = top("--url", host.url, "--once", cwd=directory)
    assert shown.returncode == 0, shown.stderr
    assert f"{directory}/host.config.js" in shown.stdout
    assert any(line.split()[:2] == ["version", "1"] for line in shown.stdout.splitlines())
    stats = json.loads(top("--url", host.url, "--once", "--json", cwd=directory).stdout)
    assert stats["ready"] is True
    assert stats["workers"][0]["counters"]["functions"]["version"]["ends"]["ok"] == 1
    assert host.end() == 0


def test_top_goes_on_until_it_is_interrupted(run: Any, directory: Path) -> None:
    host = run("--metrics-port", str(directory / "door"))
    command = [sys.executable, "-m", "js_host", "top", "--at", f"http+unix:{directory}/door", "--interval", "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        seen = 0
        while seen < 3:
            seen += process.stdout.readline().startswith(f"{directory}/host.config.js")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert host.end() == 0


def test_top_says_what_to_do_where_no_metrics_are_kept(run: Any, directory: Path) -> None:
    host = run()
    shown = top("--url", host.url, cwd=directory)
    assert shown.returncode == 1
    assert "Start it with `js-host run --metrics-port 9100`." in shown.stderr
    assert host.end() == 0


def test_a_host_whose_socket_for_metrics_was_tidied_away_ends_as_usual(run: Any, directory: Path) -> None:
    host = run("--metrics-port", str(directory / "door"))
    (directory / "door").unlink()
    assert host.end() == 0
