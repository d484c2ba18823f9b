"""For peers that carry text only: the encoding and decoding that their user writes around the call."""

import base64
import json
from collections.abc import Callable
from typing import Any

Calls = Callable[[Any], Any]


def adapt(name: str, find: Callable[[str], Calls], *, carries_json: bool = False) -> Calls:
    """The function `name` for Python values, made of one that takes and gives text."""
    if name == "echoBytes":
        text = find("echoBase64")
        return lambda value: base64.b64decode(text(base64.b64encode(value).decode()))
    if name == "echo":
        text = find("echo" if carries_json else "echoText")
        return lambda value: json.loads(text(value if carries_json else json.dumps(value)))
    if name == "renderPage" and not carries_json:
        text = find("renderPageText")
        return lambda value: text(json.dumps(value))
    return find(name)
