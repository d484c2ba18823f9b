"""Run a host in the foreground, for systemd, Docker or Kubernetes, at the address and port of its config file. SIGHUP
loads changed code without failing a call; SIGTERM or Ctrl-C lets running calls finish first, and a second one ends at
once. Exit code 0 when all calls could finish, 1 when not, or when the host could not start."""

from __future__ import annotations

import os
import sys

from .._homes.options import count_workers, limits_of
from ..conf import settings
from ..exceptions import ConfigError, JSHostError, StartError
from . import run_security
from .common import expects, find_config_file, read_status, seconds, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from .._host.sockets import RawSocket
    from .._host.supervisor import Supervisor
    from .admin import Door
    from .run_security import Protection

HELP = "run a host in the foreground, for production"


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("config", nargs="?", metavar="CONFIG", help="config file (default: host.config.js in this directory)")
    add("--workers", type=count, default=str(settings.WORKERS), metavar="N",
        help="Node processes; auto is one for each processor (default: %(default)s)")  # fmt: skip
    add("--address", help="where to listen, instead of the config's `address`")
    add("--port", type=port, help="port to listen on, instead of the config's `port`; 0 takes a free one")
    add("--watch", action="store_true", help="load changed code by itself: for development")
    add("--node-arg", action="append", default=[], metavar="ARG",
        help="argument for Node itself, such as --node-arg=--inspect; may be repeated")  # fmt: skip
    add("--metrics-port", type=watch_place, metavar="PLACE",
        help="where to answer /health, /ready, /metrics and /stats: a port, ADDRESS:PORT or a path")  # fmt: skip
    add("--log-format", choices=("text", "json"), default="text", help="log lines of text, or JSON objects")
    add_times(parser)
    add_limits(parser)
    run_security.add_arguments(parser)


