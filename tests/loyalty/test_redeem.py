"""What points are worth, and how many a sale can take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.program import Program, read_program
from loyalty.redeem import most_redeemable, points_needed, worth_minor


def programme(points: int, minor: int) -> Program:
    return read_program(f'name = "t"\ncurrency = "EUR"\n[redeem]\npoints = {points}\nworth_minor = {minor}\n')


@pytest.mark.parametrize(
    ("rate", "points", "minor"),
    [
        ((100, 100), 385, 385),  # 3.85, and not 1,540.00 by dividing the other way
        ((400, 100), 385, 96),  # 96.25 cents: down
        ((400, 100), 3, 0),
        ((1, 250), 3, 750),
        ((3, 100), 1, 33),
    ],
)
def test_points_are_worth_money_rounded_down(rate: tuple[int, int], points: int, minor: int) -> None:
    assert worth_minor(programme(*rate), points) == minor


@pytest.mark.parametrize(
    ("rate", "total", "spendable", "points"),
    [
        ((100, 100), 2799, 120, 120),
        ((100, 100), 50, 120, 50),  # no more than pays the total
        ((100, 100), 0, 120, 0),
        ((100, 100), 2799, 0, 0),
        ((400, 100), 2799, 403, 400),  # three points more would buy nothing: they stay with the member
        ((400, 100), 2799, 3, 0),
        ((1, 250), 600, 9, 2),  # a third point would be worth more than is left to pay
        ((1, 250), 249, 9, 0),
        ((3, 100), 100, 9, 3),
    ],
)
def test_a_sale_takes_what_pays_and_not_one_point_more(
    rate: tuple[int, int], total: int, spendable: int, points: int
) -> None:
    assert most_redeemable(programme(*rate), total, spendable) == points


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 400), st.integers(0, 400))
def test_the_most_redeemable_is_the_fewest_points_of_the_greatest_worth_that_fits(
    points: int, minor: int, total: int, spendable: int
) -> None:
    rules = programme(points, minor)
    fitting = [(n * minor // points, -n) for n in range(spendable + 1) if n * minor // points <= total]
    best_worth, fewest = max(fitting)
    assert most_redeemable(rules, total, spendable) == -fewest
    assert worth_minor(rules, -fewest) == best_worth


@given(st.integers(1, 1000), st.integers(1, 1000), st.integers(0, 100_000))
def test_the_points_needed_suffice_and_one_fewer_does_not(points: int, minor: int, wanted: int) -> None:
    rules = programme(points, minor)
    needed = points_needed(rules, wanted)
    assert worth_minor(rules, needed) >= wanted
    assert needed == 0 or worth_minor(rules, needed - 1) < wanted
