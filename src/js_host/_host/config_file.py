"""What a config file says, asked of Node without starting a host: `node cli.mjs FILE -c`."""

from __future__ import annotations

import os

from ..exceptions import ConfigError
from .environment import worker_environment
from .permissions import with_permissions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["read_config_file"]

NEVER_SETTLED = 13
"""Node's exit code for an `await` at the top level that nothing is left to fulfil."""


def read_config_file(
    node: str,
    program: str,
    config_file: str,
    *,
    node_args: Sequence[str] = (),
    timeout: float = 30.0,
    env: Mapping[str, str] | None = None,
) -> Mapping[str, Any]:
    """Return the status that a host of this config file would report: type, version, config with functions.

    `env` is the environment to read it in; without it, the usual part of ours, as for workers.
    """
    import json  # late: the start of a host needs neither
    import subprocess

    command = [node, *with_permissions(node_args), program, os.path.abspath(config_file), "-c"]
    try:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, env=worker_environment(env)
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"{config_file} was not loaded after {timeout:g} s. Does it wait for something at its top level?"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{node} can not be run: {error.strerror}. Ask `js-host doctor` which Node is found."
        ) from None
    status: Mapping[str, Any] = json.loads(_last_line(ended.stdout) or "{}")
    if ended.returncode or not isinstance(status.get("config"), dict):
        raise ConfigError(_story(config_file, ended.returncode, ended.stderr.decode(errors="replace")))
    return status


def _last_line(output: bytes) -> bytes:
    """The JSON is the last line: a config file may have printed others before it."""
    lines = output.strip().splitlines()
    return lines[-1] if lines and lines[-1].startswith(b"{") else b""


def _story(config_file: str, code: int, words: str) -> str:
    """Tell why the file could not be loaded: the program's own story, or what lies behind an end without one."""
    if code == NEVER_SETTLED:
        return f"{config_file} never finishes loading: an `await` outside of any function waits for ever."
    story = words.removeprefix("js-host could not start.").strip()
    if not story:
        return f"Node ended with code {code} while it loaded {config_file}, and said nothing. Is process.exit called?"
    return f"{config_file} could not be loaded.\n\n{story}"
