"""Where a host or a worker can be reached."""

from __future__ import annotations

import _socket

from ..exceptions import ConfigError
from .access import Access


class Address:
    """A Unix socket or a TCP address, whether it speaks HTTP before it speaks frames, and what is shown to who answers.

    `Address.unix(path)` is a worker's own socket; `Address.url("http://127.0.0.1:9009")` a host's.
    """

    __slots__ = ("access", "authority", "family", "host_name", "is_encrypted", "is_http", "path", "target", "text")

    def __init__(self, family: int, target: str | tuple[str, int], text: str, authority: str = "") -> None:
        self.family = family
        self.target = target
        self.text = text
        self.authority = authority
        self.is_http = bool(authority)
        self.is_encrypted = False
        #: The name that must stand in its certificate.
        self.host_name = ""
        self.access = Access()
        self.path = ""

    def __str__(self) -> str:
        return self.text

    def leads_to(self, port: int) -> bool:
        """Whether it is that port of this machine, or a Unix socket: then nothing stands between us and the host."""
        if self.is_encrypted or self.path:
            return False
        return isinstance(self.target, str) or self.target[1] == port

    @classmethod
    def unix(cls, path: str, text: str = "") -> Address:
        """A Unix socket that speaks frames from its first byte. `text` is how messages call it, by default its path."""
        return cls(_socket.AF_UNIX, path, text or path)

    @classmethod
    def url(cls, url: str, access: Access | None = None) -> Address:
        """A host's URL: `http://name:port`, `https://`, or `http+unix://` and the percent-encoded path of a socket."""
        from urllib.parse import unquote, urlsplit

        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise ConfigError(f"{url!r} is no URL of a host: {error}.") from None
        if parts.scheme == "http+unix" and parts.netloc:
            address = cls(_socket.AF_UNIX, unquote(parts.netloc), url, "localhost")
        elif parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc:
            family = _socket.AF_INET6 if ":" in parts.hostname else _socket.AF_INET
            address = cls(family, (parts.hostname, port), url, parts.netloc)
            address.is_encrypted = parts.scheme == "https"
            address.host_name = parts.hostname
        else:
            raise ConfigError(f"{url!r} is no URL of a host. Write it as http://127.0.0.1:9009.")
        address.access = access or address.access
        address.path = parts.path.rstrip("/")
        return address


def unix_url(path: str | None) -> str:
    """The URL of a Unix socket, as several HTTP clients know it."""
    from urllib.parse import quote

    return f"http+unix://{quote(path or '', safe='')}"
