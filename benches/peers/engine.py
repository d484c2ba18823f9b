"""What an engine inside the process gets in place of Node: our functions as one script, and the page's bundle."""

from ..paths import FUNCTIONS, PAGE_IIFE

GLOBALS = """
globalThis.TextEncoder ??= class { encode (text) { return text } }
globalThis.MessageChannel ??= class { port1 = {}; port2 = { postMessage () {} } }
globalThis.setTimeout ??= () => {}
"""
"""React reads these while it is loaded; rendering to a string uses none of them."""


def functions_script() -> str:
    """A script whose value is the object of functions."""
    with open(FUNCTIONS, encoding="utf-8") as file:
        return "(() => { const exports = {}; const require = () => catalogue;" + file.read() + "; return exports })()"


def page_script() -> str:
    """A script that defines `catalogue`, the page."""
    with open(PAGE_IIFE, encoding="utf-8") as file:
        return GLOBALS + file.read()
