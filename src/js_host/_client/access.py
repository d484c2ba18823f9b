"""What a program shows to a host that does not let everybody in, and asks of it: a token, certificates."""

from __future__ import annotations

from ..exceptions import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

__all__ = ["Access", "tls_hint"]


class Access:
    """The token that the host wants, and the files for TLS: who signs for the host (`ca`), our certificate and key.

    Its repr tells no secret.
    """

    __slots__ = ("_context", "ca", "cert", "key", "token")

    def __init__(
        self, token: str | None = None, ca: str | None = None, cert: str | None = None, key: str | None = None
    ) -> None:
        self.token = token
        self.ca = ca
        self.cert = cert
        self.key = key
        self._context: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        return f"<Access {'with' if self.token else 'without'} token, ca={self.ca!r}, cert={self.cert!r}>"

    def tls(self) -> ssl.SSLContext:
        """How to check the host, and to show who we are. Made once. Raises ConfigError for files that are no good."""
        if self._context is None:
            self._context = self._new_context()
        return self._context

    def _new_context(self) -> ssl.SSLContext:
        import ssl  # late: few programs need it

        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert:
                context.load_cert_chain(self.cert, self.key, password=_no_password)
            return context
        except OSError as error:
            files = {"TLS_CA": self.ca, "TLS_CERT": self.cert, "TLS_KEY": self.key}
            named = ", ".join(f"{name} {file}" for name, file in files.items() if file)
            raise ConfigError(f"The files for TLS are no good ({named}): {error}.") from None


def tls_hint(error: BaseException) -> str:
    """What to do about a TLS handshake that failed so; empty for any other error."""
    reason = str(getattr(error, "reason", ""))
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return ". Name the certificate of who signs for the host in TLS_CA, and call it by a name in its certificate."
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        return ". The host lets in only who shows a certificate that it knows: TLS_CERT and TLS_KEY."
    if "WRONG_VERSION" in reason or "HTTP_REQUEST" in reason:
        return ". Does it speak TLS at all? Then its URL begins with https://, else with http://."
    return ""


def _no_password() -> str:
    """OpenSSL would ask at the terminal otherwise."""
    raise ConfigError("TLS_KEY is encrypted: js_host takes keys without a password, in a file that only you can read.")
