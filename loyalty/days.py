"""Calendar days of a programme: when a day starts, when points end.

Every day in rules and reports is a day of the programme's time zone that starts at the programme's hour. Days travel as
ISO text (`2026-11-21`), which sorts as it counts.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta


def business_day(local: datetime, day_starts_at: int = 0) -> str:
    """The trading day of a local time.

    >>> business_day(datetime(2026, 11, 22, 0, 30), day_starts_at=4)
    '2026-11-21'
    """
    return (local - timedelta(hours=day_starts_at)).date().isoformat()


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


def day_before(day: str) -> str:
    """The last day of use of points that expire on `day`.

    >>> day_before("2026-03-01")
    '2026-02-28'
    """
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
