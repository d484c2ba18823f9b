"""JSPyBridge (`javascript` on PyPI): one Node beside the process, spoken to over its pipes by a thread."""

import os
from collections.abc import Callable
from typing import Any

from ..paths import FUNCTIONS, NODE
from . import as_text

os.environ["NODE_BIN"] = NODE

import javascript


class Bridge:
    def __init__(self) -> None:
        self.functions = javascript.require(FUNCTIONS)

    def function(self, name: str) -> Callable[[Any], Any]:
        return as_text.adapt(name, lambda name: getattr(self.functions, name))  # type: ignore[no-any-return]

    def close(self) -> None:
        javascript.connection.stop()


start = Bridge
