"""Calls as spans of OpenTelemetry, in programs that use it; and at no cost in those that do not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from js_host import AsyncJSHost, JSHost
from js_host._client.address import Address
from js_host._client.http import HttpLink
from js_host._client.tracing import traced
from js_host._wire.values import decode
from js_host.exceptions import FunctionError, FunctionTimeout

CONFIG = """
module.exports = { functions: {
  seen: function (data, cb) { cb(null, this.traceparent ?? null) },
  later: async (data, context = null) => { await null; return context.traceparent ?? null },
  parts: async function * (data, context) { yield context.traceparent; yield 2 },
  fails: () => { throw new RangeError('no') },
  never: () => new Promise(() => {}),
  breaks: async function * () { yield 1; throw new TypeError('half way') }
} }
"""

EXPORTER = InMemorySpanExporter()

# The program that uses OpenTelemetry is this module alone, not all the tests.
del sys.modules["opentelemetry.trace"]


@pytest.fixture(scope="module", autouse=True)
def _provider() -> Iterator[None]:
    sys.modules["opentelemetry.trace"] = trace
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(provider)
    yield
    del sys.modules["opentelemetry.trace"]


@pytest.fixture
def host(nothing_left: Any) -> Iterator[JSHost]:
    EXPORTER.clear()
    with JSHost(nothing_left.config(CONFIG)) as host:
        yield host


def the_span() -> ReadableSpan:
    (span,) = EXPORTER.get_finished_spans()
    return span


def traceparent(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@pytest.mark.parametrize("name", ["seen", "later"])
def test_a_call_is_a_span_and_the_function_reads_its_traceparent(host: JSHost, name: str) -> None:
    said = host.function(name)()
    span = the_span()
    assert said == traceparent(span)
    assert (span.name, span.kind) == (f"js-host/{name}", SpanKind.CLIENT)
    assert dict(span.attributes or {}) == {"rpc.system": "js-host", "rpc.method": name}
    assert span.status.status_code == StatusCode.UNSET


def test_a_span_belongs_to_the_one_around_it(host: JSHost) -> None:
    with trace.get_tracer("test").start_as_current_span("request") as request:
        host.function("seen")()
    (span, _) = EXPORTER.get_finished_spans()
    assert span.parent is not None
    assert span.parent.span_id == request.get_span_context().span_id


def test_an_error_of_javascript_is_the_error_of_the_span_and_names_the_function_alone(host: JSHost) -> None:
    with pytest.raises(FunctionError, match="no") as caught:
        host.function("fails")()
    assert caught.value.function == "fails"
    span = the_span()
    assert (span.attributes or {})["error.type"] == "RangeError"
    assert span.status.status_code == StatusCode.ERROR
    assert span.events[0].name == "exception"


def test_a_deadline_that_passes_is_an_error_too(host: JSHost) -> None:
    with pytest.raises(FunctionTimeout, match=r"^never: "):
        host.function("never", timeout=0.05)()
    assert (the_span().attributes or {})["error.type"] == "FunctionTimeout"


def test_a_stream_is_one_span_from_its_first_part_to_its_end(host: JSHost) -> None:
    parts = host.function("parts").stream()
    assert not EXPORTER.get_finished_spans()
    first, second = parts
    assert first == traceparent(the_span())
    assert second == 2


def test_a_stream_that_breaks_is_an_error(host: JSHost) -> None:
    with pytest.raises(FunctionError, match="half way"):
        list(host.function("breaks").stream())
    assert (the_span().attributes or {})["error.type"] == "TypeError"
    assert the_span().status.status_code == StatusCode.ERROR


def test_a_stream_that_is_left_ends_its_span(host: JSHost) -> None:
    parts = host.function("parts").stream()
    next(parts)
    parts.close()
    assert the_span().status.status_code == StatusCode.UNSET


def test_calls_and_streams_of_an_event_loop_are_spans_too(host: JSHost) -> None:
    async def main() -> tuple[object, list[object]]:
        async with AsyncJSHost.sharing(host) as loop_host:
            said = await loop_host.function("later")()
            with pytest.raises(FunctionError, match="no"):
                await loop_host.function("fails")()
            return said, [part async for part in loop_host.function("parts").stream()]

    said, parts = asyncio.run(main())
    later, fails, streamed = EXPORTER.get_finished_spans()
    assert said == traceparent(later)
    assert (fails.attributes or {})["error.type"] == "RangeError"
    assert parts == [traceparent(streamed), 2]


def test_data_with_attachments_is_traced_too(host: JSHost) -> None:
    assert host.function("seen")(b"bytes") == traceparent(the_span())


def test_over_plain_http_the_traceparent_is_a_header(host: JSHost) -> None:
    home: Any = host._home
    link = HttpLink(Address.unix(home._supervisor.sockets.shared_address))
    with traced(b"seen") as name:
        said = link.call(name, None, 10, decode)
    link.close()
    assert said == traceparent(the_span())


def test_a_name_that_only_looks_traced_is_no_function(host: JSHost) -> None:
    with pytest.raises(Exception, match="has no function named"):
        host.call(b"seen\0forged", None, 10, decode)


def test_without_opentelemetry_nothing_is_traced_and_nothing_loaded(nothing_left: Any) -> None:
    program = f"""
import sys
from js_host import JSHost
with JSHost({str(nothing_left.config(CONFIG))!r}) as host:
    assert host.function("seen")() is None
assert "js_host._client.tracing" not in sys.modules
assert not any(name.startswith("opentelemetry") for name in sys.modules)
"""
    path = Path(nothing_left.directory) / "program.py"
    path.write_text(program)
    subprocess.run([sys.executable, str(path)], check=True, timeout=60)


def test_with_the_api_alone_a_call_works_and_has_no_traceparent(nothing_left: Any) -> None:
    program = f"""
import opentelemetry.trace
from js_host import JSHost
with JSHost({str(nothing_left.config(CONFIG))!r}) as host:
    assert host.function("seen")() is None
    assert list(host.function("parts").stream()) == [None, 2]
"""
    path = Path(nothing_left.directory) / "program.py"
    path.write_text(program)
    subprocess.run([sys.executable, str(path)], check=True, timeout=60)
