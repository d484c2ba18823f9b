"""From tags to the values that they stand for: what `rich.py` writes, and its twin in JavaScript.

A tag is an object whose only key is "$", such as {"$": ["date", 0]}. `docs/protocol.md` has the table.
"""

from __future__ import annotations

import array
import sys
from datetime import timedelta

from ..exceptions import UnexpectedResponse, ValueNotSupported
from .rich import ARRAY_CODES, EPOCH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    #: For each kind of tag, what it stands for: a function of the rest of the tag, and of the attachments.
    Meanings = dict[object, Callable[[list[Any], Sequence[bytes]], object]]


def decode(tree: object, attachments: Sequence[bytes], meanings: Meanings | None = None) -> object:
    """Replace the tags in a parsed JSON value by what they stand for, in place. It does not recurse, as in rich.py.

    By default they stand for Python's values.
    """
    holder, meanings = [tree], meanings or VALUES
    # From the inside out: what is in a tag must be there before what the tag stands for.
    for place, key in reversed(_find_tags(holder)):
        place[key] = _untag(place[key]["$"], attachments, meanings)
    return holder[0]


def _find_tags(tree: list[Any]) -> list[tuple[Any, Any]]:
    """Where tags are, the outer ones before those in them."""
    found: list[tuple[Any, Any]] = []
    todo: list[Any] = [tree]
    while todo:
        place = todo.pop()
        for key, item in enumerate(place) if isinstance(place, list) else place.items():
            if isinstance(item, dict) and len(item) == 1 and "$" in item:
                found.append((place, key))
                item = _inside(item["$"])
            if isinstance(item, (list, dict)):
                todo.append(item)
    return found


def _inside(tag: object) -> object:
    """Where to look for tags in a tag. The one of an object whose only key is "$" must not take that for a tag."""
    if isinstance(tag, list) and len(tag) == 2 and tag[0] == "object":
        return tag[1]
    return tag


def _untag(tag: object, attachments: Sequence[bytes], meanings: Meanings) -> object:
    try:
        kind, *rest = tag  # type: ignore[misc]
        return meanings[kind](rest, attachments)  # type: ignore[has-type]
    except ValueNotSupported:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UnexpectedResponse(f"The result has a tag that is not understood: {_shown(tag)} ({error!r}).") from None


def _shown(tag: object) -> str:
    try:
        text = repr(tag)
    except RecursionError:
        text = "…"
    return text if len(text) <= 200 else text[:200] + "…"


def _decode_set(rest: list[Any], attachments: Sequence[bytes]) -> set[object]:
    try:
        return set(rest[0])
    except TypeError:
        raise _unhashable("a Set holds") from None


def _decode_map(rest: list[Any], attachments: Sequence[bytes]) -> dict[object, object]:
    try:
        return dict(rest[0])
    except TypeError:
        raise _unhashable("a Map has as a key") from None


def _unhashable(what: str) -> ValueNotSupported:
    return ValueNotSupported(
        f"In the result {what} an object or an array, which Python's can not. Return an array instead.",
        maybe_executed=True,
    )


def _decode_array(rest: list[Any], attachments: Sequence[bytes]) -> object:
    kind, shape, at = rest
    code, data = ARRAY_CODES[kind], attachments[at]
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        return numpy.frombuffer(data, dtype=numpy.dtype(kind).newbyteorder("<")).reshape(shape)
    return array.array(code, data)


VALUES: Meanings = {
    "int": lambda rest, attachments: int(rest[0]),
    "float": lambda rest, attachments: float(rest[0]),
    "bytes": lambda rest, attachments: attachments[rest[0]],
    "text": lambda rest, attachments: str(attachments[rest[0]], "utf-8"),
    "date": lambda rest, attachments: EPOCH + timedelta(milliseconds=rest[0]),
    "set": _decode_set,
    "map": _decode_map,
    "object": lambda rest, attachments: dict(rest[0]),
    "array": _decode_array,
}
