"""Ask a running host for its status. Exit code 1 if none answers."""

from __future__ import annotations

from ..exceptions import ConnectionError
from .common import add_host_arguments, add_json_argument, find_config_file, read_status, root_url, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping
    from typing import Any

HELP = "ask a running host for its status"


def add_arguments(parser: ArgumentParser) -> None:
    add_host_arguments(parser)
    add_json_argument(parser)


def main(arguments: Namespace) -> int:
    url = root_url(arguments) if arguments.url else url_of(find_config_file(arguments.config))
    status = request_status(url)
    if arguments.json:
        write_json({"url": url, **status})
    else:
        print("\n".join(story(url, status)))
    return 0


def url_of(config_file: str) -> str:
    """Where a host of this config file listens when it is run."""
    config = read_status(config_file)["config"]
    return f"http://{config['address']}:{config['port']}"


def request_status(url: str) -> Mapping[str, Any]:
    from ..js_host import JSHost

    status: Mapping[str, Any] | None = JSHost(root_url=url).request_status()
    if not status:
        raise ConnectionError(f"No host answers at {url}. Start one with `js-host run`, or name another with --url.")
    return status


def story(url: str, status: Mapping[str, Any]) -> list[str]:
    config = status.get("config", {})
    functions = config.get("functions") or ["none"]
    return [f"url        {url}", f"version    {status.get('version')}", f"functions  {', '.join(functions)}"]
