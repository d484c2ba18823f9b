"""Over TLS a program and a host know each other, and all that goes over plain sockets goes over it too."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from js_host import JSHost
from js_host._client.access import Access
from js_host._client.address import Address
from js_host._client.http import HttpLink
from js_host._wire.results import value
from js_host.cli import main
from js_host.exceptions import ConfigError, ConnectionError, FunctionTimeout, WorkerDied


def url(host: Any, name: str = "localhost") -> str:
    return f"https://{name}:{host.port}"


@pytest.fixture
def secure(run: Callable[..., Any], tls: list[str], certificates: Path) -> JSHost:
    """A host that serves TLS, as a program sees it."""
    return JSHost(root_url=url(run(*tls)), tls_ca=certificates / "ca.pem")


def test_calls_streams_and_callbacks_go_over_tls(secure: JSHost) -> None:
    with secure:
        assert secure.function("echo")(a=[1, "ü"]) == {"a": [1, "ü"]}
        assert secure.function("echo")({"b": b"bytes"}) == {"b": b"bytes"}
        assert list(secure.function("count").stream()) == [1, 2]
        assert secure.function("ask")(add=lambda a, b: a + b) == 3


@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 65_535, 65_537, 5_000_000])
def test_messages_of_any_size_cross_whole(secure: JSHost, size: int) -> None:
    with secure:
        assert secure.function("size")("x" * size) == size
        assert secure.function("text")(size) == "x" * size
        assert secure.function("bytes")(size) == b"\7" * size


def test_deadlines_hold_over_tls(secure: JSHost) -> None:
    with secure:
        began = time.monotonic()
        with pytest.raises(FunctionTimeout):
            secure.function("later", timeout=0.3)(5000)
        assert time.monotonic() - began < 2
        assert secure.function("later")(1) == "late"


def test_threads_share_a_host_over_tls(secure: JSHost) -> None:
    with secure, ThreadPoolExecutor(8) as pool:
        echo = secure.function("echo")
        assert list(pool.map(echo, range(400))) == list(range(400))


def test_a_stuck_function_ends_its_worker_without_a_word_in_the_clear(secure: JSHost) -> None:
    with secure:
        with pytest.raises((WorkerDied, FunctionTimeout)):
            secure.function("spin", timeout=0.3)()
        assert secure.function("echo", timeout=20)(1) == 1


def test_a_host_whose_certificate_nobody_known_has_signed_is_not_spoken_to(
    run: Callable[..., Any], tls: list[str], certificates: Path
) -> None:
    host = run(*tls)
    for ca in (None, certificates / "other-ca.pem"):
        with pytest.raises(ConnectionError, match=r"CERTIFICATE_VERIFY_FAILED.*TLS_CA") as caught:
            JSHost(root_url=url(host), tls_ca=ca).connect()
        assert not caught.value.maybe_executed


def test_a_host_by_a_name_that_is_not_in_its_certificate_is_not_spoken_to(
    run: Callable[..., Any], tls: list[str], certificates: Path
) -> None:
    host = run(*tls, "--address", "127.0.0.2")  # which its certificate does not name
    with pytest.raises(ConnectionError, match=r"not valid for '127\.0\.0\.2'"):
        JSHost(root_url=url(host, "127.0.0.2"), tls_ca=certificates / "ca.pem").connect()


def test_with_a_client_ca_only_who_shows_its_certificate_gets_in(
    run: Callable[..., Any], tls: list[str], certificates: Path
) -> None:
    host = run(*tls, "--tls-client-ca", str(certificates / "ca.pem"))
    ca = certificates / "ca.pem"
    with pytest.raises(ConnectionError, match="TLS_CERT and TLS_KEY"):
        JSHost(root_url=url(host), tls_ca=ca).connect()
    stranger = {"tls_cert": certificates / "stranger.pem", "tls_key": certificates / "stranger.key"}
    with pytest.raises(ConnectionError):
        JSHost(root_url=url(host), tls_ca=ca, **stranger).connect()
    known = {"tls_cert": certificates / "client.pem", "tls_key": certificates / "client.key"}
    with JSHost(root_url=url(host), tls_ca=ca, **known) as let_in:
        assert let_in.function("echo")(1) == 1


def test_plain_http_goes_over_tls_too_with_the_token(
    run: Callable[..., Any], tls: list[str], certificates: Path
) -> None:
    host = run(*tls, token="a-token-for-the-tests-0123")
    link = HttpLink(Address.url(url(host), Access("a-token-for-the-tests-0123", str(certificates / "ca.pem"))))
    link.identify(5)
    assert [link.call(b"echo", number, 5, value) for number in range(3)] == [0, 1, 2]
    assert link._idle[0].sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    link.close()


def test_who_speaks_in_the_clear_to_a_host_with_tls_gets_nothing(run: Callable[..., Any], tls: list[str]) -> None:
    host = run(*tls)
    assert b"HTTP/1.1 200" not in host.raw(f"GET /health HTTP/1.1\r\nHost: localhost:{host.port}\r\n\r\n")
    with pytest.raises(ConnectionError, match="https://"):
        JSHost(root_url=host.url).connect()


def test_tls_below_1_3_is_not_spoken(run: Callable[..., Any], tls: list[str], certificates: Path) -> None:
    import ssl

    host = run(*tls)
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", host.port), 10) as line,
        pytest.raises(ssl.SSLError),
        context.wrap_socket(line, server_hostname="localhost"),
    ):
        pass


def test_files_that_are_no_good_are_a_clear_error(tmp_path: Path, certificates: Path) -> None:
    (tmp_path / "nonsense.pem").write_text("nonsense")
    for files in ({"tls_ca": tmp_path / "nonsense.pem"}, {"tls_ca": tmp_path / "none.pem"}):
        with pytest.raises(ConfigError, match=r"files for TLS are no good .TLS_CA .*\.pem"):
            JSHost(root_url="https://localhost:1", **files).connect()
    with pytest.raises(ConfigError, match="TLS_CERT"):
        Access(cert=str(certificates / "client.pem"), key=str(certificates / "server.key")).tls()


TOKEN = "a-token-for-the-tests-0123"


def test_commands_are_let_in_as_programs_are(
    run: Callable[..., Any], tls: list[str], certificates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = run(*tls, "--tls-client-ca", str(certificates / "ca.pem"), "--metrics-port", "0", token=TOKEN)
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    files = [str(certificates / name) for name in ("ca.pem", "client.pem", "client.key")]
    keys = [word for pair in zip(("--tls-ca", "--tls-cert", "--tls-key"), files, strict=True) for word in pair]
    at = ["--url", url(host), "--token-file", str(tmp_path / "token"), *keys]
    for command, said in (
        (["call", "echo", "a=1"], '{"a":1}\n'),
        (["functions"], "echo\n"),
        (["status"], f"url        {url(host)}\n"),
        (["top", "--once"], "host.config.js"),
    ):
        assert main([*command, *at]) == 0
        assert said in capsys.readouterr().out
        assert main([*command, *at[:2]]) == 1
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", [["call", "echo"], ["functions"], ["status"], ["top"]])
def test_a_command_says_for_which_host_files_for_tls_are(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--tls-ca", "ca.pem"]) == 1
    assert "--tls-ca is for a host that runs at a URL. Name it with --url" in capsys.readouterr().err
