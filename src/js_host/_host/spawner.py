"""Starts the processes of one host's workers: what each is told on its command line and in its environment."""

from __future__ import annotations

from time import monotonic

from js_host._host import lifecycle
from js_host._host.compiled import NAME, kept_compiled
from js_host._host.environment import worker_environment
from js_host._host.slot import WorkerSlot
from js_host._host.worker_process import WorkerProcess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from js_host._host.node import Node
    from js_host._host.options import SupervisorOptions
    from js_host._host.slot import Place
    from js_host._host.sockets import HostSockets

__all__ = ["Spawner"]


class Spawner:
    """The way to start a worker of a host: by its options, with its Node, on its sockets."""

    __slots__ = ("node", "options", "sockets")

    def __init__(self, options: SupervisorOptions, node: Node, sockets: HostSockets) -> None:
        self.options = options
        self.node = node
        self.sockets = sockets

    def open_slots(self) -> list[WorkerSlot]:
        """The places for the workers, without a worker in any."""
        return [
            WorkerSlot(number, address, listener, self.options.new_budget())
            for number, (address, listener) in enumerate(zip(self.sockets.addresses, self.sockets.private, strict=True))
        ]

    def spawn_first(self, slots: list[WorkerSlot]) -> None:
        """Start the first worker of every slot, all at once. Raises ExecFailed."""
        for slot in slots:
            slot.state, _ = lifecycle.decide(slot.state, lifecycle.START)
            self.spawn(slot, slot)

    def spawn(self, slot: WorkerSlot, place: Place, *flags: str) -> None:
        """Start a process for a slot, there or in a place beside it. Raises ExecFailed."""
        environment = worker_environment(self.options.env)
        compiled = kept_compiled(self.options.config_file, environment, self.options.node_args)
        place.process = WorkerProcess.spawn(
            self.node.path,
            [*self.options.command, *self.options.worker_args, *self._words(place.number, compiled), *flags],
            {**environment, **compiled},
            slot=place.number,
            private=slot.listener.fileno(),
            shared=[listener.fileno() for listener in self.sockets.shared],
        )
        place.deadline = monotonic() + self.options.start_timeout

    def _words(self, number: int, compiled: dict[str, str]) -> list[str]:
        words: list[str] = []
        if self.sockets.shared:  # who comes to one is told of those of all workers, to choose among them
            words += (word for address in self.sockets.addresses for word in ("--socket", address))
        if compiled:
            words += ("--compiled", compiled[NAME])
        if self.options.metrics:
            words += ("--metrics", self.options.metrics)
        if self.options.reload and number == 0:  # one of them is enough
            words += ("--watch", "1")
        return words
