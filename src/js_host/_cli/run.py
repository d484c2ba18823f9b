"""Run a host in the foreground, at the address and port of its config file. SIGTERM or Ctrl-C lets running calls
finish first; a second one ends at once."""

from __future__ import annotations

import sys

from .._homes.options import count_workers
from ..conf import settings
from ..exceptions import StartError
from . import run_security
from .common import find_config_file, read_status, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from queue import SimpleQueue

    from .._host.sockets import RawSocket
    from .._host.supervisor import Supervisor
    from .run_security import Protection

HELP = "run a host in the foreground, for production"

DRAINED = 0
"""What the queue of signals gets when the host has stopped; no signal has this number."""


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("config", nargs="?", metavar="CONFIG", help="config file (default: host.config.js in this directory)")
    add("--workers", type=count, default=str(settings.WORKERS), metavar="N",
        help="Node processes; auto is one for each processor (default: %(default)s)")  # fmt: skip
    add("--address", help="where to listen, instead of the config's `address`")
    add("--port", type=port, help="port to listen on, instead of the config's `port`; 0 takes a free one")
    add("--start-timeout", type=seconds, default=settings.START_TIMEOUT, metavar="SECONDS",
        help="how long a worker may take to load the config (default: %(default)g)")  # fmt: skip
    add("--drain-timeout", type=seconds, default=30.0, metavar="SECONDS",
        help="how long running calls may take to finish at the end (default: %(default)g)")  # fmt: skip
    add("--node-arg", action="append", default=[], metavar="ARG", help="argument for Node itself; may be repeated")
    run_security.add_arguments(parser)


def count(text: str) -> int:
    """An argument that is a whole number from 1, or "auto"."""
    if text != "auto" and int(text) < 1:
        raise ValueError(text)
    return count_workers(text)


def port(text: str) -> int:
    """An argument that is the number of a port."""
    if not 0 <= int(text) <= 65535:
        raise ValueError(text)
    return int(text)


def main(arguments: Namespace) -> int:
    config_file = find_config_file(arguments.config)
    config = read_status(config_file, arguments.start_timeout, arguments.env)["config"]
    address = arguments.address or config["address"]
    listener = listen(address, config["port"] if arguments.port is None else arguments.port, config_file)
    bound = listener.getsockname()[1]
    protection = run_security.protect(arguments, listener)
    show_logs()
    supervisor = make_supervisor(
        arguments, config_file, listener, protection, ("--address", address, "--port", str(bound))
    )
    return serve(supervisor, f"{address}:{bound}", arguments.drain_timeout)


def listen(address: str, number: int, config_file: str) -> RawSocket:
    from .._host.sockets import listen_tcp

    try:
        return listen_tcp(address, number)
    except StartError as error:
        raise StartError(f"{error}\nIt is `port` in {config_file}, or the option --port.") from error


def make_supervisor(
    arguments: Namespace, config_file: str, listener: RawSocket, protection: Protection, place: tuple[str, ...]
) -> Supervisor:
    """A supervisor whose workers share the listener, and name that place in their status."""
    from .._client.spin import spin_time
    from .._host.sockets import HostSockets
    from .._host.supervisor import Supervisor, SupervisorOptions

    options = SupervisorOptions(
        config_file,
        workers=arguments.workers,
        path_to_node=settings.PATH_TO_NODE,
        node_args=(*settings.NODE_ARGS, *arguments.node_arg),
        worker_args=("--spin", str(spin_time(settings.SPIN)), *place, *protection.worker_args),
        env=protection.env,
        start_timeout=arguments.start_timeout,
        drain_timeout=arguments.drain_timeout,
    )
    sockets = HostSockets(arguments.workers)
    sockets.add_shared(listener)
    return Supervisor(options, sockets)


def serve(supervisor: Supervisor, place: str, drain_timeout: float) -> int:
    """Start, say so, and stay until a signal comes. One that comes before the host is ready ends the start."""
    import signal

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        supervisor.start()
        events = listen_to_signals()
    except KeyboardInterrupt:
        supervisor.kill()
        return 0
    print(f"Host listening at {place}", flush=True)
    events.get()
    stop_listening(supervisor)
    return drain(supervisor, events, drain_timeout)


def stop_listening(supervisor: Supervisor) -> None:
    """Give up the shared sockets: once the workers, which drain, have closed theirs, callers are refused at once."""
    with supervisor.lock:
        shared = supervisor.sockets.shared if supervisor.sockets else []
        for listener in shared:
            listener.close()
        shared.clear()


def listen_to_signals() -> SimpleQueue[int]:
    """SIGTERM and SIGINT arrive in a queue: the one kind of queue that a signal handler may put into."""
    import signal
    from queue import SimpleQueue

    events: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: events.put(number))
    return events


def drain(supervisor: Supervisor, events: SimpleQueue[int], timeout: float) -> int:
    """Let calls finish; a second signal ends them. Exit code 0 if all could finish."""
    from threading import Thread

    print(f"Stopping: running calls have {timeout:g} s to finish; a second signal ends them.", file=sys.stderr)

    def stop() -> None:
        supervisor.stop(timeout)
        events.put(DRAINED)

    Thread(target=stop, daemon=True).start()
    if events.get() == DRAINED:
        return 0
    supervisor.kill()
    return 1


def show_logs() -> None:
    """What workers print goes to stderr, a line each."""
    import logging

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("js_host")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
