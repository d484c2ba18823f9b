"""The log of `js-host run`, on stderr: lines of text, or one JSON object per line."""

from __future__ import annotations

import json
import logging
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["FORMATS", "JsonLines", "show_logs"]

FORMATS = ("text", "json")

EXTRAS = {"worker": "worker", "pid": "pid", "js_function": "function", "js_call": "call"}
"""Attributes of a record that tell where a line comes from, and their names in JSON."""


def show_logs(form: str, stream: TextIO | None = None) -> None:
    """What workers print, and what becomes of them, goes to stderr. A full disk there hurts no call."""
    handler = Lines(stream or sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if form == "json" else text)
    logger = logging.getLogger("js_host")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


class Lines(logging.StreamHandler):  # type: ignore[type-arg]  # subscripted, it would be looked up at run time
    """Lines that can not be written are counted, and told once they can be again."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        lost = self._lost
        super().emit(record)
        if lost and self._lost == lost:
            self._lost = 0
            text = f"{lost} lines of this log were lost: they could not be written"
            super().emit(logging.LogRecord("js_host.run", logging.WARNING, "", 0, text, (), None))

    def handleError(self, record: logging.LogRecord) -> None:
        self._lost += 1


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "message"}`, and `worker`, `pid`, `function` and `call` where they are known."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for attribute, name in EXTRAS.items():
            if (value := getattr(record, attribute, None)) is not None:
                line[name] = value
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _utc(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"
