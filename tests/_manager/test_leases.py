"""Leases: who holds what, and when a host that nobody holds must go. By tables, without a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from js_host._manager.leases import DEFAULT_PATIENCE, Leases


def test_a_new_host_is_kept_for_its_patience_until_somebody_claims_it() -> None:
    leases = Leases()
    leases.enter("a", 100.0)
    assert leases.next_moment() == 100.0 + DEFAULT_PATIENCE
    leases.claim("a", 1)
    assert leases.next_moment() is None
    assert leases.holders("a") == {1}


def test_the_last_of_its_leases_counts() -> None:
    leases = Leases()
    leases.enter("a", 0.0)
    leases.set_patience("a", 2.0, 0.0)
    leases.claim("a", 1)
    leases.claim("a", 2)
    leases.release(1, 10.0)
    assert leases.next_moment() is None
    leases.release(2, 11.0)
    assert leases.next_moment() == 13.0
    assert leases.due(12.9) == []
    assert leases.due(13.0) == ["a"]


def test_a_new_lease_in_time_keeps_the_host() -> None:
    leases = Leases()
    leases.enter("a", 0.0)
    leases.claim("a", 1)
    leases.release(1, 1.0)
    leases.claim("a", 2)
    assert leases.next_moment() is None
    assert leases.due(1000.0) == []


@pytest.mark.parametrize("patience", [0.0, 0.5, 60.0])
def test_a_changed_patience_is_counted_from_now(patience: float) -> None:
    leases = Leases()
    leases.enter("a", 0.0)
    leases.set_patience("a", patience, 4.0)
    assert leases.next_moment() == 4.0 + patience


def test_a_patience_that_is_told_while_the_host_is_held_counts_after_that() -> None:
    leases = Leases()
    leases.enter("a", 0.0)
    leases.claim("a", 1)
    leases.set_patience("a", 3.0, 1.0)
    assert leases.next_moment() is None
    leases.release(1, 10.0)
    assert leases.next_moment() == 13.0


def test_the_leases_of_a_host_that_is_gone_mean_nothing() -> None:
    leases = Leases()
    leases.enter("a", 0.0)
    leases.claim("a", 1)
    leases.leave("a")
    leases.release(1, 5.0)
    leases.leave("a")
    assert leases.holders("a") == set()
    assert leases.next_moment() is None


def test_an_unknown_lease_changes_nothing() -> None:
    leases = Leases()
    leases.release("nobody", 1.0)
    assert leases.next_moment() is None


def test_the_hosts_do_not_mix() -> None:
    leases = Leases()
    for name in "ab":
        leases.enter(name, 0.0)
        leases.set_patience(name, 1.0, 0.0)
    leases.claim("a", 1)
    assert leases.due(2.0) == ["b"]
    assert leases.next_moment() == 1.0


STEPS = st.lists(st.tuples(st.sampled_from(["claim", "release"]), st.integers(0, 4)), max_size=30)


@given(STEPS)
def test_a_host_is_due_exactly_when_nobody_held_it_for_its_patience(steps: list[tuple[str, int]]) -> None:
    leases = Leases()
    leases.enter("a", 0.0)
    held: set[int] = set()
    free_since, now = 0.0, 0.0
    for step, lease in steps:
        now += 1.0
        if step == "claim" and lease not in held:
            leases.claim("a", lease)
            held.add(lease)
        elif step == "release" and lease in held:
            leases.release(lease, now)
            held.discard(lease)
            free_since = now if not held else free_since
        assert leases.holders("a") == held
        assert leases.next_moment() == (None if held else free_since + DEFAULT_PATIENCE)
