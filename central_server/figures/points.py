"""Points: what was issued and redeemed, what became of what was issued each month, what is owed to members, what it cost."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select

from central_server import schema
from central_server.figures.moves import OWED, SIGNS, WHATS
from central_server.figures.ratio import Ratio, ratio
from central_server.figures.scope import Scope, before, days
from loyalty.program import Program
from loyalty.redeem import worth_minor


class Moved(msgspec.Struct, frozen=True):
    """Points by what became of them in the period (`moves`); `burn` is redeemed ÷ issued."""

    issued: int = 0
    reversed: int = 0
    redeemed: int = 0
    restored: int = 0
    expired: int = 0
    adjusted: int = 0
    borne: int = 0
    burn: Ratio = ratio(0, 0)

    @property
    def change(self) -> int:
        """By how many more points are open, less what more is owed."""
        return sum(SIGNS[what] * int(getattr(self, what)) for what in WHATS)


class Issue(msgspec.Struct, frozen=True):
    """What became of the points issued in a month, as known today. `issued` is less what was reversed, `redeemed` less what was
    restored; `matured` of the issued were in lots whose last day is over, and of these `expired` ended unused."""

    month: str
    issued: int
    redeemed: int
    redemption: Ratio
    matured: int
    expired: int
    breakage: Ratio


class Liability(msgspec.Struct, frozen=True):
    """Open points at the end of the period, at the value of a point: `gross_minor`, and `expected_minor` after the breakage that
    matured lots had, which is an estimate. `owed_points` is what members owe today; it is apart."""

    points: int
    gross_minor: int
    breakage: Ratio
    expected_minor: int | None
    owed_points: int


class Cost(msgspec.Struct, frozen=True):
    """`redemption_minor` is what points paid, less what came back; with `liability_change_minor`, of net sales."""

    redemption_minor: int
    liability_change_minor: int
    of_net_sales: Ratio
    cash_of_net_sales: Ratio


def moved(connection: Connection, first: str, last: str, shop: str = "") -> Moved:
    table = schema.figures.points_day
    rows = connection.execute(
        select(table.c.what, func.sum(table.c.points))
        .where(*days(table, first, last, shop), table.c.what != OWED)
        .group_by(table.c.what)
    )
    sums = {what: int(points) for what, points in rows}
    return Moved(**sums, burn=ratio(sums.get("redeemed", 0), sums.get("issued", 0)))


def by_month(connection: Connection, scope: Scope) -> dict[str, Moved]:
    """The months of the period in which points moved, in order."""
    table = schema.figures.points_day
    month: ColumnElement[str] = func.substr(table.c.day, 1, 7)
    sums: dict[str, dict[str, int]] = {}
    for name, what, points in connection.execute(
        select(month, table.c.what, func.sum(table.c.points))
        .where(*scope.of(table), table.c.what != OWED)
        .group_by(month, table.c.what)
    ):
        sums.setdefault(name, {})[what] = int(points)
    return {
        name: Moved(**one, burn=ratio(one.get("redeemed", 0), one.get("issued", 0)))
        for name, one in sorted(sums.items())
    }


def together(parts: Iterable[Moved]) -> Moved:
    sums = dict.fromkeys(WHATS, 0)
    for one in parts:
        for what in WHATS:
            sums[what] += getattr(one, what)
    return Moved(**sums, burn=ratio(sums["redeemed"], sums["issued"]))


def issues(connection: Connection, today: str, shop: str = "") -> list[Issue]:
    """Every month's issue, the oldest first."""
    fact, use, lot, holding = schema.figures.lot_fact.c, schema.figures.lot_use.c, schema.lot.c, schema.holding.c
    month: ColumnElement[str] = func.substr(fact.day, 1, 7)
    here = [fact.shop == shop] if shop else []
    left = func.sum(fact.issued - fact.reversed)
    lots = schema.figures.lot_fact
    issued = connection.execute(select(month, left).where(*here).group_by(month)).all()
    used = connection.execute(
        select(month, func.sum(use.points))
        .join_from(schema.figures.lot_use, lots, fact.lot == use.lot)
        .where(*here)
        .group_by(month)
    ).all()
    matured = connection.execute(
        select(month, left)
        .join_from(schema.lot, lots, fact.lot == lot.lot)
        .where(lot.expires_on <= today, *here)
        .group_by(month)
    ).all()
    expired = connection.execute(
        select(month, func.sum(holding.points))
        .join_from(schema.holding, lots, fact.lot == holding.lot)
        .where(holding.branch == "", holding.place == "expired", *here)
        .group_by(month)
    ).all()
    redeemed, over, gone = ({name: int(points) for name, points in rows} for rows in (used, matured, expired))
    return [
        Issue(
            name,
            int(points),
            redeemed.get(name, 0),
            ratio(redeemed.get(name, 0), int(points)),
            over.get(name, 0),
            gone.get(name, 0),
            ratio(gone.get(name, 0), over.get(name, 0)),
        )
        for name, points in sorted(issued)
    ]


def open_points(connection: Connection, last: str) -> int:
    """At the end of a day, in all shops; what members owed then is not taken off."""
    table = schema.figures.points_day
    owed = connection.scalar(select(func.sum(table.c.points)).where(*days(table, "", last), table.c.what == OWED))
    return max(0, moved(connection, "", last).change + int(owed or 0))


def liability(connection: Connection, program: Program, scope: Scope, of_issues: list[Issue]) -> Liability:
    points = open_points(connection, scope.last)
    gross_minor = worth_minor(program, points)
    breakage = ratio(sum(one.expired for one in of_issues), sum(one.matured for one in of_issues))
    expected = gross_minor - gross_minor * breakage.part // breakage.whole if breakage.whole > 0 else None
    owed = connection.scalar(select(func.sum(schema.member.c.debt))) or 0
    return Liability(points, gross_minor, breakage, expected, int(owed))


def cost(connection: Connection, program: Program, scope: Scope, redemption_minor: int, net_minor: int) -> Cost:
    """Over all shops: points are issued in one and redeemed in another."""
    was = worth_minor(program, open_points(connection, before(scope.first, 1)))
    now = worth_minor(program, open_points(connection, scope.last))
    return Cost(
        redemption_minor,
        now - was,
        ratio(redemption_minor + now - was, net_minor),
        ratio(redemption_minor, net_minor),
    )
