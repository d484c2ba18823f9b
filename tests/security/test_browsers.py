"""A web page in somebody's browser can not call a host, whatever it tries: nothing runs, and nothing can be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

JSON = {"Content-Type": "application/json"}
EVIL = {"Origin": "http://evil.example"}
CROSS_SITE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}

FRAMES = {"Connection": "Upgrade", "Upgrade": "js-host/1"}
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "eA==",
}
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
REBOUND = {"Host": "evil.example:PORT"}


def post(headers: dict[str, str], body: str = "{}") -> tuple[str, str, dict[str, str], str]:
    return "POST", "/function/touch", headers, body


def get(headers: dict[str, str], path: str = "/status", method: str = "GET") -> tuple[str, str, dict[str, str], str]:
    return method, path, headers, ""


REQUESTS = {
    "fetch with JSON": post({**JSON, **EVIL}),
    "fetch from a sandbox or a file": post({**JSON, "Origin": "null"}),
    "fetch from a page of this machine": post({**JSON, "Origin": "http://localhost:3000"}),
    "fetch that says it is from the host itself": post({**JSON, "Origin": "http://127.0.0.1:PORT"}),
    "fetch of which only the site is told": post({**JSON, **CROSS_SITE}),
    "fetch from the same site": post({**JSON, "Sec-Fetch-Site": "same-site"}),
    "fetch from the same origin": post({**JSON, "Sec-Fetch-Site": "same-origin"}),
    "fetch without a body": post(CROSS_SITE, ""),
    "a simple request": post({"Content-Type": "text/plain"}),
    "a simple request that hides its type": post({"Content-Type": "text/plain; application/json"}),
    "sendBeacon": post({**EVIL, "Content-Type": "text/plain;charset=UTF-8"}),
    "a form": post({**EVIL, "Content-Type": "application/x-www-form-urlencoded"}, "a=1"),
    "a form of an old browser": post({"Content-Type": "application/x-www-form-urlencoded"}, "a=1"),
    "a form with files": post({"Content-Type": "multipart/form-data; boundary=x"}, "--x--"),
    "a form without fields": post({}, ""),
    "an image": get(CROSS_SITE, "/function/touch"),
    "a script": get({**CROSS_SITE, "Sec-Fetch-Dest": "script"}),
    "a preflight": get({**EVIL, **PREFLIGHT}, "/function/touch", "OPTIONS"),
    "a name that points here (DNS rebinding)": post({**JSON, **REBOUND}),
    "the same, to read": get(REBOUND),
    "a name that points here and begins well": get({"Host": "127.0.0.1.evil.example:PORT"}),
    "the name localhost6": get({"Host": "localhost6:PORT"}),
    "another port of this machine": get({"Host": "localhost:1"}),
    "a WebSocket": get({**EVIL, **WEBSOCKET}, "/"),
    "a WebSocket without an origin": get(WEBSOCKET, "/"),
    "frames, if it could": get({**EVIL, **FRAMES}, "/"),
    "frames, by a name that points here": get({**REBOUND, **FRAMES}, "/"),
}


def request(port: int, method: str, path: str, headers: dict[str, str], body: str) -> str:
    """A request as bytes on the wire have it; the connection is to be closed after it."""
    lines = {"Host": f"127.0.0.1:{port}", "Connection": "close", **headers, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items()).replace("PORT", str(port))
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}"


def test_no_request_of_a_web_page_runs_a_function_or_may_be_read(run: Callable[..., Any]) -> None:
    host = run()
    for what, (method, path, headers, body) in REQUESTS.items():
        answer = host.raw(request(host.port, method, path, headers, body)).decode()
        head, _, text = answer.partition("\r\n\r\n")
        assert head.split(" ")[1] in ("400", "403", "405", "415"), f"{what}: {answer}"
        assert "access-control" not in head.lower(), f"{what}: {head}"
        assert "Content-Type" in text or "web page" in text.lower() or "host" in text or method == "GET", (
            f"{what}: {text}"
        )
    assert host.raw(request(host.port, "POST", "/function/runs", JSON, "{}")).endswith(b"\r\n\r\n0")


def test_a_page_is_refused_before_its_body_is_read(run: Callable[..., Any]) -> None:
    host = run()
    head = f"POST /function/echo HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\nOrigin: http://evil.example\r\n"
    answer = host.raw(head + "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"connection: close" in answer.lower()


def test_refused_requests_are_counted_and_logged_once_and_their_words_are_escaped(
    run: Callable[..., Any], wait_for: Callable[..., None]
) -> None:
    host = run()
    for _ in range(5):
        host.raw(request(host.port, "GET", "/status", {"Host": 'evil"\t.example'}, ""))
    status = host.raw(request(host.port, "GET", "/status", {}, "")).partition(b"\r\n\r\n")[2]
    assert json.loads(status)["counters"]["refusedRequests"] == 5
    wait_for(lambda: "evil" in host.log)
    assert host.log.count("evil") == 1
    assert r'host "evil\"\t.example"' in host.log


def test_what_the_original_client_sends_is_served(run: Callable[..., Any]) -> None:
    host = run()
    path = "/function/echo?hash=0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33"
    assert host.raw(request(host.port, "POST", path, JSON, '{"a": 1}')).endswith(b'\r\n\r\n{"a":1}')


def test_a_name_in_allowed_hosts_is_served(run: Callable[..., Any]) -> None:
    host = run(config="module.exports = { port: 0, allowedHosts: ['shop.internal', 'tunnel:8000'], functions: {} }")
    for name, status in [
        ("shop.internal:80", "200"),
        ("shop.internal", "200"),
        ("tunnel:8000", "200"),
        ("tunnel", "403"),
    ]:
        answer = host.raw(request(host.port, "GET", "/status", {"Host": name}, ""))
        assert answer.decode().split(" ")[1] == status, name
