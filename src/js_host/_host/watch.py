"""One worker process under watch: what it says on its control channel, and what it prints.

The words are only collected here; what follows from them is decided in `lifecycle` and done by the
keeper.
"""

from __future__ import annotations

import os
from collections import deque

from js_host._host.endings import STOPPED, WorkerEnd, describe_end
from js_host._host.lines import LineSplitter, LogLine, read_line
from js_host._host.wear import draw_share
from js_host._host.worker_process import UNKNOWN_STATUS, WorkerProcess
from js_host.utils import bare_json
from js_host.utils.sockets import NO_SIGPIPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

__all__ = ["WorkerWatch", "reached"]

CHUNK = 65536
LAST_LINES = 100
LONGEST_SHOWN = 2000
LONGEST_MESSAGE = 16 * 1024 * 1024
MOST_CHUNKS = 64  # a child that lives on may print for ever

FIRST_CHECK, LONGEST_CHECK, GRACE = 0.001, 0.05, 0.5
"""Seconds between looks at a worker that has closed its control channel, and until it is ended for that."""

IDLE_CHECK = 1.0
"""Seconds between looks at a worker whose end the system does not announce (no pidfd)."""

FOREVER = float("inf")


class WorkerWatch:
    """What is known of one process. Used by the supervisor's thread only."""

    __slots__ = (
        "_buffer",
        "_interval",
        "_splitters",
        "closed_at",
        "drained",
        "killed",
        "last_lines",
        "next_check",
        "process",
        "pulses",
        "reports",
        "share",
        "since",
        "worker",
    )

    def __init__(self, worker: int, process: WorkerProcess, now: float) -> None:
        self.worker = worker
        self.process = process
        self.reports: dict[str, dict[str, Any]] = {}
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self.since = now
        self.pulses = 0
        self.share = draw_share()
        self.killed: str | None = None
        self.drained = False
        self.closed_at: float | None = None
        self.next_check = FOREVER if process.pidfd >= 0 else now + IDLE_CHECK
        self._interval = FIRST_CHECK
        self._splitters = {name: LineSplitter() for name in process.output}
        self._buffer = b""

    # What it prints.

    def read_output(self, stream: str) -> tuple[list[LogLine], bool]:
        """Read what is there of stdout or stderr. Returns the lines that it completed, and whether more may come."""
        try:
            data = os.read(self.process.output[stream], CHUNK)
        except BlockingIOError:
            return [], True
        except OSError:
            data = b""
        lines = self._splitters[stream].feed(data) if data else self._splitters[stream].flush()
        return [self._noted(stream, line) for line in lines], bool(data)

    def read_last_output(self) -> list[LogLine]:
        """Read all that is left in the pipes of a process that has ended."""
        lines = []
        for stream in self.process.output:
            for _ in range(MOST_CHUNKS):
                more, open_still = self.read_output(stream)
                lines += more
                if not more or not open_still:
                    break
            lines += [self._noted(stream, line) for line in self._splitters[stream].flush()]
        return lines

    def _noted(self, stream: str, line: str) -> LogLine:
        noted = read_line(stream, line, self.worker, self.process.pid)
        text = noted.text
        self.last_lines.append(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")
        return noted

    # What it says.

    def read_control(self, now: float) -> list[dict[str, Any]]:
        """Read what is there of the control channel. Returns its messages, each noted by type."""
        messages = []
        for data in self._chunks(now):
            *lines, self._buffer = (self._buffer + data).split(b"\n")
            messages += [message for line in lines if (message := _message(line))]
            if len(self._buffer) > LONGEST_MESSAGE:
                self._buffer = b""
        for message in messages:
            self.reports[message["type"]] = message
        return messages

    def _chunks(self, now: float) -> Iterator[bytes]:
        """What is there, but no more than one turn may take: functions could write there without an end."""
        for _ in range(MOST_CHUNKS):
            if not (data := self._receive(now)):
                return
            yield data

    def _receive(self, now: float) -> bytes:
        if self.closed_at is not None:
            return b""
        try:
            data = self.process.control.recv(CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self.closed_at = self.next_check = now
        return data

    def ask_to_drain(self, timeout: float) -> None:
        """Tell it to finish its calls. One that does not read any more will be ended by its deadline."""
        self.drained = True
        self.tell({"type": "drain", "timeout": int(timeout * 1000)})

    def tell(self, message: dict[str, object]) -> None:
        """Send it a message. Never waits."""
        try:
            self.process.control.send(bare_json.dumps(message) + b"\n", NO_SIGPIPE)
        except OSError:
            pass

    # How it ends.

    def kill(self, reason: str) -> None:
        """End it now; the first reason is kept."""
        self.killed = self.killed or reason
        self.process.kill()

    def check(self, now: float) -> bool:
        """Look whether it has ended, and end it if it closed its control channel and lives on."""
        if self.process.reap():
            return True
        if self.closed_at is None:
            self.next_check = now + IDLE_CHECK if self.process.pidfd < 0 else FOREVER
            return False
        if now - self.closed_at >= GRACE:
            self.kill("closed its control channel but did not end, and was ended for that")
        self.next_check = now + self._interval
        self._interval = min(self._interval * 2, LONGEST_CHECK)
        return False

    def describe_end(self, flags: Sequence[str] = ()) -> WorkerEnd:
        """Say why it ended."""
        status = self.process.status
        if status == 0 and self.drained:
            self.killed = self.killed or STOPPED
        return describe_end(
            self.worker,
            self.process.pid,
            UNKNOWN_STATUS if status is None else status,
            reports=self.reports,
            killed=self.killed,
            lines=self.last_lines,
            flags=flags,
        )


def reached(report: Mapping[str, Any], number: int) -> bool:
    """Whether a worker's report answers the question of that number, or a later one."""
    said = report.get("number")
    return isinstance(said, int) and said >= number


def _message(line: bytes) -> dict[str, Any] | None:
    """Return a message of the control channel, or None for what is none: functions could write there too."""
    try:
        message = bare_json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and isinstance(message.get("type"), str) else None
