"""The default host: `from js_host.host import host`. Found when it is first asked for, by the settings.

With USE_MANAGER a manager keeps it; with ROOT_URL it is the host at that address; without either, the one that runs at
the address and port of the config file.
"""

from __future__ import annotations

from .conf import settings
from .exceptions import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .js_host import JSHost

    host: JSHost

__all__ = ["host"]

#: The settings that say which host it is, and how it is started.
DECIDING = (
    *("SOURCE_ROOT", "CONFIG_FILE", "ROOT_URL", "USE_MANAGER"),
    *("PATH_TO_NODE", "PATH_TO_BIN", "NODE_ARGS", "WORKERS", "SPIN", "ENV"),
    *("TOKEN", "TOKEN_FILE", "TLS_CA", "TLS_CERT", "TLS_KEY"),
)

_followed: tuple[object, ...] | None = None
_kept: dict[tuple[object, ...] | None, dict[str, object]] = {}


def __getattr__(name: str) -> object:
    global _followed
    if name != "host":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = _find()
    _followed = _deciding()
    globals()["host"] = found
    return found


def _find() -> JSHost:
    from .js_host import JSHost

    values = settings.current or settings.read()
    if values["ROOT_URL"]:
        return JSHost(root_url=values["ROOT_URL"])
    return JSHost(settings.get_config_file(), managed=values["USE_MANAGER"])


def follow_settings() -> None:
    """Make the default host the one that the settings name now, where they were replaced after it was found.

    It stays the same object, so whoever has it goes along. A host that this program had started is kept aside, and is
    there again when the settings come back; connections to any other are closed.
    """
    global _followed
    present: JSHost | None = globals().get("host")
    if present is None:
        return
    before, now = _followed, _deciding()
    if now == before:
        return
    _put_aside(present, before)
    vars(present).update(_kept.pop(now, None) or vars(_found_or_empty()))
    _followed = now


def _deciding() -> tuple[object, ...] | None:
    try:
        values = settings.current or settings.read()
    except ConfigError:
        return None
    return tuple(values[name] for name in DECIDING)


def _put_aside(present: JSHost, deciding: tuple[object, ...] | None) -> None:
    if present._home is not None and present._home.is_own:
        _kept[deciding] = dict(vars(present))
    else:
        present.close()


def _found_or_empty() -> JSHost:
    """The host; or one that says, when it is used, what is wrong with the settings."""
    from .js_host import JSHost

    try:
        return _find()
    except ConfigError:
        return JSHost()
