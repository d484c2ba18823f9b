"""A FunctionError as an exception of the caller's own class."""

from __future__ import annotations

import asyncio
import copy
import pickle
import traceback
from typing import Any

import pytest

from js_host import AsyncFunction, Function
from js_host.exceptions import ConfigError, FunctionError, JSHostError
from js_host.utils.own_errors import translated

CAUSE = FunctionError("no route", name="RangeError")
ERROR = FunctionError(
    "outer",
    function="own",
    name="Own",
    stack="Own: outer\n    at own (/app.js:3:9)",
    cause=CAUSE,
    fields={"code": "E_OWN"},
    value=[1],
    hint="Look there.",
)


class RenderError(FunctionError):
    """The usual one."""


class Picky(FunctionError):
    """Its constructor wants what a copy does not have."""

    def __init__(self, page: str, status: int) -> None:
        super().__init__(f"{page}: {status}")


class Status(Exception):
    """It can not be made of a text alone."""

    def __init__(self, page: str, status: int) -> None:
        super().__init__(page, status)


@pytest.mark.parametrize("kind", [RenderError, Picky])
def test_a_subclass_of_function_error_carries_all_of_the_error(kind: type[FunctionError]) -> None:
    own = translated(ERROR, kind)
    assert type(own) is kind
    assert vars(own) == vars(ERROR)
    assert (str(own), own.args, own.__cause__) == (str(ERROR), ERROR.args, ERROR)


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize("kind", [FunctionError, RenderError, Picky])
def test_it_can_be_copied_and_pickled(kind: type[FunctionError], again: Any) -> None:
    error = FunctionError("outer", name="Own", fields={"code": "E_OWN"})
    own = again(translated(error, kind))
    assert type(own) is kind
    assert (own.name, own.message, own.fields, str(own)) == ("Own", "outer", {"code": "E_OWN"}, str(error))


@pytest.mark.parametrize("cause", [None, KeyError("a fault of the program's own")])
def test_an_error_that_is_of_the_class_already_stays_what_it_is(cause: Exception | None) -> None:
    error = FunctionError("outer")
    error.__cause__ = cause
    assert translated(error, FunctionError) is error
    assert error.__cause__ is cause


def test_another_class_has_the_text_and_says_that_the_function_may_have_run() -> None:
    class Unsaid(JSHostError): ...

    for kind in (KeyError, Unsaid):
        own = translated(ERROR, kind)
        assert (type(own), own.args, own.__cause__) == (kind, (str(ERROR),), ERROR)
    assert translated(ERROR, Unsaid).maybe_executed  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [Status, "assigned later"])
def test_a_class_that_can_not_be_made_hides_nothing(kind: Any) -> None:
    own = translated(ERROR, kind)
    assert isinstance(own, TypeError)
    told = "".join(traceback.format_exception(own))
    assert "no route" in told
    assert "at own (/app.js:3:9)" in told
    assert f"exception_cls={kind!r}" in told


@pytest.mark.parametrize("kind", ["x", ValueError("x"), int, BaseException, lambda text: ValueError(text)])
def test_what_is_no_class_of_exceptions_is_refused_at_once(kind: Any) -> None:
    class Render(Function[Any]):
        name = "render"
        exception_cls = kind

    for make in (
        Render,
        lambda: Function("render", exception_cls=kind),
        lambda: AsyncFunction("render", exception_cls=kind),
        lambda: Function("render").with_options(exception_cls=kind),
    ):
        with pytest.raises(ConfigError, match="exception_cls must be a subclass of Exception"):
            make()


def test_every_way_of_calling_raises_the_same(host: Any) -> None:
    started = host()
    boom = started.function("boom").with_options(exception_cls=RenderError)
    later = AsyncFunction[Any]("boom", started, exception_cls=RenderError)

    async def streamed() -> list[Any]:
        return [part async for part in later.stream()]

    async def mapped() -> list[Any]:
        return [result async for result in later.map([1])]

    ways: list[Any] = [boom, boom.call, boom.send_request, lambda: list(boom.stream()), lambda: list(boom.map([1]))]
    ways += [lambda way=way: asyncio.run(way()) for way in (lambda: later._run({}, {}, bytes), streamed, mapped)]
    for way in ways:
        with pytest.raises(RenderError) as caught:
            way()
        error = caught.value
        assert (error.name, error.message, error.function) == ("TypeError", "so it is", "boom")
        assert error.stack is not None
        assert type(error.__cause__) is FunctionError
        assert str(error) == str(error.__cause__)
    (given,) = boom.map([1], return_exceptions=True)
    assert isinstance(given, RenderError)
    assert given.name == "TypeError"
