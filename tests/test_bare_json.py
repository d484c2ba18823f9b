"""JSON by the C half of `json` says what `json` says."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from js_host.utils import bare_json

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
TREES = st.recursive(SCALARS, lambda of: st.lists(of) | st.dictionaries(st.text(), of), max_leaves=20)
NO_JSON = ["", " ", "{", "[1,", "1 2", '{"a" 1}', "nul", '"\n"', "\x00", '{"a":1}}', "'a'"]


@pytest.fixture(params=["with the C half", "without it"])
def half(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without it":
        monkeypatch.setattr(bare_json, "_scan", None)
        monkeypatch.setattr(bare_json, "_encode", None)


def test_this_python_has_the_c_half() -> None:
    assert bare_json._scan
    assert bare_json._encode


@given(TREES)
def test_a_text_is_what_json_makes_of_the_value(value: Any) -> None:
    assert bare_json.dumps(value) == json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.usefixtures("half")
def test_lone_surrogates_are_escaped_since_utf8_has_none() -> None:
    assert bare_json.dumps({"\ud800": "ü\udcffx"}) == '{"\\ud800":"ü\\udcffx"}'.encode()


@given(st.recursive(st.text(st.characters()), st.lists))
def test_any_text_comes_back_as_it_was(value: Any) -> None:
    assert bare_json.loads(bare_json.dumps(value)) == json.loads(json.dumps(value))


@given(TREES, st.sampled_from([None, 1]), st.booleans())
def test_a_value_is_what_json_reads_in_the_text(value: Any, indent: int | None, as_bytes: bool) -> None:
    text = json.dumps(value, indent=indent)
    assert bare_json.loads(text.encode() if as_bytes else text) == value


@pytest.mark.usefixtures("half")
@pytest.mark.parametrize("text", [*NO_JSON, b"\xff", b'"\xff"', b"\xef\xbb\xbf[1,"])
def test_what_is_no_json_is_the_error_of_json(text: str | bytes) -> None:
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)) as expected:
        json.loads(text)
    with pytest.raises(type(expected.value)) as seen:
        bare_json.loads(text)
    assert str(seen.value) == str(expected.value)


@pytest.mark.usefixtures("half")
@pytest.mark.parametrize(
    "text", [" [1] ", b"\n{}\n", '"\\ud800"', b'\xef\xbb\xbf"\xc3\xbc"', '"ü"'.encode("utf-16"), b'"\xed\xa0\x80"']
)
def test_unusual_json_is_read_as_well(text: str | bytes) -> None:
    assert bare_json.loads(text) == json.loads(text)


@pytest.mark.usefixtures("half")
@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf]])
def test_a_number_that_json_has_not_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        bare_json.dumps(value)


@pytest.mark.usefixtures("half")
def test_an_object_that_json_has_not_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="complex is not JSON serializable"):
        bare_json.dumps([1j])


@pytest.mark.usefixtures("half")
def test_what_lies_too_deep_is_a_recursion_error() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        bare_json.dumps(deep)
    with pytest.raises(RecursionError):
        bare_json.loads("[" * 100_000)


def test_reading_and_writing_loads_nothing_of_the_other_half() -> None:
    code = """if True:
        import sys
        from js_host.utils import bare_json
        assert bare_json.loads(bare_json.dumps({"a": [1, 2.5, None, "\u00fc"]})) == {"a": [1, 2.5, None, "\u00fc"]}
        print({"json", "re", "enum"} & set(sys.modules))
    """
    assert printed_by(code) == "set()\n"


def printed_by(code: str) -> str:
    """What a fresh Python prints that has loaded nothing yet."""
    paths = [path for path in sys.path if path]
    program = f"import sys; sys.path[:0] = {paths!r}\n{code}"
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


@pytest.mark.parametrize("text", ['{"a', "[1", '{"a" 1}', '["\n"]'])
def test_what_is_no_json_is_a_value_error_also_where_nobody_has_loaded_json(text: str) -> None:
    code = f"""if True:
        from js_host.utils import bare_json
        try:
            bare_json.loads({text!r})
        except ValueError as error:
            print(error)
    """
    assert printed_by(code)
