"""Points: what was issued and redeemed, what became of what was issued each month, what is owed to members, what it cost."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import ColumnElement, Connection, Join, Table, case, func, select

from central_server import schema
from central_server.figures.moves import OWED, SIGNS, WHATS
from central_server.figures.ratio import Ratio, ratio
from central_server.figures.scope import Scope, days
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


def by_month(connection: Connection, scope: Scope) -> dict[str, Moved]:
    """The months of the period in which points moved, in order."""
    table = schema.figures.points_day if scope.shop else schema.figures.points_everywhere
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
    lots, fact = schema.figures.lot_fact, schema.figures.lot_fact.c
    sums, lot, holding = schema.figures.issued_month.c, schema.lot.c, schema.holding.c
    month: ColumnElement[str] = func.substr(fact.day, 1, 7)
    here = [fact.shop == shop] if shop else []

    def lying_in(table: Table) -> Join:
        if not shop:
            return table.join(lots, fact.lot == table.c.lot)
        # The few of one shop are looked up with whom their member has become, rather than all searched.
        about = schema.member.c
        owner = func.coalesce(func.nullif(about.merged_into, ""), about.member)
        theirs = (table.c.member == owner) & (table.c.lot == fact.lot)
        return lots.join(schema.member, about.member == fact.member).join(table, theirs)

    issued = connection.execute(
        select(sums.month, func.sum(sums.issued - sums.reversed), func.sum(sums.used))
        .where(*[sums.shop == shop] if shop else [])
        .group_by(sums.month)
    ).all()
    # Far fewer lots can still be used than ever were issued.
    usable = connection.execute(
        select(month, func.sum(fact.issued - fact.reversed))
        .select_from(lying_in(schema.lot))
        .where(lot.expires_on > today, *here)
        .group_by(month)
    ).all()
    expired = connection.execute(
        select(month, func.sum(holding.points))
        .select_from(lying_in(schema.holding))
        .where(holding.branch == "", holding.place == "expired", *here)
        .group_by(month)
    ).all()
    left = {name: (int(points), int(used)) for name, points, used in issued}
    running, gone = ({name: int(points) for name, points in rows} for rows in (usable, expired))
    found = []
    for name in sorted({*left, *running, *gone}):
        points, redeemed = left.get(name, (0, 0))
        matured, unused = points - running.get(name, 0), gone.get(name, 0)
        breakage = ratio(unused, matured)
        found.append(Issue(name, points, redeemed, ratio(redeemed, points), matured, unused, breakage))
    return found


def open_points(connection: Connection, scope: Scope) -> tuple[int, int]:
    """In all shops, before the period and at its end; what members owed then is not taken off."""
    table = schema.figures.points_everywhere
    before_it = case((table.c.day < scope.first, table.c.points), else_=0)
    rows = connection.execute(
        select(table.c.what, func.sum(before_it), func.sum(table.c.points))
        .where(*days(table, "", scope.last))
        .group_by(table.c.what)
    )
    before = after = 0
    for what, then, now in rows:
        sign = 1 if what == OWED else SIGNS[what]
        before, after = before + sign * int(then), after + sign * int(now)
    return max(0, before), max(0, after)


def liability(connection: Connection, program: Program, points: int, of_issues: list[Issue]) -> Liability:
    """Of so many open points."""
    gross_minor = worth_minor(program, points)
    breakage = ratio(sum(one.expired for one in of_issues), sum(one.matured for one in of_issues))
    expected = gross_minor - gross_minor * breakage.part // breakage.whole if breakage.whole > 0 else None
    owed = connection.scalar(select(func.sum(schema.member.c.debt))) or 0
    return Liability(points, gross_minor, breakage, expected, int(owed))


def cost(program: Program, points_before: int, points: int, redemption_minor: int, net_minor: int) -> Cost:
    """Over all shops: points are issued in one and redeemed in another. `points` were open at the end, `points_before` before."""
    change = worth_minor(program, points) - worth_minor(program, points_before)
    return Cost(
        redemption_minor, change, ratio(redemption_minor + change, net_minor), ratio(redemption_minor, net_minor)
    )
