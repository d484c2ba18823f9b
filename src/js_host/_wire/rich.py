"""The values that JSON can not say, as tags: objects whose only key is "$", such as {"$": ["date", 0]}.

The slow path of `values.py`. Bytes travel as attachments after the JSON and are named by their number.
"""

from __future__ import annotations

import array
import json
import math
import sys
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from uuid import UUID

from ..exceptions import UnexpectedResponse, ValueNotSupported
from .values import MAX_DEPTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .frames import Buffer

    Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
    #: A value of the type that the table names it under: only the table knows which.
    Converter = Callable[["_Encoder", Any], Json]

MAX_SAFE_INTEGER = 2**53 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

#: JavaScript's name of a kind of typed array, for each type code of the standard library's arrays.
_ARRAY_KINDS = {"b": "int8", "B": "uint8", "h": "int16", "H": "uint16", "f": "float32", "d": "float64"}
_ARRAY_KINDS |= {code: f"int{8 * array.array(code).itemsize}" for code in "ilq"}
_ARRAY_KINDS |= {code: f"uint{8 * array.array(code).itemsize}" for code in "ILQ"}
_ARRAY_CODES = {kind: code for code, kind in _ARRAY_KINDS.items()}


def encode(value: object) -> tuple[bytes, Sequence[Buffer]]:
    """The tagged JSON text of any value that can cross, and its attachments."""
    encoder = _Encoder()
    tree = encoder.convert(value)
    return json.dumps(tree, separators=(",", ":"), allow_nan=False).encode("ascii"), encoder.attachments


def parse_exactly(text: Buffer) -> object:
    """Parse what the fast decoder refuses: lone surrogates. It has no other reason to refuse a worker's text."""
    try:
        return json.loads(bytes(text))
    except (ValueError, RecursionError) as error:
        raise UnexpectedResponse(f"The result is no JSON text: {error}.") from None


class _Encoder:
    """One conversion: the attachments found so far, and the path to where it is, for the error."""

    __slots__ = ("_path", "attachments")

    def __init__(self) -> None:
        self.attachments: list[Buffer] = []
        self._path: list[str | int] = []

    def convert(self, value: object) -> Json:
        convert = _CONVERTERS.get(type(value)) or _converter_for(value)
        if convert is None:
            raise ValueNotSupported(
                f"{self._where()} is a {_type_name(value)}, which can not be given to JavaScript. "
                "Convert it to a dict, a list, text, a number or bytes first."
            )
        return convert(self, value)

    def _where(self) -> str:
        return "data" + "".join(f"[{step!r}]" for step in self._path)

    def _deeper(self, step: str | int, value: object) -> Json:
        if len(self._path) >= MAX_DEPTH:
            raise ValueNotSupported(
                f"The data is nested more than {MAX_DEPTH} levels deep, or holds itself: data"
                + "".join(f"[{step!r}]" for step in self._path[:5])
                + "…"
            )
        self._path.append(step)
        result = self.convert(value)
        self._path.pop()
        return result

    def mapping(self, pairs: Mapping[object, object]) -> Json:
        out: dict[str, Json] = {}
        for key, value in pairs.items():
            name = self._key(key)
            out[name] = self._deeper(name, value)
        return {"$": ["object", out]} if len(out) == 1 and "$" in out else out

    def _key(self, key: object) -> str:
        if isinstance(key, str):
            return str(key.value) if isinstance(key, Enum) else str.__str__(key)
        if isinstance(key, Enum):
            return self._key(key.value)
        if isinstance(key, bool) or key is None:
            pass
        elif isinstance(key, (int, float, UUID, Decimal, date)):
            return str(key)
        raise ValueNotSupported(f"{self._where()} has the key {key!r}; JavaScript's objects have text as keys.")

    def sequence(self, items: Sequence[object]) -> Json:
        return [self._deeper(at, item) for at, item in enumerate(items)]

    def attach(self, data: Buffer) -> int:
        self.attachments.append(data)
        return len(self.attachments) - 1


def _tag(kind: str, *rest: Json) -> Json:
    return {"$": [kind, *rest]}


def _integer(_: _Encoder, value: int) -> Json:
    number = int(value)
    return number if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER else _tag("int", str(number))


def _float(_: _Encoder, value: float) -> Json:
    number = float(value)
    if math.isfinite(number):
        return number
    return _tag("float", "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity")


