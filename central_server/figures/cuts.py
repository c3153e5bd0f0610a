"""In which month's books an entry counts: that of its day, or the first open one after it where that month is closed."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, select

from central_server import schema

NO_MONTH = "0001-01"
"""The month of a day that is none: before every other."""


def month_of(day: str) -> str:
    """
    >>> month_of("2026-11-22"), month_of("yesterday")
    ('2026-11', '0001-01')
    """
    try:
        return date.fromisoformat(day).isoformat()[:7]
    except ValueError:
        return NO_MONTH


def month_after(month: str) -> str:
    """
    >>> month_after("2026-12")
    '2027-01'
    """
    year, number = divmod(int(month[:4]) * 12 + int(month[5:]), 12)
    return f"{year:04d}-{number + 1:02d}"


class Cuts:
    """How far each branch had been counted when each month was closed."""

    def __init__(self, connection: Connection) -> None:
        cut, period = schema.figures.period_cut.c, schema.figures.period.c
        self.closed: list[str] = list(connection.scalars(select(period.period).order_by(period.period)))
        self._numbers: dict[tuple[str, str, str], int] = {
            (row.terminal, row.branch, row.period): row.number
            for row in connection.execute(select(cut.terminal, cut.branch, cut.period, cut.number))
        }

    def period(self, terminal: str, branch: str, number: int, day: str) -> str:
        """A month is closed with all before it."""
        month = month_of(day)
        for closed in self.closed:
            if closed < month:
                continue
            if number <= self._numbers.get((terminal, branch, closed), 0):
                break
            month = month_after(closed)
        return month
