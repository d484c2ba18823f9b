"""Every row of the table in docs/protocol.md, as Python writes it and reads it."""

from __future__ import annotations

import array
import collections
import dataclasses
import enum
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path, PurePosixPath
from types import MappingProxyType, SimpleNamespace
from typing import Any, ClassVar, NamedTuple, TypedDict
from uuid import UUID

import attrs
import msgspec
import numpy as np
import pydantic
import pytest

from js_host._wire import values
from js_host.exceptions import UnexpectedResponse, ValueNotSupported


class Color(enum.Enum):
    RED = "red"
    NESTED = ("a", 1)


class Number(enum.IntEnum):
    ONE = 1


class Word(enum.StrEnum):
    YES = "yes"


class Text(str):
    def __str__(self) -> str:
        return "not this"


class Blob(bytes):
    pass


class Whole(int):
    pass


class Point(NamedTuple):
    x: int
    y: int


class Typed(TypedDict):
    a: int


@dataclasses.dataclass
class Data:
    name: str
    image: bytes
    inner: Any = None


@dataclasses.dataclass(slots=True)
class Slots:
    name: str


@dataclasses.dataclass
class WithMore:
    name: str
    limit: ClassVar[int] = 5
    given: dataclasses.InitVar[int] = 1


class Struct(msgspec.Struct):
    name: str
    when: datetime


class Renamed(msgspec.Struct, rename="camel", tag="renamed"):
    first_name: str
    last_name: str | msgspec.UnsetType = msgspec.UNSET


class Nowhere(tzinfo):
    """A zone that does not know what time it is."""

    def utcoffset(self, _: datetime | None) -> None:
        return None


@attrs.define
class Attrs:
    name: str
    _private: int = 1


class Model(pydantic.BaseModel):
    name: str
    inner: Data | None = None


UUID_ONE = UUID(int=1)
NOON = datetime(2024, 2, 29, 12, 0, 0, 123_999, UTC)
TEHRAN = timezone(timedelta(hours=3, minutes=30))

