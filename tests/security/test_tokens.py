"""A host with a token lets in who knows it, tells nobody what it is, and has no hurry to say no."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host._homes.access import read_token
from js_host.conf import Settings
from js_host.exceptions import ConfigError, UnexpectedResponse

TOKEN = "tok-4f1f9c0de5a7b3d2e6-secret"
WRONG = "tok-not-the-right-one-at-all"


def status_line(host: Any, path: str = "/status", **headers: str) -> str:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {path} HTTP/1.1\r\nHost: any.name\r\nConnection: close\r\n{lines}\r\n"
    return str(host.raw(request).split(b"\r\n")[0].decode())


def test_http_wants_the_token_as_a_bearer(run: Callable[..., Any]) -> None:
    host = run(token=TOKEN)
    assert status_line(host) == "HTTP/1.1 401 Unauthorized"
    for wrong in (f"Bearer {WRONG}", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", f"Bearer {TOKEN} {TOKEN}"):
        assert status_line(host, Authorization=wrong) == "HTTP/1.1 401 Unauthorized", wrong
    assert status_line(host, Authorization=f"Bearer {TOKEN}") == "HTTP/1.1 200 OK"
    assert status_line(host, Authorization=f"bearer {TOKEN}") == "HTTP/1.1 200 OK"


def test_a_web_page_that_knows_the_token_is_still_a_web_page(run: Callable[..., Any]) -> None:
    host = run(token=TOKEN)
    answer = status_line(host, Authorization=f"Bearer {TOKEN}", Origin="http://evil.example")
    assert answer == "HTTP/1.1 403 Forbidden"


def test_whether_the_host_is_there_may_be_asked_without_the_token(run: Callable[..., Any]) -> None:
    assert status_line(run(token=TOKEN), "/health") == "HTTP/1.1 200 OK"


def test_frames_want_the_token_in_the_hello(run: Callable[..., Any]) -> None:
    host = run(token=TOKEN)
    with JSHost(root_url=host.url, token=TOKEN) as known:
        assert known.function("echo")(a=1) == {"a": 1}
        assert list(known.function("count").stream()) == [1, 2]
    for token, story in ((None, "wants its token, and none came"), (WRONG, "not the one of this host")):
        with pytest.raises(UnexpectedResponse, match=story) as caught:
            JSHost(root_url=host.url, token=token).connect()
        assert not caught.value.maybe_executed
        assert WRONG not in str(caught.value)


def test_an_upgrade_may_bring_the_token_instead(run: Callable[..., Any], hello_frames: Callable[..., bytes]) -> None:
    host = run(token=TOKEN)
    assert b'"functions":["echo"' in hello_frames(host, f"Authorization: Bearer {TOKEN}\r\n")
    assert hello_frames(host, f"Authorization: Bearer {WRONG}\r\n").startswith(b"HTTP/1.1 401 ")
    assert b'"reason":"refused"' in hello_frames(host, "")


def test_a_wrong_token_is_answered_late_and_counted_and_others_do_not_wait(run: Callable[..., Any]) -> None:
    host = run(token=TOKEN)
    began = time.monotonic()
    assert "401" in status_line(host, Authorization=f"Bearer {WRONG}")
    assert time.monotonic() - began >= 0.9
    with JSHost(root_url=host.url, token=TOKEN) as known:
        counters = known.request_status()["counters"]  # type: ignore[index]
        assert counters["wrongTokens"] == 1


def test_the_token_is_nowhere_where_others_could_read_it(
    run: Callable[..., Any], wait_for: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = run("--env", "*", token=TOKEN)
    monkeypatch.setenv("JS_HOST_TOKEN", TOKEN)
    with JSHost(root_url=host.url) as known:
        env = known.function("env")()
        assert not [name for name in env if name.startswith("JS_HOST_TOKEN")]
        shown = repr(known) + repr(vars(known)["_home"].__dict__) + str(known.get_status())
    status_line(host, Authorization=f"Bearer {WRONG}")
    wait_for(lambda: "did not give the token" in host.log)
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    lines = "".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in (host.process.pid, *host.workers()))
    inside = "".join(Path(f"/proc/{pid}/environ").read_text() for pid in host.workers())
    for place in (host.log, lines, shown, str(env)):
        assert TOKEN not in place
        assert WRONG not in place
        assert digest not in place
    assert TOKEN not in inside  # workers know its digest only


def test_on_a_unix_socket_no_token_is_asked_for(nothing_left: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JS_HOST_TOKEN", TOKEN)
    with JSHost(nothing_left.config("module.exports = { functions: { one: () => 1 } }")) as own:
        assert own.function("one")() == 1
        with JSHost(root_url=own.get_url()) as same:
            assert same.function("one")() == 1


def test_a_token_file_must_be_closed_to_others(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    for mode in (0o644, 0o604, 0o620, 0o602):
        file.chmod(mode)
        with pytest.raises(ConfigError, match=f"open to others .mode {mode:04o}.*chmod 600") as caught:
            read_token(token_file=str(file))
        assert TOKEN not in str(caught.value)
    for mode in (0o600, 0o400, 0o440):  # the last one is how Kubernetes gives a secret to a group
        file.chmod(mode)
        assert read_token(token_file=str(file)) == TOKEN


def test_a_token_file_that_is_no_good_is_told_without_its_words(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with pytest.raises(ConfigError, match="can not be read: No such file"):
        read_token(token_file=str(file))
    for text, story in (("", "is empty"), ("two words", "no token"), ("tök", "no token")):
        file.write_text(text)
        file.chmod(0o600)
        with pytest.raises(ConfigError, match=story) as caught:
            read_token(token_file=str(file))
        assert not text or text not in str(caught.value)


def test_the_token_that_is_given_beats_the_file_the_settings_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_token() is None
    monkeypatch.setenv("JS_HOST_TOKEN", "from-environment\n")
    assert read_token() == "from-environment"
    file = tmp_path / "token"
    file.write_text("from-file")
    file.chmod(0o600)
    assert read_token(token_file=str(file)) == "from-file"
    assert read_token("given", str(file)) == "given"


def test_a_token_of_the_wrong_type_is_not_shown() -> None:
    for wrong in (b"hunter2-hunter2", "hunter2 hunter2", ""):
        with pytest.raises(ConfigError, match="TOKEN must be a str without spaces") as caught:
            Settings().configure(TOKEN=wrong)
        assert "hunter2" not in str(caught.value)


def test_a_host_with_a_token_file_serves_a_program_with_the_same(run: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "token"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, TOKEN.encode())
    os.close(descriptor)
    host = run("--token-file", str(file))
    with JSHost(root_url=host.url, token_file=file) as known:
        assert known.function("echo")([1]) == [1]
