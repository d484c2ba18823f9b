"""Which config file was probably meant, for errors about one that is not there."""

from __future__ import annotations

import os
from difflib import get_close_matches

__all__ = ["missing_config", "near_config", "what_is_missing"]

ENDINGS = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
USUAL = [f"host.config{ending}" for ending in ENDINGS]


def missing_config(path: str) -> str:
    """What to say where there is no config file at `path`, and what to do."""
    return ". ".join(what_is_missing(path))


def what_is_missing(path: str) -> tuple[str, str]:
    """The same in two: what is wrong, as a sentence without its end, and what to do."""
    what = f"{path} is a directory, and no config file" if os.path.isdir(path) else f"There is no config file {path}"
    return what, f"{near_config(path)}Write one with `js-host init`, or name yours."


def near_config(path: str) -> str:
    """Return 'Did you mean …? ' with the file beside `path`, or in the directory that it is, which is most like it.

    Empty where there is none.
    """
    directory, name = (path, USUAL[0]) if os.path.isdir(path) else os.path.split(path)
    try:
        files = sorted(file for file in os.listdir(directory or os.curdir) if file.endswith(ENDINGS))
    except OSError:
        return ""
    near = [file for file in files if file in USUAL] if name in USUAL else get_close_matches(name, files, 1, 0.8)
    return f"Did you mean {os.path.join(directory, near[0])}? " if near else ""
