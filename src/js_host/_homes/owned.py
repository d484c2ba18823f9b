"""A host of this program's own: its workers are gone when the program ends, however it ends."""

from __future__ import annotations

from .._host.options import SupervisorOptions
from .._host.supervisor import Supervisor
from ..exceptions import ConnectionError, FunctionTimeout, WorkerDied
from .absence import absence_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from .._client.lane import Lane
    from .._client.pool import Pool
    from ..exceptions import JSHostError
    from .options import CallOptions, HostOptions

__all__ = ["OwnedHome"]

#: How long the workers of a parent may take to show that they are there, in seconds.
PATIENCE = 2.0


class OwnedHome:
    """A supervisor in this process, and a pool of connections to its workers. It runs when it has been made."""

    is_own: Literal[True] = True

    def __init__(self, options: HostOptions) -> None:
        self._supervisor = Supervisor(
            SupervisorOptions(
                options.config_file,
                workers=options.workers,
                path_to_node=options.path_to_node,
                node_args=options.node_args,
                env=options.env,
                start_timeout=options.start_timeout,
                limits=options.limits,
                shared_unix=True,
                worker_args=("--spin", str(options.calls.spin_time)),
            )
        )
        self._supervisor.begin()
        self.link = self._begin_pool(options.calls)  # while Node boots
        try:
            self._supervisor.wait_until_ready()
        except BaseException:
            self.link.close()
            raise

    def _begin_pool(self, calls: CallOptions) -> Pool:
        from .. import function  # noqa: F401  every program will want it
        from .._client.address import Address
        from .._client.lane import Lane
        from .._client.pool import Pool

        lanes = [Lane(Address.unix(slot.address), slot) for slot in self._supervisor.slots]
        pool = Pool(lanes, self._explain, spin=calls.spin, gate=calls.gate())
        pool.begin()
        return pool

    def is_running(self) -> bool:
        """Whether it was not stopped; a worker that crashed is being replaced. In a forked child: if it answers."""
        return self._supervisor.is_running or (self.is_foreign and self._answers())

    @property
    def is_foreign(self) -> bool:
        """Whether this is a forked child, which calls its parent's workers and can not stop them."""
        return self._supervisor.foreign

    def _answers(self) -> bool:
        try:
            return self.link.status(PATIENCE) is not None
        except (ConnectionError, FunctionTimeout):
            return False

    def url(self) -> str:
        """The URL of its Unix socket, which speaks HTTP."""
        from .._client.address import unix_url

        return unix_url(self._supervisor.sockets.shared_address if self._supervisor.sockets else None)

    def status(self) -> Mapping[str, Any] | None:
        """What its workers said of themselves when they were ready."""
        for slot in self._supervisor.slots:
            if slot.info:
                status: Mapping[str, Any] = slot.info["status"]  # type: ignore[assignment]
                return status
        return None

    def stop(self, timeout: float | None = None) -> None:
        """Let calls finish, for `timeout` seconds if it is given, then end the workers."""
        self.link.close()
        self._supervisor.stop(timeout)

    close = stop

    def _explain(self, lane: Lane, pid: int) -> JSHostError | None:
        """Why the worker of a lane was lost with a call in its hands; or, without a pid, why none is there."""
        if lane.slot is None:
            return None
        slot = self._supervisor.slots[lane.slot.number]
        if pid:
            end = self._supervisor.explain(slot, pid)
            return WorkerDied(str(end)) if end else None
        absence = slot.absence
        return absence_error(*absence) if absence else None
