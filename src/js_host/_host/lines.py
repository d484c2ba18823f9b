"""What a worker prints, as lines: split, bounded, made safe for a log, and told apart from records. No I/O.

A worker in our care writes each `console.*` as one line `\\x1e{"level": ..., "text": ...}`: a record,
with `function` and `call` (a number) where it knows which call says so. Everything else is raw output:
of the program itself, a native addon, or a child process. It need not end with a line before a record
begins (`process.stdout.write(".")`), so a record separator begins a line of its own wherever it stands.
JSON escapes it: there is none within a record.
"""

from __future__ import annotations

from js_host.utils import bare_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LONGEST_LINE", "LineSplitter", "LogLine", "read_line", "safe"]

#: In bytes: a record of 32 K characters (records.mjs) may take six for each.
LONGEST_LINE = 256 * 1024
RECORD = "\x1e"
LEVELS = {
    "trace": 10,
    "debug": 10,
    "log": 20,
    "info": 20,
    "warn": 30,
    "warning": 30,
    "error": 40,
    "fatal": 50,
}
RAW_LEVELS = {"stdout": "info", "stderr": "warn"}


class LogLine:
    """One line for the log: from which worker (and process), at which level, saying what.

    `function` and `call`, the number of a call in its worker, say whose line it is, where that is known.
    """

    __slots__ = ("call", "function", "level", "logger", "pid", "text", "worker")

    def __init__(
        self,
        level: str,
        text: str,
        worker: int,
        pid: int,
        logger: str = "js_host.worker",
        function: str | None = None,
        call: int | None = None,
    ) -> None:
        self.level = level
        self.text = text
        self.worker = worker
        self.pid = pid
        self.logger = logger
        self.function = function
        self.call = call

    @property
    def levelno(self) -> int:
        """The level as `logging` counts it."""
        return LEVELS.get(self.level, 20)


def read_line(stream: str, line: str, worker: int, pid: int) -> LogLine:
    """Return what a line of a stream says: a record, or raw output at the level of its stream."""
    if line.startswith(RECORD):
        try:
            record = bare_json.loads(line[1:])
            function, call = record.get("function"), record.get("call")
            name = safe(function) if isinstance(function, str) else None
            number = call if isinstance(call, int) else None
            return LogLine(str(record["level"]), safe(str(record["text"])), worker, pid, function=name, call=number)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass  # forged, or cut because it was too long: shown as what it is, raw output
    return LogLine(RAW_LEVELS[stream], safe(line), worker, pid)


# No character that a terminal or a reader of logs obeys, save the tabulator and the end of a line.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}


def safe(text: str) -> str:
    """Make text harmless in a log: controls are shown, lone surrogates too, and further lines are set in.

    So what a function prints can not pass for a line of its own, whatever data it prints.
    """
    if not text.isprintable():
        text = text.translate(_CONTROLS).replace("\n", "\n    ")
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


class LineSplitter:
    """Bytes in, in any pieces; whole lines out. A longer line than the limit comes in several pieces."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int = LONGEST_LINE) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Take more bytes; return the lines that they complete. CR LF, CR and the next record end one as LF does."""
        data = (self._rest + data).replace(b"\r\n", b"\n")
        held = b"\r" if data.endswith(b"\r") else b""  # the LF may be in the next piece
        *lines, rest = _set_apart(data[: len(data) - len(held)].replace(b"\r", b"\n")).split(b"\n")
        *pieces, rest = self._pieces(rest)
        self._rest = rest + held
        return [_text(piece) for line in lines for piece in self._pieces(line)] + [_text(piece) for piece in pieces]

    def flush(self) -> list[str]:
        """Return what is left when nothing more will come."""
        rest, self._rest = self._rest, b""
        return [_text(rest.rstrip(b"\r"))] if rest else []

    def _pieces(self, line: bytes) -> Iterator[bytes]:
        while len(line) > self._limit:
            end = _character_start(line, self._limit)
            yield line[:end]
            line = line[end:]
        yield line


def _set_apart(data: bytes) -> bytes:
    """Begin a line at each record separator that does not begin one already."""
    apart = data.replace(b"\n\x1e", b"\x1e").replace(b"\x1e", b"\n\x1e")
    return apart[1:] if data.startswith(b"\x1e") else apart


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")


def _character_start(data: bytes, position: int) -> int:
    """Return the nearest position, this or up to three before it, at which no UTF-8 character is cut."""
    for back in range(4):
        if data[position - back] & 0xC0 != 0x80:
            return position - back
    return position
