"""`manage.py js_host`, and that no command of Django's starts anything."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from js_host.contrib.django.command import COMMANDS


def test_the_app_has_the_commands_of_js_host_and_each_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        importlib.import_module("js_host._cli." + name)
        with pytest.raises(SystemExit):
            call_command("js_host", name, "--help")
        assert f" {name} [-h]" in capsys.readouterr().out


def test_a_call_starts_the_host_of_the_source_root(site: Any) -> None:
    called = site.manage("js_host", "call", "answer", cwd="/")
    assert json.loads(called.stdout)["version"] == 1, called.stderr


def test_with_a_manager_two_calls_find_the_same_worker(patient: Any) -> None:
    first, second = (json.loads(patient.manage("js_host", "call", "answer").stdout) for _ in range(2))
    assert first["node"] == second["node"]


def test_an_error_is_a_command_error_without_a_traceback(site: Any) -> None:
    called = site.manage("js_host", "call", "brokn")
    assert (called.returncode, called.stdout) == (1, "")
    assert called.stderr == (
        'CommandError: brokn: The config has no function named "brokn". Did you mean "broken"? '
        "It has: answer, render_cart, broken.\n"
    )
    assert "Traceback" in site.manage("js_host", "call", "brokn", "--traceback").stderr


def test_the_doctor_looks_at_the_project_and_keeps_its_exit_code(site: Any) -> None:
    looked = site.manage("js_host", "doctor", cwd="/")
    assert looked.returncode == 0, looked.stdout
    assert f"{site.config} loads; its functions: answer, render_cart, broken" in looked.stdout
    site.config.write_text("not JavaScript")
    assert site.manage("js_host", "doctor").returncode == 1


def test_the_functions_are_listed(site: Any) -> None:
    assert site.manage("js_host", "functions").stdout == "answer\nrender_cart\nbroken\n"


def test_init_writes_into_the_project_where_a_check_warned_that_nothing_was_there(site: Any) -> None:
    site.config.unlink()
    assert "js_host.W002" in site.manage("check").stderr
    written = site.manage("js_host", "init", cwd="/")
    assert (written.returncode, written.stdout) == (0, f"{site.config}\n")
    assert written.stderr.endswith("\n  python manage.py js_host call hello_world name=Foo\n")
    assert site.config.read_text().startswith("module.exports")
    assert "js_host.W002" not in site.manage("check").stderr


def test_a_host_that_does_not_run_has_no_status(site: Any) -> None:
    asked = site.manage("js_host", "status", "--url", "http://127.0.0.1:1")
    assert asked.returncode == 1
    assert asked.stderr.startswith("CommandError: No host answers at http://127.0.0.1:1: Connection refused.")


def test_a_url_on_the_command_line_is_asked_whatever_the_settings_say(site: Any) -> None:
    site.use(USE_MANAGER=True)
    asked = site.manage("js_host", "call", "answer", "--url", "http://127.0.0.1:1")
    assert "127.0.0.1:1" in asked.stderr
    assert not site.left.processes()


def test_without_a_command_and_with_wrong_settings_it_says_what_to_do(site: Any) -> None:
    asked = site.manage("js_host")
    assert (asked.returncode, asked.stderr) == (2, f"CommandError: Name a command: {', '.join(COMMANDS)}.\n")
    site.use(WORKER=2)
    asked = site.manage("js_host", "doctor")
    assert (asked.returncode, asked.stderr) == (
        1,
        "CommandError: JS_HOST in Django's settings: There is no setting 'WORKER'. Did you mean WORKERS?\n",
    )


def test_call_command_raises_command_errors_too() -> None:
    with override_settings(JS_HOST={"CONFIG_FILE": "/nowhere.js"}):
        with pytest.raises(CommandError, match=r"There is no config file /nowhere\.js"):
            call_command("js_host", "call", "answer")
        with pytest.raises(CommandError, match="invalid choice: 'cal'"):
            call_command("js_host", "cal")


def test_ctrl_c_ends_a_running_host_after_its_calls(site: Any) -> None:
    command = [sys.executable, str(site.directory / "manage.py"), "js_host", "run", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=site.environment, stdout=pipe, stderr=pipe, text=True) as running:
        assert running.stdout
        assert running.stderr
        assert running.stdout.readline().startswith("Host listening at 127.0.0.1:")
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
        assert "Traceback" not in running.stderr.read()


@pytest.fixture
def noted(site: Any) -> Path:
    """A file that every start of Node appends to; the Node itself is the real one."""
    from js_host._host.node import find_node

    note, node = site.directory / "started", site.directory / "node"
    node.write_text(f'#!/bin/sh\necho "$@" >> {note}\nexec {find_node().path} "$@"\n')
    node.chmod(0o755)
    site.environment["JS_HOST_NODE"] = str(node)
    return Path(note)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("migrate", "--verbosity", "0"),
        ("makemigrations", "--check", "--dry-run"),
        ("collectstatic", "--no-input"),
        ("shell", "-c", "import shop.views"),
        ("showmigrations",),
        ("diffsettings",),
        ("js_host", "--help"),
        ("js_host", "run", "--help"),
        ("test",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("managed", [True, False], ids=["managed", "not managed"])
def test_no_command_starts_node_or_a_manager(site: Any, noted: Path, arguments: tuple[str, ...], managed: bool) -> None:
    site.use(USE_MANAGER=managed, CONNECT_ONCE_CONFIGURED=True)
    ended = site.manage(*arguments)
    assert ended.returncode in (0, 5), ended.stderr  # 5: Python 3.12 and later found no tests
    assert "js_host" not in ended.stderr
    assert not noted.exists()
    assert not list((site.left.runtime / "js-host").glob("*")), "a manager was looked for, or a host started"


def test_the_note_would_be_written_if_node_were_started(site: Any, noted: Path) -> None:
    site.manage("js_host", "functions")
    assert noted.exists()


def test_djangos_autoreloader_watches_no_javascript(site: Any) -> None:
    (site.directory / "node_modules" / "left-pad").mkdir(parents=True)
    (site.directory / "node_modules" / "left-pad" / "index.js").touch()
    program = """
import shop.views
from django.utils.autoreload import StatReloader, autoreload_started
reloader = StatReloader()
autoreload_started.send(sender=reloader)
print(*map(str, reloader.watched_files()), sep="\\n")
"""
    watched = site.manage("shell", "--no-imports", "-c", program).stdout.splitlines()
    assert str(site.directory / "shop" / "views.py") in watched
    assert not [path for path in watched if path.endswith((".js", ".mjs", ".json")) or "node_modules" in path]


def test_the_settings_module_of_the_command_line_counts(site: Any) -> None:
    (site.directory / "other_settings.py").write_text(
        '"""Another JS_HOST."""\nfrom shop.settings import *\nJS_HOST = {"CONFIG_FILE": "other.config.js"}\n'
    )
    (site.directory / "other.config.js").write_text("exports.other = () => 'other'\n")
    option = ("--settings", "other_settings")
    for arguments in ((*option, "call", "other"), ("call", "other", *option)):
        called = site.manage("js_host", *arguments)
        assert called.stdout == "other\n", called.stderr
