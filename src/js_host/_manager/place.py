"""Where the manager of this user and this environment is found: its socket and its lock, by name.

One manager serves one user (the directory is private) and one environment: all that decides which Node and which
packages a host would get. So programs that would not get the same host never share one:

- the Python: `sys.prefix`, hence the virtual environment with its js_host and, maybe, its Node;
- `PATH`, by which Node, and the programs that functions start, are found;
- `JS_HOST_NODE`, and every variable of Node's own: `NODE_PATH`, `NODE_ENV`, `NODE_OPTIONS`, `NODE_…`.

All else of the environment may differ between the programs of one manager: a host has that of the program for which
it was started. Which Node a program names in its settings is part of a host's identity, not of the manager's.
"""

from __future__ import annotations

import os
import sys

from js_host._host.runtime_dir import runtime_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Place", "all_places", "digest", "find_place", "fingerprint", "manager_environment", "named_place"]

PREFIX = "m-"
# What a Node that started this program has put there for its own child; it differs from one to the next.
NOT_COUNTED = ("NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID")


class Place:
    """The name of a manager and its two files."""

    __slots__ = ("directory", "lock", "name", "socket")

    def __init__(self, directory: str, name: str) -> None:
        self.directory = directory
        self.name = name
        self.socket = os.path.join(directory, f"{PREFIX}{name}.sock")
        self.lock = os.path.join(directory, f"{PREFIX}{name}.lock")

    def __repr__(self) -> str:
        return f"<Place {self.socket}>"

    @classmethod
    def of_socket(cls, path: str) -> Place:
        """The place with that socket."""
        directory, file = os.path.split(path)
        return cls(directory, file.removeprefix(PREFIX).removesuffix(".sock"))


def named_place(name: str) -> Place:
    """The place of the manager of that name."""
    return Place(runtime_directory(), name)


def all_places() -> list[Place]:
    """The places of this user where a manager is, or was killed: one for each environment."""
    directory = runtime_directory()
    sockets = (name for name in sorted(os.listdir(directory)) if name.startswith(PREFIX) and name.endswith(".sock"))
    return [Place.of_socket(os.path.join(directory, name)) for name in sockets]


def find_place() -> Place:
    """The place of the manager that this program shares with its like. Raises StartError if no directory is private."""
    return Place(runtime_directory(), digest(fingerprint(manager_environment(os.environ), sys.prefix)))


def fingerprint(environment: Mapping[str, str], prefix: str) -> list[str]:
    """What must be the same for two programs to share a manager."""
    counted = ("PATH", "JS_HOST_NODE")
    names = (name for name in environment if name in counted or name.startswith("NODE_"))
    return [prefix, *(f"{name}={environment[name]}" for name in sorted(names) if name not in NOT_COUNTED)]


def digest(parts: Iterable[str]) -> str:
    """Ten characters that tell these texts from any others."""
    try:
        from _blake2 import blake2b  # hashlib, which offers the same, loads OpenSSL first
    except ImportError:
        from hashlib import blake2b
    said = "\0".join(parts).encode("utf-8", "surrogateescape")
    return blake2b(said, digest_size=5).hexdigest()


def manager_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a manager: ours, save that it has another current directory."""
    changed = dict(environment)
    node = changed.get("JS_HOST_NODE", "")
    if os.sep in node and not node.startswith("~"):
        changed["JS_HOST_NODE"] = os.path.abspath(node)
    return changed
