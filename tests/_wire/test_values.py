"""Values: the shared vectors, round trips, and that both fast encoders say the same."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from js_host._wire import quick, rich, values
from js_host.exceptions import JSHostError, UnexpectedResponse, ValueNotSupported

from .conftest import ENCODERS, use_encoder

SURROGATES = st.text(st.characters(codec=None, exclude_categories=())) | st.just("\ud800 \udfff")
FLOATS = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([-0.0, 1e16, 5e-324, 1.7976931348623157e308])
INTEGERS = st.integers() | st.sampled_from([2**53 - 1, 2**53, -(2**53), 2**63, 2**64 - 1, 2**64, -(2**63) - 1])
MOMENTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))]))
PLAIN = st.none() | st.booleans() | INTEGERS | FLOATS | SURROGATES
HASHABLE = PLAIN | st.binary(max_size=20)


def trees(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = SURROGATES | st.sampled_from(["$", "__proto__", ""])
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4) | st.lists(inner).map(tuple)
        ),
        max_leaves=20,
    )


JSON_TREES = trees(PLAIN)
ALL_TREES = trees(HASHABLE | MOMENTS | st.sets(HASHABLE, max_size=3) | st.frozensets(HASHABLE, max_size=3))


def normal(value: Any) -> Any:
    """What the protocol says that a value comes back as."""
    if isinstance(value, (list, tuple)):
        return [normal(item) for item in value]
    if isinstance(value, dict):
        return {key: normal(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return {normal(item) for item in value}
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return value


def through(value: object) -> object:
    text, attachments = values.encode(value)
    return values.decode(text, None if attachments is None else [bytes(part) for part in attachments])


def test_a_vector_is_decoded(value_vector: dict[str, Any], value_of: Any, attachments_of: Any, same: Any) -> None:
    attachments = attachments_of(value_vector) if value_vector["rich"] else None
    result = values.decode(value_vector["text"].encode(), attachments)
    expected = value_of(value_vector["value"])
    if value_vector["value"][0] == "array":
        assert result.tolist() == expected.tolist()  # type: ignore[attr-defined]
    else:
        assert same(result, expected)


@pytest.mark.usefixtures("without_numpy")
def test_an_array_of_a_vector_is_one_of_the_standard_library_for_a_program_without_numpy(
    value_vector: dict[str, Any], value_of: Any, attachments_of: Any
) -> None:
    if value_vector["value"][0] == "array":
        result = values.decode(value_vector["text"].encode(), attachments_of(value_vector))
        expected = value_of(value_vector["value"])
        assert (result, result.typecode) == (expected, expected.typecode)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("encoder")
def test_python_writes_the_text_of_a_vector(value_vector: dict[str, Any], value_of: Any, attachments_of: Any) -> None:
    text, attachments = values.encode(value_of(value_vector["value"]))
    if "python" in value_vector["writers"] and (attachments is not None) == value_vector["rich"]:
        assert json.loads(text) == json.loads(value_vector["text"])
        assert [bytes(part) for part in attachments or ()] == attachments_of(value_vector)


@pytest.mark.parametrize("name", ENCODERS)
@settings(max_examples=150)
@given(JSON_TREES)
def test_json_comes_back_as_it_was(same: Any, name: str, value: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        use_encoder(patch, name)
        assert same(through(value), normal(value))


@pytest.mark.parametrize("name", ENCODERS)
@settings(max_examples=150)
@given(ALL_TREES)
def test_everything_comes_back_as_the_table_says(same: Any, name: str, value: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        use_encoder(patch, name)
        assert same(through(value), normal(value))


@settings(max_examples=150)
@given(ALL_TREES)
def test_both_quick_encoders_take_the_same_values_for_plain_and_mean_the_same(same: Any, value: Any) -> None:
    by_orjson, by_msgspec = ENCODERS["orjson"](value), ENCODERS["msgspec"](value)
    if by_orjson is not None and by_msgspec is not None:
        assert same(values.decode(by_orjson), values.decode(by_msgspec))
    else:  # orjson alone refuses integers of more than 64 bits
        text, attachments = rich.encode(value)
        assert by_orjson is None
        if by_msgspec is not None:
            assert same(values.decode(text, [bytes(part) for part in attachments]), values.decode(by_msgspec))


@settings(max_examples=150)
@given(ALL_TREES)
def test_the_first_values_mean_the_same_as_later_ones(same: Any, value: Any) -> None:
    results = []
    for name in ENCODERS:
        with pytest.MonkeyPatch.context() as patch:
            use_encoder(patch, name)
            results.append(through(value))
    assert same(results[0], results[1])
    assert same(results[0], results[2])


@given(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20))
def test_the_first_values_are_written_as_later_ones(value: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        use_encoder(patch, "at first")
        assert values.encode_plain([value, {"a": value}]) == ENCODERS["orjson"]([value, {"a": value}])


@pytest.mark.parametrize(
    "value",
    [
        [0] * values.FEW_ITEMS,
        "x" * (values.FEW_CHARACTERS + 1),
        ["x" * (values.FEW_CHARACTERS // 9)] * 10,
        {1: "a"},
        {True: 1},
        float("nan"),
        b"x",
    ],
    ids=[
        "many items",
        "a long text",
        "long texts",
        "a key that is a number",
        "a key that is none",
        "NaN",
        "bytes",
    ],
)
def test_values_that_are_not_little_and_plain_load_what_is_quick(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    use_encoder(monkeypatch, "at first")
    try:
        values.encode(value)
    except ValueNotSupported:
        pass
    assert values.encode_plain is quick.encode
    assert values.decode_quickly is quick.decode


def test_so_do_a_long_result_and_more_than_a_few_values(monkeypatch: pytest.MonkeyPatch) -> None:
    use_encoder(monkeypatch, "at first")
    assert values.decode(b'"%s"' % (b"x" * values.FEW_CHARACTERS)) == "x" * values.FEW_CHARACTERS
    assert values.decode_quickly is quick.decode
    for deed in (lambda: values.encode({"a": 1}), lambda: values.decode(b"[1]")):
        use_encoder(monkeypatch, "at first")
        for _ in range(values.FEW):
            deed()
        assert values.decode_quickly is not quick.decode
        deed()
        assert values.decode_quickly is quick.decode


@pytest.mark.parametrize("value", [[{"a": 1.5}] * values.FEW_ITEMS, "x" * (values.FEW_CHARACTERS + 1), b"x", 2**70])
def test_where_what_is_quick_can_not_be_loaded_values_cross_nevertheless(
    value: object, same: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_encoder(monkeypatch, "at first")
    monkeypatch.setitem(sys.modules, "js_host._wire.quick", None)
    monkeypatch.delattr("js_host._wire.quick")
    assert same(through(value), value)
    assert same(through({"a": [1]}), {"a": [1]})


def test_a_program_of_a_few_small_calls_loads_none_of_it() -> None:
    code = """if True:
        import sys
        from js_host._wire import messages, results, values
        for value in (None, {"a": [1, 2.5, "\u00fc"]}, "text"):
            assert results.value(values.encode(value)[0], None) == value
        print("msgspec" in sys.modules, "orjson" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False False\n"


@settings(max_examples=150)
@given(JSON_TREES)
def test_plain_text_is_ascii_or_utf8_json_that_python_reads_too(same: Any, value: Any) -> None:
    text, attachments = values.encode(value)
    if attachments is None:
        assert same(json.loads(text), normal(value))


@settings(max_examples=150)
@given(st.binary(max_size=60))
def test_garbage_in_a_result_is_a_value_or_an_unexpected_response(text: bytes) -> None:
    for attachments in (None, [b"x"]):
        try:
            values.decode(text, attachments)
        except UnexpectedResponse:
            pass


TAG_KINDS = st.sampled_from(["int", "float", "bytes", "array", "date", "set", "map", "object", "other", None, 1])
SCRAPS = (
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.sampled_from(["int8", "float64"])
)
HOSTILE = st.recursive(
    SCRAPS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.builds(lambda kind, rest: {"$": [kind, *rest]}, TAG_KINDS, st.lists(inner, max_size=3))
        | st.builds(lambda rest: {"$": rest}, inner)
    ),
    max_leaves=15,
)


