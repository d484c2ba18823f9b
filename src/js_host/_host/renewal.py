"""A worn worker is replaced: another starts beside it, and when that is ready the worn one finishes its calls and goes.

One at a time, so that a host never has fewer workers than it was given, and never while code is reloaded.
"""

from __future__ import annotations

from time import monotonic

from js_host._host import lifecycle
from js_host._host.usage import memory_of
from js_host._host.wear import Measures, worn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from js_host._host.endings import WorkerEnd
    from js_host._host.keeper import Keeper
    from js_host._host.slot import Beside, WorkerSlot

__all__ = ["Renewal"]

LOOK = 1.0
"""Seconds between looks at the workers."""


class Renewal:
    """The renewals of one host. Used by the supervisor's thread, with the lock held.

    `slot` is the one whose worker is being replaced now, if any; `counts` says how many were, by reason.
    """

    __slots__ = ("_budgets", "_keeper", "_reason", "_told", "_wanted", "counts", "next_look", "slot")

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._budgets = [keeper.options.new_budget() for _ in range(keeper.options.workers)]
        self._told: set[int] = set()
        self._wanted: set[int] = set()
        self._reason = ""
        self.slot: WorkerSlot | None = None
        self.counts: dict[str, int] = {}
        self.next_look = monotonic() + LOOK if keeper.options.limits else float("inf")

    def ask(self, slot: WorkerSlot) -> None:
        """Somebody wants the worker to end (by SIGTERM). It goes as a worn one does: nobody's call is lost."""
        self._wanted.add(slot.number)
        self.next_look = monotonic()

    def look(self, now: float) -> None:
        """Find the first worker that is worn, and begin to replace it. Not where another change is under way."""
        if now < self.next_look:
            return
        self.next_look = now + LOOK if self._keeper.options.limits or self._wanted else float("inf")
        if self._keeper.options.limits.calls is not None:
            self._keeper.ask_for_reports()
        for slot in self._keeper.slots:
            if self._is_free() and slot.ready and (reason := self._worn(slot, now)) and self._may(slot, reason, now):
                self._begin(slot, reason)

    def gathered(self, place: Beside) -> None:
        """The new worker has loaded the config."""
        slot = self.slot
        if slot is None or place is not slot.coming:
            return
        self.slot = None
        self.counts[self._reason] = self.counts.get(self._reason, 0) + 1
        self._keeper.happened(slot, lifecycle.REPLACED)
        if slot.watch is not None:
            slot.watch.tell({"type": "serve"})
        self._keeper.say("info", slot, f"worker {slot.number} (pid {slot.pid}) is ready in its place")

    def broken(self, end: WorkerEnd | None) -> None:
        """The new worker did not start: the worn one stays."""
        slot, self.slot = self.slot, None
        if slot is not None:
            self._keeper.say("warn", slot, f"The worn worker {slot.number} stays, for the new one did not start. {end}")

    def halt(self) -> None:
        """Something else happens to all workers: the new one is not wanted any more."""
        slot, self.slot = self.slot, None
        coming = None if slot is None else slot.dismiss()
        if coming is not None:
            self._keeper.happened(coming, lifecycle.KILL)

    def _is_free(self) -> bool:
        return self.slot is None and not self._keeper.stopping and self._keeper.reload.state == lifecycle.QUIET

    def _worn(self, slot: WorkerSlot, now: float) -> str | None:
        watch = slot.watch
        if watch is None:
            return None
        if slot.number in self._wanted:
            return "signal"
        limits = self._keeper.options.limits
        memory = memory_of(slot.pid or 0) if limits.memory is not None else None
        calls = watch.reports.get("report", {}).get("calls")
        measures = Measures(calls if isinstance(calls, int) else None, memory, now - watch.since)
        return worn(limits, watch.share, measures)

    def _may(self, slot: WorkerSlot, reason: str, now: float) -> bool:
        """Whether it may be replaced now: a limit that is too low must not keep the machine busy with starts."""
        budget = self._budgets[slot.number]
        if not budget.spent(now):
            self._told.discard(slot.number)
            budget.crashed(now, was_ready=True)
            return True
        if slot.number not in self._told:
            self._told.add(slot.number)
            often = f"{budget.most} times in {budget.window:g} s"
            self._keeper.say("warn", slot, f"worker {slot.number} wears out ({reason}) more than {often}: give it more")
        return False

    def _begin(self, slot: WorkerSlot, reason: str) -> None:
        self.slot, self._reason = slot, reason
        self._wanted.discard(slot.number)
        self._keeper.say("info", slot, f"worker {slot.number} (pid {slot.pid}) is worn ({reason}): another takes over")
        self._keeper.happened(slot, lifecycle.RENEW)
