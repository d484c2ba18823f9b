"""Who may call a host that runs in the foreground, and what its workers get of the environment: options of `run`."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from .._homes.access import NEW_TOKEN, TOKEN_VARIABLE, read_token
from .._homes.options import environment
from ..conf import settings
from ..exceptions import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from .._host.sockets import RawSocket

__all__ = ["Protection", "add_arguments", "exposure_fault", "protect"]

DIGEST_VARIABLE = "JS_HOST_TOKEN_SHA256"
"""Workers know the token by its digest alone, and forget even that name before they load the config."""

SHORTEST_TOKEN = 16


class Protection(NamedTuple):
    """What workers are told: arguments for TLS, and their environment with the digest of the token."""

    worker_args: tuple[str, ...]
    env: dict[str, str]


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("security").add_argument
    add("--token-file", metavar="FILE",
        help=f"file with the secret that callers must give (or the variable {TOKEN_VARIABLE})")  # fmt: skip
    add("--tls-cert", metavar="FILE", help="certificate of the host, in PEM form: serve with TLS")
    add("--tls-key", metavar="FILE", help="its key, in PEM form")
    add("--tls-client-ca", metavar="FILE", help="let in only callers whose certificate this one has signed")
    add("--insecure", action="store_true", help="listen beyond this machine without TLS: the network is private")
    add("--env", action="append", default=[], metavar="NAME[=VALUE]",
        help="environment variable for JavaScript besides the usual ones; may be repeated; '*' is all")  # fmt: skip


def protect(arguments: Namespace, listeners: Sequence[RawSocket]) -> Protection:
    """Check that the host is not open to strangers, and say what its workers are told. Raises ConfigError."""
    token = read_token(token_file=arguments.token_file)
    tls_args = tls_arguments(arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca)
    for listener in listeners:
        fault = exposure_fault(listener.getsockname(), tls=bool(tls_args), insecure=arguments.insecure, token=token)
        if fault:
            for each in listeners:
                each.close()
            raise ConfigError(fault)
    env = environment((*settings.ENV, *arguments.env))
    if token:
        env[DIGEST_VARIABLE] = hashlib.sha256(token.encode()).hexdigest()
    return Protection(tls_args, env)


def tls_arguments(cert: str | None, key: str | None, client_ca: str | None) -> tuple[str, ...]:
    """The same for workers, with absolute paths. Raises ConfigError where one is missing."""
    import os

    if not (cert or key or client_ca):
        return ()
    if not (cert and key):
        raise ConfigError("TLS takes both --tls-cert and --tls-key: the certificate of the host and its key.")
    given = {"--tls-cert": cert, "--tls-key": key, "--tls-client-ca": client_ca}
    for option, path in given.items():
        if path and not os.path.isfile(path):
            raise ConfigError(f"There is no file {os.path.abspath(path)}, which {option} names.")
    return tuple(word for option, path in given.items() if path for word in (option, os.path.abspath(path)))


def exposure_fault(bound: object, *, tls: bool, insecure: bool, token: str | None) -> str | None:
    """What is wrong with listening there, beyond this machine, in this way; None if nothing is.

    `bound` is the name of a socket: a path, or a tuple that begins with an address.
    """
    if token is not None and len(token) < SHORTEST_TOKEN:
        return f"The token is too short: it can be guessed. It takes {SHORTEST_TOKEN} characters or more: {NEW_TOKEN}"
    if not isinstance(bound, tuple) or is_loopback(str(bound[0])):
        return None
    if not (tls or insecure):
        return (
            f"The host would listen at {bound[0]}, where other machines may reach it, and say everything in the clear. "
            "Give it a certificate (--tls-cert, --tls-key); or --insecure, where the network is private or a proxy "
            "does TLS; or let it listen at 127.0.0.1."
        )
    if token is None:
        return (
            f"The host would listen at {bound[0]}, where other machines may reach it, and let everybody call. "
            f"Give it a token: --token-file, or the environment variable {TOKEN_VARIABLE}. Make one: {NEW_TOKEN}"
        )
    return None


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach an address."""
    from ipaddress import ip_address

    found = ip_address(address.partition("%")[0])
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