@settings(max_examples=200)
@given(HOSTILE)
def test_hostile_tags_are_values_or_errors_of_ours(tree: Any) -> None:
    try:
        values.decode(json.dumps(tree).encode(), [b"12345678", b""])
    except JSHostError:
        pass


def nested(depth: int, leaf: object, wrap: Any = lambda inner: [inner]) -> object:
    for _ in range(depth):
        leaf = wrap(leaf)
    return leaf


@pytest.mark.usefixtures("encoder")
@pytest.mark.parametrize("leaf", [1, b"x", 2**70, "\ud800"], ids=["plain", "bytes", "long", "surrogate"])
@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "dicts"])
def test_500_levels_cross_and_501_are_refused_by_name(leaf: object, wrap: Any) -> None:
    result = through(nested(500, leaf, wrap))
    for _ in range(500):
        result = result[0] if isinstance(result, list) else result["a"]  # type: ignore[index]
    assert result == leaf
    for depth in (501, 1000, 100_000):
        with pytest.raises(ValueNotSupported, match=r"^data(\[.{1,3}\])+… is nested more than 500 levels deep"):
            values.encode(nested(depth, leaf, wrap))


def test_sets_in_sets_are_refused_where_the_stack_ends_and_not_before() -> None:
    with pytest.raises(ValueNotSupported, match="nested"):
        values.encode(nested(100_000, frozenset(), lambda inner: frozenset([inner])))


def of_itself() -> list[Any]:
    parent: dict[str, Any] = {"name": "parent"}
    parent["children"] = [{"parent": parent, "at": at} for at in range(200)]
    one: list[Any] = []
    one += [one, one, one]
    both: dict[str, Any] = {"a": {"b": {}}}
    both["a"]["b"]["c"] = both["a"]
    return [parent, one, both]


