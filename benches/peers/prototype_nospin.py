"""The prototype, asleep while it waits."""

from ..prototype import Prototype


def start() -> Prototype:
    return Prototype(spin_us=0)
