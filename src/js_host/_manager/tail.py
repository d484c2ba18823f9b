"""Read a log file from its end, and follow it, also when it is put aside for a new one (by `logfile`)."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Any, BinaryIO, Self

__all__ = ["Tail", "records"]

HEAD = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) "
    r"(?:manager|worker (?P<worker>\d+) \((?P<pid>\d+)\))(?: (?P<function>.+?) #(?P<call>\d+))? "
    r"(?P<level>\w+): (?P<text>.*)",
    re.DOTALL,
)
SET_IN = "    "


class Tail:
    """A log file, which may not be there yet. Lines are without their ends."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def last(self, count: int) -> list[str]:
        """The last lines, so many at most; `more` goes on behind them."""
        lines = self.more()
        if len(lines) < count:
            lines = [*self._lines_before(), *lines]
        return lines[len(lines) - min(count, len(lines)) :]

    def more(self) -> list[str]:
        """The lines that were added since then."""
        data = self._read()
        if not self._is_current():
            data += self._read()  # what came after the first look, and before the file was put aside
            self.close()
            data += self._read()
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _read(self) -> bytes:
        if self._file is None:
            try:
                self._file = open(self.path, "rb")  # noqa: SIM115
            except FileNotFoundError:
                return b""
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            self._file.seek(0)  # somebody has emptied it
        return self._file.read()

    def _is_current(self) -> bool:
        """Whether the file that is open is the one that is written."""
        try:
            return self._file is None or os.path.samestat(os.fstat(self._file.fileno()), os.stat(self.path))
        except FileNotFoundError:
            return True  # until there is a new one

    def _lines_before(self) -> list[str]:
        """The lines of the file that was put aside before this one."""
        try:
            with open(f"{self.path}.1", "rb") as before:
                if self._file is not None and os.path.sameopenfile(before.fileno(), self._file.fileno()):
                    return []
                return before.read().decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []


def records(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Lines as what was logged: `time` (local), `worker` and `pid` (None: the manager), `level`, `text`.

    `function` and `call` say whose it is, where that is known.
    """
    found: list[dict[str, Any]] = []
    for line in lines:
        if head := HEAD.match(line):
            found.append({**head.groupdict(), **{name: _number(head[name]) for name in ("worker", "pid", "call")}})
        elif found:
            found[-1]["text"] += "\n" + line.removeprefix(SET_IN)
    return found


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
