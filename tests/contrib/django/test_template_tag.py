"""The template tag: calls like those of Python, and results that are escaped like any other value."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.template import Context, Engine
from django.test import override_settings
from django.utils.safestring import mark_safe


@pytest.fixture(autouse=True)
def _managed(configs: dict[str, str]) -> Iterator[None]:
    with override_settings(JS_HOST={"USE_MANAGER": True, "CONFIG_FILE": configs["one"]}):
        yield


def render(text: str, /, **context: object) -> str:
    engine = Engine(libraries={"js_host": "js_host.templatetags.js_host"})
    return str(engine.from_string("{% load js_host %}" + text).render(Context(context)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{% js_host "who" %}', "one"),
        ('{% js_host "greet" name="Foo" %}', "&lt;b&gt;Foo&lt;/b&gt;"),
        ('{% js_host "greet" text %}', "&lt;b&gt;you &amp; me&lt;/b&gt;"),
        ('{% js_host "greet" name=text as html %}{{ html|safe }}', "<b>you & me</b>"),
        ('{% autoescape off %}{% js_host "greet" safe %}{% endautoescape %}', "<b><i></b>"),
        ("{% js_host function name=text as html %}{{ html|length }}", "15"),
    ],
)
def test_a_template_calls_a_function(text: str, expected: str) -> None:
    assert render(text, text="you & me", safe=mark_safe("<i>"), function="greet") == expected


def test_data_and_keywords_exclude_each_other_as_in_python() -> None:
    with pytest.raises(TypeError, match="not both"):
        render('{% js_host "greet" 1 name=2 %}')
