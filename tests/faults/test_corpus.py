"""The inputs that the fuzzers have found to reach something new, tried by every run of the tests."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

from js_host.conf import settings

HERE = Path(__file__).parent


def load_targets() -> ModuleType:
    """The fuzzer's targets: they are a program's, and no package's."""
    spec = importlib.util.spec_from_file_location("fuzz_targets", HERE / "fuzz" / "targets.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_input_of_the_corpus_gets_more_than_an_error_of_ours_out_of_python() -> None:
    targets = load_targets()
    corpus = [file.read_bytes() for file in (HERE / "corpus" / "python").iterdir()]
    assert corpus
    for data in [*targets.seeds(str(HERE.parent / "vectors" / "frames.json")), *corpus]:
        targets.fuzz(data)


def test_no_input_of_the_corpus_gets_more_than_an_error_of_ours_out_of_javascript(tmp_path: Path) -> None:
    command = [settings.get_path_to_node(), str(HERE / "fuzz" / "fuzz.mjs"), "0"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 0, ended.stderr
    assert "no finding" in ended.stdout
