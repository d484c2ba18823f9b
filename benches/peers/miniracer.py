"""mini-racer: V8 inside the process, without Node."""

from collections.abc import Callable
from typing import Any

from py_mini_racer import MiniRacer

from . import as_text, engine


class Racer:
    def __init__(self) -> None:
        self.context = MiniRacer()
        self.functions: Any = self.context.eval(engine.functions_script())
        self.page_loaded = False

    def function(self, name: str) -> Callable[[Any], Any]:
        if name == "echoBytes":
            return self.latin1()
        if name == "renderPage" and not self.page_loaded:
            self.context.eval("var process = { env: { BENCH_PAGE: '' } };" + engine.page_script())
            self.page_loaded = True
        return as_text.adapt(name, lambda name: self.functions[name])  # type: ignore[no-any-return]

    def latin1(self) -> Callable[[bytes], bytes]:
        """It carries no bytes and has no `Buffer`: a character for each byte, undecoded, is the best it can do."""
        echo = self.functions["echo"]
        return lambda value: echo(value.decode("latin-1")).encode("latin-1")  # type: ignore[no-any-return]

    def close(self) -> None:
        self.context.close()


start = Racer
