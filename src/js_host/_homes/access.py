"""The token and the files for TLS: from options, the settings, or the environment."""

from __future__ import annotations

import os
import stat

from .._client.access import Access
from ..conf import find_setting, settings
from ..exceptions import ConfigError

__all__ = ["NEW_TOKEN", "TOKEN_VARIABLE", "AccessOptions", "read_token", "read_token_file"]

TOKEN_VARIABLE = "JS_HOST_TOKEN"

NEW_TOKEN = 'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'


class AccessOptions:
    """What was given to JSHost for a host that does not let everybody in; the settings for the rest."""

    __slots__ = ("_token", "_token_file", "tls_ca", "tls_cert", "tls_key")

    def __init__(
        self,
        token: str | None = None,
        token_file: str | None = None,
        tls_ca: str | None = None,
        tls_cert: str | None = None,
        tls_key: str | None = None,
    ) -> None:
        find_setting("TOKEN").kind.check("token", token)
        self._token = token
        self._token_file = token_file
        self.tls_ca = tls_ca
        self.tls_cert = tls_cert
        self.tls_key = tls_key

    def read(self) -> Access:
        """Put it together now: a token file is read each time."""
        cert = self.tls_cert or settings.TLS_CERT
        return Access(
            read_token(self._token, self._token_file),
            ca=self.tls_ca or settings.TLS_CA,
            cert=cert,
            key=self.tls_key or settings.TLS_KEY,
        )


def read_token(token: str | None = None, token_file: str | None = None) -> str | None:
    """The token that was given, or is in the file that was given; else that of the settings, or of the environment."""
    if token or token_file:
        return token or read_token_file(str(token_file))
    if settings.TOKEN or settings.TOKEN_FILE:
        return settings.TOKEN or read_token_file(str(settings.TOKEN_FILE))
    return _checked(os.environ.get(TOKEN_VARIABLE, "").strip(), f"the environment variable {TOKEN_VARIABLE}")


def read_token_file(path: str) -> str:
    """The token in a file that other users can not read. Raises ConfigError, without a word of what is in it."""
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(4096).decode("utf-8", "replace").strip()
    except OSError as error:
        raise ConfigError(f"The token file {path} can not be read: {error.strerror}.") from None
    if mode & 0o027:
        raise ConfigError(
            f"The token file {path} is open to others (mode {mode:04o}), so what is in it is no secret. "
            f"`chmod 600 {path}`, and put a new token into it: {NEW_TOKEN}"
        )
    token = _checked(text, f"the token file {path}")
    if token is None:
        raise ConfigError(f"The token file {path} is empty. Make a token: {NEW_TOKEN}")
    return token


def _checked(text: str, place: str) -> str | None:
    if not text:
        return None
    if not find_setting("TOKEN").kind.accepts(text):
        raise ConfigError(
            f"What is in {place} is no token: a token has no spaces, and only ASCII. Make one: {NEW_TOKEN}"
        )
    return text
