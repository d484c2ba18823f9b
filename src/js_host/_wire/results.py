"""What a caller wants of a result: the value, a value of a type, or its text. Each is a function of a frame's body."""

from __future__ import annotations

from ..exceptions import ConfigError, UnexpectedResponse, ValueNotSupported
from .values import JUST_BYTES, JUST_TEXT, decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .frames import Buffer

    #: From the JSON text of a body, and its attachments, to what the caller gets.
    Decoder = Callable[[Buffer, Sequence[bytes] | None], Any]

value: Decoder = decode


def text(body: Buffer, attachments: Sequence[bytes] | None) -> str:
    """The result as text: strings, and bytes in UTF-8, as they are, everything else as its JSON."""
    if attachments is not None and body not in (JUST_TEXT, JUST_BYTES):
        from .as_json import json_text  # late: most results are plain

        return json_text(body, attachments)
    result = decode(body, attachments)
    if isinstance(result, str):
        return result
    return _text_of(result) if isinstance(result, bytes) else str(body, "utf-8")


def _text_of(result: bytes) -> str:
    try:
        return str(result, "utf-8")
    except UnicodeDecodeError as error:
        raise ValueNotSupported(
            f"The result is bytes that are no UTF-8 text ({error.reason} at {error.start}). Call the function itself: "
            "`function(…)` gives bytes, `function.call(…)` text.",
            maybe_executed=True,
        ) from None


def typed(kind: Any, function: str = "the function") -> Decoder:
    """A decoder into `kind`: any type that msgspec knows, also one with pydantic models in it, or a pydantic model.

    The decoder raises UnexpectedResponse, naming `function` and the field, for a result that does not fit.
    """
    if hasattr(kind, "__get_pydantic_core_schema__"):
        return _pydantic(kind, function)
    return _msgspec(kind, function)


def _msgspec(kind: Any, function: str) -> Decoder:
    import msgspec  # late: most programs take results as they come

    try:
        from_json = msgspec.json.Decoder(kind, dec_hook=_of_another_kind).decode
    except TypeError as error:
        raise ConfigError(
            f"{function}: results can not be decoded into returns={kind!r}: {error}. "
            "Give a type, such as int, list[str], a dataclass or a pydantic model."
        ) from None

    def decode_typed(body: Buffer, attachments: Sequence[bytes] | None) -> Any:
        try:
            if attachments is None:
                return from_json(body)
        except msgspec.ValidationError as error:
            raise _mismatch(function, kind, error) from None
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            pass  # lone surrogates, most likely: see values.py
        return convert(decode(body, attachments))

    def convert(value: object) -> Any:
        try:
            return msgspec.convert(value, kind, str_keys=True, dec_hook=_of_another_kind)
        except msgspec.ValidationError as error:
            raise _mismatch(function, kind, error) from None

    return decode_typed


def _of_another_kind(kind: Any, value: object) -> object:
    """What stands where a type is wanted that msgspec does not know: a pydantic model makes itself of it."""
    return kind.model_validate(value) if hasattr(kind, "model_validate") else value


def _pydantic(kind: Any, function: str) -> Decoder:
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(kind)

    def decode_typed(body: Buffer, attachments: Sequence[bytes] | None) -> Any:
        try:
            if attachments is None:
                return adapter.validate_json(bytes(body))
            return adapter.validate_python(decode(body, attachments))
        except ValidationError as error:
            raise _mismatch(function, kind, error) from None

    return decode_typed


def _mismatch(function: str, kind: Any, error: Exception) -> UnexpectedResponse:
    name = kind.__name__ if isinstance(kind, type) else kind
    return UnexpectedResponse(f"{function}: the result does not fit returns={name}: {error}")
