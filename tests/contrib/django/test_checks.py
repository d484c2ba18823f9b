"""The system checks: each of them hit, each with its id and a hint, and quiet where nothing is wrong."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.test import override_settings

from js_host.contrib.django import checks, deploy_checks
from js_host.contrib.django.deploy_checks import judge_config, judge_environment, judge_settings

CONFIG = "module.exports = { functions: {} }\n"


def run(deploy: bool = False, **js_host: object) -> list[CheckMessage]:
    """What Django's `check` finds with this JS_HOST. The Node that happens to run these tests may be an old one."""
    with override_settings(JS_HOST=js_host):
        found: list[CheckMessage] = run_checks(tags=["js_host"], include_deployment_checks=deploy)
    assert all(message.hint for message in found)
    return found if "PATH_TO_NODE" in js_host else [message for message in found if message.id != "js_host.W001"]


def ids(found: Any) -> list[str]:
    return [message.id.removeprefix("js_host.") for message in found]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a config file, as the current one."""
    (tmp_path / "host.config.js").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NODE_ENV", "production")
    return tmp_path


def fake_node(directory: Path, version: str | None) -> str:
    """A file that may be run and says nothing, with the headers of a version beside it."""
    node = directory / "fake" / "bin" / "node"
    node.parent.mkdir(parents=True)
    node.write_text("#!/bin/sh\nexit 3\n")
    node.chmod(0o755)
    if version is not None:
        header = directory / "fake" / "include" / "node" / "node_version.h"
        header.parent.mkdir(parents=True)
        names = zip(("MAJOR", "MINOR", "PATCH"), version.split("."), strict=True)
        header.write_text("".join(f"#define NODE_{name}_VERSION {number}\n" for name, number in names))
    return str(node)


def test_a_good_project_gets_no_remark(project: Path) -> None:
    assert run() == []
    assert run(deploy=True) == []
    assert run(USE_MANAGER=True) == []


def test_e001_an_unknown_key_comes_with_the_nearest_and_with_all_names(project: Path) -> None:
    (found,) = run(deploy=True, USE_MANGER=True)
    assert found.id == "js_host.E001"
    assert found.msg.endswith("There is no setting 'USE_MANGER'. Did you mean USE_MANAGER?")
    assert "SOURCE_ROOT, CONFIG_FILE, USE_MANAGER" in found.hint


@pytest.mark.parametrize("wrong", [{"WORKERS": 0}, {"USE_MANAGER": True, "ROOT_URL": "http://127.0.0.1:9009"}])
def test_e001_a_wrong_value_and_two_that_clash(project: Path, wrong: dict[str, object]) -> None:
    assert ids(run(**wrong)) == ["E001"]


def test_e002_no_node(project: Path) -> None:
    (found,) = run(deploy=True, PATH_TO_NODE="/nowhere/node")
    assert found.id == "js_host.E002"
    assert "PATH_TO_NODE is '/nowhere/node', which does not exist" in found.msg


@pytest.mark.parametrize(
    ("version", "expected"),
    [("18.20.4", ["E002"]), ("20.20.2", ["W001", "W001"]), ("22.22.2", []), ("24.19.0", []), (None, [])],
)
def test_the_version_of_node_is_judged_without_running_it(
    project: Path, version: str | None, expected: list[str]
) -> None:
    assert ids(run(PATH_TO_NODE=fake_node(project, version))) == expected


@pytest.mark.parametrize(("said", "expected"), [("v18.20.4", ["E002"]), ("v24.19.0", []), ("nothing", ["W018"])])
def test_only_a_deployment_check_runs_a_node_of_unknown_version(
    project: Path, monkeypatch: pytest.MonkeyPatch, said: str, expected: list[str]
) -> None:
    monkeypatch.setattr(deploy_checks, "check_config", list)
    node = Path(fake_node(project, None))
    node.write_text(f"#!/bin/sh\ntouch {project}/was-run\necho {said}\n")
    assert run(PATH_TO_NODE=str(node)) == []
    assert not (project / "was-run").exists()
    assert ids(run(deploy=True, PATH_TO_NODE=str(node))) == expected
    assert (project / "was-run").exists()


def test_e003_a_config_file_that_was_named_and_w002_one_that_was_not(tmp_path: Path) -> None:
    with override_settings(BASE_DIR=tmp_path):
        (found,) = run()
        assert (found.id, found.msg) == ("js_host.W002", f"There is no config file {tmp_path}/host.config.js.")
        assert "manage.py js_host init" in found.hint
        assert ids(run(CONFIG_FILE="a.js")) == ["E003"]


@pytest.mark.parametrize(("managed", "expected"), [(True, "E004"), (False, "W003")])
def test_e004_and_w003_no_private_directory_for_sockets(
    project: Path, monkeypatch: pytest.MonkeyPatch, managed: bool, expected: str
) -> None:
    open_to_all = project / "run"
    (open_to_all / "js-host").mkdir(parents=True)
    (open_to_all / "js-host").chmod(0o755)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(open_to_all))
    monkeypatch.setattr("js_host._host.runtime_dir._candidates", lambda: iter([str(open_to_all / "js-host")]))
    (found,) = run(USE_MANAGER=managed)
    assert found.id == f"js_host.{expected}"
    assert "is open to other users (mode 0755" in found.msg
    assert found.hint == "Set XDG_RUNTIME_DIR to a directory of yours with mode 0700."
    assert stat.S_IMODE(os.stat(open_to_all / "js-host").st_mode) == 0o755


def test_a_host_that_runs_elsewhere_needs_nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NODE_ENV", raising=False)
    assert run(deploy=True, ROOT_URL="http://127.0.0.1:9009", PATH_TO_NODE="/nowhere/node") == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"USE_MANAGER": True}, ["W010"]),
        ({"NODE_ARGS": ["--inspect=0.0.0.0:9229"]}, ["W012"]),
        ({"FUNCTION_TIMEOUT": None}, ["W013"]),
        ({"VERBOSITY": 500}, ["W014"]),
        ({"VERBOSITY": 400, "WORKERS": 8, "NODE_ARGS": ["--max-old-space-size=4096"]}, []),
    ],
)
def test_settings_that_are_wrong_in_production(values: dict[str, Any], expected: list[str]) -> None:
    with override_settings(JS_HOST=values):
        assert ids(judge_settings(checks.settings.read())) == expected


@pytest.mark.parametrize(
    ("root_url", "environment", "expected"),
    [
        (None, {}, ["W011"]),
        (None, {"NODE_ENV": "development"}, ["W011"]),
        (None, {"NODE_ENV": "production"}, []),
        ("http://127.0.0.1:9009", {}, []),
    ],
)
def test_w011_hosts_that_are_started_here_run_development_code(
    root_url: str | None, environment: dict[str, str], expected: list[str]
) -> None:
    assert ids(judge_environment(root_url, environment)) == expected


@pytest.mark.parametrize(
    ("address", "port", "expected"),
    [
        ("127.0.0.1", 9009, []),
        ("localhost", 9009, []),
        ("::1", 9009, []),
        ("127.0.0.1", 0, ["W016"]),
        ("0.0.0.0", 9009, ["W017"]),
        ("::", 9009, ["W017"]),
        ("10.0.0.7", 0, ["W016", "W017"]),
    ],
)
def test_w016_and_w017_where_the_host_would_listen(address: str, port: int, expected: list[str]) -> None:
    assert ids(judge_config({"address": address, "port": port})) == expected


@pytest.mark.parametrize(
    ("config", "expected", "words"),
    [
        ("module.exports = { port: 0, functions: {} }", ["W016"], "takes another each time"),
        ("module.exports = { address: '0.0.0.0', functions: {} }", ["W017"], "whoever reaches the port"),
        ("require('not-installed')", ["W015"], "not-installed"),
    ],
)
def test_a_deployment_check_has_node_load_the_config_file(
    project: Path, config: str, expected: list[str], words: str
) -> None:
    (project / "host.config.js").write_text(config)
    assert run() == []
    found = run(deploy=True)
    assert ids(found) == expected
    assert words in found[0].msg
