"""A host that runs somewhere else: `js-host run`, the original, or whatever answers at a URL."""

from __future__ import annotations

from .._client.link import open_link
from ..conf import settings
from ..exceptions import ConnectionError, FunctionTimeout, ProcessError, UnexpectedResponse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from .access import AccessOptions
    from .options import CallOptions

__all__ = ["RemoteHome"]


class RemoteHome:
    """A connection to the host at `root_url`. Raises ConnectionError, with advice, if none answers.

    `config_file` is that of the host; None if it was named by its address. `timeout` is how many seconds it may take
    to answer.
    """

    is_own: Literal[False] = False
    is_foreign: Literal[False] = False

    def __init__(
        self, root_url: str, calls: CallOptions, access: AccessOptions, config_file: str | None, timeout: float | None
    ) -> None:
        self._root_url = root_url
        self.link = open_link(
            root_url,
            spin=calls.spin,
            gate=calls.gate(),
            timeout=timeout,
            access=access.read(),
            advice=_advice(config_file),
        )

    def is_running(self) -> bool:
        """Whether it answers now."""
        return self.status() is not None

    def url(self) -> str:
        """The URL that it was given."""
        return self._root_url

    def status(self) -> Mapping[str, Any] | None:
        """What it says of itself now; None if it does not answer as a host does."""
        try:
            status = self.link.status(settings.FUNCTION_TIMEOUT)
        except (ConnectionError, UnexpectedResponse, FunctionTimeout):
            return None
        return status if isinstance(status, dict) and "config" in status else None

    def stop(self) -> None:
        """It is not ours to stop."""
        raise ProcessError(f"JSHost [{self._root_url}] was not started by this program. Stop it where it runs.")

    def close(self) -> None:
        """Close our connections."""
        self.link.close()


def check_functions(url: str, offered: Mapping[str, Any], config_file: str, declared: Mapping[str, Any]) -> None:
    """Raise UnexpectedResponse if the host at a URL offers other functions than the config file declares."""
    if set(offered.get("functions") or ()) != set(declared.get("functions") or ()):
        raise UnexpectedResponse(
            f"The host at {url} is not one of {config_file}, or of an older version of it: it offers "
            f"{offered.get('functions')}, the file {declared.get('functions')}. Restart it.",
            maybe_executed=False,
        )


def _advice(config_file: str | None) -> str:
    if config_file is None:
        return "Start the host with `js-host run` where it belongs, or correct the address."
    return (
        f"Start the host with `js-host run {config_file}`; or, in development, have a manager start it: "
        "USE_MANAGER=True; or let this program have one of its own: `with JSHost(config_file) as host: …`, or "
        "`JSHost(config_file, owned=True)`."
    )
