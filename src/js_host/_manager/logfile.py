"""The log file of a host: all that its workers printed, each line with time, worker and level.

It lies in a directory of this user's for what programs leave behind, so it is still there when the host is gone. It is
capped: at 5 MB it becomes `….log.1`, and a new one begins. Where it can not be written, lines are lost and counted,
and `note` says why; no call ever fails or waits for that.
"""

from __future__ import annotations

import _thread
import os
import time

from js_host._host.lines import LogLine
from js_host._host.runtime_dir import runtime_directory
from js_host._manager.place import digest
from js_host._manager.protocol import host_key
from js_host.exceptions import StartError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LogFile", "host_log_path", "logs_of", "manager_log_path", "open_private", "remove_old"]

MOST_BYTES = 5 * 1024 * 1024
"""At this size a log file is put aside. There are two: the one that is written and the one before it."""

OLD = 30 * 24 * 3600.0
"""Seconds after which a log file that nobody writes any more is removed."""


class LogFile:
    """Appends lines, from any thread. Nothing here raises for want of a place."""

    __slots__ = ("_cause", "_descriptor", "_lock", "_lost", "most", "path")

    def __init__(self, path: str | None, most: int = MOST_BYTES) -> None:
        self.path = path
        self.most = most
        self._lock = _thread.allocate_lock()
        self._descriptor = -1
        self._lost = 0
        self._cause = "" if path else "no directory for it can be written"

    @property
    def note(self) -> str | None:
        """What is wrong with the file, if anything was; None while all is well."""
        if not self._lost:
            return None
        return f"{self._lost} lines of the log were lost: {self._cause}"

    def write(self, lines: Sequence[LogLine]) -> None:
        """Append lines, or count them as lost."""
        data = "".join(map(_format, lines)).encode("utf-8", "backslashreplace")
        with self._lock:
            try:
                self._append(data)
            except OSError as error:
                self._lost += len(lines)
                self._cause = error.strerror or str(error)
                self._close()

    def say(self, text: str, level: str = "info") -> None:
        """Append a line of the manager's own."""
        self.write([LogLine(level, text, -1, 0)])

    def close(self) -> None:
        """Close the file. The next line opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _append(self, data: bytes) -> None:
        if self.path is None:
            raise OSError(self._cause)
        if not _is_named(self._descriptor, self.path):
            self._close()
            self._descriptor = open_private(self.path)
        if os.fstat(self._descriptor).st_size + len(data) > self.most:
            self._put_aside(self.path)
        while data:
            data = data[os.write(self._descriptor, data) :]

    def _put_aside(self, path: str) -> None:
        self._close()
        os.replace(path, f"{path}.1")
        self._descriptor = open_private(path)


def _is_named(descriptor: int, path: str) -> bool:
    """Whether that is the file of this name still: somebody may have removed it, or another manager put it aside."""
    try:
        return descriptor >= 0 and os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _format(line: LogLine) -> str:
    now = time.time()
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    where = f"worker {line.worker} ({line.pid})" if line.worker >= 0 else "manager"
    of = "" if line.function is None else f" {line.function} #{line.call}"
    return f"{moment}.{int(now % 1 * 1000):03d} {where}{of} {line.level}: {line.text}\n"


def open_private(path: str) -> int:
    """Open a file of ours to append to it, and make it if it is not there. Never through a link."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    return os.open(path, flags, 0o600)


def host_log_path(config_file: str, key: str) -> str | None:
    """Where the host of that key logs: named after its directory. None if there is no place for logs.

    A host whose Node is run in a way of its own (PATH_TO_NODE, NODE_ARGS) has a file beside that of the plain one.
    """
    special = "" if key == host_key(config_file) else f"-{digest([key])}"
    return _path_in_log_directory(f"{_log_name(config_file)}{special}.log")


def logs_of(config_file: str) -> list[str]:
    """The log files of the hosts of a config file, whether they run or not: the one written last comes first."""
    directory, name = _log_directory() or "", _log_name(config_file)
    found = [os.path.join(directory, file) for file in _names(directory)]
    ours = [path for path in found if path.endswith(".log") and os.path.basename(path).startswith(name)]
    return sorted(ours, key=os.path.getmtime, reverse=True)


def _log_name(config_file: str) -> str:
    project = os.path.basename(os.path.dirname(os.path.realpath(config_file)))
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in project)[:40]
    return f"{name or 'host'}-{digest([host_key(config_file)])}"


def manager_log_path(name: str) -> str | None:
    """Where the manager of that name says what it does."""
    return _path_in_log_directory(f"manager-{name}.log")


def _path_in_log_directory(name: str) -> str | None:
    directory = _log_directory()
    return os.path.join(directory, name) if directory else None


def _log_directory() -> str | None:
    for path in _candidates():
        if _is_ours(path):
            return path
    return None


def _candidates() -> Iterator[str]:
    """`$XDG_STATE_HOME/js-host`, where that is not set `~/.local/state/js-host`; else beside the sockets."""
    state = os.environ.get("XDG_STATE_HOME", "")
    yield os.path.join(state if os.path.isabs(state) else os.path.expanduser("~/.local/state"), "js-host")
    try:
        yield os.path.join(runtime_directory(), "log")
    except StartError:
        pass


def _is_ours(path: str) -> bool:
    """Whether the directory is there, or could be made, and is ours and writable."""
    if not os.path.isabs(path) or not _belongs_to_us(_nearest_existing(path)):
        return False
    try:
        os.makedirs(path, 0o700, exist_ok=True)
    except OSError:
        return False
    return _belongs_to_us(path) and os.access(path, os.W_OK | os.X_OK)


def _nearest_existing(path: str) -> str:
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def _belongs_to_us(path: str) -> bool:
    """`sudo` may keep another user's home: nothing of root's is left there."""
    try:
        return os.stat(path).st_uid == os.getuid()
    except OSError:
        return False


def remove_old(directory: str, now: float) -> None:
    """Remove log files that were not written for a long time: of projects that are gone."""
    for name in _names(directory):
        path = os.path.join(directory, name)
        if ".log" in name:
            _remove_if_old(path, now)


def _remove_if_old(path: str, now: float) -> None:
    try:
        if now - os.lstat(path).st_mtime > OLD:
            os.unlink(path)
    except OSError:
        pass


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []
