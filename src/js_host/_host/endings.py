"""Why a worker ended, in words: from its exit status, its own last report, and what it printed. No I/O."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` makes enums of them all, at every start of a host
import os
import time

from js_host._host.worker_process import UNKNOWN_STATUS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["WorkerEnd", "describe_end", "own_frames"]

LINES_SHOWN = 20
FRAMES_SHOWN = 5

OUT_OF_MEMORY = ("Reached heap limit", "Ineffective mark-compacts", "process out of memory", "heap out of memory")

KNOWN_CODES = {
    9: "Node did not accept its arguments",
    13: "a top-level `await` never settled and nothing was left to wait for",
    126: "the program was found but could not be run",
    127: "a program that it needs was not found",
}


class WorkerEnd:
    """How one worker process ended.

    `kind` is one of stopped, killed, refused, stuck, crashed, out-of-memory, exit, signal, lost, not-spawned.
    `reason` continues the sentence "Worker 0 …"; `str()` of this is the whole story with the last lines printed.
    `code` and `signal` are what the system said; `function` and `stack` the JavaScript that was to blame, where
    it is known; `error` is what the worker itself reported. `at` is when this was found, in seconds since 1970.
    """

    __slots__ = ("at", "code", "error", "function", "kind", "lines", "pid", "reason", "signal", "stack", "worker")

    def __init__(
        self,
        worker: int,
        pid: int,
        kind: str,
        reason: str,
        *,
        status: int = UNKNOWN_STATUS,
        lines: Sequence[str] = (),
        function: str | None = None,
        stack: str | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> None:
        self.at = time.time()
        self.worker = worker
        self.pid = pid
        self.kind = kind
        self.reason = reason
        self.code, self.signal = _code_and_signal(status)
        self.lines = tuple(lines)
        self.function = function
        self.stack = stack
        self.error = error

    def __repr__(self) -> str:
        return f"<WorkerEnd {self.kind}: worker {self.worker} (pid {self.pid}) {self.reason}>"

    def __str__(self) -> str:
        head = f"Worker {self.worker} (pid {self.pid}) {self.reason}."
        frames = own_frames(self.stack) if self.kind == "crashed" else []
        return "\n".join([head, *(f"    {frame}" for frame in frames), self.last_words()]).rstrip("\n")

    def last_words(self) -> str:
        """Return what it printed last, set in, or nothing."""
        lines = _without_blank_ends([line for line in self.lines if not _is_native(line)])[-LINES_SHOWN:]
        return "\n".join(["It printed last:", *(f"  | {line}" for line in lines)]) if lines else ""


def own_frames(stack: object) -> list[str]:
    """Give the first frames of the user's own code; those inside Node help nobody."""
    lines = [line.strip() for line in stack.splitlines()] if isinstance(stack, str) else []
    frames = [line for line in lines if line.startswith("at ") and not _is_foreign(line)]
    return frames[:FRAMES_SHOWN]


def _is_foreign(line: str) -> bool:
    return "node:" in line or "/js_host/runtime/" in line


def _is_native(line: str) -> bool:
    """Whether Node printed it as it broke down, and it helps nobody: its own stacks, and its log of collections."""
    number, colon, rest = line.strip().partition(": ")
    if colon and number.isdigit():
        return rest.startswith("0x") or (rest.endswith(")") and _is_foreign(rest))
    return line.endswith(NATIVE_HEADS) or " ms: Mark-Compact " in line or " ms: Scavenge " in line


NATIVE_HEADS = ("- Native stack trace -----", "<--- Last few GCs --->", "<--- JS stacktrace --->")


def _without_blank_ends(lines: Sequence[str]) -> Sequence[str]:
    said = [number for number, line in enumerate(lines) if line.strip()]
    return lines[said[0] : said[-1] + 1] if said else []


def describe_end(
    worker: int,
    pid: int,
    status: int,
    *,
    reports: Mapping[str, Mapping[str, Any]],
    killed: str | None = None,
    lines: Sequence[str] = (),
    flags: Sequence[str] = (),
) -> WorkerEnd:
    """Say why a worker ended. `killed` is our own reason where we did it, `flags` are Node's arguments."""
    kind, reason, details = _verdict(status, reports, killed, lines, flags)
    return WorkerEnd(worker, pid, kind, reason, status=status, lines=lines, **details)


