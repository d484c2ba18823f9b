"""JSON of the prototype: orjson where it is installed, else msgspec; collection held off for large answers."""

import gc
from typing import Any

try:
    import orjson

    NAME = "orjson"
    encode, decode = orjson.dumps, orjson.loads
except ImportError:
    import msgspec

    NAME = "msgspec"
    encode, decode = msgspec.json.encode, msgspec.json.decode

LARGE = 100_000


def decode_any(body: memoryview) -> Any:
    """Decoding many small objects sets off collections that cost more than the decoding."""
    if len(body) < LARGE or not gc.isenabled():
        return decode(body)
    gc.disable()
    try:
        return decode(body)
    finally:
        gc.enable()