@pytest.mark.usefixtures("encoder")
@pytest.mark.parametrize(
    ("at", "path"), [(0, "data['children'][0]['parent']"), (1, "data[0]"), (2, "data['a']['b']['c']")]
)
def test_what_holds_itself_is_refused_at_once_with_the_path(at: int, path: str) -> None:
    with pytest.raises(ValueNotSupported) as caught:
        values.encode(of_itself()[at])
    assert str(caught.value).startswith(f"{path} is a part of itself")


@pytest.mark.usefixtures("encoder")
def test_what_is_held_twice_is_no_circle() -> None:
    twice = {"a": [b"x"]}
    assert through([twice, twice, {"again": twice}]) == [twice, twice, {"again": twice}]


@pytest.mark.parametrize("digits", [4300, 4301, 100_000])
@pytest.mark.usefixtures("encoder")
def test_an_integer_of_more_digits_than_python_writes_is_refused_by_name(digits: int) -> None:
    number = 10 ** (digits - 1)
    if digits <= sys.get_int_max_str_digits():
        assert through({"n": number}) == {"n": number}
    else:
        with pytest.raises(ValueNotSupported, match=r"^data\['n'\] is an integer that is too large"):
            values.encode({"n": number})


def test_a_large_result_is_decoded_with_and_without_the_garbage_collector() -> None:
    import gc

    text = json.dumps([{"n": n} for n in range(20_000)]).encode()
    assert len(text) > values.LARGE
    for turn in (gc.disable, gc.enable):
        turn()
        before = gc.isenabled()
        assert values.decode(text)[-1] == {"n": 19_999}  # type: ignore[index]
        assert gc.isenabled() is before


@pytest.mark.parametrize("tree", [b'{"$":["text",0]}', b'[{"$":["text",0]}]', b'{"$":["text",1]}', b'{"$":["text"]}'])
def test_a_text_that_is_no_utf8_or_not_there_is_an_unexpected_response(tree: bytes) -> None:
    with pytest.raises(UnexpectedResponse, match="not understood"):
        values.decode(tree, [b"\xff"])


def test_values_import_neither_numpy_nor_what_only_rich_values_need() -> None:
    program = (
        "import sys; from js_host._wire import values\n"
        "values.decode(values.encode({'a': [1, 2.5, None]})[0])\n"
        "assert not {'numpy', 'js_host._wire.rich', 'js_host._wire.tags'} & set(sys.modules), 'plain'\n"
        "import array; text, parts = values.encode({'a': array.array('d', [1.5])})\n"
        "assert values.decode(text, [bytes(part) for part in parts])['a'].tolist() == [1.5]\n"
        "assert 'numpy' not in sys.modules, 'arrays'\n"
    )
    ended = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0, ended.stderr


def test_what_is_quick_is_loaded_once_also_for_who_holds_the_decoder_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    use_encoder(monkeypatch, "at first")
    monkeypatch.setattr(values, "FEW", 0)
    loads: list[object] = []
    monkeypatch.setattr(values, "undisturbed", lambda work: (loads.append(work), work()))
    decode = values.decode_quickly
    assert [decode(b"1") for _ in range(5)] == [1] * 5
    assert len(loads) == 1


def test_what_can_not_be_loaded_for_want_of_a_descriptor_is_loaded_for_a_later_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class NoDescriptor:
        def find_spec(self, *_: object) -> None:
            raise OSError(24, "Too many open files")

    use_encoder(monkeypatch, "at first")
    monkeypatch.setattr(values, "FEW", 0)
    with monkeypatch.context() as meanwhile:
        meanwhile.delattr(sys.modules[values.__package__], "quick")
        meanwhile.delitem(sys.modules, quick.__name__)
        meanwhile.setattr(sys, "meta_path", [NoDescriptor()])
        assert values.decode(b"[1]") == [1]
        assert values.encode([1]) == (b"[1]", [])  # as a rich value
    assert values.encode([1]) == (b"[1]", None)
    assert values.encode_plain is quick.encode


def test_a_text_that_is_refused_while_another_thread_loads_what_is_quick_is_refused_as_always(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse_late(text: bytes) -> object:
        values._load_quick()
        return values._decode_slowly(text)

    use_encoder(monkeypatch, "at first")
    monkeypatch.setattr(values, "decode_quickly", refuse_late)
    with pytest.raises(UnexpectedResponse):
        values.decode(b"no JSON")


def test_the_first_values_may_be_deep_where_little_of_the_stack_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    use_encoder(monkeypatch, "at first")
    value = 1
    for _ in range(values.FEW_ITEMS - 2):
        value = [value]  # type: ignore[assignment]

    def encode_with_left(frames: int) -> object:
        return values.encode_plain(value) if frames == 0 else encode_with_left(frames - 1)

    used = len(inspect.stack(0))
    assert encode_with_left(sys.getrecursionlimit() - used - 60) == json.dumps(value).encode()
