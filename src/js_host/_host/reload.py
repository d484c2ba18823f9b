"""A reload: new workers load changed code beside the old ones, and all take over at one moment, or none does.

The order is what makes it invisible: the old ones say that they take no more calls, and only then do the new
ones listen. So whoever got an answer of new code never gets one of old code after it. Callers of that moment
(a thousandth of a second) wait in the backlog of sockets that stay open.
"""

from __future__ import annotations

from time import monotonic

from js_host._host import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from js_host._host.endings import WorkerEnd
    from js_host._host.keeper import Keeper
    from js_host._host.slot import Beside
    from js_host._host.watch import WorkerWatch

__all__ = ["Reload"]

LONGEST_HAND_OVER = 0.25
"""Seconds to wait for the word of an old worker, whose event loop may be blocked, that it takes no more calls."""


class Reload:
    """The reloads of one host, one at a time. Used by the supervisor's thread, with the lock held.

    `begun` and `done` count them; `failure` says why the last one left the old workers in their place.
    """

    __slots__ = (
        "_again",
        "_code",
        "_is_fresh",
        "_keeper",
        "_watcher",
        "awaited",
        "begun",
        "deadline",
        "done",
        "failure",
        "state",
    )

    def __init__(self, keeper: Keeper) -> None:
        self.state = lifecycle.QUIET
        self.begun = self.done = 0
        self.failure: str | None = None
        self.deadline: float | None = None
        self.awaited: list[Beside] = []
        self._again = False
        self._code: object = None
        self._is_fresh = True
        self._watcher: WorkerWatch | None = None
        self._keeper = keeper

    def happened(self, event: str) -> None:
        """Look up what an event means now, and do it."""
        self.state, deed = lifecycle.decide_reload(self.state, event)
        DEEDS[deed](self)

    # Events.

    def said(self, message: dict[str, Any], *, leaves: bool) -> None:
        """The worker that watches the files has something to say: they changed, or it has begun to watch them."""
        if message["type"] == "watching" and not (message.get("late") if leaves else self._is_news(message)):
            return
        if not self._keeper.stopping:
            self.happened(lifecycle.CHANGED)

    def _is_news(self, message: dict[str, Any]) -> bool:
        """Whether files changed while nobody watched.

        `late` are those that changed after the worker had loaded them. And one that replaced a crashed worker may
        have loaded other code than its neighbours have. The same news twice is a file that the config itself writes.
        """
        before, self._code = self._code, message.get("code")
        is_fresh, self._is_fresh = self._is_fresh, False
        if before == self._code:
            return False
        return bool(message.get("late")) or (not is_fresh and len(self._keeper.slots) > 1)

    def drains(self, place: Beside) -> None:
        """An old worker takes no more calls, or has ended."""
        if place in self.awaited:
            self.awaited.remove(place)
            self._go_on_if_all_drain()

    def broken(self, end: WorkerEnd | None) -> None:
        """A new worker could not load the code."""
        if self.state == lifecycle.LOADING:
            self.failure = self._story(end)
        self.happened(lifecycle.BROKEN)

    def see_to_deadline(self, now: float) -> None:
        """Wait no longer for old workers that do not answer."""
        if self.deadline is not None and self.deadline <= now:
            self.happened(lifecycle.OLD_DRAIN)

    # Deeds.

    def _begin(self) -> None:
        self._again = False
        self.begun += 1
        self._keeper.renewal.halt()
        for slot in self._keeper.slots:
            self._keeper.happened(slot, lifecycle.RELOAD)
            if self.state != lifecycle.LOADING:
                return  # the system did not even start it

    def _remember(self) -> None:
        self._again = True

    def _hand_over(self) -> None:
        self.deadline = monotonic() + LONGEST_HAND_OVER
        self._watcher = self._keeper.slots[0].watch
        for slot in self._keeper.slots:
            self._keeper.happened(slot, lifecycle.REPLACED)
        self._go_on_if_all_drain()

    def _go_on_if_all_drain(self) -> None:
        if not self.awaited:
            self.happened(lifecycle.OLD_DRAIN)

    def _serve(self) -> None:
        self.deadline = self.failure = None
        self.awaited.clear()
        self._is_fresh = True
        word = {"type": "serve", "watched": self._watched_until()}
        for slot in self._keeper.slots:
            if slot.watch is not None:
                slot.watch.tell(word)
        first = self._keeper.slots[0]
        self._keeper.say("info", first, f"changed code serves now (generation {first.generation}, pid {first.pid})")
        self._finish()

    def _watched_until(self) -> object:
        """Until when (ms since 1970, as the old worker has it) the files were watched, and their changes told."""
        said = {} if self._watcher is None else self._watcher.reports.get("draining", {})
        return said.get("watched") or 0

    def _keep_old(self) -> None:
        for slot in self._keeper.slots:
            coming = slot.dismiss()
            if coming is not None:
                self._keeper.happened(coming, lifecycle.KILL)
        self._keeper.say("warn", self._keeper.slots[0], self.failure or "")
        self._tell_clients()
        self._tell_watcher_to_look_further()
        self._finish()

    def _tell_clients(self) -> None:
        """The next call of each program warns that its answer is of old code."""
        for slot in self._keeper.slots:
            if slot.watch is not None:
                slot.watch.tell({"type": "warn", "text": self.failure})

    def _tell_watcher_to_look_further(self) -> None:
        """What mends the code may be a file that was never loaded."""
        watch = self._keeper.slots[0].watch
        if watch is not None:
            watch.tell({"type": "look further"})

    def _finish(self) -> None:
        self.done = self.begun
        if self._again and not self._keeper.stopping:
            self.happened(lifecycle.CHANGED)

    def _no_deed(self) -> None:
        pass

    def _story(self, end: WorkerEnd | None) -> str:
        from js_host._host.start_story import start_story

        head = "The changed code does not start, so the workers with the code before it keep serving."
        if end is None:
            return head
        return f"{head}\n{start_story(self._keeper.options.config_file, end, node=str(self._keeper.node))}"


DEEDS: dict[str, Callable[[Reload], None]] = {
    lifecycle.BEGIN: Reload._begin,
    lifecycle.REMEMBER: Reload._remember,
    lifecycle.HAND_OVER: Reload._hand_over,
    lifecycle.SERVE: Reload._serve,
    lifecycle.KEEP_OLD: Reload._keep_old,
    lifecycle.NO_DEED: Reload._no_deed,
}
