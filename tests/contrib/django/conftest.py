"""A Django site of the tests, run as its users would: `manage.py`, runserver, gunicorn. And Django in this process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings

import js_host.host
from js_host import JSHost
from js_host.manager import JSHostManager

ANSWERING = """
module.exports = {
  disconnectTimeout: 200,
  functions: {
    who: () => '%s',
    pid: () => process.pid,
    greet: (data) => `<b>${data.name || data}</b>`
  }
}
"""

PROJECT = Path(__file__).parent / "fixtures" / "project"


@pytest.fixture(scope="session", autouse=True)
def django_here() -> None:
    """Set Django up in this process, with the app and nothing else: other tests must not notice."""
    if not settings.configured:
        settings.configure(SECRET_KEY="not-secret", INSTALLED_APPS=["js_host"], LOGGING_CONFIG=None)
        django.setup()


class Server:
    """A web server in a session of its own, as a terminal would run it."""

    def __init__(self, command: list[str], directory: Path, environment: dict[str, str], port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = directory / "server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=directory, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def get(self, path: str = "/") -> str:
        """The page of that path."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return str(answer.read().decode())

    def json(self, path: str = "/") -> dict[str, Any]:
        """The page of that path, read as JSON."""
        found: dict[str, Any] = json.loads(self.get(path))
        return found

    def answers(self) -> bool:
        """Whether it takes requests; one that has ended fails the test."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            self.get("/plain/")
        except urllib.error.HTTPError:
            raise
        except OSError:
            return False
        return True

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal to the whole session, as Ctrl-C in its terminal does, and wait for its end."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
        return self.process.wait(20)


class Site:
    """The project of the fixtures, copied to a place of the test's own."""

    def __init__(self, left: Any, wait_for: Callable[..., None]) -> None:
        self.left = left
        self.wait_for = wait_for
        self.directory = left.directory / "site"
        self.config = self.directory / "host.config.js"
        self.environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        self.servers: list[Server] = []
        shutil.copytree(PROJECT, self.directory, ignore=shutil.ignore_patterns("__pycache__"))

    def use(self, **js_host: object) -> None:
        """Have this JS_HOST in its settings."""
        self.environment["TEST_JS_HOST"] = json.dumps(js_host)

    def manage(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run manage.py, with warnings as errors."""
        return subprocess.run(
            [sys.executable, "-W", "error", str(self.directory / "manage.py"), *arguments],
            **{"cwd": self.directory, "env": self.environment, "capture_output": True, "text": True, "timeout": 60}
            | options,
        )

    def runserver(self, *options: str) -> Server:
        """Run Django's own server, with its autoreloader, until it answers."""
        port = self.free_port()
        manage = str(self.directory / "manage.py")
        return self._serve([sys.executable, "-W", "error", manage, "runserver", f"127.0.0.1:{port}", *options], port)

    def gunicorn(self, *options: str) -> Server:
        """Run gunicorn with two workers, until it answers."""
        port = self.free_port()
        config = str(self.directory / "gunicorn.conf.py")
        command = [sys.executable, "-m", "gunicorn", "shop.wsgi", "-c", config, "-w", "2", "-b", f"127.0.0.1:{port}"]
        return self._serve([*command, *options], port)

    def _serve(self, command: list[str], port: int) -> Server:
        self.servers.append(Server(command, self.directory, self.environment, port))
        self.wait_for(self.servers[-1].answers, 30)
        return self.servers[-1]

    def save(self, old: str, new: str) -> None:
        """Change the config file as an editor does: beside it, then in its place."""
        beside = self.directory / "beside"
        beside.write_text(self.config.read_text().replace(old, new))
        os.replace(beside, self.config)

    @staticmethod
    def free_port() -> int:
        """A port that nobody listens at."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            return int(taken.getsockname()[1])

    def close(self) -> None:
        """End all servers."""
        for server in self.servers:
            server.end()


@pytest.fixture
def site(nothing_left: Any, wait_for: Callable[..., None]) -> Iterator[Site]:
    """Give the test a site. Its servers end with it, and must leave nothing."""
    site = Site(nothing_left, wait_for)
    try:
        yield site
    finally:
        site.close()


@pytest.fixture
def patient(site: Any) -> Iterator[Any]:
    """A site whose host waits longer for its next program than the test takes, and is stopped in the end."""
    site.use(USE_MANAGER=True)
    site.save("disconnectTimeout: 500", "disconnectTimeout: 60000")
    yield site
    site.close()
    JSHostManager().stop()


@pytest.fixture
def configs(nothing_left: Any) -> Iterator[dict[str, str]]:
    """Two config files, whose functions tell which they are; the default host lets go of them at the end."""
    yield {name: str(nothing_left.config(ANSWERING % name, f"{name}.config.js")) for name in ("one", "two")}
    default: JSHost | None = vars(js_host.host).get("host")
    if default is not None:
        default.close()
