"""A streaming result, part by part, on a connection that is its own meanwhile."""

from __future__ import annotations

from .._wire.frames import CHUNK, END, STREAM, STREAM_WINDOW, cost
from .._wire.values import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

    from .._wire.results import Decoder
    from .sync import Connection

__all__ = ["stream"]

#: Credit is given back when so much was consumed, in bytes.
ENOUGH = STREAM_WINDOW // 2


def stream(
    connection: Connection, name: bytes, value: object, timeout: float | None, decode: Decoder
) -> Generator[object, None, None]:
    """Call a function and give the parts of its result as they are asked for; `timeout` is for each of them.

    Raises what `Connection.call` does. Who leaves early must close the connection: that aborts the JavaScript.
    """
    text, attachments = encode(value)
    connection.set_timeout(timeout)
    performer = connection.begin_call(name, text, attachments, STREAM)
    consumed = 0
    try:
        while True:
            frame = connection.next_part(name, timeout, performer)
            if frame.kind == END:
                return
            consumed += cost(frame)
            yield decode(frame.body, frame.attachments)
            if frame.kind != CHUNK:
                return
            if consumed >= ENOUGH:
                connection.give_credit(consumed)
                consumed = 0
    finally:
        performer.close()
