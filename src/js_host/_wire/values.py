"""Values: Python objects to JSON text and back. Plain JSON is the fast path; the rest is in `rich.py`.

The table of what becomes what is in `docs/protocol.md`; `runtime/values.mjs` is the twin.

The first few small values are left to the standard library: many a program makes one call and is done, and would wait
for the libraries of `quick.py` to load for longer than for its answer.
"""

from __future__ import annotations

import gc
from itertools import count

from ..utils import bare_json
from ..utils.undisturbed import undisturbed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .frames import Buffer
    from .rich import Attachments

    Encoded = tuple[bytes, Attachments | None]

#: So many values, both ways, are left to the standard library, if they have no more items and characters than this.
FEW = 200
FEW_ITEMS = 100
FEW_CHARACTERS = 10_000

#: From this size on the garbage collector is held off while an answer is decoded: a great many new
#: objects set it off again and again, and it then costs more than the decoding.
LARGE = 100_000

#: What a worker writes for a value that is nothing but bytes: most parts of streams are.
JUST_BYTES = b'{"$":["bytes",0]}'

#: What it writes for a value that is nothing but a long text: a page of HTML.
JUST_TEXT = b'{"$":["text",0]}'

_TEXT = frozenset({str})
_SCALARS = frozenset({int, bool, type(None), float})
_number = count()


def encode(value: object, references: list[object] | None = None, name: str = "data") -> Encoded:
    """The JSON text of a value, and its attachments: None unless the text has tags.

    Callables and iterators in it cross as their place in `references`, by default those of the attachments.
    Raises ValueNotSupported, naming the path that begins with `name`, for what can not cross.
    """
    text = encode_plain(value)
    if text is not None:
        return text, None
    from . import rich  # most programs never need it, and it would cost every one its imports

    return rich.encode(value, references, name)


def _encode_at_first(value: object) -> bytes | None:
    if next(_number) < FEW and _is_little(value):
        try:
            return bare_json.dumps(value)
        except (ValueError, RecursionError):  # no number of JSON's, or too little of the stack is left
            pass
    load_quick()
    return None if encode_plain is _encode_at_first else encode_plain(value)


def _is_little(value: object) -> bool:
    """Whether a value is plain JSON of a few items and characters."""
    items, characters = [value], 0
    for item in items:  # which grows meanwhile
        kind = type(item)
        if kind is dict:
            if not _TEXT.issuperset(map(type, item)):  # type: ignore[call-overload]
                return False
            items += item.values()  # type: ignore[attr-defined]
        elif kind is list or kind is tuple:
            items += item  # type: ignore[arg-type]
        elif kind is str:
            characters += len(item)  # type: ignore[arg-type]
        elif kind not in _SCALARS:
            return False
        if len(items) > FEW_ITEMS or characters > FEW_CHARACTERS:
            return False
    return True


def _decode_at_first(text: Buffer) -> object:
    if next(_number) < FEW and len(text) <= FEW_CHARACTERS:
        return _decode_slowly(text)
    load_quick()
    return _decode_slowly(text) if decode_quickly is _decode_at_first else decode_quickly(text)


def _decode_slowly(text: Buffer) -> object:
    return bare_json.loads(bytes(text))


#: The JSON text of a value that JSON can say as it is; None for others. Ask the module for it each time: it changes.
encode_plain: Callable[[object], bytes | None] = _encode_at_first

#: The quick half of `decode`, for texts that are not large. It refuses lone surrogates, by one of `refusals`.
decode_quickly: Callable[[Buffer], object] = _decode_at_first
refusals: tuple[type[Exception], ...] = (ValueError, RecursionError)


def load_quick() -> None:
    """From now on, values are encoded and decoded by what is quick.

    A library in C that is interrupted while it is loaded may end Python when it is loaded again.
    """
    if encode_plain is _encode_at_first:  # others may have had it loaded
        undisturbed(_load_quick)


def _load_quick() -> None:
    global encode_plain, decode_quickly, refusals
    try:
        from . import quick

        # The last one last: who sees it need not load the others.
        refusals, decode_quickly, encode_plain = quick.REFUSALS, quick.decode, quick.encode
    except OSError:
        pass  # the program has no descriptor left: the next value tries again
    except Exception:  # an isolated sub-interpreter can not load it, and a finalizer that comes meanwhile finds half
        decode_quickly, encode_plain = _decode_slowly, _leave_to_rich


def _leave_to_rich(value: object) -> None:
    return None


def decode(text: Buffer, attachments: Sequence[bytes] | None = None) -> object:
    """The Python value of a frame's JSON text and attachments."""
    if attachments is None and len(text) <= LARGE:
        try:
            return decode_quickly(text)
        except refusals:
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
    except refusals:
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
