"""`{% load js_host %}`: call a function of the default host in a template.

    {% js_host "price" amount=2.5 currency="EUR" %}
    {% js_host "render_cart" items=items as html %}{{ html|safe }}

What JavaScript returns is escaped like any other value; `|safe` says that it is HTML, and that the function has
escaped the data in it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.template import Library

from ..function import Function

register = Library()


@lru_cache(maxsize=256)
def find_function(name: str) -> Function[Any]:
    """The function of that name; made once, so that the next call of it finds its decoder."""
    return Function(str(name))


def call(name: str, /, *data: object, **fields: object) -> object:
    """Call it as in Python: with one positional argument as the data itself, or with keywords."""
    return find_function(name)(*data, **fields)


register.simple_tag(call, name="js_host")
