"""Sales, with a member or not: how many, how much, the attach rate, and what a basket comes to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec.structs import astuple
from sqlalchemy import ColumnElement, Connection, case, func, select

from central_server import schema
from central_server.figures.bands import least
from central_server.figures.ratio import Ratio, mean, ratio
from central_server.figures.scope import Scope, days
from central_server.schema.figures import SOLD

By = Literal["shop", "cashier", "month"]


class Sold(msgspec.Struct, frozen=True):
    """`value_minor` is before returns, tax included; `net_minor` less discounts and returns, without tax."""

    sales: int = 0
    value_minor: int = 0
    discount_minor: int = 0
    returns: int = 0
    returned_minor: int = 0
    net_minor: int = 0
    redeemed_minor: int = 0


class Basket(msgspec.Struct, frozen=True):
    """None where there are no sales."""

    sales: int
    mean_minor: int | None
    median_minor: int | None


class Attached(msgspec.Struct, frozen=True):
    """A group's sales; what does not name the group is ''."""

    shop: str
    cashier: str
    month: str
    all: Sold
    members: Sold
    attach_by_count: Ratio
    attach_by_value: Ratio
    mean_minor: int | None
    members_mean_minor: int | None
    others_mean_minor: int | None


def attached(connection: Connection, scope: Scope, by: By) -> list[Attached]:
    """Each group with sales or returns in the period, in order."""
    is_of_a_shop = scope.shop or by != "month"
    table = schema.figures.shop_day if is_of_a_shop else schema.figures.sold_everywhere
    names: dict[str, ColumnElement[Any]] = {}
    if by in ("shop", "cashier"):
        names["shop"] = table.c.shop
    if by == "cashier":
        names["cashier"] = table.c.operator
    if by == "month":
        names["month"] = func.substr(table.c.day, 1, 7)
    rows = connection.execute(
        select(
            *(column.label(f"by_{name}") for name, column in names.items()),
            table.c.is_member,
            *(func.sum(table.c[name]).label(name) for name in SOLD),
        )
        .where(*scope.of(table))
        .group_by(*names.values(), table.c.is_member)
    ).mappings()
    groups: dict[tuple[str, ...], dict[int, Sold]] = {}
    for row in rows:
        group = groups.setdefault(tuple(str(row[f"by_{name}"]) for name in names), {})
        group[row["is_member"]] = _sold({name: int(row[name]) for name in SOLD})
    found = []
    for key, group in sorted(groups.items()):
        members, others = group.get(1, Sold()), group.get(0, Sold())
        whole = _sum([members, others])
        if not (whole.sales or whole.returns):
            continue
        called = dict(zip(names, key, strict=True))
        found.append(_attached(called.get("shop", scope.shop), called, members, others))
    return found


def _attached(shop: str, called: Mapping[str, str], members: Sold, others: Sold) -> Attached:
    whole = _sum([members, others])
    return Attached(
        shop,
        called.get("cashier", ""),
        called.get("month", ""),
        whole,
        members,
        ratio(members.sales, whole.sales),
        ratio(members.value_minor, whole.value_minor),
        mean(whole.value_minor, whole.sales),
        mean(members.value_minor, members.sales),
        mean(others.value_minor, others.sales),
    )


def together(scope: Scope, parts: Sequence[Attached]) -> Attached:
    """All groups as one, also where there is none."""
    members, whole = _sum([one.members for one in parts]), _sum([one.all for one in parts])
    others = Sold(*(all_ - theirs for all_, theirs in zip(astuple(whole), astuple(members), strict=True)))
    return _attached(scope.shop, {}, members, others)


def everywhere(connection: Connection, scope: Scope) -> Sold:
    """All that was sold in the period, in whichever shop."""
    table = schema.figures.sold_everywhere
    sums = [func.coalesce(func.sum(table.c[name]), 0) for name in SOLD]
    row = connection.execute(select(*sums).where(*days(table, scope.first, scope.last))).one()
    return _sold(dict(zip(SOLD, map(int, row), strict=True)))


