"""Calendar days of a programme: when a day starts, when points end.

Every day in rules and reports is a day of the programme's time zone that starts at the programme's hour. Days travel as
ISO text (`2026-11-21`), which sorts as it counts.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

LAST_DAY = "9999-12-31"
"""After it there is none."""
DAYS_KEPT = 4096
"""Results kept for as many days: a member's tier is computed from every day of their history, and all members share those."""


def business_day(local: datetime, day_starts_at: int = 0) -> str:
    """The trading day of a local time.

    >>> business_day(datetime(2026, 11, 22, 0, 30), day_starts_at=4)
    '2026-11-21'
    """
    return (local - timedelta(hours=day_starts_at)).date().isoformat()


@lru_cache(maxsize=DAYS_KEPT)
def months_after(day: str, months: int) -> str:
    """The same day of the month, `months` later; where that month has no such day, the first of the next.

    >>> months_after("2024-02-29", 12)
    '2025-03-01'
    >>> months_after("2026-01-31", 1)
    '2026-03-01'
    """
    start = date.fromisoformat(day)
    years, month_index = divmod(start.month - 1 + months, 12)
    try:
        return start.replace(year=start.year + years, month=month_index + 1).isoformat()
    except ValueError:
        years, month_index = divmod(start.month + months, 12)
        return date(start.year + years, month_index + 1, 1).isoformat()


@lru_cache(maxsize=DAYS_KEPT)
def months_before(day: str, months: int) -> str:
    """The first day of a window of so many months that ends with `day`.

    >>> months_before("2026-03-10", 12)
    '2025-03-11'
    """
    return months_after((date.fromisoformat(day) + timedelta(days=1)).isoformat(), -months)


def month_end_after(day: str, months: int) -> str:
    """The first day of the month that follows the month `months` later: points live to the end of a month.

    >>> month_end_after("2026-01-31", 1)
    '2026-03-01'
    """
    year, month_index = divmod(int(day[:4]) * 12 + int(day[5:7]) - 1 + months + 1, 12)
    return date(year, month_index + 1, 1).isoformat()


def next_date(day: str, month_day: str) -> str:
    """The next time the calendar shows `month_day`, after `day`. 29 February is 1 March in other years.

    >>> next_date("2026-03-31", "03-31"), next_date("2026-03-30", "02-29")
    ('2027-03-31', '2027-03-01')
    """
    year = int(day[:4])
    found = in_year(month_day, year)
    return found if found > day else in_year(month_day, year + 1)


def in_year(month_day: str, year: int) -> str:
    """
    >>> in_year("02-29", 2026)
    '2026-03-01'
    """
    try:
        return date(year, int(month_day[:2]), int(month_day[3:])).isoformat()
    except ValueError:
        return date(year, 3, 1).isoformat()


def is_near(day: str, month_day: str, days_before: int, days_after: int) -> bool:
    """Whether `day` is within so many days of an anniversary; never where nobody knows the anniversary.

    >>> is_near("2026-12-30", "01-02", 3, 0), is_near("2026-12-30", "01-03", 3, 0), is_near("2026-12-30", "", 3, 3)
    (True, False, False)
    """
    if not month_day:
        return False
    here = date.fromisoformat(day)
    return any(
        -days_before <= (here - date.fromisoformat(in_year(month_day, year))).days <= days_after
        for year in (here.year - 1, here.year, here.year + 1)
    )


def is_month_day(text: str) -> bool:
    """
    >>> is_month_day("02-29"), is_month_day("02-30")
    (True, False)
    """
    try:
        return date.fromisoformat(f"2024-{text}").isoformat() == f"2024-{text}"
    except ValueError:
        return False


def is_day(text: str) -> bool:
    """
    >>> is_day("2026-12-01"), is_day("2026-12-1"), is_day("2026-02-29")
    (True, False, False)
    """
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def is_local_time(text: str) -> bool:
    """
    >>> is_local_time("2026-12-01T04:00"), is_local_time("2026-12-01"), is_local_time("2026-12-01T04:00+01:00")
    (True, False, False)
    """
    try:
        return datetime.fromisoformat(text).isoformat().startswith(text) and len(text) >= len("2026-12-01T04:00")
    except ValueError:
        return False


def days_after(day: str, days: int) -> str:
    """
    >>> days_after("2026-12-25", 14)
    '2027-01-08'
    """
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def day_after(day: str) -> str:
    """
    >>> day_after("2026-02-28")
    '2026-03-01'
    """
    return days_after(day, 1)


def day_before(day: str) -> str:
    """The last day of use of points that expire on `day`.

    >>> day_before("2026-03-01")
    '2026-02-28'
    """
    return days_after(day, -1)
