"""What a sale earns: floor, once a sale, after what points have paid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.award import award
from loyalty.program import Program, read_program
from loyalty.sale import Sale
from loyalty.words import money


def programme(points: int = 1, per_minor: int = 100, months: int = 12) -> Program:
    return read_program(
        f'name = "t"\ncurrency = "EUR"\n[earn]\npoints = {points}\nper_minor = {per_minor}\n[expire]\nmonths = {months}\n'
    )


def award_points(program: Program, total_minor: int, redeemed_minor: int) -> int:
    return award(program, sale(total_minor), redeemed_minor).points


def sale(total_minor: int) -> Sale:
    return Sale("1", "17", "2026-11-21T10:00:00", "2026-11-21", "EUR", total_minor)


@pytest.mark.parametrize(
    ("total_minor", "redeemed_minor", "points"),
    [
        (0, 0, 0),  # a free sale
        (99, 0, 0),
        (100, 0, 1),
        (2799, 0, 27),
        (2700, 100, 26),  # points earn no points
        (2799, 100, 26),
        (100, 100, 0),
        (100, 250, 0),  # never below zero, whatever was paid
    ],
)
def test_one_point_for_each_whole_unit_that_was_paid(total_minor: int, redeemed_minor: int, points: int) -> None:
    assert award_points(programme(), total_minor, redeemed_minor) == points


def test_a_rate_counts_whole_steps_only() -> None:
    assert award_points(programme(points=3, per_minor=250), 749, 0) == 6  # 2 steps of 2.50, 3 points each


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 1000), st.integers(1, 1000))
def test_an_award_is_never_negative_and_never_rises_with_what_points_paid(
    total: int, redeemed: int, points: int, per_minor: int
) -> None:
    rules = programme(points, per_minor)
    assert 0 <= award_points(rules, total, redeemed) <= award_points(rules, total, 0)


def test_the_reason_is_in_a_customers_words() -> None:
    earned = award(programme(), sale(2799), 100)
    assert earned.points == 26
    assert earned.expires_on == "2027-11-21"
    assert [(reason.points, reason.text) for reason in earned.reasons] == [(26, "1 point per 1.00 on 26.99")]
    assert award(programme(points=2), sale(100)).reasons[0].text == "2 points per 1.00 on 1.00"


@pytest.mark.parametrize(
    ("minor", "text"),
    [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (100, "1.00"), (-1234, "-12.34"), (10**9, "10000000.00")],
)
def test_money_reads_as_people_write_it(minor: int, text: str) -> None:
    assert money(minor) == text
