"""The JSON text of a result with values that JSON can not say: what JSON.stringify makes of them, or comes nearest.

A Date is its ISO text, what is no finite number null, a BigInt its digits. A Set and a typed array are arrays. A Map is
an object if all its keys are text, else an array of pairs. Bytes are base64.
"""

from __future__ import annotations

import array
import json
from base64 import b64encode
from datetime import timedelta
from math import isfinite

from ..exceptions import ValueNotSupported
from . import tags
from .rich import ARRAY_CODES, EPOCH
from .values import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .frames import Buffer


def json_text(body: Buffer, attachments: Sequence[bytes]) -> str:
    """The JSON text of a frame's body with tags. Raises ValueNotSupported for what is nested too deeply."""
    tree = tags.decode(decode(body), attachments, _UNTAG)
    try:
        return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        message = "The result is nested too deeply for what is left of Python's stack. Return its JSON as text."
        raise ValueNotSupported(message, maybe_executed=True) from None


def _number(number: float) -> float | None:
    return number if isfinite(number) else None


def _date(rest: list[Any], attachments: Sequence[bytes]) -> str:
    moment = EPOCH + timedelta(milliseconds=rest[0])
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _map(rest: list[Any], attachments: Sequence[bytes]) -> object:
    pairs = rest[0]
    return dict(pairs) if all(isinstance(key, str) for key, _ in pairs) else pairs


def _array(rest: list[Any], attachments: Sequence[bytes]) -> list[Any]:
    kind, shape, at = rest
    items: list[Any] = array.array(ARRAY_CODES[kind], attachments[at]).tolist()
    if kind.startswith("float"):
        items = [_number(item) for item in items]
    for size in reversed(shape[1:]):  # the rows of a numpy array that comes back
        items = [items[start : start + size] for start in range(0, len(items), max(size, 1))]
    return items


_UNTAG: tags.Meanings = {
    **tags.VALUES,
    "float": lambda rest, attachments: _number(float(rest[0])),
    "bytes": lambda rest, attachments: b64encode(attachments[rest[0]]).decode(),
    "date": _date,
    "set": lambda rest, attachments: rest[0],
    "map": _map,
    "array": _array,
}
