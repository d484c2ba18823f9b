"""Spans of OpenTelemetry around calls, for programs that have imported its API. Nothing here is loaded for others.

    with traced(b"greet") as name:
        connection.call(name, ...)          # `name` carries the traceparent to the function

It is the same around an `await`: the span is that of the task.
"""

from __future__ import annotations

from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from .. import __version__
from .._wire.traces import traced_name
from ..exceptions import FunctionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from opentelemetry.trace import Span

__all__ = ["traced", "traced_parts", "watched"]


@contextmanager
def traced(name: bytes) -> Iterator[bytes]:
    """A span around one call. Gives the name to call: that of the function, with the traceparent."""
    with trace.use_span(_begin(name), end_on_exit=True, record_exception=True) as span:
        try:
            yield _name_for(name, span)
        except BaseException as error:
            span.set_attribute("error.type", _type_of(error))
            raise


def traced_parts(name: bytes, call: Callable[[bytes], Generator[object, None, None]]) -> Generator[object, None, None]:
    """A span from the first part of a stream to its end. `call(name)` gives the parts."""
    with watched(name) as traced_name:
        yield from call(traced_name)


@contextmanager
def watched(name: bytes) -> Iterator[bytes]:
    """The same as `traced` for what gives parts: between them, the span is not the current one of the program."""
    span = _begin(name)
    try:
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
