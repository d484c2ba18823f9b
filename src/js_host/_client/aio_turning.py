"""Keeping an event loop awake for a moment: one that sleeps costs a wake-up when the answer comes.

While calls follow one another closely, one at a time, the loop goes on turning until the answer is there, as `spin.py`
decides. Everything else in the loop goes on meanwhile.
"""

from __future__ import annotations

from time import monotonic

from .spin import Spinner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ["Turning"]


class Turning:
    """One connection's turning. `limit` is how long it may turn at most, in seconds; 0 is never."""

    __slots__ = ("_is_on", "_loop", "_spinner", "_until", "since")

    def __init__(self, loop: AbstractEventLoop, limit: float) -> None:
        self._loop = loop
        self._spinner = Spinner(limit)
        self._is_on = False
        self._until = 0.0
        #: When the call went out whose answer is waited for; 0 if there is none.
        self.since = 0.0

    def begin(self, last_used: float) -> None:
        """A call has gone out, and nothing else is awaited. The last answer came at `last_used`."""
        now = monotonic()
        if self._spinner.should_spin(now, last_used):
            self.since = now
            self._until = now + self._spinner.span
            if not self._is_on:
                self._is_on = True
                self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        if self.since and monotonic() < self._until:
            self._loop.call_soon(self._turn)
        else:
            self._is_on = False

    def answered(self, now: float) -> None:
        """The answer has come."""
        if self._is_on:
            self._spinner.succeeded(self.since, now)
        else:
            self._spinner.failed(self.since, now)
        self.since = 0.0