def add_times(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("patience").add_argument
    add("--start-timeout", type=seconds, default=settings.START_TIMEOUT, metavar="SECONDS",
        help="how long a worker may take to load the config and warm up (default: %(default)g)")  # fmt: skip
    add("--drain-timeout", type=seconds, default=30.0, metavar="SECONDS",
        help="how long running calls may take to finish at the end (default: %(default)g)")  # fmt: skip


def add_limits(parser: ArgumentParser) -> None:
    group = parser.add_argument_group(
        "recycling", "a worker that reaches a limit finishes its calls, after another has taken over; one at a time"
    )
    add = group.add_argument
    add("--max-calls", type=whole, default=settings.MAX_CALLS, metavar="N", help="calls of a worker")
    add("--max-memory", "--memory-limit", type=whole, default=settings.MAX_MEMORY, metavar="MB",
        help="memory of a worker (RSS), in MB")  # fmt: skip
    add("--max-age", type=seconds, default=settings.MAX_AGE, metavar="SECONDS", help="age of a worker")


@expects("a whole number from 1")
def whole(text: str) -> int:
    """An argument that is a whole number from 1."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


@expects('a whole number from 1, or "auto"')
def count(text: str) -> int:
    """An argument that is a whole number from 1, or "auto"."""
    return count_workers(text if text == "auto" else whole(text))


@expects("a port, from 0 to 65535")
def port(text: str) -> int:
    """An argument that is the number of a port."""
    if not 0 <= int(text) <= 65535:
        raise ValueError(text)
    return int(text)


@expects("a port, ADDRESS:PORT, or the path of a socket")
def watch_place(text: str) -> str:
    """An argument that is a port, with an address or not, or a path."""
    if "/" not in text:
        port(text.rpartition(":")[2])
    return text


def main(arguments: Namespace) -> int:
    from .run_logs import show_logs

    show_logs(arguments.log_format)
    try:
        return run(arguments)
    except JSHostError as error:
        if arguments.log_format != "json":
            raise
        import logging

        logging.getLogger("js_host.run").error("%s", error)
        return 1


def run(arguments: Namespace) -> int:
    from .serving import Serving
    from .systemd import Notifier, inherited_listeners

    notifier, listeners = Notifier(os.environ), inherited_listeners(os.environ)
    config_file = find_config_file(arguments.config)
    if not listeners:
        listeners = [listen_as_told(arguments, config_file)]
    elif arguments.address is not None or arguments.port is not None:
        raise ConfigError("The sockets of LISTEN_FDS say where to listen: leave --address and --port out.")
    protection = run_security.protect(arguments, listeners)
    places = [place_of(listener) for listener in listeners]
    door = None if arguments.metrics_port is None else open_door(arguments.metrics_port)
    supervisor = make_supervisor(arguments, config_file, listeners, protection, door.url if door else None)
    serving = Serving(supervisor, notifier, arguments.drain_timeout)
    if door:
        door.open(serving)
    try:
        return serving.serve(", ".join(places), lambda: announce(places, arguments.log_format))
    finally:
        if door:
            door.close()


def open_door(place: str) -> Door:
    """Listen for those who watch over the host."""
    from .admin import Door

    try:
        return Door(place)
    except StartError as error:
        raise StartError(f"{error}\nIt is the option --metrics-port.") from error


def announce(places: Sequence[str], form: str) -> None:
    """The one line on stdout: the host can be called."""
    text = f"Host listening at {', '.join(places)}"
    if form == "json":
        write_json({"message": text, "listening": places})
    else:
        sys.stdout.write(text + "\n")  # in one piece: what workers print may come at the same time
    sys.stdout.flush()


def listen_as_told(arguments: Namespace, config_file: str) -> RawSocket:
    """The socket at the address and port of the options, or else of the config."""
    config = read_status(config_file, arguments.start_timeout, arguments.env)["config"]
    if not config["functions"]:
        warn_of_no_functions(config_file)
    address = arguments.address or config["address"]
    return listen(address, config["port"] if arguments.port is None else arguments.port, config_file)


def warn_of_no_functions(config_file: str) -> None:
    import logging

    from ..doctor import NO_FUNCTIONS

    logging.getLogger("js_host.run").warning("%s offers no functions. %s", config_file, NO_FUNCTIONS)


def listen(address: str, number: int, config_file: str) -> RawSocket:
    from .._host.sockets import listen_tcp

    try:
        return listen_tcp(address, number)
    except StartError as error:
        raise StartError(f"{error}\nSee `address` and `port` in {config_file}, or --address and --port.") from error


def place_of(listener: RawSocket) -> str:
    """Where a socket listens, in words: 127.0.0.1:9009, or a path."""
    name = listener.getsockname()
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else os.fsdecode(name)


def place_arguments(listeners: Sequence[RawSocket]) -> tuple[str, ...]:
    """What tells a worker where its host listens, for its status: the first that has a port."""
    for name in (listener.getsockname() for listener in listeners):
        if isinstance(name, tuple):
            return ("--address", str(name[0]), "--port", str(name[1]))
    return ()


def make_supervisor(
    arguments: Namespace,
    config_file: str,
    listeners: Sequence[RawSocket],
    protection: Protection,
    metrics: str | None,
) -> Supervisor:
    """A supervisor whose workers share the listeners, and name the first in their status."""
    from .._client.spin import spin_time
    from .._host.sockets import HostSockets
    from .._host.supervisor import Supervisor, SupervisorOptions

    options = SupervisorOptions(
        config_file,
        workers=arguments.workers,
        path_to_node=settings.PATH_TO_NODE,
        node_args=(*settings.NODE_ARGS, *arguments.node_arg),
        worker_args=("--spin", str(spin_time(settings.SPIN)), *place_arguments(listeners), *protection.worker_args),
        env=protection.env,
        start_timeout=arguments.start_timeout,
        drain_timeout=arguments.drain_timeout,
        limits=limits_of(arguments.max_calls, arguments.max_memory, arguments.max_age),
        reload=arguments.watch,
        metrics=metrics,
    )
    sockets = HostSockets(arguments.workers)
    for listener in listeners:
        sockets.add_shared(listener)
    return Supervisor(options, sockets)
