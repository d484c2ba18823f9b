"""JSON by msgspec, and by orjson where it is installed: quick to run, but they take some 20 ms to load.

`values.py` loads this for a program that makes more than a few calls.
"""

from __future__ import annotations

import re
from itertools import chain

import msgspec

from .frames import MAX_DEPTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: So many levels are looked at before the encoder is asked whether there is an end to them.
SHALLOW = 2

_SCALARS = frozenset({str, int, bool, type(None), float})
_PLAIN = _SCALARS | {dict, list, tuple}
_DICT = {dict}
_LIST = {list}

_encode_json = msgspec.json.Encoder().encode

#: The Python value of a JSON text. Refuses lone surrogates.
decode = msgspec.json.Decoder().decode
#: By what it refuses a text, or the standard library does: another thread may be at one with that when this is loaded.
REFUSALS = (msgspec.DecodeError, ValueError, RecursionError)


def _encode_checked(value: object) -> bytes | None:
    """The JSON text of a value that JSON can say; None for others.

    msgspec writes dates, bytes and sets as texts and lists without a word, so the types are looked at:
    level by level, so that the work is done by C loops over whole levels.
    """
    level: Sequence[object] = (value,)
    has_floats, text = False, None
    for depth in range(MAX_DEPTH + 1):
        kinds = set(map(type, level))
        if float in kinds:
            has_floats = True
        if kinds <= _SCALARS:
            break
        if not kinds <= _PLAIN:
            return None
        if depth == SHALLOW:
            # What holds itself would grow from level to level. The encoder notices.
            text = _encode_json_only(value)
            if text is None:
                return None
        level = _children(level, kinds)
    else:
        return None
    if text is None:
        text = _encode_json_only(value)
    return None if has_floats and text and text.rfind(b"null") >= 0 and _hides_floats(value) else text


def _encode_json_only(value: object) -> bytes | None:
    try:
        return _encode_json(value)
    except (UnicodeEncodeError, TypeError, ValueError, RecursionError):
        return None


def _children(level: Sequence[object], kinds: set[type]) -> list[object]:
    if kinds == _DICT:
        return list(chain.from_iterable(map(dict.values, level)))  # type: ignore[arg-type]
    if kinds == _LIST:
        return list(chain.from_iterable(level))  # type: ignore[arg-type]
    children: list[object] = []
    for item in level:
        if isinstance(item, dict):
            children.extend(item.values())
        elif isinstance(item, (list, tuple)):
            children.extend(item)
    return children


def _hides_floats(value: object) -> bool:
    """True if the value may hold a NaN or an infinity, which the JSON encoder writes as null.

    Asked only where the text has a null, which is looked for from the end: "n" is rarer in JSON than "l".

    MessagePack keeps them, as 0xCB and an exponent of all ones; text never has those bytes in a row.
    """
    try:
        return _NOT_FINITE.search(msgspec.msgpack.encode(value)) is not None
    except OverflowError:
        return True


_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")


def _orjson_encoder() -> Callable[[object], bytes | None]:
    """The same as `_encode_checked` by orjson: it stops at what is not plain, which saves the look at the types."""
    import orjson

    option = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
    dumps = orjson.dumps

    def encode(value: object) -> bytes | None:
        try:
            text = dumps(value, None, option)
        except TypeError:
            return None
        return None if text.rfind(b"null") >= 0 and _hides_floats(value) else text

    return encode


#: The JSON text of a value that JSON can say as it is; None for others.
try:
    encode = _orjson_encoder()
except ImportError:
    encode = _encode_checked
