"""A config file that is not there: the one that was probably meant is named, wherever the name came from."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest

from js_host import JSHost
from js_host.cli import main
from js_host.conf import Settings
from js_host.doctor import check_config
from js_host.exceptions import ConfigError
from js_host.utils.near_config import missing_config, near_config


@pytest.mark.parametrize(
    ("files", "named", "meant"),
    [
        (["host.config.js"], "host.confg.js", "host.config.js"),
        (["host.config.mjs"], "host.config.js", "host.config.mjs"),
        (["render.config.js", "host.config.ts"], "rendr.config.js", "render.config.js"),
        (["host.config.js"], ".", "host.config.js"),
        (["jest.config.js", "host.config.js.bak", "README.md"], "host.config.js", None),
        (["host.config.js"], "server.js", None),
        ([], "nowhere/host.config.js", None),
    ],
)
def test_the_nearest_config_file_is_named(
    files: list[str], named: str, meant: str | None, tmp_path: pathlib.Path
) -> None:
    for file in files:
        (tmp_path / file).touch()
    expected = f"Did you mean {tmp_path / meant}? " if meant else ""
    assert near_config(str(tmp_path / named)) == expected


def by_the_command_line(path: pathlib.Path) -> None:
    main(["call", "--config", str(path), "f"])


def by_the_settings(path: pathlib.Path) -> None:
    settings = Settings()
    settings.configure(CONFIG_FILE=path)
    settings.get_config_file()


def by_the_doctor(path: pathlib.Path) -> None:
    for finding in check_config(str(path), named=True):
        raise ConfigError(f"{finding.text} {finding.fix}")


@pytest.mark.parametrize(
    "look_for",
    [lambda path: JSHost(path).start(), by_the_command_line, by_the_settings, by_the_doctor],
    ids=["JSHost", "command line", "settings", "doctor"],
)
def test_whoever_misses_the_file_asks_whether_the_nearest_was_meant(
    look_for: Callable[[pathlib.Path], None], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "host.config.js").touch()
    said = ""
    try:
        look_for(tmp_path / "host.confg.js")
    except ConfigError as error:
        said = str(error)
    assert f"Did you mean {tmp_path}/host.config.js? Write one with `js-host init`, or name yours" in (
        said + capsys.readouterr().err
    )


def test_a_directory_is_not_said_to_be_missing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "host.config.mjs").touch()
    assert missing_config(str(tmp_path)).startswith(
        f"{tmp_path} is a directory, and no config file. Did you mean {tmp_path}/host.config.mjs? Write one with"
    )
