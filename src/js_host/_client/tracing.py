"""Spans of OpenTelemetry around calls, for programs that have imported its API. Nothing here is loaded for others.

    with traced(b"greet") as name:
        connection.call(name, ...)          # `name` carries the traceparent to the function

It is the same around an `await`: the span is that of the task.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from .. import __version__
from .._wire.traces import traced_name
from ..exceptions import FunctionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.trace import Span

__all__ = ["traced"]


@contextmanager
def traced(name: bytes, *, is_current: bool = True) -> Iterator[bytes]:
    """A span around one call. Gives the name to call: that of the function, with the traceparent.

    What the program does inside is part of it, unless it is not to be the current one: a stream's parts are taken
    between other things.
    """
    span = _begin(name)
    try:
        with (
            trace.use_span(span, record_exception=False, set_status_on_exception=False) if is_current else nullcontext()
        ):
            yield _name_for(name, span)
    except Exception as error:
        span.set_attribute("error.type", _type_of(error))
        span.record_exception(error)
        span.set_status(Status(StatusCode.ERROR, str(error)))
        raise
    finally:
        span.end()


def _begin(name: bytes) -> Span:
    function = name.decode()
    attributes = {"rpc.system": "js-host", "rpc.method": function}
    tracer = trace.get_tracer("js_host", __version__)
    return tracer.start_span(f"js-host/{function}", kind=SpanKind.CLIENT, attributes=attributes)


def _name_for(name: bytes, span: Span) -> bytes:
    context = span.get_span_context()
    if not context.is_valid:
        return name
    return traced_name(name, f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}")


def _type_of(error: BaseException) -> str:
    """The name of the JavaScript error where there is one, else that of the class."""
    return (isinstance(error, FunctionError) and error.name) or type(error).__name__
