"""Runs the tests of the runtime, which are JavaScript, each file with `node --test`."""

import pathlib
import subprocess

import pytest

from js_host.conf import settings

HERE = pathlib.Path(__file__).parent
FILES = sorted(HERE.glob("*.test.mjs"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_javascript_tests_pass(file: pathlib.Path) -> None:
    command = [settings.get_path_to_node(), "--test", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[1])
    assert ended.returncode == 0, ended.stdout + ended.stderr
