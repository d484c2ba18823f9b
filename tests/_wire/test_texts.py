"""The text of a result."""

from __future__ import annotations

import json
import struct

import pytest

from js_host._wire import results
from js_host.exceptions import ValueNotSupported
from js_host.function import Response


def test_text_is_a_string_as_it_is_and_else_its_json() -> None:
    assert results.text(b'"a\\ud800"', None) == "a\ud800"
    assert results.text(b'{"a": [1]}', None) == '{"a": [1]}'
    assert results.text(memoryview(b"1.50"), None) == "1.50"
    assert results.text(b'{"$":["bytes",0]}', ["ü".encode()]) == "ü"
    assert results.text(b'{"a":{"$":["int","1152921504606846976"]},"b":"\xc3\xbc"}', []) == (
        '{"a":1152921504606846976,"b":"ü"}'
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"$":["date",1577836800000]}', '"2020-01-01T00:00:00.000Z"'),
        (b'[{"$":["date",-1]}]', '["1969-12-31T23:59:59.999Z"]'),
        (b'{"$":["float","NaN"]}', "null"),
        (b'[{"$":["float","-Infinity"]},{"$":["int","1152921504606846976"]}]', "[null,1152921504606846976]"),
        (b'{"$":["set",[2,1,{"a":{"$":["set",[]]}}]]}', '[2,1,{"a":[]}]'),
        (b'{"$":["map",[["a",1],["b",{"$":["map",[]]}]]]}', '{"a":1,"b":{}}'),
        (b'{"$":["map",[[1,"a"],[{"b":2},{"$":["float","Infinity"]}]]]}', '[[1,"a"],[{"b":2},null]]'),
        (b'[{"$":["bytes",0]}]', '["AACAPwAAwH8="]'),
        (b'{"$":["array","float32",[2],0]}', "[1.0,null]"),
        (b'{"$":["array","uint8",[2,4],0]}', "[[0,0,128,63],[0,0,192,127]]"),
        (b'{"$":["object",{"$":{"$":["float","NaN"]}}]}', '{"$":null}'),
    ],
)
def test_the_text_of_a_value_that_json_can_not_say_is_the_json_of_what_comes_nearest(body: bytes, text: str) -> None:
    assert results.text(body, [struct.pack("<2f", 1, float("nan"))]) == text
    json.loads(text, parse_constant=pytest.fail)


def test_the_text_of_a_result_that_is_nested_too_deeply_for_the_stack_is_refused() -> None:
    body = json.dumps({"$": ["array", "int8", [1] * 100_000, 0]}).encode()
    with pytest.raises(ValueNotSupported, match="nested too deeply") as caught:
        results.text(body, [b"x"])
    assert caught.value.maybe_executed


def test_bytes_that_are_no_text_are_refused_as_text_and_given_as_bytes_by_a_response() -> None:
    body, attachments = b'{"$":["bytes",0]}', [b"\x89PNG"]
    with pytest.raises(ValueNotSupported, match="no UTF-8 text") as caught:
        results.text(body, attachments)
    assert caught.value.maybe_executed
    response = Response(body, attachments)
    assert (response.content, response.text) == (b"\x89PNG", "\ufffdPNG")
