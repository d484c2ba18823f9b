"""The settings: what they accept, what they refuse and in which words."""

import os
import pathlib
import pydoc
import subprocess
import sys
import textwrap

import pytest

from js_host import AsyncFunction, Function
from js_host.conf import TABLE, Settings
from js_host.exceptions import ConfigError
from js_host.utils import verbosity

DEFAULTS = {
    "SOURCE_ROOT": None,
    "CONFIG_FILE": "host.config.js",
    "USE_MANAGER": False,
    "FORWARD_LOGS": False,
    "PATH_TO_NODE": None,
    "PATH_TO_BIN": None,
    "FUNCTION_TIMEOUT": 10.0,
    "CONNECT_ONCE_CONFIGURED": False,
    "ROOT_URL": None,
    "VERBOSITY": verbosity.PROCESS_START,
    "WORKERS": 1,
    "CONCURRENCY": None,
    "QUEUE_SIZE": 1000,
    "START_TIMEOUT": 30.0,
    "MAX_CALLS": None,
    "MAX_MEMORY": None,
    "MAX_AGE": None,
    "NODE_ARGS": (),
    "ENV": (),
    "TOKEN": None,
    "TOKEN_FILE": None,
    "TLS_CA": None,
    "TLS_CERT": None,
    "TLS_KEY": None,
    "SPIN": True,
}


@pytest.fixture
def settings() -> Settings:
    return Settings()


def test_every_setting_has_its_default(settings: Settings) -> None:
    assert {name: getattr(settings, name) for name in TABLE} == DEFAULTS


def test_every_setting_has_a_meaning_of_one_line() -> None:
    assert all(row.meaning.endswith(".") and "\n" not in row.meaning for row in TABLE.values())


def test_help_shows_the_default_and_the_meaning_of_each_setting() -> None:
    shown = pydoc.plain(pydoc.render_doc(Settings))
    assert "FUNCTION_TIMEOUT = 10.0  # Seconds that a call may take; None: no limit." in shown
    assert "object at 0x" not in shown


@pytest.mark.parametrize("kind", [Function, AsyncFunction])
def test_help_of_a_function_shows_no_address_of_an_object(kind: type) -> None:
    shown = pydoc.plain(pydoc.render_doc(kind))
    assert "data: 'object' = <no data>" in shown
    assert "object at 0x" not in shown


def test_every_default_passes_its_own_check() -> None:
    assert all(row.kind.check(name, row.default) == row.default for name, row in TABLE.items())


def test_configure_changes_what_it_is_given_and_nothing_else(settings: Settings) -> None:
    settings.configure(WORKERS=3)
    settings.configure(SPIN=False)
    assert {name: getattr(settings, name) for name in TABLE} == {**DEFAULTS, "WORKERS": 3, "SPIN": False}


def test_paths_may_be_path_objects_and_are_kept_as_text(settings: Settings) -> None:
    settings.configure(SOURCE_ROOT=pathlib.Path("/somewhere"), CONFIG_FILE=pathlib.Path("a.mjs"))
    assert (settings.SOURCE_ROOT, settings.CONFIG_FILE) == ("/somewhere", "a.mjs")


def test_a_list_of_node_arguments_is_kept_as_a_tuple(settings: Settings) -> None:
    settings.configure(NODE_ARGS=["--expose-gc"])
    assert settings.NODE_ARGS == ("--expose-gc",)


def test_a_setting_can_be_assigned_and_deleted(settings: Settings) -> None:
    settings.WORKERS = 4
    assert settings.WORKERS == 4
    del settings.WORKERS
    assert settings.WORKERS == 1


