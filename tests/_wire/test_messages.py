"""Messages, the handshake, and what a caller wants of a result."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from js_host._wire import frames, handshake, messages, results
from js_host._wire.handshake import NotUpgraded, upgrade_answer, upgrade_request
from js_host.exceptions import (
    ConfigError,
    FunctionError,
    FunctionTimeout,
    JSHostError,
    PayloadTooLarge,
    UnexpectedResponse,
    UnknownFunction,
    ValueNotSupported,
    WorkerDied,
)

HELLO = {"protocol": 1, "version": "1.0.0", "node": "v24.0.0", "pid": 5, "limit": 1000, "functions": ["f"]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["type", "name", "message", "stack", "cause", "fields", "value", "maybeExecuted", "hint", "reason"]
)
HOSTILE = st.dictionaries(FIELDS, JSON | st.sampled_from(["timeout", "error", "too-large", "stopping"])) | JSON


def frame(kind: int, body: bytes) -> frames.Frame:
    return frames.Frame(0, kind, 0, b"", 0, body, None)


def hello(**changes: object) -> frames.Frame:
    return frame(frames.HELLO, json.dumps(HELLO | changes).encode())


def error(**fields: object) -> JSHostError:
    return messages.read_error(json.dumps(fields).encode(), "f")


def test_the_hello_of_a_client_is_a_frame_of_version_one() -> None:
    data = messages.hello_frame("secret")
    reader = frames.FrameReader()
    reader.get_buffer()[: len(data)] = data
    found = reader.received(len(data))
    assert found is not None
    assert (found.kind, found.id) == (frames.HELLO, 0)
    assert json.loads(bytes(found.body))["protocol"] == 1
    assert json.loads(bytes(found.body))["token"] == "secret"
    assert rb'"token":"\udcff"' in messages.hello_frame("\udcff"), "a byte of the environment that is no UTF-8"


def test_a_hello_is_read() -> None:
    found = messages.read_hello(hello(unknown=[1]))
    assert (found.pid, found.limit, found.functions, found.mailbox) == (5, 1000, ["f"], False)
    assert messages.read_hello(hello(mailbox=True)).mailbox


def test_the_offer_of_a_mailbox_says_where_it_is_and_what_it_holds() -> None:
    data = messages.mailbox_frame(5, 9, b"\x00\xff")
    _, id, kind, flags, name, extra = frames.HEADER.unpack(data[: frames.HEADER_SIZE])
    assert (id, kind, flags, name, extra) == (0, frames.MAILBOX, 0, 0, 0)
    assert json.loads(data[frames.HEADER_SIZE :]) == {"pid": 5, "descriptor": 9, "nonce": "00ff"}


def test_a_limit_beyond_what_a_frame_can_say_is_cut() -> None:
    assert messages.read_hello(hello(limit=10**12)).limit == 2**32 - 1


def test_another_version_of_the_protocol_is_refused_with_what_to_do() -> None:
    with pytest.raises(UnexpectedResponse, match="Install the same version of js-host on both sides"):
        messages.read_hello(hello(protocol=2, version="7.0.0"))


def test_a_goodbye_in_place_of_a_hello_says_why() -> None:
    with pytest.raises(UnexpectedResponse, match="refused the connection: too old"):
        messages.read_hello(frame(frames.BYE, b'{"reason":"protocol","message":"too old"}'))


@settings(max_examples=100)
@given(st.sampled_from([frames.HELLO, frames.BYE, frames.RESULT]), JSON.map(json.dumps).map(str.encode) | st.binary())
def test_a_hostile_hello_is_an_unexpected_response(kind: int, body: bytes) -> None:
    with pytest.raises(UnexpectedResponse):
        messages.read_hello(frame(kind, body))


@settings(max_examples=150)
@given(HOSTILE.map(json.dumps).map(str.encode) | st.binary(max_size=40))
def test_a_hostile_error_is_an_error_of_ours(body: bytes) -> None:
    found = messages.read_error(body, "f")
    assert isinstance(found, JSHostError)
    assert str(found)


@settings(max_examples=150)
@given(HOSTILE.map(json.dumps).map(str.encode) | st.binary(max_size=40))
def test_a_hostile_goodbye_is_one_or_an_unexpected_response(body: bytes) -> None:
    try:
        bye = messages.read_bye(body)
    except UnexpectedResponse:
        return
    assert isinstance(bye.error("f", True), JSHostError)


@pytest.mark.parametrize("depth", [400, 3000, 100_000])
def test_an_error_with_a_bottomless_cause_is_an_error_of_ours(depth: int) -> None:
    body = b'{"message":"m","cause":' * depth + b"null" + b"}" * depth
    assert isinstance(messages.read_error(body, "f"), JSHostError)
    assert isinstance(messages.read_error(body.replace(b"cause", b"fields"), "f"), JSHostError)


def test_an_error_of_the_function_has_all_its_parts() -> None:
    found = error(
        type="error", name="TypeError", message="bad", stack="TypeError: bad\n at f", fields={"code": "E"}, value=None,
        cause={"name": "RangeError", "message": "why", "cause": {"message": "root"}},
    )  # fmt: skip
    assert isinstance(found, FunctionError)
    assert (found.name, found.message, found.fields, found.function) == ("TypeError", "bad", {"code": "E"}, "f")
    assert found.cause is not None
    assert found.cause.name == "RangeError"
    assert found.__cause__ is found.cause
    assert found.cause.cause is not None
    assert found.cause.cause.message == "root"
    assert str(found) == "f: TypeError: bad\n at f"


def test_the_text_of_an_error_ends_with_what_to_do() -> None:
    found = error(type="error", name="ReferenceError", message="window is not defined", hint="Guard it.")
    assert isinstance(found, FunctionError)
    assert found.hint == "Guard it."
    assert str(found) == "f: ReferenceError: window is not defined\nHint: Guard it."


def test_the_text_of_an_error_shows_no_calls_inside_node_and_its_stack_does() -> None:
    stack = "Error: m\n    at readFile (node:internal/fs:1:2)\n    at load (/app/a.js:3:4)\n    at async node:fs:1:1"
    found = error(type="error", message="m", stack=stack)
    assert isinstance(found, FunctionError)
    assert found.stack == stack
    assert str(found) == "f: Error: m\n    at load (/app/a.js:3:4)"


def test_the_text_of_an_aggregate_error_lists_what_it_holds() -> None:
    held = [{"name": "TypeError", "message": "one\nand more"}, {"message": "two"}, "no error"]
    found = error(type="error", name="AggregateError", message="", fields={"errors": held})
    assert str(found) == "f: AggregateError: \n  - TypeError: one\n  - Error: two"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("timeout", FunctionTimeout),
        ("unknown-function", UnknownFunction),
        ("too-large", PayloadTooLarge),
        ("bad-value", ValueNotSupported),
        ("stopping", messages.Stopping),
        ("of a later version", FunctionError),
    ],
)
def test_a_type_of_error_has_a_class(kind: str, expected: type[JSHostError]) -> None:
    for ran in (True, False):
        found = error(type=kind, message="m", maybeExecuted=ran)
        assert type(found) is expected
        assert "m" in str(found)
        assert expected is FunctionError or found.maybe_executed is ran


def test_a_goodbye_says_what_becomes_of_the_call() -> None:
    stuck = messages.Bye("stuck", "it blocked", "at loop")
    late = stuck.error("f", True)
    assert isinstance(late, FunctionTimeout)
    assert late.stack == "at loop"
    assert isinstance(stuck.error("f", False), WorkerDied)
    assert isinstance(messages.Bye("protocol", "m").error("f", True), UnexpectedResponse)
    for reason in ("crashed", "exit", "of a later version"):
        found = messages.Bye(reason, "the reason").error("f", True)
        assert type(found) is WorkerDied
        assert found.maybe_executed
        assert "the reason" in str(found)


HEAD = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: js-host/1\r\n\r\n"


def test_the_request_to_upgrade_is_complete() -> None:
    request = upgrade_request("localhost:9009", "/x").decode()
    assert request.startswith("GET /x HTTP/1.1\r\nHost: localhost:9009\r\n")
    assert "\r\nConnection: Upgrade\r\nUpgrade: js-host/1\r\n" in request
    assert request.endswith("\r\n\r\n")


def test_any_split_of_the_head_of_the_answer_is_waited_for() -> None:
    for end in range(len(HEAD)):
        assert upgrade_answer(HEAD[:end]) is None
    assert upgrade_answer(HEAD) == b""
    assert upgrade_answer(HEAD + b"rest\r\n\r\n") == b"rest\r\n\r\n"
    assert upgrade_answer(HEAD.replace(b": ", b":").upper().replace(b"JS-HOST", b"js-host")) == b""


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"\x00",
        b"H\x00",
        b"\r\n\r\n",
        b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * handshake.MAX_HEAD,
    ],
    ids=["200", "a web socket", "no upgrade", "404", "SSH", "NUL", "nearly", "no status", "endless"],
)
def test_what_does_not_upgrade_is_refused(answer: bytes) -> None:
    with pytest.raises(NotUpgraded) as caught:
        upgrade_answer(answer)
    assert not caught.value.maybe_executed


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Time-out"])
def test_a_load_balancer_without_a_host_is_no_host_that_answers(status: str) -> None:
    with pytest.raises(ConnectionError, match=status) as caught:
        upgrade_answer(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
    assert not caught.value.maybe_executed


@given(st.binary(max_size=60))
def test_garbage_in_place_of_a_head_is_refused_or_waited_for(data: bytes) -> None:
    try:
        assert upgrade_answer(data) is None
    except NotUpgraded:
        pass


@dataclasses.dataclass
class Data:
    n: int


@attrs.define
class Attrs:
    n: int


class Struct(msgspec.Struct):
    n: int


class Model(pydantic.BaseModel):
    n: int


@pytest.mark.parametrize("kind", [Data, Attrs, Struct, Model])
def test_a_result_becomes_the_type_that_was_asked_for(kind: Any) -> None:
    decode = results.typed(kind)
    assert decode(b'{"n":5}', None) == kind(n=5)
    assert decode(memoryview(b'{"n":5}'), None) == kind(n=5)
    assert decode(b'{"n":{"$":["int","5"]}}', []) == kind(n=5)
    with pytest.raises(UnexpectedResponse, match=f"does not fit returns={kind.__name__}.*(?s:.)*n"):
        decode(b'{"n":"x"}', None)
    with pytest.raises(UnexpectedResponse, match=kind.__name__):
        decode(b'{"n":{"$":["float","NaN"]}}', [])


@dataclasses.dataclass
class Page:
    model: Model


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (list[Model], '[{"n":5}]', [Model(n=5)]),
        (dict[str, Model], '{"a":{"n":5}}', {"a": Model(n=5)}),
        (Model | None, '{"n":5}', Model(n=5)),
        (Page, '{"model":{"n":5}}', Page(Model(n=5))),
    ],
    ids=str,
)
def test_pydantic_models_may_be_inside_other_types(kind: Any, text: str, expected: object) -> None:
    decode = results.typed(kind)
    assert decode(text.encode(), None) == expected
    assert decode(text.replace("5", '{"$":["int","5"]}').encode(), []) == expected
    with pytest.raises(UnexpectedResponse, match=r"valid integer(?s:.)*at `\$"):
        results.typed(list[kind])(f"[{text}]".replace("5", '"x"').encode(), None)


def test_what_is_no_type_is_told_with_what_is_one() -> None:
    with pytest.raises(
        ConfigError, match=r"^greet: results can not be decoded into returns='int': .* Give a type, such as"
    ):
        results.typed("int", "greet")


def test_what_does_not_fit_names_the_function_and_the_whole_type() -> None:
    with pytest.raises(UnexpectedResponse) as caught:
        results.typed(list[int], "ages")(b'["x"]', None)
    assert str(caught.value) == "ages: the result does not fit returns=list[int]: Expected `int`, got `str` - at `$[0]`"


@pytest.mark.parametrize(
    ("kind", "text", "attachments", "expected"),
    [
        (list[int], b"[1,2]", None, [1, 2]),
        (dict[int, str], b'{"1":"a"}', None, {1: "a"}),
        (dict[int, float], b'{"1":{"$":["float","Infinity"]}}', [], {1: float("inf")}),
        (dict[str, str], b'{"a":"\\ud800"}', None, {"a": "\ud800"}),
        (int, b"123456789012345678901234567890", None, 123456789012345678901234567890),
        (bytes, b'{"$":["bytes",0]}', [b"\xff"], b"\xff"),
        (set[int], b'{"$":["set",[1]]}', [], {1}),
        (datetime, b'{"$":["date",1000]}', [], datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (float, b"1", None, 1.0),
        (str | None, b"null", None, None),
    ],
    ids=str,
)
def test_builtin_types_are_decoded_plain_and_rich(kind: Any, text: bytes, attachments: Any, expected: object) -> None:
    found = results.typed(kind)(text, attachments)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b'"\xff"', b"[" * 5000, b'{"n":1} 2'], ids=repr)
@pytest.mark.parametrize("kind", [Struct, list[int], Model, str], ids=repr)
def test_what_is_no_json_is_an_unexpected_response(kind: Any, text: bytes) -> None:
    with pytest.raises(UnexpectedResponse):
        results.typed(kind)(text, None)


@pytest.mark.parametrize("field", ["protocol", "pid", "limit", "workers", "port"])
def test_true_is_no_number_in_a_hello(field: str) -> None:
    with pytest.raises(UnexpectedResponse, match="not that of a js-host worker"):
        messages.read_hello(hello(**{field: True}))


def test_true_is_not_the_number_of_an_error_that_the_program_raised() -> None:
    faults: dict[int, BaseException] = {1: ValueError()}
    found = messages.read_error(b'{"message":"m","fault":true}', "f", faults)
    assert isinstance(found, UnexpectedResponse)


def test_a_goodbye_that_lacks_its_reason_is_told_by_the_name_of_that() -> None:
    with pytest.raises(UnexpectedResponse, match="not understood: it has no reason"):
        messages.read_bye(b'{"message":"m"}')
    with pytest.raises(UnexpectedResponse, match="not understood: it has no text"):
        messages.read_log(b"{}")


@pytest.mark.parametrize("character", ["x", "\0", "ö", "😀", "\ud800"])
def test_what_the_program_raised_is_told_within_the_limit(character: str) -> None:
    for length in (100, 1000, 3000, 100_000):
        frame = messages.fault_frame(1, 2, ValueError(character * length), 20_000)
        assert len(frame) <= 20_000 + frames.HEADER_SIZE
        says = json.loads(frame[frames.HEADER_SIZE :])
        assert says["name"] == "ValueError"
        assert says["message"] == (character * length)[: len(says["message"])]
