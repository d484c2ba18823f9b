"""Workers run files that are made of the modules of the runtime, which are what is written, read and tested."""

import pathlib
import re
import subprocess
import sys

import pytest

from js_host._host.options import RUNTIME

ROOT = pathlib.Path(__file__).parents[2]
BUNDLE = pathlib.Path(RUNTIME).parent


def contents(directory: pathlib.Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in directory.iterdir()}


def test_the_bundle_is_what_the_modules_make(tmp_path: pathlib.Path) -> None:
    made = tmp_path / "bundle"
    done = subprocess.run([sys.executable, "dev.py", "bundle", str(made)], cwd=ROOT, capture_output=True, text=True)
    if done.returncode and not list((ROOT / ".venv").glob("rollup-*/node_modules")):
        pytest.skip("rollup can not be installed here")
    assert done.returncode == 0, done.stderr
    assert contents(BUNDLE) == contents(made), "run `python3 dev.py bundle`"


def test_the_bundle_needs_nothing_but_node_and_itself() -> None:
    files = contents(BUNDLE)
    required = {name for text in files.values() for name in re.findall(r"\brequire\([\"']([^\"']+)[\"']\)", text)}
    assert "node:net" in required
    assert all(name.startswith("node:") or name.removeprefix("./") in files for name in required), required
