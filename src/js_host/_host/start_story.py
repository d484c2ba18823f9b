"""The text of a StartError: what failed, where in the code, why, and what to do. No I/O."""

from __future__ import annotations

from js_host._host.endings import WorkerEnd, own_frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

__all__ = ["hint_at_environment", "replacement_story", "start_story"]


def start_story(config_file: str, end: WorkerEnd, *, node: str, node_fault: str | None = None) -> str:
    """Tell why a host could not start, from how its first worker ended."""
    if node_fault:
        cause: Iterable[str] = [node_fault]
    elif end.kind == "refused":
        cause = _error_story(end.error or {})
    else:
        cause = _end_story(config_file, end)
    return _story(f"The host of {config_file} could not start.", cause, end, node)


def replacement_story(config_file: str, end: WorkerEnd, *, node: str) -> str:
    """Tell the same of a worker that was to replace one that ended, in a host that had started."""
    if end.kind in ("refused", "crashed"):
        cause: Iterable[str] = _error_story(end.error or {})
    else:
        cause = filter(None, [_advice(config_file, end)])
    return _story(f"Worker {end.worker} (pid {end.pid}) {end.reason}.", cause, end, node)


def _story(head: str, cause: Iterable[str], end: WorkerEnd, node: str) -> str:
    words = end.last_words()
    return "\n".join([head, *cause, *([words] if words else []), f"Node: {node}"])


def hint_at_environment(names: Sequence[str]) -> str:
    """What to add to a story that speaks of environment variables which are set here, and which no worker gets."""
    if not names:
        return ""
    listed = ", ".join(f'"{name}"' for name in names)
    return (
        f"\n{', '.join(names)}: set in this program's environment, and not passed on to JavaScript. To pass it on, "
        f"name it: ENV=[{listed}] in the settings, JSHost(..., env=[{listed}]), or `js-host run --env {names[0]}`."
    )


def _end_story(config_file: str, end: WorkerEnd) -> Iterator[str]:
    if end.kind == "crashed":
        yield "While it loaded the config, its worker crashed with an uncaught exception:"
        yield from _error_story(end.error or {})
        return
    called_exit = end.kind == "exit" and end.error is not None
    what = f"exited with code {end.code} while it loaded the config" if called_exit else end.reason
    yield f"Its worker {what}. {_advice(config_file, end)}".rstrip()


def _advice(config_file: str, end: WorkerEnd) -> str:
    """Where to look, or what to change, after an end without an error of the worker's own."""
    if end.kind == "killed":
        return SLOW_START.format(file=config_file)
    if end.kind == "exit" and end.error is not None:
        return EXIT.format(file=config_file)
    return UNSETTLED_AWAIT.format(file=config_file) if end.code == UNSETTLED else ""


UNSETTLED = 13
UNSETTLED_AWAIT = "Look in {file}, and in what it imports, for an `await` outside of any function, or in its `warmup`."
SLOW_START = (
    "Look in {file}, and in what it imports, for an `await` outside of any function that never settles, or for a long "
    "computation. If it is only slow, allow a longer start: the setting START_TIMEOUT, or --start-timeout."
)
EXIT = "Something in {file}, or in what it imports, called process.exit(): remove that, or move it into a function."


def _error_story(error: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    place = _place(error)
    if place:
        yield f"  {place}"
    frame = error.get("frame")
    if isinstance(frame, str) and frame.strip():
        yield _set_in(frame.strip("\n"), "    ")
    name, message = error.get("name") or "Error", error.get("message") or ""
    yield _set_in(f"{name}: {message}", "  ")
    yield from (f"    {frame}" for frame in own_frames(error.get("stack")))
    yield ""
    if error.get("hint"):
        yield f"Hint: {error['hint']}"


def _place(error: Mapping[str, Any]) -> str:
    file, line = error.get("file"), error.get("line")
    return f"{file}:{line}" if file and line else str(file or "")


def _set_in(text: str, by: str) -> str:
    return "\n".join(by + line for line in text.splitlines())
