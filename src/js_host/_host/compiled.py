"""Where Node keeps what it has compiled of the files that workers load, so that the next one starts sooner.

It is what `__pycache__` is for Python: a file that has changed is compiled anew, and the directory may be removed at
any time. It is where JavaScript's tools have theirs, `node_modules/.cache`: a config without any `node_modules` has so
little to compile that it needs none. Node 22 and later do it.
"""

from __future__ import annotations

import os

from js_host._host.permissions import FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["NAME", "kept_compiled"]

NAME = "NODE_COMPILE_CACHE"

DECIDES = (NAME, "NODE_DISABLE_COMPILE_CACHE", "NODE_V8_COVERAGE")
"""Who sets one of these has decided for himself; coverage is less exact with what was compiled before."""


def kept_compiled(config_file: str, environment: Mapping[str, str], node_args: Sequence[str]) -> dict[str, str]:
    """What is to be added to the environment of a worker."""
    if any(name in environment for name in DECIDES) or any(argument in FLAGS for argument in node_args):
        return {}
    modules = _node_modules_of(os.path.dirname(config_file))
    return {NAME: os.path.join(modules, ".cache", "js-host")} if modules and _is_ours(modules) else {}


def _node_modules_of(directory: str) -> str | None:
    """The nearest directory of packages that the config sees."""
    while True:
        modules = os.path.join(directory, "node_modules")
        if os.path.isdir(modules):
            return modules
        above = os.path.dirname(directory)
        if above == directory:
            return None
        directory = above


def _is_ours(directory: str) -> bool:
    """Whether what is kept there is safe from others, whose code Node would run, and in the way of nobody else."""
    try:
        return os.stat(directory).st_uid == os.geteuid()
    except OSError:  # it was removed at this moment
        return False
