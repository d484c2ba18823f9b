"""The code of the README, pasted as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def run(directory: Path, config: str, *starts: str) -> str:
    """What one program prints that has all the blocks of Python with these beginnings, beside a config."""
    (directory / "host.config.js").write_text(find("javascript", config))
    (directory / "program.py").write_text("\n".join(find("python", start) for start in starts))
    ended = subprocess.run([sys.executable, "program.py"], cwd=directory, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def find(language: str, within: str) -> str:
    """The only block of that language with this text."""
    (block,) = [block for kind, block in BLOCKS if kind == language and within in block]
    return block


def test_the_first_page_prints_what_its_comments_say(tmp_path: Path) -> None:
    assert run(tmp_path, "hello_world:", "total(items=") == "Hello, Foo!\n10\n"


@pytest.mark.usefixtures("nothing_left")
def test_the_program_of_the_manager_prints_what_the_page_says(tmp_path: Path) -> None:
    config = find("javascript", "hello_world:").replace(
        "module.exports = {", "module.exports = { disconnectTimeout: 200,"
    )
    (tmp_path / "host.config.js").write_text(config)
    (tmp_path / "program.py").write_text(find("python", "USE_MANAGER=True"))
    ended = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.stdout == "Hello, World!\nHello, Foo!\n", ended.stderr


def test_functions_streams_callbacks_and_maps_do_what_the_page_says(tmp_path: Path) -> None:
    blocks = ("class Greet(Function)", "page.stream", "shout.map([")
    assert run(tmp_path, "greet:", *blocks).splitlines() == [
        "<h1>/</h1>",
        "<p>The rest comes when it is ready.</p>",
        "Foo, come on Monday or Friday!",
        "A",
        "B",
        "C",
    ]


def test_the_program_with_an_event_loop_runs(tmp_path: Path) -> None:
    assert run(tmp_path, "greet:", "asyncio.run").splitlines()[::3] == ["<h1>/</h1>", "B"]
