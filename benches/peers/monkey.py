"""pythonmonkey: SpiderMonkey inside the process, without Node."""

from collections.abc import Callable
from typing import Any

import pythonmonkey

from . import as_text, engine


class Monkey:
    def __init__(self) -> None:
        self.functions: Any = pythonmonkey.eval(engine.functions_script())
        self.page_loaded = False

    def function(self, name: str) -> Callable[[Any], Any]:
        if name == "echoBytes":
            echo = self.functions["echo"]
            return lambda value: bytes(echo(bytearray(value)))
        if name == "renderPage" and not self.page_loaded:
            pythonmonkey.eval("globalThis.process ??= {}; process.env ??= {};" + engine.page_script())
            self.page_loaded = True
        return as_text.adapt(name, lambda name: self.functions[name])  # type: ignore[no-any-return]

    def close(self) -> None:
        pass


start = Monkey
