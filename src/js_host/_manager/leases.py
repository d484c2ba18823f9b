"""Who holds which host, and until when a host that nobody holds is kept. Pure: time is passed in.

A lease is any hashable thing, in the manager a connection; a host is known by its key. A host is kept while one lease
of it is held, and for its patience after that.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["DEFAULT_PATIENCE", "Leases"]

DEFAULT_PATIENCE = 5.0
"""Seconds; what a config without `disconnectTimeout` means."""


class _Host:
    __slots__ = ("ends_at", "holders", "patience")

    def __init__(self) -> None:
        self.holders: set[Hashable] = set()
        self.patience = DEFAULT_PATIENCE
        self.ends_at: float | None = None


class Leases:
    """The leases of all hosts of one manager."""

    __slots__ = ("_held", "_hosts")

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}
        self._held: dict[Hashable, str] = {}

    def enter(self, host: str, now: float) -> None:
        """A host is there. Until somebody claims it, it is kept for its patience."""
        if host not in self._hosts:
            self._hosts[host] = _Host()
            self._count_down(host, now)

    def leave(self, host: str) -> None:
        """A host is gone, and its leases mean nothing any more."""
        gone = self._hosts.pop(host, None)
        for lease in gone.holders if gone else ():
            del self._held[lease]

    def set_patience(self, host: str, patience: float, now: float) -> None:
        """How long the host is kept after its last lease. If it runs already, the time is counted from now."""
        if found := self._hosts.get(host):
            found.patience = patience
            self._count_down(host, now)

    def claim(self, host: str, lease: Hashable) -> None:
        """The lease holds the host. One lease holds one host."""
        found = self._hosts[host]
        found.holders.add(lease)
        found.ends_at = None
        self._held[lease] = host

    def release(self, lease: Hashable, now: float) -> None:
        """The lease ended. A lease that is not known, or not any more, changes nothing."""
        host = self._held.pop(lease, None)
        if host is not None:
            self._hosts[host].holders.discard(lease)
            self._count_down(host, now)

    def holders(self, host: str) -> set[Hashable]:
        """The leases of a host."""
        found = self._hosts.get(host)
        return set(found.holders) if found else set()

    def due(self, now: float) -> list[str]:
        """The hosts whose time is over."""
        return [key for key, host in self._hosts.items() if host.ends_at is not None and host.ends_at <= now]

    def next_moment(self) -> float | None:
        """When the next host's time will be over."""
        return min((host.ends_at for host in self._hosts.values() if host.ends_at is not None), default=None)

    def _count_down(self, key: str, now: float) -> None:
        host = self._hosts[key]
        host.ends_at = None if host.holders else now + host.patience
