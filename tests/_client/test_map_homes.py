"""Maps over hosts that are not this program's own: one that only speaks HTTP, one at an address, a managed one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from js_host._client.address import Address
from js_host._client.http import HttpLink
from js_host._client.job import Job
from js_host._wire import results
from js_host.exceptions import FunctionError, UnknownFunction
from js_host.js_host import JSHost
from js_host.manager import JSHostManager

CODE = """
module.exports = { port: 0, functions: {
  double: (n) => n * 2,
  odd: (n) => { if (n % 2) throw new RangeError('odd: ' + n); return n }
} }
"""


@pytest.fixture
def owned(nothing_left: Any) -> Iterator[JSHost]:
    """A host, whose URL others are given."""
    with JSHost(nothing_left.config(CODE)) as host:
        yield host


def test_over_plain_http_rows_are_called_one_after_the_other(owned: JSHost) -> None:
    link = HttpLink(Address.url(owned.get_url()))

    def map_all(name: bytes, rows: Any) -> list[Any]:
        return list(link.map(iter(rows), Job(name, 5, results.value, lambda error: error)))

    assert map_all(b"double", range(50)) == list(range(0, 100, 2))
    assert [type(each) for each in map_all(b"odd", range(4))] == [int, FunctionError, int, FunctionError]
    assert [type(each) for each in map_all(b"none", range(2))] == [UnknownFunction, UnknownFunction]
    link.close()


def test_over_an_address_a_map_speaks_frames(owned: JSHost) -> None:
    with JSHost(root_url=owned.get_url()) as remote:
        assert list(remote.function("double").map(range(3000))) == list(range(0, 6000, 2))


def test_over_a_manager_a_map_starts_the_host_again_after_it_was_stopped(nothing_left: Any) -> None:
    host = JSHost(nothing_left.config(CODE), managed=True)
    double = host.function("double")
    try:
        assert list(double.map(range(300))) == list(range(0, 600, 2))
        JSHostManager().stop_host(host.config_file, stop_manager_if_last=False)
        assert list(double.map(range(300))) == list(range(0, 600, 2))
    finally:
        host.close()
        JSHostManager().stop()
