"""JS_HOST in Django's settings: read when it is there, overridden by `configure`, followed when tests override it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from js_host import Function, conf
from js_host.conf import Settings, settings
from js_host.exceptions import ConfigError, ConnectionError


def test_what_js_host_says_holds_and_the_rest_has_its_default() -> None:
    with override_settings(JS_HOST={"WORKERS": 3, "NODE_ARGS": ["--expose-gc"]}):
        assert (settings.WORKERS, settings.NODE_ARGS, settings.FUNCTION_TIMEOUT) == (3, ("--expose-gc",), 10.0)
        assert settings.read()["WORKERS"] == 3
    assert settings.WORKERS == 1


def test_what_configure_was_given_wins() -> None:
    own = Settings()
    own.configure(WORKERS=2)
    with override_settings(JS_HOST={"WORKERS": 3, "SPIN": False}):
        assert (own.WORKERS, own.SPIN) == (2, False)
        assert (own.read()["WORKERS"], own.read()["SPIN"]) == (2, False)
        del own.WORKERS
        assert own.WORKERS == 3


def test_base_dir_is_the_source_root_unless_one_is_given(tmp_path: Path) -> None:
    with override_settings(BASE_DIR=tmp_path):
        assert settings.get_source_root() == str(tmp_path)
        with override_settings(JS_HOST={"SOURCE_ROOT": "/"}):
            assert settings.get_source_root() == "/"
        with override_settings(JS_HOST={"SOURCE_ROOT": None}):
            assert settings.get_source_root() == os.getcwd()
    with override_settings(BASE_DIR=7):
        assert settings.SOURCE_ROOT is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"USE_MANGER": True}, "JS_HOST in Django's settings: There is no setting 'USE_MANGER'. Did you mean"),
        ({7: True}, "JS_HOST in Django's settings: There is no setting '7'. The settings are SOURCE_ROOT,"),
        (
            {"WORKERS": "2"},
            "JS_HOST in Django's settings: WORKERS must be a whole number from 1, or \"auto\", not '2' (str).",
        ),
        (["WORKERS"], "JS_HOST in Django's settings must be a dict, not ['WORKERS'] (list)."),
        (None, "JS_HOST in Django's settings must be a dict, not None (NoneType)."),
        ({"USE_MANAGER": True, "ROOT_URL": "http://a"}, "ROOT_URL can not be defined if USE_MANAGER is True"),
    ],
)
def test_a_wrong_js_host_is_an_error_when_it_is_used_and_not_before(wrong: Any, message: str) -> None:
    with override_settings(JS_HOST=wrong):
        for use in (settings.read, Function("a")):
            with pytest.raises(ConfigError) as caught:
                use()
            assert str(caught.value).startswith(message)
    assert settings.read()["WORKERS"] == 1


SETTINGS_MODULE = """
from js_host.conf import settings as early
assert early.WORKERS == 1 and early.read()["WORKERS"] == 1, "it was made to load from within itself"
SECRET_KEY = "not-secret"
INSTALLED_APPS = ["js_host"]
JS_HOST = {"WORKERS": 4}
"""

PROGRAM = """
import django.conf
from js_host.conf import settings
assert settings.read()["WORKERS"] == 1
assert not django.conf.settings.configured, "Django's settings were made to load"
django.setup()
assert (settings.current or settings.read())["WORKERS"] == 4
"""


def test_django_is_never_made_to_load_its_settings_and_is_read_once_it_has(tmp_path: Path) -> None:
    (tmp_path / "early_settings.py").write_text(SETTINGS_MODULE)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "early_settings", "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr


def test_without_django_it_is_not_imported() -> None:
    program = "import sys; from js_host.conf import settings; settings.read(); assert 'django' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_function_calls_the_host_of_the_settings_that_hold_now(configs: dict[str, str]) -> None:
    who = Function("who")
    with override_settings(JS_HOST={"USE_MANAGER": True, "CONFIG_FILE": configs["one"]}):
        assert who() == "one"
        from js_host.host import host

        with override_settings(JS_HOST={"USE_MANAGER": True, "CONFIG_FILE": configs["two"]}):
            assert who() == host.function("who")() == "two"
        assert who() == host.function("who")() == "one"
        nowhere = override_settings(JS_HOST={"USE_MANAGER": True, "CONFIG_FILE": "/nowhere.js"})
        with nowhere, pytest.raises(ConfigError, match=r"/nowhere\.js does not exist"):
            who()
        assert who() == "one"


def test_a_timeout_that_is_overridden_counts_at_once_and_on_the_same_host(configs: dict[str, str]) -> None:
    pid = Function("pid")
    js_host = {"USE_MANAGER": True, "CONFIG_FILE": configs["one"]}
    with override_settings(JS_HOST=js_host):
        before = pid()
        with override_settings(JS_HOST={**js_host, "FUNCTION_TIMEOUT": 3}):
            assert pid.get_timeout() == 3
            assert pid() == before


def test_a_host_that_this_program_started_is_there_again_when_the_settings_are(configs: dict[str, str]) -> None:
    pid = Function("pid")
    with override_settings(JS_HOST={"CONFIG_FILE": configs["one"]}):
        from js_host.host import host

        host.start()
        before = pid()
        elsewhere = override_settings(JS_HOST={"ROOT_URL": "http://127.0.0.1:1"})
        with elsewhere, pytest.raises(ConnectionError, match=r"127\.0\.0\.1:1"):
            pid()
        assert host.is_running()
        assert pid() == before
        host.stop()


def test_base_dir_can_be_overridden_too(configs: dict[str, str], tmp_path: Path) -> None:
    who = Function("who")
    with override_settings(JS_HOST={"USE_MANAGER": True, "CONFIG_FILE": "host.config.js"}):
        for name in configs:
            directory = Path(configs[name]).parent / name
            directory.mkdir()
            os.rename(configs[name], directory / "host.config.js")
            with override_settings(BASE_DIR=directory):
                assert who() == name


def test_the_fast_path_looks_at_django_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[object] = []
    read = conf.read_django
    monkeypatch.setattr(conf, "read_django", lambda: reads.append(1) or read())
    with override_settings(JS_HOST={"ROOT_URL": "http://127.0.0.1:1"}):
        settings.read()
        reads.clear()
        for _ in range(3):
            assert (settings.current or settings.read())["ROOT_URL"] == "http://127.0.0.1:1"
        assert not reads
