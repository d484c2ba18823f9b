"""What a config file says, asked of Node without starting a host: `node cli.mjs FILE -c`."""

from __future__ import annotations

import os

from ..exceptions import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["read_config_file"]


def read_config_file(
    node: str, program: str, config_file: str, *, node_args: Sequence[str] = (), timeout: float = 30.0
) -> Mapping[str, Any]:
    """Return the status that a host of this config file would report: type, version, config with functions."""
    import json  # late: the start of a host needs neither
    import subprocess

    command = [node, *node_args, program, os.path.abspath(config_file), "-c"]
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"{config_file} was not loaded after {timeout:g} s. Does it wait for something at its top level?"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{node} can not be run: {error.strerror}. Ask `js-host doctor` which Node is found."
        ) from None
    if ended.returncode:
        raise ConfigError(ended.stderr.decode(errors="replace").strip() or _silent_end(config_file, ended.returncode))
    status: Mapping[str, Any] = json.loads(_last_line(ended.stdout) or "{}")
    if not isinstance(status.get("config"), dict):
        raise ConfigError(_silent_end(config_file, ended.returncode))
    return status


def _last_line(output: bytes) -> bytes:
    """The JSON is the last line: a config file may have printed others before it."""
    lines = output.strip().splitlines()
    return lines[-1] if lines and lines[-1].startswith(b"{") else b""


def _silent_end(config_file: str, code: int) -> str:
    return (
        f"Node ended with exit code {code} while it loaded {config_file}, and said nothing. Does it call process.exit?"
    )
