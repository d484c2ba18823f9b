"""Spinning: whether to poll for an answer before sleeping, and for how long.

A process that sleeps in the kernel costs a wake-up when its answer comes, several times the call itself. One
that polls in vain costs the time that it polled, and on busy processors it keeps the worker from running. So a
connection polls only while that pays: for about twice as long as the last answers took, less often after each
time in a row that was in vain or needless, and not at all for a while after it was itself interrupted again and
again.
"""

from __future__ import annotations

import os

#: How long a connection polls for an answer at most, in seconds. The worker turns as long for the next call.
SPIN = 200e-6

#: How long it polls at least, in seconds.
SHORTEST_SPIN = 30e-6

#: For how long a mailbox is looked into at most, in seconds: other threads of the program can not run meanwhile. It is
#: less than the span after a look in vain, so that the next call goes over the socket.
LONGEST_LOOK = 50e-6

#: After polls that were in vain or needless, one after the other, at most this many calls do without.
MAX_SKIP = 64

#: A poll that took so much longer than it should was interrupted for another process, in seconds.
INTERRUPTED = 1e-3

#: Twice within so many seconds, or so soon after a rest: the processors are busy. Once is nothing: Node compiles.
BUSY = 0.1

#: For how many times as long as the second one took there is no polling then …
REST = 60
#: … and at most for so long, in seconds.
LONGEST_REST = 0.25


class Spinner:
    """One connection's experience with polling. `limit` is how long it may poll at most, in seconds; 0 is never."""

    __slots__ = ("_back_off", "_interrupted", "_rest_until", "_skip", "limit", "paid", "span")

    def __init__(self, limit: float) -> None:
        self.limit = limit
        #: How long to poll now, in seconds.
        self.span = limit
        #: How many times polling has paid.
        self.paid = 0
        self._skip = 0
        self._back_off = 0
        self._interrupted = self._rest_until = -float("inf")

    def should_spin(self, now: float, last_used: float) -> bool:
        """Whether to poll for the answer to a call that goes out now.

        Only if it follows the last one so closely that the worker is still awake: to wake a worker that sleeps
        is quicker for a system that may give it this very processor.
        """
        if now - last_used >= self.limit or now < self._rest_until:
            return False
        if self._skip:
            self._skip -= 1
            return False
        return True

    def succeeded(self, start: float, now: float) -> None:
        """The answer came while polling."""
        spent = now - start
        if spent > self.span + INTERRUPTED:
            self._rest(now, spent)
        span = spent * 2 if spent * 2 > SHORTEST_SPIN else SHORTEST_SPIN
        self.span = span if span < self.limit else self.limit  # `min` and `max` take 0.1 µs of each call
        self._back_off = 0
        self.paid += 1

    def failed(self, start: float, now: float) -> None:
        """The answer came after polling had ended."""
        self.span = min((now - start) * 2, self.limit)
        self._hold_back()

    def needless(self) -> None:
        """The answer was there at the first look, so that a sleep would have been none.

        Again and again that is a busy processor, which the system gives to the worker while we send.
        """
        self._hold_back()

    def _hold_back(self) -> None:
        self._skip = self._back_off
        self._back_off = min(self._back_off * 2 or 1, MAX_SKIP)

    def _rest(self, now: float, spent: float) -> None:
        """Polling was interrupted."""
        if now - max(self._interrupted, self._rest_until) < BUSY:
            self._rest_until = now + min(spent * REST, LONGEST_REST)
        self._interrupted = now


def can_spin() -> bool:
    """Whether there are processors enough for both sides to be awake at once."""
    return processors() >= 2


def spin_time(allowed: bool) -> int:
    """How long both sides are to poll, in microseconds: 0 where it is not allowed or does no good."""
    return int(SPIN * 1e6) if allowed and can_spin() else 0


def processors() -> float:
    """The processors that this program may use, by its affinity and its container's quota."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
    return min(allowed, _cgroup_quota())


def _cgroup_quota() -> float:
    """The processors that a container may use, by its quota."""
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
        return int(quota) / int(period)
    except (OSError, ValueError):
        return float("inf")
