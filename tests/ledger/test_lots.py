"""Choosing lots: soonest expiry first, nothing that has ended, and never more than there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.entry import Slice
from ledger.lots import spendable, spent

HELD = [
    Slice("c", 30, "2027-03-01"),
    Slice("b", 20, "2027-01-01"),
    Slice("a", 10, "2027-03-01"),
    Slice("d", 0, "2027-02-01"),
]


@pytest.mark.parametrize(
    ("today", "lots"),
    [
        ("2026-11-21", ["b", "a", "c"]),  # on one day by name; an empty lot is none
        ("2026-12-31", ["b", "a", "c"]),
        ("2027-01-01", ["a", "c"]),  # the day of expiry is too late
        ("2027-03-01", []),
    ],
)
def test_what_can_be_spent_today_comes_soonest_first(today: str, lots: list[str]) -> None:
    assert [part.lot for part in spendable(HELD, today)] == lots


@pytest.mark.parametrize(
    ("points", "changes"),
    [(0, {}), (5, {"b": -5}), (20, {"b": -20}), (25, {"b": -20, "a": -5}), (60, {"b": -20, "a": -10, "c": -30})],
)
def test_points_are_spent_lot_by_lot(points: int, changes: dict[str, int]) -> None:
    assert spent(spendable(HELD, "2026-11-21"), points) == changes


def test_more_than_is_held_is_never_spent() -> None:
    with pytest.raises(ValueError, match="1 points more"):
        spent(spendable(HELD, "2026-11-21"), 61)


@given(
    st.lists(st.builds(Slice, st.sampled_from("abcde"), st.integers(0, 50), st.just("2027-01-01"))), st.integers(0, 300)
)
def test_what_is_spent_adds_up_also_where_a_lot_stands_twice(held: list[Slice], points: int) -> None:
    whole = sum(part.points for part in held)
    if points > whole:
        with pytest.raises(ValueError, match="more than are held"):
            spent(held, points)
    else:
        assert -sum(spent(held, points).values()) == points
