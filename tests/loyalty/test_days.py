"""When a trading day starts, and when points end."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.days import business_day, day_before, months_after


@pytest.mark.parametrize(
    ("local", "day_starts_at", "day"),
    [
        ("2026-11-21T12:00:00", 0, "2026-11-21"),
        ("2026-11-21T00:00:00", 0, "2026-11-21"),
        ("2026-11-22T03:59:59", 4, "2026-11-21"),  # a bar's last drink
        ("2026-11-22T04:00:00", 4, "2026-11-22"),
        ("2026-03-29T03:30:00", 4, "2026-03-28"),  # the night in which Europe's clocks go forward
        ("2026-01-01T00:30:00", 1, "2025-12-31"),
        ("2026-11-21T22:59:59", 23, "2026-11-20"),
    ],
)
def test_a_trading_day_starts_at_the_programmes_hour(local: str, day_starts_at: int, day: str) -> None:
    assert business_day(datetime.fromisoformat(local), day_starts_at) == day


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2026-11-21", 12, "2027-11-21"),
        ("2024-02-29", 12, "2025-03-01"),  # no such day next year: the first of the next month
        ("2024-02-29", 48, "2028-02-29"),
        ("2026-01-31", 1, "2026-03-01"),
        ("2026-08-31", 1, "2026-10-01"),
        ("2026-12-31", 2, "2027-03-01"),
        ("2027-12-31", 2, "2028-03-01"),  # a leap year's February is too short as well
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-11-30", 1, "2026-12-30"),
    ],
)
def test_points_end_on_the_same_day_of_a_later_month(day: str, months: int, later: str) -> None:
    assert months_after(day, months) == later


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 240))
def test_an_anniversary_is_never_earlier_than_whole_months_and_at_most_a_day_beyond(start: date, months: int) -> None:
    later = date.fromisoformat(months_after(start.isoformat(), months))
    month = start.year * 12 + start.month - 1 + months
    days = monthrange(month // 12, month % 12 + 1)[1]
    last = date(month // 12, month % 12 + 1, min(start.day, days))
    assert later == (last if start.day <= days else last + timedelta(days=1))


@pytest.mark.parametrize(
    ("day", "before"), [("2026-03-01", "2026-02-28"), ("2028-03-01", "2028-02-29"), ("2027-01-01", "2026-12-31")]
)
def test_the_last_day_of_use_is_the_one_before(day: str, before: str) -> None:
    assert day_before(day) == before
