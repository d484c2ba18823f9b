"""Callers of a worker that will not come soon: their connections are closed, so that they ask why at once."""

from __future__ import annotations

import os

from js_host._host.poller import Poller
from js_host._host.sockets import RawSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["turn_away_at"]


def turn_away_at(poller: Poller, hopeless: Sequence[RawSocket], others: Sequence[RawSocket]) -> None:
    """Accept and close what comes to the hopeless listeners; leave the others to their workers."""
    for listener in others:
        poller.forget(listener.fileno())
    for listener in hopeless:
        poller.watch(listener.fileno(), _closer(poller, listener))


def _closer(poller: Poller, listener: Any) -> Any:
    def close_waiting() -> None:
        try:
            while True:
                os.close(listener._accept()[0])  # the C half of accept(), and all that is needed here
        except BlockingIOError:
            pass
        except OSError:  # out of descriptors, perhaps: callers wait for their deadline instead of us spinning
            poller.mute(listener.fileno())

    return close_waiting
