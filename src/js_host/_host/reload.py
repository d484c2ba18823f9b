"""A reload: new workers load changed code beside the old ones, and all take over at one moment, or none does.

The order is what makes it invisible: the old ones say that they take no more calls, and only then do the new
ones listen. So whoever got an answer of new code never gets one of old code after it. Callers of that moment
(a thousandth of a second) wait in the backlog of sockets that stay open.
"""

from __future__ import annotations

from time import monotonic, time

from js_host._host import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from js_host._host.endings import WorkerEnd
    from js_host._host.keeper import Keeper
    from js_host._host.slot import Beside

__all__ = ["Reload"]

LONGEST_HAND_OVER = 0.25
"""Seconds to wait for the word of an old worker, whose event loop may be blocked, that it takes no more calls."""

MOST_NAMES = 3
"""How many of the files that changed together are named in the log."""


class Reload:
    """The reloads of one host, one at a time. Used by the supervisor's thread, with the lock held.

    `begun` and `done` count them; `failure` says why the last one left the old workers in their place.
    """

    __slots__ = (
        "_again",
        "_began_at",
        "_code",
        "_elsewhere",
        "_keeper",
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
        self._began_at = time()
        self._code: object = None
        self._elsewhere: object = []
        self._keeper = keeper

    def happened(self, event: str) -> None:
        """Look up what an event means now, and do it."""
        self.state, deed = lifecycle.decide_reload(self.state, event)
        DEEDS[deed](self)

    # Events.

    def said(self, message: dict[str, Any], *, leaves: bool) -> None:
        """The worker that watches the files has something to say: they changed, or it has begun to watch them."""
        is_news = message["type"] == "changed" or (not leaves and self._is_news(message))
        if is_news and not self._keeper.stopping:
            self._keeper.say("info", self._keeper.slots[0], f"{_names(message.get('files'))} changed")
            self.happened(lifecycle.CHANGED)

    def _is_news(self, message: dict[str, Any]) -> bool:
        """Whether files changed while nobody watched. The same news twice is a file that the config itself writes."""
        is_late = lifecycle.is_out_of_date(message, self._began_at, alone=len(self._keeper.slots) == 1)
        before, self._code = self._code, message.get("code") if is_late else None
        return is_late and before != self._code

    def drains(self, place: Beside) -> None:
        """An old worker takes no more calls, or has ended."""
        if place in self.awaited:
            self.awaited.remove(place)
            self._go_on_if_all_drain()

    def refused(self, message: dict[str, Any]) -> None:
        """A new worker can not load the code. It has told of the files that it loaded from elsewhere."""
        self._elsewhere = message.get("elsewhere") or []

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
        self._began_at = time()
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
        for slot in self._keeper.slots:
            self._keeper.happened(slot, lifecycle.REPLACED)
        self._go_on_if_all_drain()

    def _go_on_if_all_drain(self) -> None:
        if not self.awaited:
            self.happened(lifecycle.OLD_DRAIN)

    def _serve(self) -> None:
        self.deadline = self.failure = None
        self.awaited.clear()
        for slot in self._keeper.slots:
            if slot.watch is not None:
                slot.watch.tell({"type": "serve"})
        first = self._keeper.slots[0]
        self._keeper.say("info", first, f"changed code serves now (generation {first.generation}, pid {first.pid})")
        self._finish()

    def _keep_old(self) -> None:
        for slot in self._keeper.slots:
            coming = slot.dismiss()
            if coming is not None:
                self._keeper.happened(coming, lifecycle.KILL)
        self._tell_clients()
        self._keeper.say("warn", self._keeper.slots[0], self.failure or "")
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
            watch.tell({"type": "look further", "files": self._elsewhere, "since": self._began_at * 1000})

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
        return f"{head}\n{start_story(self._keeper.options.config_file, end, node=str(self._keeper.spawner.node))}"


def _names(files: object) -> str:
    """The names of some files, and how many more there are."""
    if not isinstance(files, list) or not files:
        return "a file that was being loaded"
    more = f" and {len(files) - MOST_NAMES} more files" if len(files) > MOST_NAMES else ""
    return ", ".join(map(str, files[:MOST_NAMES])) + more


DEEDS: dict[str, Callable[[Reload], None]] = {
    lifecycle.BEGIN: Reload._begin,
    lifecycle.REMEMBER: Reload._remember,
    lifecycle.HAND_OVER: Reload._hand_over,
    lifecycle.SERVE: Reload._serve,
    lifecycle.KEEP_OLD: Reload._keep_old,
    lifecycle.NO_DEED: Reload._no_deed,
}
