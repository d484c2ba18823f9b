"""What the supervisor's thread does to one worker, by the word that `lifecycle` gave for it."""

from __future__ import annotations

from time import monotonic

from js_host._host import lifecycle
from js_host._host.lifecycle import LOADED, READY, STARTING
from js_host._host.node import SUPPORTED_NODE
from js_host._host.slot import Beside, Place, WorkerSlot
from js_host._host.worker_process import ExecFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from js_host._host.keeper import Keeper

__all__ = ["DEEDS"]


def _spawn(keeper: Keeper, slot: WorkerSlot, event: str, before: str) -> None:
    _try_to_spawn(keeper, slot, slot)


def _spawn_beside(keeper: Keeper, slot: WorkerSlot, event: str, before: str) -> None:
    _try_to_spawn(keeper, slot, slot.open_beside(), "--hold", "1")


def _try_to_spawn(keeper: Keeper, slot: WorkerSlot, place: WorkerSlot | Beside, *flags: str) -> None:
    from js_host._host.endings import WorkerEnd

    try:
        keeper.spawner.spawn(slot, place, *flags)
        keeper.attach(place)
    except ExecFailed as error:
        keeper.ended(place, WorkerEnd(slot.number, 0, "not-spawned", f"was not started: {error}"))


def _announce(keeper: Keeper, slot: WorkerSlot, event: str, before: str) -> None:
    if keeper.first_start and slot.number == 0:
        _warn_of_an_old_node(keeper, slot)
    _forget_trouble(keeper, slot)
    keeper.say("info", slot, f"worker {slot.number} (pid {slot.pid}) is ready")


def _warn_of_an_old_node(keeper: Keeper, slot: WorkerSlot) -> None:
    version = str((slot.info or {}).get("node")).removeprefix("v")
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < SUPPORTED_NODE:
        keeper.say(
            "warn",
            slot,
            f"Node {version} runs, but {SUPPORTED_NODE} and later are supported. `js-host doctor` says how to get one.",
        )


def _forget_trouble(keeper: Keeper, slot: WorkerSlot) -> None:
    """A worker is ready there. With the last one of them, the first start is over."""
    slot.deadline = slot.fault = None
    if all(slot.state == READY for slot in keeper.slots):
        keeper.first_start = False


def _end_now(keeper: Keeper, place: WorkerSlot | Beside, event: str, before: str) -> None:
    place.deadline = None
    if place.watch is not None:
        place.watch.kill(_reason_to_kill(keeper, place, event, before))


def _reason_to_kill(keeper: Keeper, place: Place, event: str, before: str) -> str:
    from js_host._host.endings import STOPPED

    if event != lifecycle.OVERDUE:
        return STOPPED
    if before in (STARTING, lifecycle.COMING):
        return f"was not ready after {keeper.options.start_timeout:g} s, and was ended"
    what = "another took its place" if isinstance(place, Beside) and not keeper.stopping else "its host stopped"
    return f"did not finish its calls in time when {what}, and was ended"


def _ask_to_drain(keeper: Keeper, place: Place, event: str, before: str) -> None:
    place.deadline = min(keeper.drain_by, place.deadline or keeper.drain_by)
    if place.watch is not None:
        place.watch.ask_to_drain(max(0.0, place.deadline - monotonic()))


def _pause(keeper: Keeper, slot: WorkerSlot, event: str, before: str) -> None:
    pause = slot.budget.pause()
    slot.deadline = monotonic() + pause
    keeper.say("warn", slot, f"{slot.last_end}\nAnother is started {f'in {pause:g} s' if pause else 'now'}.")


def _give_up(keeper: Keeper, slot: WorkerSlot, event: str, before: str) -> None:
    slot.deadline = None if keeper.first_start else slot.budget.room_at(monotonic())
    slot.fault = _fault(keeper, slot, before)
    if not keeper.first_start:
        keeper.say("error", slot, slot.failure or "")


def _fault(keeper: Keeper, slot: WorkerSlot, before: str) -> tuple[str, str]:
    from js_host._host.start_story import replacement_story

    if before != STARTING or slot.last_end is None:
        return "failed", str(slot.last_end)
    node = str(keeper.spawner.node)
    return "start-failed", replacement_story(keeper.options.config_file, slot.last_end, node=node)


def _rest(keeper: Keeper, place: Place, event: str, before: str) -> None:
    place.deadline = None
    if isinstance(place, Beside):
        place.slot.forget(place)
        keeper.reload.drains(place)


def _swap(keeper: Keeper, slot: WorkerSlot, event: str, before: str) -> None:
    """The new worker gets the slot. It listens as soon as it is told to serve."""
    old = slot.hand_over()
    _forget_trouble(keeper, slot)
    if keeper.reload.state == lifecycle.HANDING_OVER:
        slot.generation += 1
        slot.budget = keeper.options.new_budget()
    keeper.bind(slot)
    if old is None:
        return
    keeper.bind(old)
    if before == READY:
        old.deadline = monotonic() + keeper.options.drain_timeout
        keeper.reload.awaited.append(old)
    keeper.do(old, lifecycle.ASK_TO_DRAIN if before == READY else lifecycle.END_NOW)


def _gather(keeper: Keeper, place: Beside, event: str, before: str) -> None:
    place.deadline = None
    keeper.renewal.gathered(place)
    if all(slot.coming is not None and slot.coming.state == LOADED for slot in keeper.slots):
        keeper.reload.happened(lifecycle.ALL_LOADED)


def _lose(keeper: Keeper, place: Beside, event: str, before: str) -> None:
    place.slot.forget(place)
    change = keeper.renewal if place.slot is keeper.renewal.slot else keeper.reload
    change.broken(place.last_end)


def _nothing(keeper: Keeper, place: Place, event: str, before: str) -> None:
    pass


DEEDS: dict[str, Callable[..., None]] = {
    lifecycle.SPAWN: _spawn,
    lifecycle.ANNOUNCE: _announce,
    lifecycle.END_NOW: _end_now,
    lifecycle.ASK_TO_DRAIN: _ask_to_drain,
    lifecycle.PAUSE: _pause,
    lifecycle.GIVE_UP: _give_up,
    lifecycle.REST: _rest,
    lifecycle.SPAWN_BESIDE: _spawn_beside,
    lifecycle.SWAP: _swap,
    lifecycle.GATHER: _gather,
    lifecycle.LOSE: _lose,
    lifecycle.NOTHING: _nothing,
}
