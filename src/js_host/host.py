"""The default host: `from js_host.host import host`. Found when it is first asked for, by the settings.

With ROOT_URL it is the host at that address; without, the one at the address and port of the config file.
"""

from __future__ import annotations

from .conf import settings
from .exceptions import ConfigError

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
        raise ConfigError(
            "USE_MANAGER is not in this version yet. Run the host yourself with `js-host run host.config.js`, or let "
            "the program have one of its own: `with JSHost('host.config.js') as host: …`."
        )
    if settings.ROOT_URL:
        return JSHost(root_url=settings.ROOT_URL)
    return JSHost(settings.get_config_file())
