"""Node's permission model: what js_host itself needs is added to what the user allows."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["with_permissions"]

FLAGS = ("--permission", "--experimental-permission")
"""What turns it on; Node 20 knows only the second."""

RUNTIME = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "runtime")


def with_permissions(node_args: Sequence[str]) -> tuple[str, ...]:
    """The arguments, and the right to read the files of our own half in JavaScript where they take all rights away.

    The rest (`--allow-worker`, `--allow-net`, which files of the project may be read) is the user's to allow: a worker
    says what is missing.
    """
    if not any(argument in FLAGS for argument in node_args):
        return tuple(node_args)
    return (*node_args, f"--allow-fs-read={RUNTIME}{os.sep}*")
