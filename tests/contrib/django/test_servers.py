"""A real site under real servers: who answers, what a saved file changes, and what is left at the end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest


def answers(server: Any, wait_for: Any) -> list[dict[str, Any]]:
    """Ask until both Python workers of gunicorn have answered."""
    found: list[dict[str, Any]] = []

    def ask() -> bool:
        found.append(server.json())
        return len({answer["python"] for answer in found}) == 2

    wait_for(ask, 20)
    return found


def test_runserver_calls_javascript_in_a_view(site: Any) -> None:
    site.use(USE_MANAGER=True)
    server = site.runserver()
    assert server.get("/cart/?user=%3Cb%3E") == "<h1>&#60;b&#62;</h1><ul><li>Tea: 2.5</li></ul>"


def test_a_saved_javascript_file_is_answered_by_new_code_and_the_same_python(site: Any, wait_for: Any) -> None:
    site.use(USE_MANAGER=True)
    server = site.runserver()
    before = server.json()
    site.save("version = 1", "version = 2")
    wait_for(lambda: server.json()["version"] == 2)
    after = server.json()
    assert after["python"] == before["python"]
    assert after["node"] != before["node"]
    assert "reloading" not in server.log.read_text()


def test_a_saved_python_file_restarts_python_and_finds_the_same_worker(patient: Any, wait_for: Any) -> None:
    server = patient.runserver()
    before = server.json()
    views = patient.directory / "shop" / "views.py"
    os.utime(views)

    def is_new() -> bool:
        try:
            return bool(server.json()["python"] != before["python"])
        except urllib.error.HTTPError:
            raise
        except OSError:  # it is restarting
            return False

    wait_for(is_new, 20)
    assert server.json()["node"] == before["node"]


def test_ctrl_c_ends_runserver_and_the_host_goes_after_its_disconnect_timeout(site: Any, wait_for: Any) -> None:
    site.use(USE_MANAGER=True)
    server = site.runserver()
    server.json()
    assert site.left.processes()
    server.end(signal.SIGINT)
    wait_for(lambda: not site.left.processes() and not site.left.sockets())


def test_an_error_of_javascript_is_shown_by_the_page_and_in_the_terminal(site: Any) -> None:
    site.use(USE_MANAGER=True)
    server = site.runserver("--noreload")
    with pytest.raises(urllib.error.HTTPError) as caught:
        server.get("/broken/")
    page = caught.value.read().decode()
    assert "FunctionError" in page
    assert "TypeError: no price for tea" in page
    assert f"{site.config}:12:" in page
    assert f"{site.config}:12:" in server.log.read_text()


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["forked first", "preloaded"])
def test_the_workers_of_gunicorn_share_a_managed_host(site: Any, wait_for: Any, options: tuple[str, ...]) -> None:
    site.use(USE_MANAGER=True)
    found = answers(site.gunicorn(*options), wait_for)
    assert len({answer["node"] for answer in found}) == 1


def test_what_gunicorn_called_before_it_forked_is_no_harm_to_its_workers(site: Any, wait_for: Any) -> None:
    site.use(USE_MANAGER=True)
    site.environment["TEST_CALL_EARLY"] = "1"
    server = site.gunicorn("--preload")
    found = answers(server, wait_for)
    assert len({answer["node"] for answer in found}) == 1
    assert server.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["forked first", "preloaded"])
def test_each_worker_of_gunicorn_may_have_a_host_of_its_own(site: Any, wait_for: Any, options: tuple[str, ...]) -> None:
    site.environment["TEST_OWN_HOST"] = "1"
    server = site.gunicorn(*options)
    pairs = {(answer["python"], answer["node"]) for answer in answers(server, wait_for)}
    assert len(pairs) == 2
    assert len({node for _, node in pairs}) == 2
    assert server.end(signal.SIGTERM) == 0


@contextlib.contextmanager
def running_host(site: Any, port: int = 0) -> Iterator[str]:
    """Run the site's host in the foreground, by its own command; the URL."""
    command = [sys.executable, str(site.directory / "manage.py"), "js_host", "run", "--port", str(port)]
    with subprocess.Popen(command, env=site.environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        yield "http://" + running.stdout.readline().removeprefix("Host listening at ").strip()
        running.terminate()
        assert running.wait(20) == 0


@pytest.fixture
def served(site: Any) -> Iterator[str]:
    """Run the site's host during the test; the URL."""
    with running_host(site) as url:
        yield url


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["forked first", "preloaded"])
def test_the_workers_of_gunicorn_call_a_host_that_runs_by_itself(
    site: Any, wait_for: Any, served: str, options: tuple[str, ...]
) -> None:
    site.use(ROOT_URL=served)
    site.environment["TEST_CALL_EARLY"] = "1"
    server = site.gunicorn(*options)
    found = answers(server, wait_for)
    assert len({answer["node"] for answer in found}) == 1
    assert not (site.left.runtime / "js-host").exists() or not list((site.left.runtime / "js-host").glob("m-*"))
    server.end(signal.SIGTERM)


def test_a_site_may_start_before_its_host(site: Any) -> None:
    port = site.free_port()
    site.use(ROOT_URL=f"http://127.0.0.1:{port}")
    server = site.runserver("--noreload")
    with pytest.raises(urllib.error.HTTPError) as caught:
        server.get("/")
    assert "ConnectionError" in caught.value.read().decode()
    with running_host(site, port):
        assert server.json()["version"] == 1


def test_the_command_calls_the_host_that_the_settings_name(site: Any, served: str) -> None:
    site.use(ROOT_URL=served)
    first, second = (json.loads(site.manage("js_host", "call", "answer").stdout) for _ in range(2))
    assert first == second
    assert site.manage("js_host", "status").stdout.startswith(f"url        {served}\n")
