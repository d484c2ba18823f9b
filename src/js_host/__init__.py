"""Call JavaScript functions from Python as if they were its own.

    from js_host import JSHost

    with JSHost("host.config.js") as host:
        greet = host.function("greet")
        print(greet(name="Foo"))

Importing this package touches no file, no socket and no process; the names below are loaded when
they are first used.
"""

__version__ = "1.0.0"

__all__ = ["AsyncFunction", "AsyncJSHost", "Function", "JSHost", "__version__"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .async_function import AsyncFunction
    from .async_js_host import AsyncJSHost
    from .function import Function
    from .js_host import JSHost

_HOMES = {
    "AsyncFunction": "async_function",
    "AsyncJSHost": "async_js_host",
    "Function": "function",
    "JSHost": "js_host",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
