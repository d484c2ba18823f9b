"""The whole response of a function."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._wire.frames import Buffer

__all__ = ["Response"]


class Response:
    """The result of one call, as the original's `send_request` gave it."""

    status_code = 200

    def __init__(self, body: Buffer, attachments: Sequence[bytes] | None) -> None:
        from ._wire import results

        #: The result, decoded.
        self.value = results.value(body, attachments)
        self._text = "" if isinstance(self.value, bytes) else results.text(body, attachments)

    @property
    def text(self) -> str:
        """The result as text. Of bytes, what is no UTF-8 is replaced: `content` has them as they are."""
        return str(self.value, "utf-8", "replace") if isinstance(self.value, bytes) else self._text

    @property
    def content(self) -> bytes:
        """The result as bytes: its text in UTF-8."""
        return self.value if isinstance(self.value, bytes) else self.text.encode("utf-8", "surrogatepass")

    def json(self) -> Any:
        """The result, decoded."""
        return self.value
