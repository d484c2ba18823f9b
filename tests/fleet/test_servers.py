"""Web servers with several processes, each of which has a host of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "fleet"

SERVERS = {
    "gunicorn": ["gunicorn", "wsgi:application", "--workers", "2", "--bind", "127.0.0.1:{port}"],
    "gunicorn --preload": ["gunicorn", "wsgi:application", "--workers", "2", "--preload", "--bind", "127.0.0.1:{port}"],
    "uvicorn": ["uvicorn", "asgi:application", "--workers", "2", "--port", "{port}", "--lifespan", "off"],
}


def page(port: int) -> dict[str, Any] | None:
    """What the server says, on a connection of its own; None if it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/tea", timeout=20) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found
    except OSError:
        return None


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_each_process_of_a_web_server_has_a_host_that_goes_with_it(
    server: str,
    end: signal.Signals,
    nothing_left: Any,
    free_port: Callable[[], int],
    wait_for: Callable[..., None],
    swept: Callable[[], None],
) -> None:
    pytest.importorskip(server.split()[0], reason=f"{server} is not installed; `python3 dev.py fleet` does it")
    place = nothing_left.directory / "fleet"
    shutil.copytree(EXAMPLES, place, ignore=shutil.ignore_patterns("__pycache__"))
    port, pages = free_port(), list[dict[str, Any]]()
    command = [sys.executable, "-m", *(word.format(port=port) for word in SERVERS[server])]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=place, stdout=log, stderr=log, start_new_session=True)
    try:

        def both_have_answered() -> bool:
            assert process.poll() is None, (place / "log").read_text()
            pages.extend(filter(None, [page(port)]))
            return len({found["python"] for found in pages}) == 2

        wait_for(both_have_answered, 60)
        assert pages[0]["html"] == "<li>/tea: 2.50</li>"
        assert len({(found["python"], found["node"]) for found in pages}) == 2
        assert process.pid not in {found["python"] for found in pages}
    finally:
        process.send_signal(signal.SIGTERM) if end == signal.SIGTERM else os.killpg(process.pid, end)
        process.wait(30)
    swept()
