"""What programs and the manager say to each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from js_host import exceptions
from js_host._manager import protocol
from js_host._manager.protocol import Lines, error_of, host_key, raise_error


@given(st.lists(st.binary().filter(lambda line: b"\n" not in line)), st.integers(1, 7))
def test_lines_come_whole_however_they_are_cut(sent: list[bytes], size: int) -> None:
    data = b"".join(line + b"\n" for line in sent)
    lines = Lines()
    got = [line for start in range(0, len(data), size) for line in lines.feed(data[start : start + size])]
    assert got == sent
    assert lines.rest == b""


def test_a_line_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LONGEST_LINE", 10)
    with pytest.raises(ValueError, match="too long"):
        Lines().feed(b"x" * 11)


@pytest.mark.parametrize("kind", [exceptions.StartError, exceptions.NodeNotFound, exceptions.ConfigError])
def test_an_error_arrives_as_the_one_that_was_raised(kind: type[Exception]) -> None:
    with pytest.raises(kind, match="why") as caught:
        raise_error(error_of(kind("why")))
    assert type(caught.value) is kind


def test_any_other_error_is_told_as_a_failed_start() -> None:
    with pytest.raises(exceptions.StartError, match="ZeroDivisionError"):
        raise_error(error_of(ZeroDivisionError("x")))


def test_an_unknown_error_is_an_error_of_processes() -> None:
    with pytest.raises(exceptions.ProcessError, match="other-version"):
        raise_error({"error": "other-version"})


def test_an_answer_without_an_error_raises_nothing() -> None:
    raise_error({"stopped": True})


def test_a_host_is_its_file_and_how_node_is_run(tmp_path: object) -> None:
    assert host_key(f"{tmp_path}/a/../host.config.js") == host_key(f"{tmp_path}/host.config.js")
    keys = {
        host_key("a.js"),
        host_key("b.js"),
        host_key("a.js", "/opt/node"),
        host_key("a.js", None, ["--expose-gc"]),
        host_key("a.js", None, ("--expose-gc", "--title=x")),
    }
    assert len(keys) == 5
