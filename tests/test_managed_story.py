"""What managers report, in words; and which host is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from js_host._cli.managed import which_config
from js_host._cli.managed_story import duration, managers_story, worker_story
from js_host.exceptions import ConfigError

WORKER: dict[str, Any] = {
    "number": 0,
    "state": "ready",
    "pid": 12,
    "uptime": 61.0,
    "memory": 50_000_000,
    "heap": 5_000_000,
    "calls": 1,
    "running": [],
    "answers": True,
    "last_end": None,
    "failure": None,
}
HOST: dict[str, Any] = {
    "config_file": "/srv/shop/host.config.js",
    "state": "running",
    "uptime": 61.0,
    "generation": 2,
    "workers": [WORKER],
    "others": [],
    "leases": [{"pid": 10, "program": "manage.py"}],
    "disconnect_timeout": 5.0,
    "reload_failure": None,
    "logfile": "/log/shop.log",
    "log_note": None,
}
MANAGER: dict[str, Any] = {
    "pid": 11,
    "version": "1.0.0",
    "uptime": 62.0,
    "memory": 13_000_000,
    "logfile": "/log/manager.log",
    "hosts": [HOST],
}


def told(**changes: Any) -> str:
    return "\n".join(managers_story([{**MANAGER, "hosts": [{**HOST, **changes}]}], now=1000.0))


def test_all_is_told() -> None:
    assert told().splitlines() == [
        "manager    pid 11, version 1.0.0, up 62 s, 13 MB",
        "log        /log/manager.log",
        "",
        "host       /srv/shop/host.config.js",
        "state      running, up 61 s, generation 2",
        "workers    0: pid 12, ready, up 61 s, 1 call, 50 MB (heap 5 MB)",
        "used by    manage.py (pid 10)",
        "log        /log/shop.log",
    ]


def test_a_manager_without_hosts_says_so() -> None:
    assert managers_story([{**MANAGER, "hosts": []}])[-1] == "hosts      none"


def test_the_crash_that_was_last_is_told_whole() -> None:
    ends = [{"at": 100.0, "text": "Worker 0 fell."}, {"at": 400.0, "text": "Worker 1 fell.\nIt printed last:"}]
    workers = [{**WORKER, "number": number, "last_end": end} for number, end in enumerate(ends)]
    assert "last crash 10 min ago\n           Worker 1 fell.\n           It printed last:\n" in told(workers=workers)


def test_code_that_does_not_start_is_told_with_its_error() -> None:
    assert "failure    It does not start.\n           SyntaxError" in told(
        reload_failure="It does not start.\nSyntaxError"
    )


def test_a_host_that_nobody_uses_says_when_it_will_go() -> None:
    assert "used by    nobody, and stops 5 s after the last program" in told(leases=[])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"running": ["render"]}, "runs render"),
        ({"answers": False}, "1 call or more"),
        ({"answers": False}, "does not answer now: its event loop is blocked"),
        ({"pid": None, "uptime": None, "memory": None, "state": "waiting"}, "0: no process, waiting"),
    ],
)
def test_a_worker_says_what_it_does(changes: dict[str, Any], words: str) -> None:
    assert words in worker_story({**WORKER, **changes})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (0.34, "0.3 s"), (3.4, "3 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (999_999, "11 d")],
)
def test_a_duration_is_in_the_unit_that_a_reader_wants(seconds: float, words: str) -> None:
    assert duration(seconds) == words


# Which host is meant.


def test_the_config_that_was_named_is_meant_even_if_it_is_gone() -> None:
    assert which_config("/gone/host.config.js", "host.config.js", []) == "/gone/host.config.js"


def test_the_config_of_this_directory_comes_before_one_that_runs_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert which_config(None, "host.config.js", ["/a/host.config.js"]) == "/a/host.config.js"
    (tmp_path / "host.config.js").touch()
    assert which_config(None, "host.config.js", ["/a/host.config.js"]) == str(tmp_path / "host.config.js")


def test_of_several_one_has_to_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"(?s)Name one with --config:\n  /a\n  /b"):
        which_config(None, "host.config.js", ["/b", "/a", "/b"])
    with pytest.raises(ConfigError, match="No host is managed, and there is no config file"):
        which_config(None, "host.config.js", [])
