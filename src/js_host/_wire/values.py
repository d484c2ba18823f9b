"""Values: Python objects to JSON text and back. Plain JSON is the fast path; the rest is in `rich.py`.

The table of what becomes what is in `docs/protocol.md`; `runtime/values.mjs` is the twin.
"""

from __future__ import annotations

import gc
import re
from itertools import chain

import msgspec

from .frames import MAX_DEPTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .frames import Buffer
    from .rich import Attachments

    Encoded = tuple[bytes, Attachments | None]

#: So many levels are looked at before the encoder is asked whether there is an end to them.
SHALLOW = 2

#: From this size on the garbage collector is held off while an answer is decoded: a great many new
#: objects set it off again and again, and it then costs more than the decoding.
LARGE = 100_000

#: What a worker writes for a value that is nothing but bytes: most parts of streams are.
JUST_BYTES = b'{"$":["bytes",0]}'

#: What it writes for a value that is nothing but a long text: a page of HTML.
JUST_TEXT = b'{"$":["text",0]}'

_SCALARS = frozenset({str, int, bool, type(None), float})
_PLAIN = _SCALARS | {dict, list, tuple}
_DICT = {dict}
_LIST = {list}

_encode_json = msgspec.json.Encoder().encode
#: The quick half of `decode`, for texts that are not large: it refuses lone surrogates.
decode_quickly = msgspec.json.Decoder().decode


def encode(value: object, references: list[object] | None = None) -> Encoded:
    """The JSON text of a value, and its attachments: None unless the text has tags.

    Callables and iterators in it cross as their place in `references`, by default those of the attachments.
    Raises ValueNotSupported, naming the path, for what can not cross.
    """
    text = encode_plain(value)
    if text is not None:
        return text, None
    from . import rich  # most programs never need it, and it would cost every one its imports

    return rich.encode(value, references)


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

    def encode_plain(value: object) -> bytes | None:
        try:
            text = dumps(value, None, option)
        except TypeError:
            return None
        return None if text.rfind(b"null") >= 0 and _hides_floats(value) else text

    return encode_plain


#: The JSON text of a value that JSON can say as it is; None for others.
try:
    encode_plain = _orjson_encoder()
except ImportError:
    encode_plain = _encode_checked


def decode(text: Buffer, attachments: Sequence[bytes] | None = None) -> object:
    """The Python value of a frame's JSON text and attachments."""
    if attachments is None and len(text) <= LARGE:
        try:
            return decode_quickly(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return _parse(text)
    if attachments is None:
        return _decode_large(text)
    if text == JUST_BYTES and len(attachments) == 1:
        return attachments[0]
    if text == JUST_TEXT and len(attachments) == 1:
        try:
            return str(attachments[0], "utf-8")
        except UnicodeDecodeError:
            pass  # that is an error of the worker, which `tags` tells
    from . import tags

    return tags.decode(_parse(text), attachments)


def _parse(text: Buffer) -> object:
    try:
        return decode_quickly(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        from . import rich

        return rich.parse_exactly(text)


def _decode_large(text: Buffer) -> object:
    if not gc.isenabled():
        return _parse(text)
    gc.disable()
    try:
        return _parse(text)
    finally:
        gc.enable()
