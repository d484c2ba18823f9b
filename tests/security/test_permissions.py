"""Node's permission model is passed through: hosts work under it, or say which flag they miss."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host._host.node import find_node, node_version
from js_host._host.permissions import RUNTIME, with_permissions
from js_host.exceptions import FunctionError, FunctionTimeout, StartError

CONFIG = """
const fs = require('fs')
module.exports = {
  port: 0,
  functions: {
    echo: (data) => data,
    read: (path) => fs.readFileSync(path, 'utf8'),
    write: (path) => fs.writeFileSync(path, 'x'),
    run: () => require('child_process').execSync('true').toString(),
    spin: () => { for (;;); }
  }
}
"""

MAJOR = int(node_version(find_node().path).split(".")[0])

#: Node 20 calls it by another name.
ON = "--permission" if MAJOR > 20 else "--experimental-permission"

#: Node 26 counts sockets, and those of a host too, as network.
NETWORK = ["--allow-net"] if MAJOR >= 26 else []

#: Node 24 has a flag for the inspector; those before deny it in any case.
INSPECTOR = ["--allow-inspector"] if MAJOR >= 24 else []


@pytest.fixture
def flags(nothing_left: Any) -> list[str]:
    """What a host needs at least: its own directory may be read."""
    return [ON, f"--allow-fs-read={nothing_left.directory}/*", "--allow-worker", *NETWORK]


def test_the_runtime_may_always_be_read_and_nothing_else_is_added() -> None:
    assert with_permissions(["--title=x"]) == ("--title=x",)
    assert with_permissions(["--permission"]) == ("--permission", f"--allow-fs-read={RUNTIME}/*")
    assert Path(RUNTIME, "bundle", "main.cjs").is_file()


def test_a_host_works_under_the_permission_model(nothing_left: Any, flags: list[str]) -> None:
    with JSHost(nothing_left.config(CONFIG), node_args=flags, workers=2) as host:
        assert host.function("echo")({"b": b"x" * 100_000}) == {"b": b"x" * 100_000}
        assert "module.exports" in host.function("read")(host.config_file)
        with JSHost(root_url=host.get_url()) as outside:
            assert outside.function("echo")(1) == 1


@pytest.mark.parametrize(("function", "data"), [("read", "/etc/hostname"), ("write", "written"), ("run", None)])
def test_what_was_not_allowed_is_denied(nothing_left: Any, flags: list[str], function: str, data: str | None) -> None:
    with JSHost(nothing_left.config(CONFIG), node_args=flags) as host:
        with pytest.raises(FunctionError) as caught:
            host.function(function)(data)
        assert caught.value.fields["code"] == "ERR_ACCESS_DENIED"


def test_the_config_is_read_under_it_too(nothing_left: Any, flags: list[str]) -> None:
    host = JSHost(nothing_left.config(CONFIG), node_args=flags)
    assert "echo" in host.get_config()["functions"]


def test_a_function_that_blocks_is_ended_and_shown_where_the_inspector_is_allowed(
    nothing_left: Any, flags: list[str]
) -> None:
    for more, shown in (([], False), (INSPECTOR, bool(INSPECTOR))):
        with JSHost(nothing_left.config(CONFIG), node_args=[*flags, *more]) as host:
            with pytest.raises(FunctionTimeout, match="blocked the event loop") as caught:
                host.function("spin", timeout=0.5)()
            assert shown or "denies the inspector" in str(caught.value)
            assert host.function("echo", timeout=20)(1) == 1


@pytest.mark.parametrize("missing", ["--allow-worker", *NETWORK])
def test_a_flag_that_a_worker_needs_and_has_not_is_named_when_it_starts(
    nothing_left: Any, flags: list[str], missing: str
) -> None:
    flags.remove(missing)
    with (
        pytest.raises(StartError, match=rf"without {missing}") as caught,
        JSHost(nothing_left.config(CONFIG), node_args=flags),
    ):
        pass
    assert re.search(rf"{missing} for the \w+.*NODE_ARGS", str(caught.value))


def test_a_project_that_may_not_be_read_is_a_start_error_with_the_flag(nothing_left: Any, flags: list[str]) -> None:
    flags = [flag for flag in flags if "fs-read" not in flag]
    with (
        pytest.raises(StartError, match=r"--allow-fs-read=/path/of/the/project"),
        JSHost(nothing_left.config(CONFIG), node_args=flags),
    ):
        pass
