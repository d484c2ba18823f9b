"""A host that runs somewhere else: `js-host run`, the original, or whatever answers at a URL."""

from __future__ import annotations

from .._client.link import open_link
from ..conf import settings
from ..exceptions import ConnectionError, FunctionTimeout, ProcessError, UnexpectedResponse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .access import AccessOptions
    from .options import CallOptions

__all__ = ["RemoteHome"]


class RemoteHome:
    """A connection to the host at `root_url`. Raises ConnectionError, with `advice`, if none answers there."""

    is_own = False

    def __init__(self, root_url: str, calls: CallOptions, access: AccessOptions, advice: str) -> None:
        self._root_url = root_url
        try:
            self.link = open_link(
                root_url,
                spin=calls.spin,
                gate=calls.gate(),
                timeout=settings.FUNCTION_TIMEOUT,
                access=access.read(),
            )
        except ConnectionError as error:
            raise ConnectionError(f"{error} {advice}") from None

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
