"""Does each worker still live? One that is busy does: a thread of it answers, whatever its event loop does.

One that was frozen (SIGSTOP, a debugger, a system without memory) answers nothing, and holds its calls for ever. It is
ended after `MISSES` questions without an answer. Each is asked when the last was judged, so a supervisor that was
itself frozen together with its workers asks again before it judges.
"""

from __future__ import annotations

from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from js_host._host.keeper import Keeper
    from js_host._host.watch import WorkerWatch

__all__ = ["MISSES", "Pulse", "is_frozen"]

MISSES = 3


def is_frozen(asked: int, answered: int) -> bool:
    """Whether so many questions in a row were not answered that nobody is there who could."""
    return asked - answered >= MISSES


class Pulse:
    """The questions of one host to its workers, every `options.pulse` seconds. Used by the supervisor's thread."""

    __slots__ = ("_interval", "_keeper", "next_beat")

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._interval = keeper.options.pulse
        self.next_beat = monotonic() + self._interval

    def beat(self, now: float) -> None:
        """Judge what was asked, and ask again, if it is time for that."""
        if now < self.next_beat:
            return
        self.next_beat = now + self._interval
        for slot in self._keeper.slots:
            if slot.watch is not None and slot.ready:
                self._judge(slot.watch)

    def _judge(self, watch: WorkerWatch) -> None:
        answered = watch.reports.get("pulse", {}).get("number", 0)
        if is_frozen(watch.pulses, answered if isinstance(answered, int) else 0):
            watch.kill(f"answered nothing for {MISSES * self._interval:g} s, as one that is frozen, and was ended")
            return
        watch.pulses += 1
        watch.tell({"type": "pulse", "number": watch.pulses})