def _date(encoder: _Encoder, value: datetime) -> Json:
    if value.tzinfo is None:
        raise ValueNotSupported(
            f"{encoder._where()} is {value!r}, a datetime without a time zone: which moment it means is "
            "not known. Give it one (`value.replace(tzinfo=UTC)`), or pass `value.isoformat()`."
        )
    return _tag("date", (value - _EPOCH) // _MILLISECOND)


def _bytes(encoder: _Encoder, value: Buffer) -> Json:
    data = value
    if isinstance(value, memoryview):
        data = value.cast("B") if value.c_contiguous else value.tobytes()
    return _tag("bytes", encoder.attach(data))


def _array(encoder: _Encoder, value: array.array[int] | array.array[float]) -> Json:
    kind = _ARRAY_KINDS.get(value.typecode)
    if kind is None:
        raise ValueNotSupported(f"{encoder._where()} is an array of {value.typecode!r}; JavaScript has no such array.")
    return _tag("array", kind, [len(value)], encoder.attach(memoryview(value).cast("B")))


_CONVERTERS: dict[type, Converter] = {
    type(None): lambda encoder, value: None,
    bool: lambda encoder, value: value,
    str: lambda encoder, value: value,
    int: _integer,
    float: _float,
    list: _Encoder.sequence,
    tuple: _Encoder.sequence,
    dict: _Encoder.mapping,
    datetime: _date,
    date: lambda encoder, value: value.isoformat(),
    time: lambda encoder, value: value.isoformat(),
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    array.array: _array,
    set: lambda encoder, value: _tag("set", encoder.sequence(list(value))),
    frozenset: lambda encoder, value: _tag("set", encoder.sequence(list(value))),
    UUID: lambda encoder, value: str(value),
    Decimal: lambda encoder, value: str(value),
}


def _converter_for(value: object) -> Converter | None:
    """How to convert a value whose very type is not in the table: by what it is, or by what it offers."""
    if isinstance(value, Enum):
        return lambda encoder, item: encoder.convert(item.value)
    fields = _fields(value)
    if fields is not None:
        return lambda encoder, item: encoder.mapping(fields)
    for kind in (str, int, float, dict, list, tuple, datetime, date, time, set, frozenset, UUID, Decimal):
        if isinstance(value, kind):
            return _SUBCLASSES.get(kind) or _CONVERTERS[kind]
    if isinstance(value, PurePath):
        return lambda encoder, item: str(item)
    return _numpy_converter(value)


_SUBCLASSES: dict[type, Converter] = {
    str: lambda encoder, value: str.__str__(value),
}


def _fields(value: object) -> Mapping[object, object] | None:
    """The fields of a dataclass, a msgspec Struct, an attrs class or a pydantic model; None for others."""
    if isinstance(value, type):
        return None
    kind = type(value)
    for attribute in ("__struct_fields__", "__dataclass_fields__"):
        names = getattr(kind, attribute, None)
        if names is not None:
            return {name: getattr(value, name) for name in names if hasattr(value, name)}
    attrs = getattr(kind, "__attrs_attrs__", None)
    if attrs is not None:
        return {attribute.name: getattr(value, attribute.name) for attribute in attrs}
    if hasattr(kind, "__pydantic_serializer__") and hasattr(value, "model_dump"):
        return value.model_dump()  # type: ignore[no-any-return]
    return None


def _numpy_converter(value: object) -> Converter | None:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, numpy.ndarray):
        return _numpy_array
    if isinstance(value, numpy.generic):
        return lambda encoder, item: encoder.convert(item.item())
    return None


def _numpy_array(encoder: _Encoder, value: object) -> Json:
    import numpy as np

    assert isinstance(value, np.ndarray)
    kind = value.dtype.name
    if kind not in _ARRAY_CODES:
        raise ValueNotSupported(
            f"{encoder._where()} is a numpy array of {kind}; JavaScript has arrays of "
            f"{', '.join(sorted(_ARRAY_CODES))}. Convert it with `.astype(...)`, or pass `.tolist()`."
        )
    data = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
    return _tag("array", kind, list(value.shape), encoder.attach(data.reshape(-1).view(np.uint8).data))


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def decode(tree: object, attachments: Sequence[bytes]) -> object:
    """Replace the tags in a parsed JSON value by what they stand for."""
    if isinstance(tree, list):
        return [decode(item, attachments) for item in tree]
    if isinstance(tree, dict):
        if len(tree) == 1 and "$" in tree:
            return _untag(tree["$"], attachments)
        return {key: decode(item, attachments) for key, item in tree.items()}
    return tree


def _untag(tag: object, attachments: Sequence[bytes]) -> object:
    try:
        kind, *rest = tag  # type: ignore[misc]
        return _UNTAG[kind](rest, attachments)  # type: ignore[has-type]
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise UnexpectedResponse(f"The result has a tag that is not understood: {tag!r} ({error!r}).") from None


def _decode_map(rest: list[list[list[object]]], attachments: Sequence[bytes]) -> dict[object, object]:
    return {decode(key, attachments): decode(value, attachments) for key, value in rest[0]}


def _decode_array(rest: list[object], attachments: Sequence[bytes]) -> object:
    kind, shape, at = rest
    data = attachments[at]  # type: ignore[call-overload]
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        return numpy.frombuffer(data, dtype=numpy.dtype(kind).newbyteorder("<")).reshape(shape)
    return array.array(_ARRAY_CODES[kind], data)  # type: ignore[index]


_UNTAG: dict[object, Callable[[list[Any], Sequence[bytes]], object]] = {
    "int": lambda rest, attachments: int(rest[0]),
    "float": lambda rest, attachments: float(rest[0]),
    "bytes": lambda rest, attachments: attachments[rest[0]],
    "date": lambda rest, attachments: _EPOCH + timedelta(milliseconds=rest[0]),
    "set": lambda rest, attachments: set(decode(rest[0], attachments)),  # type: ignore[call-overload]
    "map": _decode_map,
    "object": lambda rest, attachments: {key: decode(item, attachments) for key, item in rest[0].items()},
    "array": _decode_array,
}
