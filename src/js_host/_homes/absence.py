"""What a caller hears when no worker is there to call."""

from __future__ import annotations

from ..exceptions import ProcessError, StartError

__all__ = ["absence_error"]

RESTART = "`host.restart()` tries at once."


def absence_error(kind: str, text: str) -> ProcessError:
    """The error for the absence of a worker, as kind and text of `WorkerSlot.absence`. Nothing ran."""
    if kind == "start-failed":
        return StartError(f"{text} {RESTART}")
    return ProcessError(f"{text} {RESTART}" if kind == "failed" else text)