ROWS: dict[str, tuple[object, object]] = {
    "None": (None, None),
    "a tuple": ((1, (2,)), [1, [2]]),
    "a named tuple": (Point(1, 2), [1, 2]),
    "a typed dict": (Typed(a=1), {"a": 1}),
    "an ordered dict": (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "a default dict": (collections.defaultdict(list, a=[1]), {"a": [1]}),
    "a counter": (collections.Counter("aab"), {"a": 2, "b": 1}),
    "a subclass of str": (Text("text"), "text"),
    "a subclass of int": (Whole(5), 5),
    "a subclass of bytes": (Blob(b"x"), b"x"),
    "an enum": (Color.RED, "red"),
    "an enum whose value is a tuple": (Color.NESTED, ["a", 1]),
    "an int enum": (Number.ONE, 1),
    "a str enum": (Word.YES, "yes"),
    "keys that are no texts": (
        {1: "a", 1.5: "b", UUID_ONE: "c", Decimal("1.10"): "d", Number.ONE: "e", Word.YES: "f", date(2024, 1, 2): "g"},
        {"1": "e", "1.5": "b", str(UUID_ONE): "c", "1.10": "d", "yes": "f", "2024-01-02": "g"},
    ),
    "a key that is a subclass of str": ({Text("k"): 1}, {"k": 1}),
    "bytes": (b"\0\xff", b"\0\xff"),
    "a bytearray": (bytearray(b"ab"), b"ab"),
    "a memoryview": (memoryview(b"abcdef")[1:4], b"bcd"),
    "a memoryview with gaps": (memoryview(b"abcdef")[::2], b"ace"),
    "a memoryview of larger items": (memoryview(array.array("H", [1, 2])), b"\1\0\2\0"),
    "an aware datetime": (NOON, NOON.replace(microsecond=123_000)),
    "a datetime of another zone": (NOON.astimezone(TEHRAN), NOON.replace(microsecond=123_000)),
    "a date": (date(2024, 2, 29), "2024-02-29"),
    "a time": (time(1, 2, 3), "01:02:03"),
    "a set": ({1, "a"}, {1, "a"}),
    "a frozenset": (frozenset([1]), {1}),
    "a Decimal": (Decimal("1.10"), "1.10"),
    "a UUID": (UUID_ONE, str(UUID_ONE)),
    "a Path": (Path("/tmp/ü"), "/tmp/ü"),
    "a PurePath": (PurePosixPath("a/b"), "a/b"),
    "a dataclass": (Data("n", b"x", Slots("s")), {"name": "n", "image": b"x", "inner": {"name": "s"}}),
    "a dataclass with variables of its class": (WithMore("n"), {"name": "n"}),
    "a Struct with other names, a tag, and what is unset": (Renamed("n"), {"type": "renamed", "firstName": "n"}),
    "a Struct": (Struct("n", NOON), {"name": "n", "when": NOON.replace(microsecond=123_000)}),
    "an attrs class": (Attrs("n"), {"name": "n", "_private": 1}),
    "a pydantic model": (Model(name="n"), {"name": "n", "inner": None}),
    "a numpy integer": (np.int16(-5), -5),
    "a numpy float": (np.float32(0.5), 0.5),
    "a numpy double": (np.float64(0.1), 0.1),
    "a numpy bool": (np.bool_(True), True),
    "a numpy str": (np.str_("s"), "s"),
    "numpy bytes": (np.bytes_(b"s"), b"s"),
    "a numpy date": (np.datetime64("2024-02-29"), "2024-02-29"),
    "a dict whose only key is $": ({"$": b"x"}, {"$": b"x"}),
    "a tag by its looks": ([b"y", {"$": ["bytes", 0]}], [b"y", {"$": ["bytes", 0]}]),
    "$ in $": ({"$": {"$": {"$": b"x"}}}, {"$": {"$": {"$": b"x"}}}),
    "$ beside another key": ({"$": ["int", "1"], "a": b"x"}, {"$": ["int", "1"], "a": b"x"}),
}


def through(value: object) -> Any:
    text, attachments = values.encode(value)
    return values.decode(text, None if attachments is None else [bytes(part) for part in attachments])


@pytest.mark.parametrize(("value", "expected"), ROWS.values(), ids=ROWS.keys())
@pytest.mark.usefixtures("encoder")
def test_a_row_crosses(value: object, expected: object, same: Any) -> None:
    assert same(through(value), expected)
    assert same(through([{"a": value}]), [{"a": expected}])


KINDS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
SHAPES = [(0,), (1,), (5,), (2, 3), (2, 0), (), (2, 1, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_numpy_array_comes_back_with_kind_and_shape(kind: str, shape: tuple[int, ...]) -> None:
    value = np.arange(int(np.prod(shape)), dtype=kind).reshape(shape)
    result = through({"a": value})["a"]
    assert (result.dtype, result.shape, result.tolist()) == (value.dtype, value.shape, value.tolist())


@pytest.mark.parametrize(
    "value",
    [
        np.arange(12).reshape(3, 4).T,
        np.arange(12)[::-2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(5, dtype=">i4"),
        np.arange(6, dtype=">f8").reshape(2, 3)[:, ::2],
        np.broadcast_to(np.arange(3), (2, 3)),
    ],
    ids=["transposed", "backwards", "fortran", "big-endian", "big-endian with gaps", "broadcast"],
)
def test_a_numpy_array_in_any_layout_comes_back_equal(value: np.ndarray) -> None:
    assert through(value).tolist() == value.tolist()


@pytest.mark.parametrize("code", "bBhHiIlLqQfd")
@pytest.mark.usefixtures("without_numpy")
def test_an_array_of_the_standard_library_comes_back_as_one(code: str) -> None:
    value = array.array(code, [1, 2, 3])
    result = through(value)
    assert isinstance(result, array.array)
    assert (result.tolist(), result.itemsize) == (value.tolist(), value.itemsize)


REFUSED: dict[str, tuple[object, str]] = {
    "an object": (object(), "data['a'][1] is an object, which can not be given to JavaScript"),
    "a range": (range(3), "data['a'][1] is a range"),
    "a deque": (collections.deque([1]), "data['a'][1] is a collections.deque"),
    "a mapping proxy": (MappingProxyType({}), "data['a'][1] is a mappingproxy"),
    "a namespace": (SimpleNamespace(), "data['a'][1] is a types.SimpleNamespace"),
    "a complex number": (1j, "data['a'][1] is a complex"),
    "a timedelta": (timedelta(1), "data['a'][1] is a datetime.timedelta"),
    "an exception": (ValueError("x"), "data['a'][1] is a ValueError"),
    "a naive datetime": (
        datetime(2024, 1, 1),
        "data['a'][1] is datetime.datetime(2024, 1, 1, 0, 0), a datetime without",
    ),
    "a datetime whose zone does not know": (
        datetime(2024, 1, 1, tzinfo=Nowhere()),
        "data['a'][1] is datetime.datetime(2024, 1, 1, 0, 0, tzinfo=",
    ),
    "a key of bytes beside a tag": (
        {b"k": b"x"},
        "data['a'][1] has the key b'k'; JavaScript's objects have text as keys",
    ),
    "a key that is a tuple": ({(1, 2): 1}, "data['a'][1] has the key (1, 2)"),
    "a key that is None": ({None: 1}, "data['a'][1] has the key None"),
    "a key that is a bool": ({True: 1}, "data['a'][1] has the key True"),
    "a numpy array of half floats": (np.zeros(2, "float16"), "data['a'][1] is a numpy array of float16"),
    "a numpy array of bools": (np.zeros(2, bool), "data['a'][1] is a numpy array of bool"),
    "a numpy array of objects": (np.array([{}]), "data['a'][1] is a numpy array of object"),
    "a numpy long double": (np.longdouble(1), "data['a'][1] is a numpy.longdouble"),
    "a numpy moment in nanoseconds": (np.datetime64(1, "ns"), "data['a'][1] is a numpy.datetime64"),
    "a numpy moment without a zone": (np.datetime64(1, "us"), "data['a'][1] is datetime.datetime(1970"),
    "a numpy complex number": (np.complex64(1), "data['a'][1] is a complex"),
}


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.usefixtures("encoder")
def test_what_can_not_cross_is_refused_by_its_path(value: object, message: str) -> None:
    with pytest.raises(ValueNotSupported) as caught:
        values.encode({"ok": 1, "a": [None, value]})
    assert str(caught.value).startswith(message)
    assert not caught.value.maybe_executed


def test_what_was_not_awaited_is_told_so() -> None:
    async def load() -> None: ...

    late = load()
    with pytest.raises(ValueNotSupported, match=r"^data\['user'\] is a coroutine, .* JavaScript\. `await` it first\.$"):
        values.encode({"user": late})
    late.close()


def test_the_data_itself_has_a_path_too() -> None:
    with pytest.raises(ValueNotSupported, match=r"^data is an object, which can not"):
        values.encode(object())


@pytest.mark.parametrize("code", ["u"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_array_of_characters_is_refused(code: str) -> None:
    with pytest.raises(ValueNotSupported, match="data is an array of 'u'"):
        values.encode(array.array(code, "ab"))


def test_a_set_of_objects_in_a_result_says_what_to_return() -> None:
    for text in (b'{"$":["set",[{}]]}', b'{"$":["set",[[1]]]}', b'{"$":["map",[[{},1]]]}'):
        with pytest.raises(ValueNotSupported, match="Return an array instead") as caught:
            values.decode(text, [])
        assert caught.value.maybe_executed


def test_a_date_that_python_can_not_hold_is_an_unexpected_response() -> None:
    with pytest.raises(UnexpectedResponse, match="date"):
        values.decode(b'{"$":["date",8640000000000000]}', [])


def test_an_unfinished_dataclass_gives_the_fields_it_has() -> None:
    value = Slots.__new__(Slots)
    assert through([b"", value]) == [b"", {}]


@pytest.mark.parametrize("value", [bytearray(b"ab"), array.array("B", b"ab")], ids=lambda value: type(value).__name__)
def test_what_can_grow_is_sent_as_it_was_when_the_call_was_made(value: Any) -> None:
    _, attachments = values.encode([value])
    value.extend(b"more")
    assert attachments is not None
    assert bytes(attachments[0]) == b"ab"
