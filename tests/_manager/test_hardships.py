"""What must not end the manager: with it, the hosts of all programs would go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from js_host._manager.hosts import in_thread
from js_host.exceptions import StartError


def test_a_host_may_be_kept_for_months(place: Any) -> None:
    config = Path(place.config)
    config.write_text(config.read_text() + "\nmodule.exports.disconnectTimeout = 90 * 24 * 3600 * 1000\n")
    first = place.lease()
    first.release()
    second = place.lease()
    assert (second.manager, second.host) == (first.manager, first.host)
    assert place.manager.get_status()["pid"] == first.manager


def test_work_for_which_there_is_no_thread_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    posted: list[Callable[[], None]] = []
    outcomes: list[tuple[object, object]] = []
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        in_thread(posted.append, lambda: 1, lambda result, error: outcomes.append((result, error)))
    posted.pop()()
    [(result, error)] = outcomes
    assert result is None
    assert isinstance(error, StartError)
    assert "no more threads" in str(error)