def _verdict(
    status: int,
    reports: Mapping[str, Mapping[str, Any]],
    killed: str | None,
    lines: Sequence[str],
    flags: Sequence[str],
) -> tuple[str, str, dict[str, Any]]:
    """Judge by the best witness: the worker's own words, then our deed, its output, and the system's status."""
    for kind, tell in (("failed", _refused), ("stuck", _stuck), ("crashed", _crashed)):
        if kind in reports:
            return tell(reports[kind])
    if killed:
        return ("stopped" if killed == STOPPED else "killed"), killed, {}
    if status != UNKNOWN_STATUS and os.WIFSIGNALED(status):
        return _by_signal(os.WTERMSIG(status), lines, flags)
    if "exit" in reports and reports["exit"].get("code") not in list(KNOWN_CODES):
        return _by_exit(reports["exit"])
    if status == UNKNOWN_STATUS:
        return "lost", "ended, and another part of this program collected its exit status", {}
    code = os.waitstatus_to_exitcode(status)
    return "exit", f"exited with code {code}" + (f": {KNOWN_CODES[code]}" if code in KNOWN_CODES else ""), {}


STOPPED = "was stopped"
"""The reason for our own ending of a worker when its host stops."""


def _refused(report: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    error = _mapping(report.get("error"))
    return "refused", f"could not load the config: {_headline(error)}", {"error": error, "stack": _stack(error)}


def _stuck(report: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    stack, function, message = (_text(report.get(key)) for key in ("stack", "function", "message"))
    details = {"function": function, "stack": stack, "error": report}
    if stack:
        named, place = _blamed(stack)
        where = (function or named or "JavaScript") + (f" ({place})" if place else "")
        return "stuck", f"was ended by its watchdog: its event loop was stuck in {where}", details
    why = (message or "its event loop was stuck").removesuffix(".")
    return "stuck", f"was ended by its watchdog: {why}", details


def _blamed(stack: str) -> tuple[str, str]:
    """The first function that a stack names and the first place in a file, `/app/lib.js:12`; "" where there is none."""
    frames = [line.strip().removeprefix("at ").rpartition(" (") for line in stack.splitlines()]
    names = (name for name, _, _ in frames if name and " " not in name)
    places = (place.removeprefix("file://").rpartition(":")[0] for _, _, place in frames)
    return next(names, ""), next((place for place in places if place.startswith("/")), "")


def _crashed(report: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    error = _mapping(report.get("error"))
    reason = f"crashed with an uncaught exception: {_headline(error)}"
    return "crashed", reason, {"error": error, "stack": _stack(error), "function": _text(report.get("function"))}


def _by_signal(number: int, lines: Sequence[str], flags: Sequence[str]) -> tuple[str, str, dict[str, Any]]:
    name = _signal_name(number)
    for line in lines:
        if found := [words for words in OUT_OF_MEMORY if words in line]:
            return "out-of-memory", f"ran out of memory ({name}, {found[0]!r}){_memory_advice(flags)}", {}
    if number == _signal.SIGKILL:
        why = "by hand, or by the system or a container's limit for want of memory"
        return "signal", f"was killed by {name} (not by js-host: {why})", {}
    return "signal", f"was killed by {name}", {}


def _by_exit(report: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    code = report.get("code")
    names = [str(name) for name in _sequence(report.get("functions"))]
    call = f"process.exit({code})"
    function = names[0] if len(names) == 1 else None
    if function:
        why = f"function {function!r} called {call}"
    else:
        running = f"{', '.join(map(repr, names))} were" if names else "no function was"
        why = f"{call} was called while {running} running"
    return "exit", f"exited with code {code}: {why}", {"function": function, "error": report}


def _memory_advice(flags: Sequence[str]) -> str:
    for flag in flags:
        if flag.startswith("--max-old-space-size"):
            return f": its limit is {flag}; give it more, or look for what holds on to memory"
    return ": give it more with Node's flag --max-old-space-size=<MB>, or look for what holds on to memory"


def _headline(error: Mapping[str, Any]) -> str:
    """Return "TypeError: x is not a function", on one line."""
    name, message = _text(error.get("name")) or "Error", _text(error.get("message")) or ""
    return f"{name}: {message}".split("\n")[0].removesuffix(": ")


def _signal_name(number: int) -> str:
    names = [name for name, value in vars(_signal).items() if name.startswith("SIG") and value == number]
    return min((name for name in names if name[3] != "_"), default=f"signal {number}")


def _code_and_signal(status: int) -> tuple[int | None, int | None]:
    if status == UNKNOWN_STATUS:
        return None, None
    code = os.waitstatus_to_exitcode(status)
    return (code, None) if code >= 0 else (None, -code)


def _stack(report: Mapping[str, Any]) -> str | None:
    return _text(report.get("stack"))


# A worker's words are JSON, but their shape is not to be trusted: functions run in the same process.


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
