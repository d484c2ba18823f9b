"""What functions print while `js-host call` calls one: it goes to stderr, and only the result to stdout."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager

from .run_logs import Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["prints_shown"]


class Prints(Lines):
    """Lines as they were printed: in a log, those after the first of a record are set in."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n    ", "\n")


@contextmanager
def prints_shown() -> Iterator[None]:
    """Show what workers print; where the program has handlers for it already, as Django may, those do."""
    logger = logging.getLogger("js_host.worker")
    if logger.hasHandlers():
        yield
        return
    handler, level = Prints(sys.stderr), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
