"""What several commands share: which host is meant, and how results are written."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentTypeError

from ..conf import check_together, settings
from ..exceptions import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeVar

    from ..js_host import JSHost

    T = TypeVar("T")


def add_host_arguments(parser: ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--config", metavar="FILE", help="config file (default: host.config.js in this directory)")
    which.add_argument("--url", metavar="URL", help="a host that runs already, such as http://127.0.0.1:9009")
    add = parser.add_argument_group("a host at a URL").add_argument
    add("--token-file", metavar="FILE", help="file with the secret that it wants (or the variable JS_HOST_TOKEN)")
    add("--tls-ca", metavar="FILE", help="who signs for it, in PEM form (default: whom this machine trusts)")
    add("--tls-cert", metavar="FILE", help="our certificate, in PEM form, if it wants one")
    add("--tls-key", metavar="FILE", help="the key of that, in PEM form")


def access(arguments: Namespace) -> dict[str, Any]:
    """What was given to be let in by the host at --url, as JSHost takes it."""
    names = ("token_file", "tls_ca", "tls_cert", "tls_key")
    given = {name: value for name in names if (value := getattr(arguments, name))}
    if given and not arguments.url:
        option = next(iter(given)).replace("_", "-")
        raise ConfigError(f"--{option} is for a host that runs at a URL. Name it with --url https://…")
    return given


def expects(what: str) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Have argparse say what an argument must be, where reading it is a ValueError."""

    def decorate(read: Callable[[str], T]) -> Callable[[str], T]:
        def argument(text: str) -> T:
            try:
                return read(text)
            except (ValueError, ArgumentTypeError):
                raise ArgumentTypeError(f"it must be {what}, not {text!r}") from None

        return argument

    return decorate


@expects("a number of seconds above 0")
def seconds(text: str) -> float:
    """An argument that is a number of seconds."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def add_json_argument(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON, for programs to read")


def open_host(arguments: Namespace) -> JSHost:
    """The host that runs at --url, the manager's if the settings say so, or one of our own; to be used in a `with`."""
    url, keys = root_url(arguments) if arguments.url else None, access(arguments)
    config_file = None if url else find_config_file(arguments.config)
    from ..js_host import JSHost  # after what may be wrong with the arguments was said

    return JSHost(config_file, root_url=url, managed=settings.USE_MANAGER and not url, **keys)


def root_url(arguments: Namespace) -> str:
    """The address given with --url, checked as the setting ROOT_URL is."""
    url: str = arguments.url.rstrip("/")
    try:
        check_together({"ROOT_URL": url})
    except ConfigError:
        meant = "" if "://" in url else f" Did you mean http://{url}?"
        raise ConfigError(f"--url must be an address such as http://127.0.0.1:9009, not {url!r}.{meant}") from None
    return url


def find_config_file(named: str | None) -> str:
    """The config file that was named on the command line, or else that of the settings: the usual one, here."""
    path = os.path.abspath(named or os.path.join(settings.SOURCE_ROOT or os.curdir, settings.CONFIG_FILE))
    if not os.path.isfile(path):
        from ..utils.near_config import missing_config  # late: only mistakes need it

        raise ConfigError(missing_config(path))
    return path


def read_status(config_file: str, timeout: float | None = None, env: Sequence[str] = ()) -> Mapping[str, Any]:
    """The status that a host of this config file would report; no host is started.

    `env` names variables that it gets besides those of the settings.
    """
    from .._homes.options import environment
    from .._host.config_file import read_config_file

    node, program = settings.get_path_to_node(), settings.get_path_to_bin()
    return read_config_file(
        node,
        program,
        config_file,
        node_args=settings.NODE_ARGS,
        timeout=timeout or settings.START_TIMEOUT,
        env=environment((*settings.ENV, *env)),
    )


def write_json(value: object) -> None:
    """One line of JSON; bytes become base64, dates ISO text."""
    import msgspec

    try:
        line = msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half a character, as texts of JavaScript may have, or a path that is no UTF-8
        import json

        line = json.dumps(msgspec.to_builtins(value))
    sys.stdout.write(line + "\n")
