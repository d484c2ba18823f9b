"""What a program and the manager say to each other: one JSON object a line, over a Unix socket. No I/O.

A request names its `op`, and the `version` of js_host that asks. The answer to it is one line, which may follow after
events. A connection on which a host was leased stays open: it is the lease.

    {"op": "lease", "version": "1.0.0", "config_file": …}
    {"event": "starting", "logfile": …}
    {"host": "…", "slots": [{"number": 0, "address": …}], …}

An answer with `error` is a failure: its class in `js_host.exceptions`, or one of the words below.
"""

from __future__ import annotations

import os

from js_host import __version__, exceptions
from js_host._manager.place import digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = [
    "LONGEST_LINE",
    "OTHER_VERSION",
    "RETIRED",
    "VERSION",
    "Lines",
    "absolute_node",
    "error_of",
    "host_key",
    "raise_error",
]

VERSION = __version__

LONGEST_LINE = 8 * 1024 * 1024

OTHER_VERSION, RETIRED = "other-version", "retired"
"""Words for: this manager is of another version than you; this manager takes no more leases. Both: find another."""


class Lines:
    """Bytes in, in any pieces; whole lines out."""

    __slots__ = ("rest",)

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take more bytes; return the lines that they complete. Raises ValueError if one is too long."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > LONGEST_LINE:
            raise ValueError("The line is too long.")
        return lines


def host_key(
    config_file: str,
    path_to_node: str | None = None,
    node_args: tuple[str, ...] | list[str] = (),
    wanted_env: tuple[str, ...] | list[str] = (),
) -> str:
    """What makes two programs mean the same host: the config file, how Node is to be run, and which variables it gets.

    The values that were given to variables may be secret: of them the key has a digest.
    """
    env = [f"env:{digest(sorted(wanted_env))}"] if wanted_env else []
    return "\0".join([os.path.realpath(config_file), path_to_node or "", *node_args, *env])


def absolute_node(path_to_node: str | None) -> str | None:
    """The setting as it means the same in every directory."""
    if path_to_node and os.sep in path_to_node:
        return os.path.abspath(os.path.expanduser(path_to_node))
    return path_to_node or None


def error_of(error: BaseException) -> dict[str, str]:
    """An answer that says that it failed."""
    name = type(error).__name__
    known = name in exceptions.__all__
    return {"error": name if known else "StartError", "message": str(error) if known else repr(error)}


def raise_error(answer: Mapping[str, Any]) -> None:
    """Raise what the answer says failed, if it does."""
    if "error" not in answer:
        return
    name = answer["error"]
    kind = getattr(exceptions, name) if name in exceptions.__all__ else exceptions.ProcessError
    raise kind(answer.get("message") or f"The manager answered: {name}.")
