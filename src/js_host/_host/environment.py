"""Which environment variables a worker gets: those that every program needs, and those that the user names.

A server's environment is full of secrets (DATABASE_URL, SECRET_KEY, cloud credentials), and a worker runs the code of
hundreds of npm packages. So nothing is passed on by accident.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["USUAL", "pick", "renewed", "withheld", "withheld_in", "worker_environment"]

USUAL = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "TMPDIR", "TMP", "TEMP", "XDG_*"),
    *("LANG", "LANGUAGE", "LC_*", "TZ", "TZDIR"),
    *("TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "CI"),
    *("NODE_ENV", "NODE_PATH", "NODE_EXTRA_CA_CERTS", "NODE_ICU_DATA", "NODE_NO_WARNINGS", "UV_THREADPOOL_SIZE"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
    *("FONTCONFIG_FILE", "FONTCONFIG_PATH"),
)
"""What is always passed on where it is set. A star at the end stands for any rest of a name."""

NEVER = ("JS_HOST_TOKEN", "NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID")
"""What no wish passes on: the host's own secret, and what a Node that started this Python left for its own child."""


def pick(source: Mapping[str, str], wanted: Sequence[str] = ()) -> dict[str, str]:
    """The environment of a worker, from ours. `wanted` are names as in USUAL, or `NAME=VALUE` for another value."""
    given = dict(item.split("=", 1) for item in wanted if "=" in item)
    patterns = (*USUAL, *(item for item in wanted if "=" not in item))
    taken = {name: value for name, value in source.items() if name not in NEVER and _matches(name, patterns)}
    return {**taken, **{name: value for name, value in given.items() if name not in NEVER}}


def renewed(new: Mapping[str, str], before: Mapping[str, str], wanted: Sequence[str]) -> dict[str, str]:
    """A new environment, with what was wanted before where the new one, of a program that wants less, has none."""
    names = [item.split("=", 1)[0] for item in wanted]
    return {**{name: value for name, value in before.items() if _matches(name, names)}, **new}


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(name.startswith(one[:-1]) if one.endswith("*") else name == one for one in patterns)


def withheld(source: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """The names of what is not passed on, in order."""
    return sorted(name for name in source if name not in environment and name not in NEVER)


def withheld_in(text: str, source: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """Those of which a text speaks, as an error may: `API_URL is not set`."""
    import re  # late: only errors need it

    said = set(re.findall(r"\b[A-Z][A-Z0-9_]{2,}\b", text))
    return [name for name in withheld(source, environment) if name in said and not name.startswith("JS_HOST_")]


def worker_environment(env: Mapping[str, str] | None) -> dict[str, str]:
    """The environment that was given, or else what every program needs of ours; never what is only for us."""
    if env is None:
        return pick(os.environ)
    return {name: value for name, value in env.items() if name not in NEVER}
