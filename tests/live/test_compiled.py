"""What Node has compiled for one worker starts the next one sooner."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host._host.compiled import NAME, kept_compiled

CONFIG = """
const { answer } = require('answers')
module.exports = { functions: { answer, seen: () => process.env.NODE_COMPILE_CACHE ?? null } }
"""
ANSWERS = "exports.answer = function answer () {{ return {} }}\n"


@pytest.fixture
def project(nothing_left: Any) -> Path:
    """A project with a package."""
    config = Path(nothing_left.config(CONFIG))
    package = config.parent / "node_modules" / "answers"
    package.mkdir(parents=True)
    (package / "index.js").write_text(ANSWERS.format(1))
    return config


@pytest.fixture
def _node_keeps(node: str) -> None:
    if subprocess.run([node, "-e", "process.exit(require('module').enableCompileCache ? 0 : 1)"]).returncode:
        pytest.skip("this Node keeps nothing that it has compiled")


def answer(config: Path, **options: Any) -> tuple[object, object]:
    with JSHost(config, **options) as host:
        return host.function("answer")(), host.function("seen")()


def kept(config: Path) -> list[Path]:
    return [path for path in (config.parent / "node_modules" / ".cache").rglob("*") if path.is_file()]


@pytest.mark.usefixtures("_node_keeps")
def test_it_is_kept_where_tools_keep_theirs_and_functions_do_not_see_it(project: Path) -> None:
    assert answer(project) == (1, None)
    assert kept(project)


def test_a_file_that_has_changed_is_compiled_anew(project: Path) -> None:
    for number in (1, 2, 3):
        (project.parent / "node_modules" / "answers" / "index.js").write_text(ANSWERS.format(number))
        assert answer(project) == (number, None)


def test_what_is_spoiled_or_can_not_be_written_is_done_without(project: Path) -> None:
    answer(project)
    for path in kept(project):
        path.write_bytes(path.read_bytes()[:50] + b"spoiled")
    assert answer(project) == (1, None)
    cache = project.parent / "node_modules" / ".cache"
    for path in sorted(cache.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    if cache.exists():
        cache.rmdir()
    cache.write_text("in the way")
    assert answer(project) == (1, None)


def test_who_says_otherwise_has_his_way(project: Path, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    assert answer(project, env={NAME: elsewhere}) == (1, elsewhere)
    assert answer(project, env={"NODE_DISABLE_COMPILE_CACHE": "1"}) == (1, None)
    assert not kept(project)


def test_a_config_without_packages_and_one_with_fewer_rights_keep_nothing(tmp_path: Path) -> None:
    config = str(tmp_path / "a" / "host.config.js")
    assert kept_compiled(config, {}, ()) == {}
    (tmp_path / "node_modules").mkdir()
    assert kept_compiled(config, {}, ()) == {NAME: str(tmp_path / "node_modules" / ".cache" / "js-host")}
    assert kept_compiled(config, {}, ("--permission",)) == {}
    assert kept_compiled(config, {"NODE_V8_COVERAGE": "x"}, ()) == {}


def test_packages_of_another_user_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "node_modules").mkdir()
    monkeypatch.setattr("os.geteuid", lambda: (tmp_path / "node_modules").stat().st_uid + 1)
    assert kept_compiled(str(tmp_path / "host.config.js"), {}, ()) == {}
