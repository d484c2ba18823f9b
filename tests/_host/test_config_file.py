"""Reading a config file without starting a host: what it says, and why it could not be read."""

import pathlib

import pytest

from js_host._host.config_file import read_config_file
from js_host.conf import settings
from js_host.exceptions import ConfigError


def read(path: pathlib.Path, timeout: float = 30) -> object:
    return read_config_file(settings.get_path_to_node(), settings.get_path_to_bin(), str(path), timeout=timeout)


def story(path: pathlib.Path, text: str, timeout: float = 30) -> str:
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read(path, timeout)
    return str(caught.value)


def test_the_status_has_address_port_and_the_names_of_the_functions(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "host.config.mjs"
    path.write_text("export const port = 1234; export function greet () {}")
    status = read(path)
    assert isinstance(status, dict)
    config = status["config"]
    assert (config["address"], config["port"], config["functions"]) == ("127.0.0.1", 1234, ["greet"])


def test_what_a_config_prints_is_not_taken_for_its_status(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "host.config.cjs"
    path.write_text("console.log('{}'); process.stdout.write('hello\\n'); module.exports = { functions: { a () {} } }")
    status = read(path)
    assert isinstance(status, dict)
    assert status["config"]["functions"] == ["a"]


def test_a_syntax_error_is_told_with_its_line_and_without_a_stack_of_ours(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "host.config.cjs"
    told = story(path, "module.exports = {\n  functions: {\n}")
    assert told.startswith(f"{path} could not be loaded.\n\nSyntaxError: ")
    assert f"{path}:3" in told
    assert "/runtime/" not in told


def test_an_await_that_never_ends_is_told(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "host.config.mjs"
    told = story(path, "await new Promise(() => {}); export const a = () => 1")
    assert told == f"{path} never finishes loading: an `await` outside of any function waits for ever."


def test_a_config_that_takes_too_long_is_told(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "host.config.cjs"
    told = story(path, "for (;;);", timeout=0.5)
    assert told == f"{path} was not loaded after 0.5 s. Does it wait for something at its top level?"


def test_a_config_that_ends_the_process_is_told(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "host.config.cjs"
    told = story(path, "process.exit(0)")
    assert told == f"Node ended with code 0 while it loaded {path}, and said nothing. Is process.exit called?"


def test_a_node_that_does_not_run_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ConfigError, match="/nowhere/node can not be run: No such file or directory"):
        read_config_file("/nowhere/node", "cli.mjs", str(tmp_path / "a.cjs"))
