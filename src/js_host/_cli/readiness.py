"""Whether a host can serve. Pure: what is known of it is passed in."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["why_not_ready"]


def why_not_ready(states: Sequence[str], *, started: bool, draining: bool) -> str | None:
    """None where calls are taken; else why not. `states` are those of the workers' slots.

    A host that is alive but not ready: it starts or warms up, it drains, or all of its workers have crashed.
    """
    if draining:
        return "The host is stopping: running calls finish, no more are taken."
    if not started:
        return f"The host is starting: {states.count('ready')} of {len(states)} workers are ready."
    if "ready" not in states:
        return f"No worker is ready: {', '.join(states)}."
    return None
