"""From the lines of workers to Python's `logging`, in a thread of its own.

The supervisor must see a death at once and keep the pipes of its workers empty (a full one would
stop their event loops), so it never waits for a log handler. Lines queue here; where a handler is
slower than a worker prints, the queue is bounded, and what did not fit is counted and told.

A manager, which outlives the programs that it works for, gives a handler of its own: a log file. Then
`logging` is not even imported.

The loggers are `js_host.worker` (what workers print) and `js_host.supervisor` (what became of
them), each record with `worker`, `pid` and `level`, and with `js_function` and `js_call`, which are None
where it is not known which call says so. The root logger is never touched.
"""

from __future__ import annotations

import sys
import threading
from collections import deque

from js_host._host.lines import LogLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["LogForwarder", "dropped_line", "log_lines"]

MOST_WAITING = 10_000
MOST_CHARACTERS = 16 * 1024 * 1024  # of the lines that wait: some are long
WARNING = 30


def _can_matter(line: LogLine) -> bool:
    """Whether anybody can see the line: a program that has not imported `logging` sees warnings only."""
    return line.levelno >= WARNING or "logging" in sys.modules


class LogForwarder:
    """A queue of lines and the thread that hands them to `logging`, or to `handle`, started by the first line.

    Thread-safe: one condition guards the queue; handlers run outside of it.
    """

    def __init__(self, most: int = MOST_WAITING, handle: Callable[[Sequence[LogLine]], None] | None = None) -> None:
        self._most = most
        self._handle = handle or log_lines
        self._changed = threading.Condition()
        self._lines: deque[LogLine] = deque()
        self._characters = 0
        self._dropped = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, lines: Iterable[LogLine]) -> None:
        """Queue lines. Never waits."""
        lines = [line for line in lines if self._handle is not log_lines or _can_matter(line)]
        with self._changed:
            for line in lines:
                if len(self._lines) < self._most and self._characters < MOST_CHARACTERS:
                    self._lines.append(line)
                    self._characters += len(line.text)
                else:
                    self._dropped += 1
            if lines:
                self._ensure_thread()
                self._changed.notify()

    def close(self, timeout: float = 1.0) -> None:
        """Let the lines that wait be handled, for at most so long, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _ensure_thread(self) -> None:
        if self._thread is not None:
            return
        thread = threading.Thread(target=self._run, name="js-host-logs", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return  # the system has no thread to spare: the lines wait for the next ones
        self._thread = thread

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._handle(batch)
            except Exception:  # no descriptor to import `logging`, perhaps: the lines after these may do better
                self._lose(len(batch))

    def _lose(self, count: int) -> None:
        with self._changed:
            self._dropped += count

    def _next_batch(self) -> list[LogLine]:
        """Wait for lines. Returns none when all was handled and nothing more will come."""
        with self._changed:
            while not self._lines and not self._closed:
                self._changed.wait()
            batch = list(self._lines)
            self._lines.clear()
            self._characters = 0
            dropped, self._dropped = self._dropped, 0
        if dropped:
            batch.append(dropped_line(dropped))
        return batch


def log_lines(lines: Sequence[LogLine]) -> None:
    """Log lines with `logging`, in this thread."""
    import logging

    logging.getLogger("js_host").addHandler(_null_handler())
    for line in lines:
        _emit(line)


def _emit(line: LogLine) -> None:
    """Log one line. What a handler raises is its own affair: the next line is as good as the first."""
    import logging

    extra = {
        "worker": line.worker,
        "pid": line.pid,
        "level": line.level,
        "js_function": line.function,
        "js_call": line.call,
    }
    try:
        logging.getLogger(line.logger).log(line.levelno, "%s", line.text, extra=extra)
    except BaseException:
        pass


def _null_handler() -> logging.Handler:
    """Without any handler of the program's, `logging` would print warnings to stderr; a library keeps quiet."""
    import logging

    for handler in logging.getLogger("js_host").handlers:
        if isinstance(handler, logging.NullHandler):
            return handler
    return logging.NullHandler()


def dropped_line(count: int) -> LogLine:
    """The line that stands for those that were dropped."""
    text = f"{count} lines of workers were dropped: they print faster than the log handlers take them"
    return LogLine("warn", text, -1, 0, "js_host.supervisor")