def _sold(sums: dict[str, int]) -> Sold:
    returned_net = sums["returned_minor"] - sums["returned_tax_minor"]
    return Sold(
        sums["sales"],
        sums["value_minor"],
        sums["discount_minor"],
        sums["returns"],
        sums["returned_minor"],
        sums["value_minor"] - sums["tax_minor"] - returned_net,
        sums["redeemed_minor"] - sums["restored_minor"],
    )


def _sum(parts: Sequence[Sold]) -> Sold:
    return Sold(*(sum(values) for values in zip(*map(astuple, [Sold(), *parts]), strict=True)))


def basket(connection: Connection, scope: Scope, whole: Attached) -> dict[str, Basket]:
    """What a basket comes to: members', others', and all."""
    sold = {"members": whole.members, "all": whole.all}
    counts = {name: (one.sales, one.value_minor) for name, one in sold.items()}
    counts["others"] = (
        whole.all.sales - whole.members.sales,
        whole.all.value_minor - whole.members.value_minor,
    )
    medians = _medians(connection, scope)
    return {name: Basket(count, mean(value, count), medians[name]) for name, (count, value) in sorted(counts.items())}


def _medians(connection: Connection, scope: Scope) -> dict[str, int | None]:
    """Of members' baskets, others', and all: the middle one, or what lies between the two in the middle, half up.

    Of all shops it is known in which band the middle lies, so that of a year's sales only those of a few bands are read.
    """
    whole = _by_value(connection, scope) if scope.shop else _by_band(connection, scope)

    @cache
    def of_band(number: int) -> _Spread:
        return _by_value(connection, scope, least(number), least(number + 1) - 1)

    def amount(name: str, place: int) -> int:
        found, within = whole.at(name, place)
        return found if scope.shop else of_band(found).at(name, within)[0]

    places = {name: whole.middle(name) for name in whole.until}
    return {name: mean(sum(amount(name, one) for one in two), len(two)) for name, two in places.items()}


class _Spread(NamedTuple):
    """`amounts`, or bands, in order, and how many members', others' and all baskets came to each `until` then.

    >>> found = _Spread.of([(100, 1, 1), (200, 3, 0)])
    >>> found.middle("all"), found.at("all", 2), found.middle("members")
    ((1, 2), (200, 1), (0, 0))
    """

    amounts: list[int]
    until: dict[str, list[int]]

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any]]) -> _Spread:
        """Of (amount, how many, how many of them members'), the smallest amount first."""
        counts = [(int(amount), int(count), int(members)) for amount, count, members in rows]
        return cls(
            [amount for amount, _, _ in counts],
            {
                "members": list(accumulate(members for _, _, members in counts)),
                "others": list(accumulate(count - members for _, count, members in counts)),
                "all": list(accumulate(count for _, count, _ in counts)),
            },
        )

    def middle(self, name: str) -> tuple[int, ...]:
        """The places of the two in the middle, from 0; the same one twice of an odd number, and none of none."""
        total = self.until[name][-1] if self.amounts else 0
        return ((total - 1) // 2, total // 2) if total else ()

    def at(self, name: str, place: int) -> tuple[int, int]:
        """What lies at that place, and at which place among those of the same amount."""
        index = bisect_right(self.until[name], place)
        return self.amounts[index], place - (self.until[name][index - 1] if index else 0)


def _by_band(connection: Connection, scope: Scope) -> _Spread:
    table = schema.figures.basket_band
    of_members = func.sum(case((table.c.is_member == 1, table.c.sales), else_=0))
    return _Spread.of(
        connection.execute(
            select(table.c.band, func.sum(table.c.sales), of_members)
            .where(*scope.of(table))
            .group_by(table.c.band)
            .order_by(table.c.band)
        )
    )


def _by_value(connection: Connection, scope: Scope, lowest: int | None = None, highest: int | None = None) -> _Spread:
    """Read in the order of an index: sorting the sales of a year takes ten times as long."""
    table = schema.figures.sale_fact
    of_members = func.sum(case((table.c.member != "", 1), else_=0))
    limits = [] if lowest is None else [table.c.value_minor.between(lowest, highest)]
    return _Spread.of(
        connection.execute(
            select(table.c.value_minor, func.count(), of_members)
            .where(*scope.of(table), *limits, table.c.is_void == 0)
            .group_by(table.c.value_minor)
            .order_by(table.c.value_minor)
        )
    )
