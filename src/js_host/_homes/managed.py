"""A host that a manager keeps: warm while programs come and go, shared by those that use the same config file."""

from __future__ import annotations

import os

from .._client.address import Address, unix_url
from .._client.lane import Lane
from .._client.pool import Pool
from ..exceptions import JSHostError, WorkerDied
from ..manager import JSHostManager
from ..utils.fork_lock import ForkLock
from .absence import absence_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Literal

    from .._manager.client import Lease
    from .._manager.follow import Follow
    from .options import CallOptions, HostOptions

__all__ = ["ManagedHome"]


class ManagedHome:
    """A lease of a managed host, and a pool of connections to its workers.

    The lease is renewed by itself: after the host was stopped or its manager ended, the next call starts it again.
    """

    is_own: Literal[False] = False
    is_foreign: Literal[False] = False

    def __init__(self, options: HostOptions, say: Callable[[str], None]) -> None:
        self.manager = JSHostManager()
        self._options = options
        self._say = say
        self._lock = ForkLock()
        self._lease: Lease | None = None
        self._follow: Follow | None = None
        self.link = _ManagedPool(self, options.calls)
        self.hold()

    @property
    def logfile(self) -> str | None:
        """The file with all that its workers print."""
        return self._lease.logfile if self._lease else None

    def hold(self) -> bool:
        """Make sure of a lease, starting what does not run. Returns whether it is a new one."""
        lease = self._lease
        if lease is not None and lease.is_alive():
            return False
        with self._lock:
            if self._lease is not lease and self._lease is not None:
                return True  # another thread has just done it
            self._forward_logs(self._follow.manager if self._follow else 0)
            self._lease = self.manager.start_host(self._options.config_file, say=self._say, **self._how())
            self._forward_logs(self._lease.manager)
            self.link.use([Lane(Address.unix(slot.address), slot) for slot in self._lease.slots])
        return True

    def _forward_logs(self, manager: int) -> None:
        """Have that manager tell what the host prints: before it starts, so that its first lines are heard too."""
        follow = self._follow
        if not self._options.forward_logs or (follow and follow.manager == manager and follow.is_alive()):
            return
        if follow is not None:
            follow.close()
        self._follow = self.manager.follow_host(
            self._options.config_file,
            path_to_node=self._options.path_to_node,
            node_args=self._options.node_args,
            say=self._say,
        )

    def _how(self) -> dict[str, Any]:
        """How the manager is to start it, where it does not run."""
        return {
            "workers": self._options.workers,
            "path_to_node": self._options.path_to_node,
            "node_args": self._options.node_args,
            "env": self._options.wanted_env,
            "spin": self._options.calls.spin_time,
            "start_timeout": self._options.start_timeout,
        }

    def is_running(self) -> bool:
        """Whether the host runs, for this program or for others."""
        return self.manager.has_host(self._options.config_file)

    def url(self) -> str:
        """The URL of its Unix socket, which speaks HTTP."""
        return unix_url(self._lease.shared_address if self._lease else None)

    def status(self) -> Mapping[str, Any] | None:
        """What its workers said of themselves when they were ready."""
        return self._lease.status if self._lease else None

    def stop(self, stop_manager_if_last: bool = True) -> None:
        """Stop the host, for everybody. With its last host, the manager stops too unless that is not wanted."""
        self.close()
        self.manager.stop_host(self._options.config_file, stop_manager_if_last=stop_manager_if_last)

    def restart(self) -> None:
        """Replace the host by a new one; returns when the new one serves and the old one is gone."""
        self.manager.restart_host(self._options.config_file, **self._how())
        self.hold()

    def close(self) -> None:
        """Give the lease up: without any, the host stops after its `disconnectTimeout`."""
        self.link.close()
        if self._lease is not None:
            self._lease.release()
        if self._follow is not None:
            self._follow.close()

    def explain(self, lane: Lane, pid: int) -> JSHostError | None:
        """Why the worker of a lane was lost, or is not there."""
        lease = self._lease
        if lease is None or lane.slot is None:
            return None
        story = lease.explain(lane.slot.number, pid)
        if story is None:
            return None
        if not os.path.exists(lease.slots[lane.slot.number].address):
            lease.release()  # it is leased anew, in a place where it can be found
        return WorkerDied(str(story)) if pid else absence_error(story.kind, story.text)


class _ManagedPool(Pool):
    """A pool that makes sure of the lease before it opens connections."""

    is_held = True

    def __init__(self, home: ManagedHome, calls: CallOptions) -> None:
        super().__init__([], home.explain, spin=calls.spin, gate=calls.gate())
        self._home = home

    def prepare(self) -> None:
        self.renew()

    def renew(self, timeout: float | None = None, error: Exception | None = None) -> bool:
        return not self.is_closed and self._home.hold()
