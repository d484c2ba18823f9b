"""The values that JSON can not say, as tags: objects whose only key is "$", such as {"$": ["date", 0]}.

The slow path of `values.py`: the way out; the way back is in `tags.py`. Bytes travel as attachments after the JSON
and are named by their number.
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
from .frames import MAX_DEPTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from .frames import Buffer

    Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
    #: A value of the type that the table names it under: only the table knows which.
    Converter = Callable[["_Encoder", Any], Json]

MAX_SAFE_INTEGER = 2**53 - 1
#: A path is shown up to here.
MAX_STEPS = 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

#: JavaScript's name of a kind of typed array, for each type code of the standard library's arrays.
_ARRAY_KINDS = {"b": "int8", "B": "uint8", "h": "int16", "H": "uint16", "f": "float32", "d": "float64"}
_ARRAY_KINDS |= {code: f"int{8 * array.array(code).itemsize}" for code in "ilq"}
_ARRAY_KINDS |= {code: f"uint{8 * array.array(code).itemsize}" for code in "ILQ"}
ARRAY_CODES = {kind: code for code, kind in _ARRAY_KINDS.items()}


class Attachments(list["Buffer"]):
    """What travels after the JSON. `references` are the callables and iterators, which do not travel at all."""

    __slots__ = ("references",)

    def __init__(self, references: list[object] | None = None) -> None:
        self.references = [] if references is None else references


def encode(value: object, references: list[object] | None = None, name: str = "data") -> tuple[bytes, Attachments]:
    """The tagged JSON text of any value that can cross, and its attachments. By its `name` errors speak of it."""
    encoder = _Encoder(Attachments(references), name)
    try:
        tree = encoder.run(value)
        return json.dumps(tree, separators=(",", ":"), allow_nan=False).encode("ascii"), encoder.attachments
    except RecursionError:
        raise ValueNotSupported(f"The {name} is nested too deeply for what is left of Python's stack.") from None


def parse_exactly(text: Buffer) -> object:
    """Parse what the fast decoder refuses: lone surrogates. It has no other reason to refuse a worker's text."""
    try:
        return json.loads(bytes(text))
    except (ValueError, RecursionError) as error:
        raise UnexpectedResponse(f"The result is no JSON text: {error}.") from None


