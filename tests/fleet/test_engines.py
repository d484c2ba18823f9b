"""The examples of docs/beyond_one_machine.md, run with real engines; and engines whose processes are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "fleet"
RENDERED = "2000 rows were rendered by 2 Python processes, each with a host of its own.\n"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def examples(nothing_left: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the examples, at a place by which their processes are found."""
    place: Path = nothing_left.directory / "fleet"
    shutil.copytree(EXAMPLES, place, ignore=shutil.ignore_patterns("__pycache__"))
    for name, value in {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "PYTHONWARNINGS": ""}.items():
        monkeypatch.setenv(name, value)
    return place


def run(directory: Path, *words: str) -> str:
    ended = subprocess.run(
        [sys.executable, *words], cwd=directory, capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    ("engine", "module"), [("pool", "js_host"), ("dask", "distributed"), ("ray", "ray"), ("spark", "pyspark")]
)
def test_a_bulk_render_has_a_host_in_each_process_and_leaves_none(
    engine: str, module: str, examples: Path, swept: Callable[[], None]
) -> None:
    pytest.importorskip(module, reason=f"{engine} is not installed; `python3 dev.py fleet` does it")
    if engine == "spark" and not shutil.which("java"):
        pytest.skip("Spark needs Java, which is not there")
    assert run(examples, f"{engine}_render.py").endswith(RENDERED)
    swept()


# Celery.


class Redis:
    """A Redis on a free port, without files."""

    def __init__(self, directory: Path, port: int) -> None:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert any("Ready to accept" in line for line in self.process.stdout)

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.communicate(timeout=20)


@pytest.fixture(params=["filesystem", "redis"])
def broker(
    request: pytest.FixtureRequest, nothing_left: Any, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> Iterator[None]:
    """Have Celery use a directory, or a real Redis, as its broker."""
    pytest.importorskip("celery", reason="Celery is not installed; `python3 dev.py fleet` does it")
    if request.param == "filesystem":
        folder = nothing_left.directory / "broker"
        folder.mkdir()
        monkeypatch.setenv("BROKER_FOLDER", str(folder))
        monkeypatch.setenv("BROKER_URL", "filesystem://")
        monkeypatch.setenv("RESULTS_URL", f"file://{folder}")
        yield
        return
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed (on Debian: apt install redis-server)")
    port = free_port()
    monkeypatch.setenv("BROKER_URL", f"redis://127.0.0.1:{port}")
    monkeypatch.setenv("RESULTS_URL", f"redis://127.0.0.1:{port}")
    redis = Redis(nothing_left.directory, port)
    yield
    redis.close()


@pytest.fixture
def celery(broker: None, examples: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker with two children, in a session of its own."""
    command = [sys.executable, "-m", "celery", "-A", "celery_render", "worker", "--concurrency", "2", "-l", "warning"]
    with (examples / "celery.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--hostname", "fleet@%h"], cwd=examples, stdout=log, stderr=log, start_new_session=True
        )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)


def test_each_child_of_celery_has_a_host_that_is_gone_after_a_warm_shutdown(
    celery: subprocess.Popen[bytes], examples: Path, nothing_left: Any, swept: Callable[[], None]
) -> None:
    assert run(examples, "celery_render.py") == RENDERED, (examples / "celery.log").read_text()
    celery.terminate()
    assert celery.wait(30) == 0, (examples / "celery.log").read_text()
    swept()


def test_a_celery_that_is_killed_leaves_no_worker(
    celery: subprocess.Popen[bytes], examples: Path, nothing_left: Any, swept: Callable[[], None], wait_for: Any
) -> None:
    assert run(examples, "celery_render.py") == RENDERED, (examples / "celery.log").read_text()
    assert nodes(nothing_left) == 2
    os.killpg(celery.pid, signal.SIGKILL)
    celery.wait(20)
    wait_for(lambda: nodes(nothing_left) == 0, 2)
    swept()


def nodes(left: Any) -> int:
    """How many processes of Node there are."""
    return sum("main.cjs" in line for line in left.processes())


# Dask, with a worker that is killed.

KILLED = """
import os, signal, sys
from dask.distributed import Client, LocalCluster
from js_host import JSHost

page = JSHost(sys.argv[1], owned=True).function("page")

def render(row):
    return page(row)

def main():
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        pages = client.map(render, range(400), batch_size=1)
        pid = pages[5].result()["python"]
        os.kill(pid, signal.SIGKILL)
        found = client.gather(pages)
        assert [page["html"] for page in found] == [f"<h1>{row}</h1>" for row in range(400)]
        print(len({page["python"] for page in found} - {pid}))

if __name__ == "__main__":
    main()
"""


def test_a_dask_worker_that_is_killed_takes_its_host_along_and_its_tasks_run_elsewhere(
    config: Path, python: Callable[..., str], swept: Callable[[], None]
) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed; `python3 dev.py fleet` does it")
    assert int(python(KILLED, str(config))) >= 1
    swept()
