"""A host does not listen beyond its machine by accident."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host._cli.run_security import exposure_fault, is_loopback, tls_arguments
from js_host.conf import settings
from js_host.exceptions import ConfigError

TOKEN = "a-token-for-the-tests-0123"


@pytest.mark.parametrize(
    ("address", "alone"),
    [
        *(("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True)),
        *(("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("fe80::1%eth0", False)),
    ],
)
def test_an_address_that_only_this_machine_can_reach_is_known(address: str, alone: bool) -> None:
    assert is_loopback(address) is alone


@pytest.mark.parametrize(
    ("bound", "tls", "insecure", "token", "fault"),
    [
        (("127.0.0.1", 1), False, False, None, None),
        (("::1", 1, 0, 0), False, False, None, None),
        (("127.0.0.1", 1), False, False, TOKEN, None),
        (("127.0.0.1", 1), False, False, "short", "too short"),
        ("/run/a.sock", False, False, None, None),
        (("0.0.0.0", 1), False, False, None, "--tls-cert"),
        (("0.0.0.0", 1), False, False, TOKEN, "--tls-cert"),
        (("0.0.0.0", 1), True, False, None, "--token-file"),
        (("0.0.0.0", 1), False, True, None, "--token-file"),
        (("0.0.0.0", 1), False, True, TOKEN, None),
        (("::", 1, 0, 0), True, False, TOKEN, None),
    ],
)
def test_beyond_this_machine_a_host_wants_tls_or_a_yes_and_a_token(
    bound: object, tls: bool, insecure: bool, token: str | None, fault: str | None
) -> None:
    said = exposure_fault(bound, tls=tls, insecure=insecure, token=token)
    assert said is None if fault is None else (said and fault in said)
    assert TOKEN not in (said or "")


def test_a_certificate_wants_its_key(tmp_path: Path) -> None:
    assert tls_arguments(None, None, None) == ()
    for some in (("a.pem", None, None), (None, "a.key", None), (None, None, "ca.pem")):
        with pytest.raises(ConfigError, match="both --tls-cert and --tls-key"):
            tls_arguments(*some)
    with pytest.raises(ConfigError, match=r"There is no file .*none\.pem, which --tls-cert names"):
        tls_arguments(str(tmp_path / "none.pem"), "b", None)


def js_host_run(directory: Path, *options: str, token: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "js_host", "run", *options]
    environment = {**os.environ, "JS_HOST_TOKEN": token}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)


def test_run_refuses_to_start_where_everybody_could_call(directory: Path, certificates: Path) -> None:
    ended = js_host_run(directory, "--address", "0.0.0.0")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "--tls-cert" in ended.stderr
    assert "--insecure" in ended.stderr
    ended = js_host_run(directory, "--address", "0.0.0.0", "--insecure")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "JS_HOST_TOKEN" in ended.stderr


def test_run_listens_beyond_this_machine_with_a_token_and_a_yes(run: Callable[..., Any]) -> None:
    host = run("--address", "0.0.0.0", "--insecure", token=TOKEN)
    with JSHost(root_url=host.url, token=TOKEN) as known:
        assert known.function("echo")(1) == 1


def test_a_config_that_names_such_an_address_is_no_way_around(directory: Path) -> None:
    (directory / "host.config.js").write_text("module.exports = { address: '0.0.0.0', port: 0, functions: {} }")
    assert js_host_run(directory).returncode == 1


def bare(directory: Path, *options: str, token: str = "") -> subprocess.Popen[str]:
    command = [settings.get_path_to_node(), settings.get_path_to_bin(), str(directory / "host.config.js"), *options]
    environment = {**os.environ, "JS_HOST_TOKEN": token}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def test_the_bare_program_refuses_the_same(directory: Path) -> None:
    (directory / "host.config.js").write_text("module.exports = { address: '0.0.0.0', port: 0, functions: {} }")
    for options, token in (((), ""), (("--insecure",), ""), ((), TOKEN)):
        with bare(directory, *options, token=token) as program:
            said = program.communicate(timeout=30)
        assert (program.returncode, said[0]) == (1, "")
        assert "where other machines may reach it" in said[1]
        assert TOKEN not in said[1]


def test_the_bare_program_wants_the_token_of_its_environment(directory: Path) -> None:
    with bare(directory, "--json", token=TOKEN) as program:
        assert program.stdout
        import json

        port = json.loads(program.stdout.readline())["config"]["port"]
        with JSHost(root_url=f"http://127.0.0.1:{port}", token=TOKEN) as known:
            assert "JS_HOST_TOKEN" not in known.function("env")()
        program.terminate()
        program.communicate(timeout=30)
