"""The months of the books: what was open, issued, redeemed and expired, and what is open then; and months that are closed.

Closing a month closes it with all before it. What is heard of it later lands in the first open month, and is shown there as
late; what was closed stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, case, func, insert, select

from central_server import schema
from central_server.errors import OfficeError
from central_server.figures import facts
from central_server.figures.moves import OWED, SIGNS, WHATS
from central_server.office import Office


class Month(msgspec.Struct, frozen=True):
    """opening + issued − reversed − redeemed + restored − expired + adjusted + borne = closing, in points.

    Points are what members have less what they owe. `late` is how many of the changes belong to days of earlier months that
    had been closed, by what they are; they are among the numbers above. `closed_at` is '' while the month is open.
    """

    period: str
    opening: int
    issued: int
    reversed: int
    redeemed: int
    restored: int
    expired: int
    adjusted: int
    borne: int
    closing: int
    late: dict[str, int]
    closed_at: str = ""
    closed_by: str = ""


HEADINGS = (
    *("period", "opening", "issued", "reversed", "redeemed", "restored", "expired", "adjusted", "borne", "closing"),
    *("late_points", "closed_at", "closed_by"),
)


def row(one: Month) -> tuple[object, ...]:
    """A month under `HEADINGS`."""
    late = sum(SIGNS[what] * points for what, points in one.late.items())
    numbers = (one.opening, *(getattr(one, what) for what in WHATS), one.closing)
    return (one.period, *numbers, late, one.closed_at, one.closed_by)


class Between(msgspec.Struct, frozen=True):
    """Points that `issued_in` had issued and `redeemed_in` took, less what came back. Points of head office have issued_in '';
    those whose lot no entry names, because a floor limit allowed them, have '?'."""

    issued_in: str
    redeemed_in: str
    points: int


def months(connection: Connection) -> list[Month]:
    """Every month in which points moved, the oldest first."""
    table, period = schema.figures.points_everywhere.c, schema.figures.period
    is_late = func.substr(table.day, 1, 7) != table.period
    sums: dict[str, dict[str, int]] = {}
    late: dict[str, dict[str, int]] = {}
    for month, what, points, of_before in connection.execute(
        select(table.period, table.what, func.sum(table.points), func.sum(case((is_late, table.points), else_=0)))
        .where(table.what != OWED)
        .group_by(table.period, table.what)
        .order_by(table.period)
    ):
        sums.setdefault(month, dict.fromkeys(WHATS, 0))[what] = int(points)
        if of_before:
            late.setdefault(month, {})[what] = int(of_before)
    closed = {row.period: row for row in connection.execute(select(period))}
    found: list[Month] = []
    for month in sorted({*sums, *closed}):
        one, opening = sums.get(month, dict.fromkeys(WHATS, 0)), found[-1].closing if found else 0
        closing = opening + sum(SIGNS[what] * one[what] for what in WHATS)
        kept = closed.get(month)
        by = (kept.closed_at, kept.closed_by) if kept is not None else ("", "")
        found.append(
            Month(month, opening, **one, closing=closing, late=late.get(month, {}), closed_at=by[0], closed_by=by[1])
        )
    return found


def month_named(found: Sequence[Month], period: str) -> Month:
    """Raises OfficeError."""
    for one in found:
        if one.period == period:
            return one
    known = f"{found[0].period} to {found[-1].period}" if found else "none yet"
    raise OfficeError(f"There is no month {period} in the books.", hint=f"There are {known}.", code="PERIOD_UNFIT")


def close(office: Office, period: str, by: str) -> Month:
    """Counts what has been applied, and closes the month. Raises OfficeError where it is closed, not over, or not the next."""
    if not by.strip():
        raise OfficeError("Whoever closes a month says who they are.", code="PERIOD_UNFIT")
    facts.count_pending(office)

    def work(connection: Connection) -> Month:
        facts.hold(connection)
        found = months(connection)
        one = month_named(found, period)
        if one.closed_at:
            raise OfficeError(
                f"{period} was closed on {one.closed_at[:10]} by {one.closed_by}.",
                hint="Nothing was changed. What is heard of it lands in the next open month.",
                code="PERIOD_CLOSED",
            )
        if period >= office.today(connection)[:7]:
            raise OfficeError(
                f"{period} is not over yet.", hint="Close it when its last day has ended.", code="PERIOD_OPEN"
            )
        oldest = next(other.period for other in found if not other.closed_at)
        if oldest != period:
            raise OfficeError(
                f"{oldest} is open and comes before {period}.",
                hint="Months are closed in their order.",
                code="PERIOD_OPEN",
            )
        done = msgspec.structs.replace(one, closed_at=office.time(), closed_by=by)
        sums = msgspec.json.encode(done).decode()
        connection.execute(
            insert(schema.figures.period).values(period=period, closed_at=done.closed_at, closed_by=by, sums=sums)
        )
        counted = schema.figures.counted
        cuts = [
            {"terminal": row.terminal, "branch": row.branch, "period": period, "number": row.number}
            for row in connection.execute(select(counted))
        ]
        if cuts:
            connection.execute(insert(schema.figures.period_cut), cuts)
        return done

    return office.database.write(work)


def as_closed(connection: Connection, period: str) -> Month | None:
    """What was written down when the month was closed; None while it is open."""
    table = schema.figures.period.c
    text = connection.scalar(select(table.sums).where(table.period == period))
    return msgspec.json.decode(text, type=Month) if text else None


def between(connection: Connection, period: str) -> list[Between]:
    """What each shop's points paid in each other, in a month of the books: the rows add up to redeemed less restored."""
    use, lot, day = schema.figures.lot_use.c, schema.figures.lot_fact.c, schema.figures.points_day.c
    found: dict[tuple[str, str], int] = {}
    for issued_in, redeemed_in, points in connection.execute(
        select(lot.shop, use.shop, func.sum(use.points))
        .join_from(schema.figures.lot_use, schema.figures.lot_fact, lot.lot == use.lot)
        .where(use.period == period)
        .group_by(lot.shop, use.shop)
    ):
        found[issued_in, redeemed_in] = int(points)
        found["?", redeemed_in] = found.get(("?", redeemed_in), 0) - int(points)
    for redeemed_in, what, points in connection.execute(
        select(day.shop, day.what, func.sum(day.points))
        .where(day.period == period, day.what.in_(["redeemed", "restored"]))
        .group_by(day.shop, day.what)
    ):
        key = "?", redeemed_in
        found[key] = found.get(key, 0) + (int(points) if what == "redeemed" else -int(points))
    return [Between(*key, points) for key, points in sorted(found.items()) if points]
