"""What is shipped: names, versions, the wheel, and nothing of the machine it was made on."""

import importlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

import js_host

ROOT = pathlib.Path(__file__).parents[2]
RUNTIME = ROOT / "src" / "js_host" / "runtime"
PUBLIC = ["", ".exceptions", ".conf", ".function", ".js_host"]

# Written in pieces, so that this file does not find itself.
REGISTRIES = re.compile(
    "|".join(["registry" + r"\.npmjs", "pypi" + r"\.org", "files" + r"\.pythonhosted", "npm" + r"\.pkg\."])
)
LOCAL_PATHS = re.compile(
    r"(?<![\w.*])/(?:"
    + "|".join(["ro" + "ot/", "wo" + "rk/", "opt/" + "pypi", "opt/" + "wheels", "tmp/" + "lab"])
    + ")"
)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_name_of_all_exists_and_is_written_once(name: str) -> None:
    module = importlib.import_module("js_host" + name)
    assert len(set(module.__all__)) == len(module.__all__)
    assert not [word for word in module.__all__ if not hasattr(module, word)]


def test_all_of_the_package_is_what_dir_shows() -> None:
    assert set(js_host.__all__) <= set(dir(js_host))


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        js_host.nothing_like_it  # type: ignore[attr-defined]  # noqa: B018


def test_python_javascript_and_changelog_agree_on_the_version() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    package = json.loads((RUNTIME / "package.json").read_text())
    assert newest
    assert js_host.__version__ == package["version"] == newest[1]


def test_the_npm_package_is_called_js_host_and_needs_nothing() -> None:
    package = json.loads((RUNTIME / "package.json").read_text())
    assert package["name"] == "js-host"
    assert (RUNTIME / package["bin"]["js-host"]).is_file()
    assert not package.get("dependencies")


@pytest.mark.slow
def test_the_wheel_has_the_runtime_the_types_marker_and_nothing_else(tmp_path: pathlib.Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"js_host/runtime/{file.relative_to(RUNTIME)}" for file in RUNTIME.rglob("*.[cm]js")}
    assert {"js_host/py.typed", "js_host/runtime/package.json", "js_host/runtime/cli.mjs", *wanted} <= names
    assert {name.split("/")[0] for name in names} == {"js_host", f"js_host-{js_host.__version__}.dist-info"}


@pytest.mark.parametrize("pattern", [REGISTRIES, LOCAL_PATHS], ids=["host of a registry", "path of one machine"])
def test_no_tracked_file_names_a(pattern: re.Pattern[str]) -> None:
    found = [
        (str(file.relative_to(ROOT)), hit[0]) for file in tracked_files() for hit in pattern.finditer(text_of(file))
    ]
    assert not found


def tracked_files() -> list[pathlib.Path]:
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a clone, or no git: what is tracked is unknown")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [file for name in listed.stdout.split("\0") if name and (file := ROOT / name).is_file()]


def text_of(file: pathlib.Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
