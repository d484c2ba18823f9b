"""Only the functions of the config can be called: no name finds anything else of JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from js_host import JSHost
from js_host.exceptions import UnknownFunction

NAMES = [
    *("__proto__", "constructor", "prototype", "toString", "toString.call", "hasOwnProperty", "valueOf"),
    *("__defineGetter__", "__lookupSetter__", "isPrototypeOf", "then", "toJSON", "inner", "inner.f", "a.__proto__.b"),
    *("echo.constructor", "echo.call", "echo.__proto__", "constructor.constructor", "process", "process.exit"),
    *("require", "eval", "module.exports", "functions", "default", "extendHost", "../host.config.js", "echo\0", "Echo"),
    *("", " ", "echo ", "[object Object]", "0", "\u202eecho", "x" * 10_000),
]

CONFIG = """
const functions = { echo: (data) => data, polluted: () => ({}).polluted ?? null }
functions.echo.inner = { f: () => 'inner' }
module.exports = { port: 0, inner: functions.echo.inner, extendHost () {}, functions }
"""


def test_a_name_that_is_not_of_the_config_is_an_unknown_function_over_frames(nothing_left: Any) -> None:
    with JSHost(nothing_left.config(CONFIG)) as host:
        for name in NAMES:
            with pytest.raises(UnknownFunction) as caught:
                host.call(name.encode(), {}, 10, lambda body, attachments: body)
            assert not caught.value.maybe_executed
        assert host.function("echo")(1) == 1


def test_the_same_over_http(run: Callable[..., Any]) -> None:
    from urllib.parse import quote

    host = run(config=CONFIG)
    for name in NAMES:
        head = f"POST /function/{quote(name, safe='')} HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\nConnection: close\r\n"
        answer = host.raw(head + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        assert answer.startswith(b"HTTP/1.1 404 "), name


def test_data_with_dangerous_keys_is_data(nothing_left: Any) -> None:
    data = {"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}, "$": ["function", 0]}
    with JSHost(nothing_left.config(CONFIG)) as host:
        assert host.function("echo")(data) == data
        assert host.function("echo")({**data, "bytes": b"x"}) == {**data, "bytes": b"x"}
        assert host.function("polluted")() is None


def test_a_function_of_such_a_name_can_be_called_if_the_config_has_one(nothing_left: Any) -> None:
    config = "module.exports = { functions: { ['__proto__']: () => 'mine', constructor: () => 'too' } }"
    with JSHost(nothing_left.config(config)) as host:
        assert (host.function("__proto__")(), host.function("constructor")()) == ("mine", "too")
