"""A FunctionError as an exception of the caller's own class."""

from __future__ import annotations

from ..exceptions import FunctionError, JSHostError

__all__ = ["translated"]


def translated(error: FunctionError, exception_cls: type[Exception]) -> Exception:
    """The error as one of `exception_cls`, with the original as its `__cause__`.

    A subclass of FunctionError carries all that the error does; its constructor is not called. Another class is
    constructed with the error's text. Where that fails, what it raised is returned, so that it hides nothing.
    """
    try:
        own = _of_class(error, exception_cls)
    except Exception as failure:
        own = failure
        own.add_note(f"The JavaScript error, which is the cause, was to be raised as exception_cls={exception_cls!r}.")
    if own is not error:
        own.__cause__ = error
    return own


def _of_class(error: FunctionError, exception_cls: type[Exception]) -> Exception:
    if not issubclass(exception_cls, FunctionError):
        return _with_text(error, exception_cls)
    if isinstance(error, exception_cls):
        return error
    # Its constructor may want other arguments than ours, or do with them what is wrong for a copy.
    own = exception_cls.__new__(exception_cls, *error.args)
    vars(own).update(vars(error))
    return own


def _with_text(error: FunctionError, exception_cls: type[Exception]) -> Exception:
    own = exception_cls(str(error))
    if isinstance(own, JSHostError):
        own.maybe_executed = error.maybe_executed
    return own
