"""JSON by the C half of `json`: the other takes `re` and `enum` along, and a first call would wait 4 ms for them.

What the C half does not take as it is, `json` itself takes, or says what is wrong with it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["dumps", "loads"]


def dumps(value: object) -> bytes:
    """The compact JSON text of a value of plain JSON. Raises ValueError for numbers that JSON has not.

    It is UTF-8 with nothing escaped but what must be, and lone surrogates: as names of files and texts of JavaScript
    have them.
    """
    text = "".join(_encode(value, 0)) if _encode else _dumps_of_json(value)
    return text.encode("utf-8", "backslashreplace")  # JSON and Python write a surrogate the same way


def loads(text: str | bytes) -> Any:
    """The value of a JSON text, in UTF-8 if it is bytes. Raises as `json` does."""
    if _scan:
        try:
            characters = text if isinstance(text, str) else text.decode()
            value, end = _scan(characters, 0)
            if end == len(characters):
                return value
        except (StopIteration, UnicodeDecodeError):  # it begins with no JSON
            pass
        except SystemError:  # what else is wrong, up to Python 3.12 the C half can tell only where `json` is loaded
            pass
    import json

    return json.loads(text)


def _dumps_of_json(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _refuse(value: object) -> object:
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


class _Rules:
    """What the scanner asks a `json.JSONDecoder` for."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__


_scan: Callable[[str, int], tuple[Any, int]] | None = None
_encode: Callable[[object, int], Iterable[str]] | None = None
try:
    import _json

    _scan = _json.make_scanner(_Rules)  # type: ignore[arg-type]
    _encode = _json.make_encoder(None, _refuse, _json.encode_basestring, None, ":", ",", False, False, False)
except (ImportError, AttributeError, TypeError):  # not CPython, or one in which they have changed
    pass
