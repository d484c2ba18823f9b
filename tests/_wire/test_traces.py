"""The name of a traced call: that of the function, and a traceparent."""

from __future__ import annotations

import pytest

from js_host._wire.messages import Bye, read_error
from js_host._wire.traces import plain_name, split_name, traced_name

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("name", [b"greet", "grüße".encode()])
def test_a_name_and_its_traceparent_are_put_together_and_taken_apart(name: bytes) -> None:
    traced = traced_name(name, TRACEPARENT)
    assert split_name(traced) == (name, TRACEPARENT)
    assert plain_name(traced) == name.decode()
    assert len(traced) == len(name) + 56


def test_a_name_that_nobody_traces_is_as_it_was() -> None:
    assert split_name(b"greet") == (b"greet", None)
    assert plain_name(b"greet") == "greet"


def test_errors_name_the_function_alone() -> None:
    traced = traced_name(b"greet", TRACEPARENT).decode()
    assert read_error(b'{"type":"timeout","name":"","message":"too late."}', traced).args == ("greet: too late.",)
    assert str(Bye("exit", "It ended.").error(traced, False)).startswith("The worker ended while greet ran.")
