"""However processes are killed, no other is left behind."""

from __future__ import annotations

import random

from .kills import kill_at_random


def test_random_kills_leave_no_orphan() -> None:
    seed = random.randrange(10**9)
    kills, orphans, lived = kill_at_random(6, seed, ["own"])
    assert kills >= 6
    assert not orphans, f"seed {seed}"
    assert max(lived, default=0.0) < 5.0, f"seed {seed}"
