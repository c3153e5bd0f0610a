"""What a question is about: a period of trading days, a shop or all, the window; and which tills have yet to report of it.

Figures are provisional until every till has reported: one that has sent no entry since the period ended may have sold in it, and
a till asks for many things before it sends what it sold.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, select

from central_server import kept_settings, schema
from central_server.errors import OfficeError
from central_server.figures import facts
from central_server.office import Office, utc_text
from central_server.shops import shop_names
from loyalty.days import day_after, days_after

WINDOW_DAYS = kept_settings.KEPT["window_days"].default
YEAR_DAYS = 365


class Scope(msgspec.Struct, frozen=True):
    """Trading days from `first` through `last`, of one `shop` or, where that is '', of all."""

    first: str
    last: str
    shop: str = ""
    window_days: int = WINDOW_DAYS

    def of(self, table: Table) -> list[ColumnElement[bool]]:
        """The rows of a table by day and shop that this is about."""
        return days(table, self.first, self.last, self.shop)


def days(table: Table, first: str, last: str, shop: str = "") -> list[ColumnElement[bool]]:
    """The rows from `first`, '' for the beginning, through `last`."""
    limits: list[ColumnElement[bool]] = [table.c.day <= last]
    if first:  # SQLite would look up by day what it finds faster in the order of members
        limits.append(table.c.day >= first)
    return [*limits, table.c.shop == shop] if shop else limits


def scope_of(
    office: Office, connection: Connection, first: str = "", last: str = "", shop: str = "", window_days: int = 0
) -> Scope:
    """The question as somebody wrote it; without days it is about this month so far. Raises OfficeError."""
    last = _day(last) if last else office.today(connection)
    first = _day(first) if first else f"{last[:7]}-01"
    if first > last:
        raise OfficeError(f"The period ends on {last}, before it begins on {first}.", code="PERIOD_UNFIT")
    if not 0 <= window_days <= 3660:
        raise OfficeError("A window has 1 to 3660 days.", code="PERIOD_UNFIT")
    if shop:
        shop_names.require(connection, shop)
    return Scope(first, last, shop, window_days or kept_settings.value(connection, "window_days"))


def _day(text: str) -> str:
    try:
        if date.fromisoformat(text).isoformat() == text and "1900" < text < "9000":
            return text
    except ValueError:
        pass
    raise OfficeError(f"{text} is no day.", hint="Write it such as 2026-11-30.", code="PERIOD_UNFIT")


def year_before(last: str) -> str:
    """The first day of the month eleven months before; what is no day stays as it is.

    >>> year_before("2026-11-22")
    '2025-12-01'
    """
    try:
        day = date.fromisoformat(last)
    except ValueError:
        return last
    return ((day.replace(day=1) - timedelta(days=330)).replace(day=1)).isoformat()


class Silent(msgspec.Struct, frozen=True):
    """A till that may still have something to tell of a period. `sent_at` is when it last sent entries, '' for never."""

    terminal: str
    shop: str
    sent_at: str


def silent_tills(office: Office, connection: Connection, scope: Scope) -> list[Silent]:
    """The tills that have sent nothing since the period ended. While it lasts, that is every one."""
    over, terminal = _over_at(office, connection, scope.last), schema.terminal.c
    query = (
        select(terminal.terminal, terminal.shop, terminal.sent_at)
        .where(terminal.revoked_at == "", terminal.sent_at < over, terminal.enrolled_at < over)
        .order_by(terminal.shop, terminal.terminal)
    )
    rows = connection.execute(query.where(terminal.shop == scope.shop) if scope.shop else query)
    return [Silent(*row) for row in rows]


def _over_at(office: Office, connection: Connection, last: str) -> str:
    """The moment at which a trading day has ended, as it is stored."""
    program = office.program(connection)
    assert program is not None, "init puts a programme in force"
    starts = time(program.day_starts_at, tzinfo=program.zone)
    return utc_text(datetime.combine(date.fromisoformat(day_after(last)), starts))


def before(day: str, by_days: int) -> str:
    """
    >>> before("2026-03-01", 1)
    '2026-02-28'
    """
    return days_after(day, -by_days)


waiting = facts.waiting