class _Encoder:
    """One conversion: the attachments found so far, and the path to where it is, for the error.

    It does not recurse: Python allows too few calls within calls for MAX_DEPTH levels.
    """

    __slots__ = ("_ids", "_name", "_open", "_path", "attachments")

    def __init__(self, attachments: Attachments, name: str) -> None:
        self.attachments = attachments
        self._name = name
        self._path: list[str | int] = []
        #: The containers that are being converted: what is left to do of each, and where it goes.
        self._open: list[tuple[Iterator[tuple[Any, object]], Callable[[Any, Json], None]]] = []
        self._ids: list[int] = []

    def run(self, value: object) -> Json:
        """Convert a value and all that is in it."""
        tree = self._convert_one(value)
        while self._open:
            pairs, put = self._open[-1]
            for step, item in pairs:
                self._path.append(step)
                put(step, self._convert_one(item))
                if self._open[-1][0] is not pairs:
                    break
                self._path.pop()
            else:
                self._close()
        return tree

    def _convert_one(self, value: object) -> Json:
        before = len(self._open)
        if id(value) in self._ids:
            raise ValueNotSupported(f"{self._where()} is a part of itself; JSON has no end for that. Leave it out.")
        tree = self.convert(value)
        if len(self._open) > before:
            self._ids.append(id(value))
        return tree

    def _close(self) -> None:
        self._open.pop()
        self._ids.pop()
        if self._path:
            self._path.pop()

    def convert(self, value: object) -> Json:
        """Convert a value; a container is opened, and filled later."""
        convert = _CONVERTERS.get(type(value)) or _converter_for(value)
        if convert is None:
            raise self.refusal(value)
        return convert(self, value)

    def refusal(self, value: object) -> ValueNotSupported:
        """The error for a value of a type that can not cross."""
        is_late = hasattr(type(value), "__await__")
        instead = "`await` it" if is_late else "Convert it to a dict, a list, text, a number or bytes"
        return ValueNotSupported(
            f"{self._where()} is {_a_type(value)}, which can not be given to JavaScript. {instead} first."
        )

    def _where(self) -> str:
        steps = "".join(f"[{step!r}]" for step in self._path[:MAX_STEPS])
        return f"{self._name}{steps}{'…' if len(self._path) > MAX_STEPS else ''}"

    def _begin(self, pairs: Iterator[tuple[Any, object]], put: Callable[[Any, Json], None]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise ValueNotSupported(
                f"{self._where()} is nested more than {MAX_DEPTH} levels deep. "
                "Give something flatter, or its JSON as text."
            )
        self._open.append((pairs, put))

    def mapping(self, pairs: Mapping[object, object]) -> Json:
        """Open an object with these fields."""
        out: dict[str, Json] = {}
        fields = {self._key(key): value for key, value in pairs.items()}
        self._begin(iter(fields.items()), out.__setitem__)
        return {"$": ["object", out]} if len(fields) == 1 and "$" in fields else out

    def _key(self, key: object) -> str:
        if isinstance(key, Enum):
            return self._key(key.value)
        if isinstance(key, str):
            return str.__str__(key)
        if isinstance(key, bool) or key is None:
            pass
        elif isinstance(key, (int, float, UUID, Decimal)):
            return str(key)
        elif isinstance(key, (date, time)):
            return key.isoformat()
        raise ValueNotSupported(
            f"{self._where()} has the key {key!r}; JavaScript's objects have text as keys. "
            "Convert it, or give a list of pairs."
        )

    def sequence(self, items: Sequence[object]) -> Json:
        """Open an array of these items."""
        out: list[Json] = []
        self._begin(iter(enumerate(items)), out.insert)
        return out

    def attach(self, data: Buffer) -> int:
        """The number of a new attachment."""
        self.attachments.append(data)
        return len(self.attachments) - 1

    def refer(self, kind: str, thing: object) -> Json:
        """The tag of something that stays here, and is asked for by its number."""
        self.attachments.references.append(thing)
        return _tag(kind, len(self.attachments.references) - 1)


def _tag(kind: str, *rest: Json) -> Json:
    return {"$": [kind, *rest]}


def _integer(encoder: _Encoder, value: int) -> Json:
    number = int(value)
    if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
        return number
    try:
        return _tag("int", str(number))
    except ValueError as error:
        raise ValueNotSupported(f"{encoder._where()} is an integer that is too large: {error}.") from None


def _float(_: _Encoder, value: float) -> Json:
    number = float(value)
    if math.isfinite(number):
        return number
    return _tag("float", "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity")


def _date(encoder: _Encoder, value: datetime) -> Json:
    if value.utcoffset() is None:
        raise ValueNotSupported(
            f"{encoder._where()} is {value!r}, a datetime without a time zone: which moment it means is "
            "not known. Give it one (`value.replace(tzinfo=UTC)`), or pass `value.isoformat()`."
        )
    return _tag("date", (value - EPOCH) // _MILLISECOND)


def _bytes(encoder: _Encoder, value: Buffer) -> Json:
    data = value
    if isinstance(value, memoryview):
        data = value.cast("B") if value.c_contiguous else value.tobytes()
    elif isinstance(value, bytearray):
        data = bytes(value)  # it may be another length before it is sent, and the frames after it would be lost
    return _tag("bytes", encoder.attach(data))


def _array(encoder: _Encoder, value: array.array[int] | array.array[float]) -> Json:
    kind = _ARRAY_KINDS.get(value.typecode)
    if kind is None:
        raise ValueNotSupported(f"{encoder._where()} is an array of {value.typecode!r}; JavaScript has no such array.")
    return _tag("array", kind, [len(value)], encoder.attach(value.tobytes()))


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
    for kind in _BASES:
        if isinstance(value, kind):
            return _SUBCLASSES.get(kind) or _CONVERTERS[kind]
    if isinstance(value, PurePath):
        return lambda encoder, item: str(item)
    return _numpy_converter(value) or _reference_converter(value)


_BASES: tuple[type, ...] = (
    *(str, int, float, dict, list, tuple, datetime, date, time, set, frozenset, UUID, Decimal),
    *(bytes, bytearray, array.array),
)

_SUBCLASSES: dict[type, Converter] = {
    str: lambda encoder, value: str.__str__(value),
}


def _fields(value: object) -> Mapping[object, object] | None:
    """The fields of a dataclass, a msgspec Struct, an attrs class or a pydantic model; None for others."""
    if isinstance(value, type):
        return None
    kind = type(value)
    if hasattr(kind, "__struct_fields__"):
        return _struct_fields(value)
    if hasattr(kind, "__dataclass_fields__"):
        from dataclasses import fields  # late: who has such a value has loaded it

        names = [field.name for field in fields(value)]  # type: ignore[arg-type]
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    attrs = getattr(kind, "__attrs_attrs__", None)
    if attrs is not None:
        return {attribute.name: getattr(value, attribute.name) for attribute in attrs}
    if hasattr(kind, "__pydantic_serializer__") and hasattr(value, "model_dump"):
        return value.model_dump()  # type: ignore[no-any-return]
    return None


def _struct_fields(value: Any) -> dict[object, object]:
    """The fields of a Struct as msgspec writes and reads them: with their names there, and its tag."""
    from msgspec import UNSET  # late: who has a Struct has loaded it

    config = value.__struct_config__
    out = {} if config.tag is None else {config.tag_field: config.tag}
    for name, attribute in zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True):
        item = getattr(value, attribute, UNSET)
        if item is not UNSET:
            out[name] = item
    return out


def _numpy_converter(value: object) -> Converter | None:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, numpy.ndarray):
        return _numpy_array
    if isinstance(value, numpy.generic):
        return _numpy_scalar
    return None


def _reference_converter(value: object) -> Converter | None:
    if hasattr(value, "__next__") or hasattr(value, "__anext__"):
        return lambda encoder, item: encoder.refer("iterator", item)
    if callable(value):
        return lambda encoder, item: encoder.refer("function", item)
    return None


def _numpy_scalar(encoder: _Encoder, value: Any) -> Json:
    plain = value.item()
    # A long double stays what it is, and a moment in nanoseconds would become a bare number.
    if type(plain) is type(value) or (value.dtype.kind in "mM" and isinstance(plain, int)):
        raise encoder.refusal(value)
    return encoder.convert(plain)


def _numpy_array(encoder: _Encoder, value: object) -> Json:
    import numpy as np

    assert isinstance(value, np.ndarray)
    kind = value.dtype.name
    if kind not in ARRAY_CODES:
        raise ValueNotSupported(
            f"{encoder._where()} is a numpy array of {kind}; JavaScript has arrays of "
            f"{', '.join(sorted(ARRAY_CODES))}. Convert it with `.astype(...)`, or pass `.tolist()`."
        )
    data = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
    return _tag("array", kind, list(value.shape), encoder.attach(data.reshape(-1).view(np.uint8).data))


def _a_type(value: object) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'AEIOaeiou' else 'a'} {name}"
