"""The unit, the Dockerfile and the manifest of examples/deploy: what they say is done, as far as this machine can."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"
TOKEN = "a-token-of-the-tests"


class Place:
    """A directory that stands for the machine of a text, and the ports that it is given."""

    def __init__(self, directory: Path, port: Callable[[], int]) -> None:
        self.directory = directory / "m"
        self.directory.mkdir()
        self.port, self.metrics_port = port(), port()
        self.processes: list[subprocess.Popen[bytes]] = []

    def fit(self, text: str, *roots: str) -> str:
        """A text whose paths that begin with one of the roots lie in the directory, and whose ports are ours."""
        for root in roots:
            text = re.sub(rf"(?<![\w.]){root}(?=[/\s\"'$]|$)", f"{self.directory}{root}", text)
        return text.replace("9009", str(self.port)).replace("9100", str(self.metrics_port))

    def serve(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        """Run a command until it is ready."""
        with (self.directory / "log").open("wb") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, **options))
        return self.processes[-1]

    def status(self, path: str) -> int:
        """What the door for probes answers; 0 where nothing does."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def is_ready(self) -> bool:
        """Whether it is; a process that has ended fails the test."""
        assert self.processes[-1].poll() is None, (self.directory / "log").read_text()
        return self.status("/ready") == 200

    def greeting(self, token: str | None = None) -> str:
        """What a program is answered."""
        with JSHost(root_url=f"http://127.0.0.1:{self.port}", token=token) as host:
            return host.function("greet").call(name="Foo")


@pytest.fixture
def place(nothing_left: Any, free_port: Callable[[], int]) -> Iterator[Place]:
    """Give the test such a place."""
    place = Place(nothing_left.directory, free_port)
    yield place
    for process in place.processes:
        process.kill()
        process.wait(20)


def put_config(place: Place, directory: Path) -> None:
    """Put the config of the examples there, with the port of the test."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "host.config.js").write_text(place.fit((DEPLOY / "host.config.js").read_text()))


def unit_of(place: Place) -> configparser.ConfigParser:
    """The unit for systemd, on a machine where /srv/shop has a virtual environment with js-host."""
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(place.fit((DEPLOY / "js-host.service").read_text(), "/srv/shop", "/run/js-host"))
    put_config(place, place.directory / "srv" / "shop")
    (place.directory / "srv" / "shop" / ".venv").symlink_to(sys.prefix)
    (place.directory / "run" / "js-host").mkdir(parents=True)
    return unit


def test_the_lines_of_the_unit_start_reload_and_stop_a_host(place: Place, wait_for: Callable[..., None]) -> None:
    service = unit_of(place)["Service"]
    environment = dict([service["Environment"].split("=", 1)])
    # by its absolute path, the config marks the processes as this test's
    config = f"{service['WorkingDirectory']}/host.config.js"
    command = shlex.split(service["ExecStart"].replace("host.config.js", config))
    process = place.serve(command, cwd=service["WorkingDirectory"], env={**os.environ, **environment})
    wait_for(place.is_ready, float(service["TimeoutStartSec"]))
    assert place.greeting() == "Hello, Foo!"
    Path(config).write_text(Path(config).read_text().replace("Hello", "Welcome"))
    subprocess.run(shlex.split(service["ExecReload"].replace("$MAINPID", str(process.pid))), check=True)
    wait_for(lambda: place.greeting() == "Welcome, Foo!", 20)
    process.send_signal(signal.SIGTERM)
    assert process.wait(float(service["TimeoutStopSec"])) == 0


@pytest.mark.parametrize("name", ["js-host.service", "js-host.socket"])
def test_systemd_takes_the_units(name: str, place: Place) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed (on Debian: apt install systemd)")
    unit_of(place)
    for unit in ("js-host.service", "js-host.socket"):  # a socket looks for its service beside it
        (place.directory / unit).write_text(place.fit((DEPLOY / unit).read_text(), "/srv/shop"))
    ended = subprocess.run(
        ["systemd-analyze", "verify", str(place.directory / name)], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, [line for line in ended.stderr.splitlines() if "js-host" in line]) == (0, [])


class Dockerfile:
    """The instructions of a Dockerfile, done in a directory that stands for the image."""

    def __init__(self, text: str) -> None:
        lines = [line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
        self.instructions = [(word, rest) for word, rest in lines]

    def all(self, word: str) -> list[str]:
        """What stands behind each instruction of that word."""
        return [rest for one, rest in self.instructions if one == word]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_lines_of_the_dockerfile_build_and_serve(place: Place, wait_for: Callable[..., None]) -> None:
    file = Dockerfile(place.fit((DEPLOY / "Dockerfile").read_text(), "/app", "/venv"))
    put_config(place, place.directory / "app")
    assert file.all("COPY") == [f"host.config.js {place.directory}/app/host.config.js"]
    for line in file.all("RUN"):
        # the package is the one of this repository
        line = line.replace('"js-host[', f'"{ROOT}[').replace("python -m", f"{sys.executable} -m", 1)
        ended = subprocess.run(line, shell=True, cwd=place.directory / "app", capture_output=True, text=True)
        assert ended.returncode == 0, line + ended.stdout + ended.stderr
    assert ended.stdout == "greet\n"
    environment = {**os.environ, "JS_HOST_TOKEN": TOKEN}
    process = place.serve(json.loads(file.all("CMD")[0]), cwd=place.directory / "app", env=environment)
    wait_for(place.is_ready, 60)
    assert place.greeting(TOKEN) == "Hello, Foo!"
    probe = json.loads(file.all("HEALTHCHECK")[0].partition(" CMD ")[2])
    assert subprocess.run(probe, timeout=20).returncode == 0
    process.send_signal(getattr(signal, file.all("STOPSIGNAL")[0]))
    assert process.wait(45) == 0
    assert subprocess.run(probe, timeout=20, stderr=subprocess.DEVNULL).returncode != 0


def test_the_sidecar_of_the_manifest_serves_and_its_probes_answer(place: Place, wait_for: Callable[..., None]) -> None:
    import yaml

    manifest = yaml.safe_load(place.fit((DEPLOY / "kubernetes.yaml").read_text(), "/app", "/venv"))
    pod = manifest["spec"]["template"]["spec"]
    (sidecar,) = pod["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    put_config(place, place.directory / "app")
    (place.directory / "venv").symlink_to(sys.prefix)
    process = place.serve([*sidecar["command"], *sidecar["args"]])
    ports = {port["name"]: port["containerPort"] for port in sidecar["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        found = sidecar[probe]["httpGet"]
        assert ports[found["port"]] == place.metrics_port
        wait_for(lambda path=found["path"]: place.status(path) == 200, 60)  # type: ignore[misc]
    assert pod["containers"][0]["env"][0]["value"] == f"http://127.0.0.1:{place.port}"
    assert place.greeting() == "Hello, Foo!"
    process.send_signal(signal.SIGTERM)
    assert process.wait(pod["terminationGracePeriodSeconds"]) == 0
