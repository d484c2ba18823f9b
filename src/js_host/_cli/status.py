"""Show the managed hosts of this user: workers, memory, calls, who uses them, the last crash and why. Where none is
managed, or with --url, ask the host that runs there. Exit code 1 if none does."""

from __future__ import annotations

from ..exceptions import ConfigError, ConnectionError
from .common import access, add_host_arguments, add_json_argument, find_config_file, read_status, root_url, write_json
from .managed import same_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping, Sequence
    from typing import Any

HELP = "show the managed hosts, or ask a running host for its status"


def add_arguments(parser: ArgumentParser) -> None:
    add_host_arguments(parser)
    add_json_argument(parser)


def main(arguments: Namespace) -> int:
    keys = access(arguments)
    if arguments.url:
        show_served(root_url(arguments), keys, as_json=arguments.json)
        return 0
    reports = only_of(arguments.config, manager_reports())
    if any(report["hosts"] for report in reports):
        show_managed(reports, as_json=arguments.json)
    else:
        show_unmanaged(arguments, reports)
    return 0


def manager_reports() -> list[dict[str, Any]]:
    """What each manager of this user tells of itself and its hosts."""
    from ..manager import JSHostManager

    return [report for manager in JSHostManager.all() if (report := manager.get_status())]


def only_of(config_file: str | None, reports: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The reports of those that keep a host of that config file, without their other hosts; without one, all."""
    if config_file is None:
        return list(reports)
    found = []
    for report in reports:
        hosts = [host for host in report["hosts"] if same_file(host["config_file"], config_file)]
        found += [{**report, "hosts": hosts}] if hosts else []
    return found


def show_managed(reports: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    from .managed_story import managers_story

    if as_json:
        write_json({"managers": reports})
    else:
        print("\n".join(managers_story(reports)))


def show_unmanaged(arguments: Namespace, reports: Sequence[Mapping[str, Any]]) -> None:
    """Ask the host at the address of the config file; if that fails, say too that none is managed."""
    try:
        show_served(url_of(find_config_file(arguments.config)), {}, as_json=arguments.json)
    except (ConfigError, ConnectionError) as error:
        which = f"No host of {arguments.config}" if arguments.config else "No host"
        idle = "".join(f" (A manager, pid {report['pid']}, runs without any.)" for report in reports)
        raise type(error)(f"{which} is managed.{idle} {error}") from error


def show_served(url: str, keys: Mapping[str, Any], *, as_json: bool) -> None:
    status = request_status(url, keys)
    if as_json:
        write_json({"url": url, **status})
    else:
        print("\n".join(story(url, status)))


def url_of(config_file: str) -> str:
    """Where a host of this config file listens when it is run."""
    config = read_status(config_file)["config"]
    return f"http://{config['address']}:{config['port']}"


def request_status(url: str, keys: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask the host at a URL. `keys` is what it takes to be let in, see `access`."""
    from ..js_host import JSHost

    with JSHost(root_url=url, **keys) as host:
        status: Mapping[str, Any] | None = host.request_status()
    if not status:
        raise ConnectionError(f"No host answers at {url}. Start one with `js-host run`, or name another with --url.")
    return status


def story(url: str, status: Mapping[str, Any]) -> list[str]:
    config = status.get("config", {})
    functions = config.get("functions") or ["none"]
    return [f"url        {url}", f"version    {status.get('version')}", f"functions  {', '.join(functions)}"]
