"""What happens next: the states of a worker's slot as a table, and how often a worker may crash.

Nothing here starts, ends or waits for anything, and nothing reads a clock: time is passed in. The
supervisor reports an event, looks up the next state and the deed, and does the deed.

A slot is STOPPED until the host starts. STARTING: its worker loads the config. READY: it serves.
BACKOFF: it crashed, and the next one starts in a moment. FAILED: it crashed too often; nothing is
tried until the window has room again. DRAINING: it was asked to end and finishes its calls.
"""

from __future__ import annotations

STOPPED, STARTING, READY, DRAINING, BACKOFF, FAILED = STATES = (
    "stopped",
    "starting",
    "ready",
    "draining",
    "backoff",
    "failed",
)

# Events. SERVING and REFUSED are the worker's own words; OVERDUE is the slot's one deadline.
START, SERVING, REFUSED, OVERDUE, ENDED, CRASHED, HOPELESS, STOP, KILL = EVENTS = (
    "start",
    "serving",
    "refused",
    "overdue",
    "ended",
    "crashed",
    "hopeless",
    "stop",
    "kill",
)

# Deeds.
SPAWN, ANNOUNCE, ASK_TO_DRAIN, END_NOW, PAUSE, GIVE_UP, REST, NOTHING = DEEDS = (
    "spawn",
    "announce",
    "ask_to_drain",
    "end_now",
    "pause",
    "give_up",
    "rest",
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
    #
    (READY, CRASHED): (BACKOFF, PAUSE),
    (READY, HOPELESS): (FAILED, GIVE_UP),
    (READY, STOP): (DRAINING, ASK_TO_DRAIN),
    (READY, KILL): (DRAINING, END_NOW),
    #
    (BACKOFF, OVERDUE): (STARTING, SPAWN),
    (BACKOFF, STOP): (STOPPED, REST),
    (BACKOFF, KILL): (STOPPED, REST),
    #
    (FAILED, OVERDUE): (STARTING, SPAWN),
    (FAILED, STOP): (STOPPED, REST),
    (FAILED, KILL): (STOPPED, REST),
    #
    (DRAINING, STOP): (DRAINING, ASK_TO_DRAIN),
    (DRAINING, OVERDUE): (DRAINING, END_NOW),
    (DRAINING, KILL): (DRAINING, END_NOW),
    (DRAINING, ENDED): (STOPPED, REST),
}


def decide(state: str, event: str) -> tuple[str, str]:
    """Return the next state and the deed. A pair that is not listed is a late word and changes nothing."""
    return TABLE.get((state, event), (state, NOTHING))


def event_of_end(state: str, budget: RestartBudget, now: float, *, first_start: bool) -> str:
    """Name what the end of a worker means in this state.

    In the first start of a host no crash is forgiven: whoever waits for it hears why at once.
    """
    if state == DRAINING:
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
