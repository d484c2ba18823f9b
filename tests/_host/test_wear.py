"""When a worker is worn: decided from numbers alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from js_host._host.wear import LEAST_SHARE, Limits, Measures, draw_share, worn


@pytest.mark.parametrize(
    ("limits", "measures", "expected"),
    [
        (Limits(), Measures(10**9, 10**12, 10**9), None),
        (Limits(calls=100), Measures(99, 0, 0.0), None),
        (Limits(calls=100), Measures(100, 0, 0.0), "calls"),
        (Limits(memory=500), Measures(0, 500, 0.0), "memory"),
        (Limits(age=3600), Measures(0, 0, 3600.0), "age"),
        (Limits(calls=1, memory=1, age=1), Measures(1, 1, 1.0), "memory"),
        (Limits(calls=1, memory=1, age=1), Measures(1, None, 1.0), "calls"),
        (Limits(calls=1, memory=1), Measures(None, None, 1.0), None),
    ],
)
def test_a_worker_is_worn_where_it_reaches_a_limit(limits: Limits, measures: Measures, expected: str | None) -> None:
    assert worn(limits, 1.0, measures) == expected


def test_no_limits_are_false_and_any_limit_is_true() -> None:
    assert not Limits()
    assert Limits(calls=1)
    assert Limits(memory=1)
    assert Limits(age=1)


def test_workers_that_started_together_do_not_wear_out_together() -> None:
    shares = {draw_share() for _ in range(100)}
    assert len(shares) > 90
    assert all(LEAST_SHARE <= share <= 1 for share in shares)


@given(st.integers(1, 10**6), st.floats(LEAST_SHARE, 1.0), st.integers(0, 10**6))
def test_a_share_only_makes_a_worker_go_earlier_and_never_before_nine_tenths(
    limit: int, share: float, calls: int
) -> None:
    says = worn(Limits(calls=limit), share, Measures(calls, None, 0.0))
    assert says is not None or calls < limit
    assert says is None or calls >= limit * LEAST_SHARE
