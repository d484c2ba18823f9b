"""PyExecJS: a new Node for every call."""

import json
from collections.abc import Callable
from typing import Any

import execjs

from ..paths import FUNCTIONS
from . import as_text


class ExecJS:
    def __init__(self) -> None:
        node = execjs.get(execjs.runtime_names.Node)
        self.context = node.compile(f"const functions = require({json.dumps(FUNCTIONS)})")

    def function(self, name: str) -> Callable[[Any], Any]:
        if name in ("echo", "renderPage"):
            return lambda value: self.context.call("functions." + name, value)
        return as_text.adapt(name, lambda name: lambda value: self.context.call("functions." + name, value))

    def close(self) -> None:
        pass


start = ExecJS
