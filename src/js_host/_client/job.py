"""What a map is to do with each of its rows."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .._wire.results import Decoder

    #: Called with the error of a row at its turn: raises it, or returns what is given instead of a result.
    OnError = Callable[[Exception], object]

__all__ = ["Job"]


class Job(NamedTuple):
    """Call the function `name` for a row, within `timeout` seconds, and decode its result with `decode`.

    `on_error` decides what comes of an error. `key` sends all rows to one worker. `window` is how many calls a worker
    is given at a time, None to find out; `ordered` says whether results wait for their turn.
    """

    name: bytes
    timeout: float | None
    decode: Decoder
    on_error: OnError
    key: int | None = None
    window: int | None = None
    ordered: bool = True
