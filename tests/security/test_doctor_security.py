"""`js-host doctor --security`: each fault is found, and what is in order is said to be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from js_host._cli import doctor_security as doctor
from js_host.doctor import BROKEN, GOOD, WARNING

GOOD_TOKEN = "k3vRz0fQd8pYw1sXh6nTb2mLc9gUj5eA"


def states(findings: object) -> list[str]:
    return [finding.state for finding in findings]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("uid", "state"), [(0, WARNING), (1000, GOOD)])
def test_root_is_warned(uid: int, state: str) -> None:
    assert states(doctor.judge_user(uid)) == [state]


@pytest.mark.parametrize(
    ("address", "state"),
    [("127.0.0.1", GOOD), ("localhost", GOOD), ("::1", GOOD), ("0.0.0.0", WARNING), ("10.0.0.1", WARNING)],
)
def test_an_address_beyond_this_machine_is_found(address: str, state: str) -> None:
    assert states(doctor.judge_address(address)) == [state]


@pytest.mark.parametrize(
    ("token", "state"), [(None, GOOD), (GOOD_TOKEN, GOOD), ("short", BROKEN), ("a" * 64, BROKEN), ("abab" * 16, BROKEN)]
)
def test_a_weak_token_is_found_and_not_shown(token: str | None, state: str) -> None:
    findings = list(doctor.judge_token(token))
    assert states(findings) == [state]
    assert token is None or token not in str(findings)


@pytest.mark.parametrize(
    ("arguments", "state"),
    [([], GOOD), (["--permission"], GOOD), (["--inspect"], BROKEN), (["--inspect-brk=0.0.0.0:9229"], BROKEN)],
)
def test_an_inspector_is_found(arguments: list[str], state: str) -> None:
    assert states(doctor.judge_node_args(arguments)) == [state]


def test_what_the_environment_gives_away_is_found() -> None:
    ours = {"PATH": "/bin", "DATABASE_URL": "x", "STRIPE_SECRET": "x", "NODE_OPTIONS": "--x"}
    quiet = list(doctor.judge_environment(ours, []))
    assert states(quiet) == [GOOD]
    assert "DATABASE_URL, NODE_OPTIONS, STRIPE_SECRET" in quiet[0].text
    assert states(doctor.judge_environment(ours, ["DATABASE_URL"])) == [GOOD, WARNING]
    assert states(doctor.judge_environment(ours, ["*"])) == [GOOD, WARNING, WARNING, WARNING]
    unsafe = {"NODE_TLS_REJECT_UNAUTHORIZED": "0"}
    assert states(doctor.judge_environment(unsafe, ["NODE_TLS_REJECT_UNAUTHORIZED"])) == [GOOD, BROKEN]


def test_code_that_others_can_change_is_found(tmp_path: Path) -> None:
    config = tmp_path / "host.config.js"
    config.write_text("")
    (tmp_path / "node_modules").mkdir()
    places = doctor.places_of(str(config))
    assert [os.path.basename(place.path) for place in places] == ["host.config.js", tmp_path.name, "node_modules"]
    assert states(doctor.judge_files(places, os.getuid())) == [GOOD]
    config.chmod(0o666)
    (tmp_path / "node_modules").chmod(0o777)
    assert states(doctor.judge_files(places, os.getuid())) == [BROKEN, BROKEN]
    (tmp_path / "node_modules").chmod(0o1777)  # as /tmp: nobody can replace what is in it
    assert states(doctor.judge_files(places, os.getuid())) == [BROKEN]


def test_code_of_another_user_is_found(tmp_path: Path) -> None:
    found = (tmp_path).stat()
    assert doctor.fault_of_owner(found, found.st_uid) is None
    stranger = os.stat_result((found.st_mode, *found[1:4], 4321, *found[5:10]))
    assert doctor.fault_of_owner(stranger, 1000) == "belongs to another user (uid 4321)"


def test_a_key_that_others_can_read_is_found(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("")
    key.chmod(0o600)
    assert states(doctor.judge_key_file(str(key))) == [GOOD]
    key.chmod(0o640)
    assert states(doctor.judge_key_file(str(key))) == [BROKEN]
    assert states(doctor.judge_key_file(None)) == []


def ask_doctor(directory: Path, **variables: str) -> tuple[int, list[dict[str, str]], str]:
    command = [sys.executable, "-m", "js_host", "doctor", "--security", "--json"]
    environment = {**os.environ, **variables}
    ended = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    return ended.returncode, json.loads(ended.stdout)["findings"], ended.stdout + ended.stderr


def test_the_command_finds_nothing_broken_where_nothing_is(directory: Path) -> None:
    code, findings, said = ask_doctor(directory)
    assert code == 0, said
    about = {finding["about"] for finding in findings}
    assert {"user", "sockets", "node", "address", "token", "node args", "environment", "files"} <= about


def test_the_command_fails_where_something_is_and_shows_no_secret(directory: Path) -> None:
    (directory / "host.config.js").chmod(0o666)
    code, findings, said = ask_doctor(directory, JS_HOST_TOKEN="hunter2hunter2", SECRET_KEY="hunter2")
    assert code == 1
    assert {finding["about"] for finding in findings if finding["state"] == "broken"} == {"files", "token"}
    assert "hunter2" not in said
