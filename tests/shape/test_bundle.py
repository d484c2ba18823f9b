"""Workers run one file that is made of the modules of the runtime, which are what is written, read and tested."""

import pathlib
import re
import subprocess
import sys

import pytest

from js_host._host.options import RUNTIME

ROOT = pathlib.Path(__file__).parents[2]


def test_the_bundle_is_what_the_modules_make(tmp_path: pathlib.Path) -> None:
    made = tmp_path / "main.cjs"
    done = subprocess.run([sys.executable, "dev.py", "bundle", str(made)], cwd=ROOT, capture_output=True, text=True)
    if done.returncode and not list((ROOT / ".venv").glob("esbuild-*/node_modules")):
        pytest.skip("esbuild can not be installed here")
    assert done.returncode == 0, done.stderr
    assert pathlib.Path(RUNTIME).read_text() == made.read_text(), "run `python3 dev.py bundle`"


def test_the_bundle_needs_nothing_but_node() -> None:
    required = re.findall(r"""\brequire\(["']([^"']+)["']\)""", pathlib.Path(RUNTIME).read_text())
    assert required
    assert all(name.startswith("node:") for name in required), required
