"""What happens next: the states of a worker's slot and of a reload as tables, and how often a worker may crash.

Nothing here starts, ends or waits for anything, and nothing reads a clock: time is passed in. The
supervisor reports an event, looks up the next state and the deed, and does the deed.

A slot is STOPPED until the host starts. STARTING: its worker loads the config. READY: it serves.
BACKOFF: it crashed, and the next one starts in a moment. FAILED: it crashed too often; nothing is
tried until the window has room again. DRAINING: it was asked to end and finishes its calls.

When code has changed, or a worker is worn, a process starts beside the one that serves. COMING: it loads the
config. LOADED: it waits for the word to serve. Then it gets the slot, and the one before it is DRAINING, beside it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

STOPPED, STARTING, READY, DRAINING, BACKOFF, FAILED, COMING, LOADED = STATES = (
    "stopped",
    "starting",
    "ready",
    "draining",
    "backoff",
    "failed",
    "coming",
    "loaded",
)

# Events. SERVING and REFUSED are the worker's own words; OVERDUE is the slot's one deadline.
START, SERVING, REFUSED, OVERDUE, ENDED, CRASHED, HOPELESS, STOP, KILL, RELOAD, RENEW, REPLACED = EVENTS = (
    "start",
    "serving",
    "refused",
    "overdue",
    "ended",
    "crashed",
    "hopeless",
    "stop",
    "kill",
    "reload",
    "renew",
    "replaced",
)

# Deeds.
SPAWN, ANNOUNCE, ASK_TO_DRAIN, END_NOW, PAUSE, GIVE_UP, REST, SPAWN_BESIDE, SWAP, GATHER, LOSE, NOTHING = DEEDS = (
    "spawn",
    "announce",
    "ask_to_drain",
    "end_now",
    "pause",
    "give_up",
    "rest",
    "spawn_beside",
    "swap",
    "gather",
    "lose",
    "nothing",
)

TABLE: dict[tuple[str, str], tuple[str, str]] = {
    (STOPPED, START): (STARTING, SPAWN),
    #
    (STARTING, SERVING): (READY, ANNOUNCE),
    (STARTING, REFUSED): (STARTING, END_NOW),
    (STARTING, OVERDUE): (STARTING, END_NOW),
    (STARTING, CRASHED): (BACKOFF, PAUSE),
    (STARTING, HOPELESS): (FAILED, GIVE_UP),
    (STARTING, STOP): (DRAINING, END_NOW),
    (STARTING, KILL): (DRAINING, END_NOW),
    (STARTING, RELOAD): (STARTING, SPAWN_BESIDE),
    (STARTING, REPLACED): (READY, SWAP),
    #
    (READY, CRASHED): (BACKOFF, PAUSE),
    (READY, HOPELESS): (FAILED, GIVE_UP),
    (READY, STOP): (DRAINING, ASK_TO_DRAIN),
    (READY, KILL): (DRAINING, END_NOW),
    (READY, RELOAD): (READY, SPAWN_BESIDE),
    (READY, RENEW): (READY, SPAWN_BESIDE),
    (READY, REPLACED): (READY, SWAP),
    #
    (BACKOFF, OVERDUE): (STARTING, SPAWN),
    (BACKOFF, STOP): (STOPPED, REST),
    (BACKOFF, KILL): (STOPPED, REST),
    (BACKOFF, RELOAD): (BACKOFF, SPAWN_BESIDE),
    (BACKOFF, REPLACED): (READY, SWAP),
    #
    (FAILED, OVERDUE): (STARTING, SPAWN),
    (FAILED, STOP): (STOPPED, REST),
    (FAILED, KILL): (STOPPED, REST),
    (FAILED, RELOAD): (FAILED, SPAWN_BESIDE),
    (FAILED, REPLACED): (READY, SWAP),
    #
    (DRAINING, STOP): (DRAINING, ASK_TO_DRAIN),
    (DRAINING, OVERDUE): (DRAINING, END_NOW),
    (DRAINING, KILL): (DRAINING, END_NOW),
    (DRAINING, ENDED): (STOPPED, REST),
    #
    (COMING, SERVING): (LOADED, GATHER),
    (COMING, REFUSED): (COMING, END_NOW),
    (COMING, OVERDUE): (COMING, END_NOW),
    (COMING, ENDED): (STOPPED, LOSE),
    (COMING, STOP): (DRAINING, END_NOW),
    (COMING, KILL): (DRAINING, END_NOW),
    #
    (LOADED, ENDED): (STOPPED, LOSE),
    (LOADED, STOP): (DRAINING, END_NOW),
    (LOADED, KILL): (DRAINING, END_NOW),
}

# A reload of the whole host. QUIET: there is none. LOADING: new workers load the code beside the old ones.
# HANDING_OVER: all have loaded it, and the old ones were asked to take no more calls.
QUIET, LOADING, HANDING_OVER = RELOAD_STATES = ("quiet", "loading", "handing over")

CHANGED, ALL_LOADED, BROKEN, OLD_DRAIN, HALTED = RELOAD_EVENTS = (
    "changed",
    "all loaded",
    "broken",
    "old drain",
    "halted",
)

BEGIN, REMEMBER, HAND_OVER, SERVE, KEEP_OLD, NO_DEED = RELOAD_DEEDS = (
    "begin",
    "remember",
    "hand over",
    "serve",
    "keep old",
    "nothing",
)

RELOAD_TABLE: dict[tuple[str, str], tuple[str, str]] = {
    (QUIET, CHANGED): (LOADING, BEGIN),
    #
    (LOADING, CHANGED): (LOADING, REMEMBER),
    (LOADING, ALL_LOADED): (HANDING_OVER, HAND_OVER),
    (LOADING, BROKEN): (QUIET, KEEP_OLD),
    (LOADING, HALTED): (QUIET, NO_DEED),
    #
    (HANDING_OVER, CHANGED): (HANDING_OVER, REMEMBER),
    (HANDING_OVER, OLD_DRAIN): (QUIET, SERVE),
    (HANDING_OVER, HALTED): (QUIET, SERVE),
}


def decide_reload(state: str, event: str) -> tuple[str, str]:
    """The same for a reload."""
    return RELOAD_TABLE.get((state, event), (state, NO_DEED))


def is_out_of_date(said: Mapping[str, Any], began_at: float, *, alone: bool) -> bool:
    """Whether workers that began to load at `began_at` (seconds since 1970) may have other code than the files.

    `said` has, in ms since 1970, when the newest file changed, and when the newest of those changed that did so
    after they were loaded. Of several workers, one may have loaded a file before it changed, and its neighbour the
    same file after that: so nothing that they have loaded may have changed since they began.
    """
    changed_at = said.get("late" if alone else "newest")
    return isinstance(changed_at, (int, float)) and changed_at >= began_at * 1000


def decide(state: str, event: str) -> tuple[str, str]:
    """Return the next state and the deed. A pair that is not listed is a late word and changes nothing."""
    return TABLE.get((state, event), (state, NOTHING))


def event_of_end(state: str, budget: RestartBudget, now: float, *, first_start: bool) -> str:
    """Name what the end of a worker means in this state.

    In the first start of a host no crash is forgiven: whoever waits for it hears why at once.
    """
    if state in (DRAINING, COMING, LOADED):
        return ENDED
    budget.crashed(now, was_ready=state == READY)
    return HOPELESS if first_start or budget.spent(now) else CRASHED


class RestartBudget:
    """How often a worker may crash, and how long to wait before the next: nothing for the first, then longer.

    `most` crashes within `window` seconds are too many, and so are `most_unready` one after another
    of which none got ready.
    """

    __slots__ = ("_crashes", "_unready", "first_pause", "most", "most_unready", "window")

    def __init__(self, most: int = 5, most_unready: int = 3, window: float = 60.0, first_pause: float = 0.1) -> None:
        self.most = most
        self.most_unready = most_unready
        self.window = window
        self.first_pause = first_pause
        self._crashes: list[float] = []
        self._unready = 0

    def crashed(self, now: float, *, was_ready: bool) -> None:
        """Note a crash."""
        self._forget_before(now - self.window)
        self._crashes.append(now)
        self._unready = 0 if was_ready else self._unready + 1

    def spent(self, now: float) -> bool:
        """Whether there were too many."""
        self._forget_before(now - self.window)
        return len(self._crashes) >= self.most or self._unready >= self.most_unready

    def pause(self) -> float:
        """Seconds to wait before the next start: 0, 0.1, 0.2, 0.4, … by the number of crashes in the window."""
        count = len(self._crashes)
        return 0.0 if count < 2 else self.first_pause * 2.0 ** (count - 2)

    def room_at(self, now: float) -> float:
        """Return the moment at which a slot that gave up may try once more."""
        if self._unready >= self.most_unready:
            return self._crashes[-1] + self.window
        return self._crashes[-self.most] + self.window if len(self._crashes) >= self.most else now

    def _forget_before(self, moment: float) -> None:
        self._crashes = [at for at in self._crashes if at > moment]
