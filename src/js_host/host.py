"""The default host: `from js_host.host import host`. Found when it is first asked for, by the settings.

With USE_MANAGER a manager keeps it; with ROOT_URL it is the host at that address; without either, the one that runs at
the address and port of the config file.
"""

from __future__ import annotations

from .conf import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .js_host import JSHost

    host: JSHost

__all__ = ["host"]


def __getattr__(name: str) -> object:
    if name != "host":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = _find()
    globals()["host"] = found
    return found


def _find() -> JSHost:
    from .js_host import JSHost

    if settings.USE_MANAGER:
        return JSHost(settings.get_config_file(), managed=True)
    if settings.ROOT_URL:
        return JSHost(root_url=settings.ROOT_URL)
    return JSHost(settings.get_config_file())
