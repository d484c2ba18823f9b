"""Show what the workers of a `js-host run` do, and how its functions fare, until Ctrl-C. The host must run with
--metrics-port. With --once it is shown once, with --json as JSON."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from time import sleep

from ..exceptions import ConnectionError
from .common import access, add_host_arguments, add_json_argument, find_config_file, root_url, seconds, write_json
from .status import request_status, url_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from http.client import HTTPConnection
    from typing import Any, TypeAlias

    Stats: TypeAlias = dict[str, Any]

HELP = "watch the workers and functions of a host that runs"

PATIENCE = 10.0
"""Seconds to wait for an answer."""

CLEAR = "\x1b[H\x1b[2J"


def add_arguments(parser: ArgumentParser) -> None:
    add_host_arguments(parser)
    parser.add_argument("--at", metavar="URL", help="where --metrics-port is, if the host itself does not answer")
    parser.add_argument("--once", action="store_true", help="show it once, and end")
    parser.add_argument("--interval", type=seconds, default=1.0, metavar="SECONDS", help="between looks (default: 1)")
    add_json_argument(parser)


def main(arguments: Namespace) -> int:
    place = arguments.at or place_of_metrics(arguments)
    if arguments.json:
        return watch_as_json(place, arguments)
    if arguments.once:
        from .top_story import as_text

        print(as_text(read_stats(place)))
        return 0
    watch(place, arguments.interval)
    return 0


def place_of_metrics(arguments: Namespace) -> str:
    """Where the host's supervisor answers: the host itself says it."""
    keys = access(arguments)
    url = root_url(arguments) if arguments.url else url_of(find_config_file(arguments.config))
    place = request_status(url, keys).get("metrics")
    if not isinstance(place, str):
        raise ConnectionError(f"The host at {url} keeps no metrics. Start it with `js-host run --metrics-port 9100`.")
    return place


def read_stats(place: str) -> Stats:
    """What the supervisor says. Raises ConnectionError where it does not."""
    from http.client import HTTPException

    try:
        with closing(connect(place)) as connection:
            connection.request("GET", "/stats")
            stats: Stats = json.loads(connection.getresponse().read())
    except (OSError, ValueError, HTTPException) as error:
        raise ConnectionError(
            f"Nobody tells about a host at {place}: {getattr(error, 'strerror', None) or error}. Give the place of its "
            "--metrics-port, such as http://127.0.0.1:9100, and look whether it runs."
        ) from error
    return stats


def connect(place: str) -> HTTPConnection:
    """A connection to http://127.0.0.1:9100, or to http+unix:/run/app/metrics.sock."""
    import http.client
    import socket

    scheme, _, rest = place.rstrip("/").rpartition("://") if "://" in place else place.partition(":")
    if scheme != "http+unix":
        return http.client.HTTPConnection(rest, timeout=PATIENCE)

    class UnixConnection(http.client.HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(PATIENCE)
            self.sock.connect(rest)

    return UnixConnection("localhost")


def watch_as_json(place: str, arguments: Namespace) -> int:
    """An object per look."""
    while True:
        write_json(read_stats(place))
        sys.stdout.flush()
        if arguments.once:
            return 0
        sleep(arguments.interval)


def watch(place: str, interval: float) -> None:
    """Redraw the screen for ever: by rich where it is installed and there is a terminal."""
    try:
        from .top_screen import RichScreen
    except ImportError:
        return redraw(place, interval, draw_plainly)
    if not sys.stdout.isatty():
        return redraw(place, interval, draw_plainly)
    with RichScreen() as screen:
        redraw(place, interval, screen.draw)
    return None


def redraw(place: str, interval: float, draw: Callable[[Stats, Stats | None], None]) -> None:
    before = None
    while True:
        stats = read_stats(place)
        draw(stats, before)
        before = stats
        sleep(interval)


def draw_plainly(stats: Stats, before: Stats | None) -> None:
    from .top_story import as_text

    sys.stdout.write((CLEAR if sys.stdout.isatty() else "") + as_text(stats, before) + "\n")
    sys.stdout.flush()