def test_assignment_is_checked_too(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="WORKERS must be a whole number from 1"):
        settings.WORKERS = 0
    with pytest.raises(ConfigError, match="no setting 'WORKER'"):
        settings.WORKER = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("USE_MANGER", "USE_MANAGER"), ("workers", "WORKERS"), ("TIMEOUT", "START_TIMEOUT"), ("URL", "ROOT_URL")],
)
def test_an_unknown_name_is_an_error_that_suggests_the_nearest(settings: Settings, wrong: str, right: str) -> None:
    with pytest.raises(ConfigError, match=f"There is no setting '{wrong}'. Did you mean {right}?"):
        settings.configure(**{wrong: 1})


def test_a_name_like_no_other_is_answered_with_all_names(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="The settings are SOURCE_ROOT, CONFIG_FILE, "):
        settings.configure(ZZZ=1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("WORKERS", "2", "WORKERS must be a whole number from 1, or \"auto\", not '2' (str)."),
        ("WORKERS", True, 'WORKERS must be a whole number from 1, or "auto", not True (bool).'),
        ("WORKERS", 0, 'WORKERS must be a whole number from 1, or "auto", not 0 (int).'),
        ("USE_MANAGER", 1, "USE_MANAGER must be True or False, not 1 (int)."),
        ("CONFIG_FILE", None, "CONFIG_FILE must be a path (str or os.PathLike), not None (NoneType)."),
        ("SOURCE_ROOT", b"/x", "SOURCE_ROOT must be a path (str or os.PathLike), or None, not b'/x' (bytes)."),
        (
            "FUNCTION_TIMEOUT",
            "10",
            "FUNCTION_TIMEOUT must be a number of seconds above 0, or None for no limit, not '10' (str).",
        ),
        ("START_TIMEOUT", 0, "START_TIMEOUT must be a number of seconds above 0, not 0 (int)."),
        ("START_TIMEOUT", float("nan"), "START_TIMEOUT must be a number of seconds above 0, not nan (float)."),
        ("START_TIMEOUT", float("inf"), "START_TIMEOUT must be a number of seconds above 0, not inf (float)."),
        ("NODE_ARGS", "--inspect", "NODE_ARGS must be a list or tuple of str, not '--inspect' (str)."),
        ("ROOT_URL", 9009, "ROOT_URL must be a str, or None, not 9009 (int)."),
        (
            "VERBOSITY",
            True,
            "VERBOSITY must be an int, such as a level of js_host.utils.verbosity, not True (bool).",
        ),
    ],
)
def test_a_wrong_type_is_an_error_that_shows_value_and_type(
    settings: Settings, name: str, value: object, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.configure(**{name: value})
    assert str(caught.value) == message


def test_a_configure_that_fails_leaves_everything_as_it_was(settings: Settings) -> None:
    settings.configure(WORKERS=2)
    for wrong in ({"WORKERS": "3"}, {"NOTHING": 1}, {"ROOT_URL": "http://a/"}):
        with pytest.raises(ConfigError):
            settings.configure(**{"SPIN": False, **wrong})
    assert {name: getattr(settings, name) for name in TABLE} == {**DEFAULTS, "WORKERS": 2}


def test_a_root_url_must_not_end_in_a_slash(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"must not end in a slash: write 'http://127.0.0.1:9009', not"):
        settings.configure(ROOT_URL="http://127.0.0.1:9009/")


def test_a_root_url_must_have_a_scheme(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"in the format http://127.0.0.1:8000, not '127.0.0.1:9009'"):
        settings.configure(ROOT_URL="127.0.0.1:9009")


def test_a_root_url_must_name_a_host(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"in the format http://127.0.0.1:8000, not 'http://'"):
        settings.configure(ROOT_URL="http://")


def test_a_root_url_and_a_manager_exclude_each_other_whichever_came_first(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="ROOT_URL can not be defined if USE_MANAGER is True"):
        settings.configure(ROOT_URL="http://127.0.0.1:9009", USE_MANAGER=True)
    settings.configure(USE_MANAGER=True)
    with pytest.raises(ConfigError, match="ROOT_URL can not be defined if USE_MANAGER is True"):
        settings.configure(ROOT_URL="http://127.0.0.1:9009")
    settings.configure(USE_MANAGER=False, ROOT_URL="http://127.0.0.1:9009")
    assert settings.get_root_url() == "http://127.0.0.1:9009"


def test_a_wrong_root_url_can_be_corrected(settings: Settings) -> None:
    with pytest.raises(ConfigError):
        settings.configure(ROOT_URL="http://a/")
    settings.configure(ROOT_URL="http://a")
    assert settings.ROOT_URL == "http://a"


def test_the_source_root_is_the_current_directory_when_it_is_used(
    settings: Settings, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.get_source_root() == os.getcwd()


def test_a_relative_config_file_is_joined_to_the_source_root(settings: Settings, tmp_path: pathlib.Path) -> None:
    (tmp_path / "host.config.js").touch()
    settings.configure(SOURCE_ROOT=tmp_path)
    assert settings.get_config_file() == str(tmp_path / "host.config.js")


def test_an_absolute_config_file_is_taken_as_it_is(settings: Settings, tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.mjs").touch()
    settings.configure(SOURCE_ROOT="/nowhere", CONFIG_FILE=tmp_path / "a.mjs")
    assert settings.get_config_file() == str(tmp_path / "a.mjs")


def test_a_missing_config_file_is_named_with_what_to_do(settings: Settings, tmp_path: pathlib.Path) -> None:
    settings.configure(SOURCE_ROOT=tmp_path)
    with pytest.raises(ConfigError) as caught:
        settings.get_config_file()
    assert str(caught.value) == (
        f"Config file {tmp_path}/host.config.js does not exist. Write one with `js-host init`, "
        "or name yours with the settings CONFIG_FILE and SOURCE_ROOT."
    )


def test_a_directory_is_no_config_file(settings: Settings, tmp_path: pathlib.Path) -> None:
    settings.configure(CONFIG_FILE=tmp_path)
    with pytest.raises(ConfigError, match="is not a file"):
        settings.get_config_file()


def test_a_missing_source_root_is_named(settings: Settings) -> None:
    settings.configure(SOURCE_ROOT="/nowhere/at/all")
    with pytest.raises(ConfigError, match=r"SOURCE_ROOT is /nowhere/at/all, which does not exist\."):
        settings.get_source_root()


def test_a_missing_bin_is_named(settings: Settings, tmp_path: pathlib.Path) -> None:
    settings.configure(SOURCE_ROOT=tmp_path, PATH_TO_BIN="node_modules/.bin/js-host")
    with pytest.raises(ConfigError, match=r"node_modules/.bin/js-host, which does not exist"):
        settings.get_path_to_bin()


def test_the_bin_is_the_one_inside_the_package(settings: Settings) -> None:
    assert settings.get_path_to_bin().endswith("/js_host/runtime/cli.mjs")


def test_configure_connects_the_default_host_only_when_asked_to() -> None:
    program = """
import sys, types
connected = []
fake = types.ModuleType("js_host.host")
fake.host = types.SimpleNamespace(connect=lambda: connected.append(1))
fake.follow_settings = lambda: None
sys.modules["js_host.host"] = fake
from js_host import AsyncFunction, Function
from js_host.conf import settings
settings.configure(WORKERS=1)
assert not connected
settings.configure(CONNECT_ONCE_CONFIGURED=True)
assert connected
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_default_host_is_always_the_one_that_the_settings_name_now() -> None:
    program = textwrap.dedent("""
        from js_host import Function
        from js_host.conf import settings
        from js_host.exceptions import ConnectionError

        greet, before = Function("greet"), None
        for port in (1, 2, 1):
            settings.configure(ROOT_URL=f"http://127.0.0.1:{port}")
            try:
                greet()
            except ConnectionError as error:
                assert f"No host answers at http://127.0.0.1:{port}:" in str(error), error
            from js_host.host import host
            assert before in (None, host)
            before = host
        settings.ROOT_URL = "http://127.0.0.1:3"
        assert host.get_url() == "http://127.0.0.1:3"
    """)
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
