"""The figures once more, in plain Python over the raw baskets, beside what a head office that `bench.office` filled answers.

    python -m bench.figures_by_hand DIR [--last DAY]

Nothing of `central_server.figures` computes here: sales are the rows of the data with what `bench.office` draws for each, points
are read from the entries as JSON, and what is open from the ledger's own postings. `--last` is the day on which DIR was filled,
less one. It ends with status 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import func, select

from bench.journey import baskets
from bench.office import BACK_AFTER, CLAIMED_AFTER, cashier, luck, member_of, moved, shop_of, tax_of, weeks_until
from central_server import schema
from central_server.figures import answers, customers
from central_server.figures.scope import Scope
from central_server.office import Office


class Rung(NamedTuple):
    """A basket that stands: not voided. `household` is 0 without a card; `back_on` is '' where nothing came back."""

    shop: str
    cashier: str
    day: str
    household: int
    value: int
    tax: int
    back_on: str
    back: int
    back_tax: int


def rung(year: Iterable[list[tuple[Any, ...]]], last: date) -> Iterator[Rung]:
    over = datetime.combine(last + timedelta(days=1), datetime.min.time()) + timedelta(hours=4)
    for basket in year:
        store, ref, text, household = basket[0][:4]
        at, drawn = datetime.fromisoformat(text), luck(ref)
        if drawn.is_voided:
            continue
        whose = household if drawn.has_card else 0
        if drawn.is_claimed and not drawn.comes_back and at + CLAIMED_AFTER < over:
            whose = household
        back = drawn.comes_back and len(basket) > 1 and at + BACK_AFTER < over
        first = basket[0][7]
        yield Rung(
            shop_of(store),
            cashier(at),
            trading_day(at),
            whose,
            sum(row[7] for row in basket),
            sum(tax_of(row[7]) for row in basket),
            trading_day(at + BACK_AFTER) if back else "",
            first if back else 0,
            tax_of(first) if back else 0,
        )


def trading_day(at: datetime) -> str:
    """It begins at four."""
    return (at - timedelta(hours=4)).date().isoformat()


def by_hand(sold: list[Rung], scope: Scope) -> dict[str, Any]:
    """Figures by their name."""
    here = [one for one in sold if not scope.shop or one.shop == scope.shop]
    now = [one for one in here if scope.first <= one.day <= scope.last]
    back = [one for one in here if one.back_on and scope.first <= one.back_on <= scope.last]
    theirs = [one for one in now if one.household]
    others = [one for one in now if not one.household]
    found: dict[str, Any] = {
        "sales": len(now),
        "member sales": len(theirs),
        "value": sum(one.value for one in now),
        "member value": sum(one.value for one in theirs),
        "returns": sum(1 for one in back if one.back),
        "returned": sum(one.back for one in back),
        "net": sum(one.value - one.tax for one in now) - sum(one.back - one.back_tax for one in back),
    }
    for name, part in (("members", theirs), ("others", others), ("all", now)):
        values = [one.value for one in part]
        found[f"mean, {name}"] = int(statistics.fmean(values) + 0.5) if values else None
        found[f"median, {name}"] = int(statistics.median(values) + 0.5) if values else None
    t = date.fromisoformat(scope.last) + timedelta(days=1)

    def who(days_before: int, until: int) -> set[int]:
        first, last = (t - timedelta(days=days_before)).isoformat(), (t - timedelta(days=until)).isoformat()
        return {one.household for one in here if one.household and first <= one.day < last}

    before, after = who(2 * scope.window_days, scope.window_days), who(scope.window_days, 0)
    found |= {"active": len(after), "churned": len(before - after), "were": len(before)}
    times: dict[int, int] = {}
    for one in here:
        if one.household and (t - timedelta(days=365)).isoformat() <= one.day < t.isoformat():
            times[one.household] = times.get(one.household, 0) + 1
    found |= {"once": len(times), "again": sum(1 for count in times.values() if count > 1)}
    for one in now:
        name = f"sales of {one.cashier} in {one.shop}"
        found[name] = found.get(name, 0) + 1
    return found | leaving_by_hand([one for one in here if one.household], scope.last)


def leaving_by_hand(theirs: Iterable[Rung], last: str) -> dict[str, Any]:
    """Who may be leaving: on how many days they bought, their mean gap, the last day, and what they brought net of returns."""
    days: dict[int, set[str]] = {}
    net: dict[int, int] = {}
    for one in theirs:
        if one.day <= last:
            days.setdefault(one.household, set()).add(one.day)
            net[one.household] = net.get(one.household, 0) + one.value - one.tax
        if one.back_on and one.back_on <= last:
            net[one.household] -= one.back - one.back_tax
    found = {}
    for household, bought in days.items():
        in_order = [date.fromisoformat(day) for day in sorted(bought)]
        gaps = [(then - before).days for before, then in pairwise(in_order)]
        away = (date.fromisoformat(last) - in_order[-1]).days
        if len(in_order) >= 3 and away > Fraction(sum(gaps), len(gaps)) * 3 / 2:
            gap = int(statistics.fmean(gaps) + 0.5)
            found[f"{member_of(household)} may be leaving"] = len(bought), gap, max(bought), net[household]
    return found


def points_by_hand(office: Office, scope: Scope) -> dict[str, Any]:
    """From the entries as they were sent, and from the postings of the ledger."""
    issued = redeemed = taken = restored = 0
    inbox, posting = schema.inbox.c, schema.posting.c
    with office.database.reading() as connection:
        query = (
            select(inbox.data)
            .join_from(schema.inbox, schema.terminal, schema.terminal.c.terminal == inbox.terminal)
            .where(inbox.kind.in_(["sale", "claim", "return"]))
            .where(*([schema.terminal.c.shop == scope.shop] if scope.shop else []))
        )
        for (data,) in connection.execution_options(yield_per=1000).execute(query):
            entry = json.loads(data)
            if not scope.first <= entry["business_day"] <= scope.last:
                continue
            body = entry["body"]
            issued, redeemed = issued + body.get("awarded", 0), redeemed + body.get("redeemed", 0)
            taken, restored = taken + body.get("taken", 0), restored + body.get("restored", 0)
        accounts = ["available", "granted", "escrow"]
        if scope.shop:
            return {"issued": issued, "redeemed": redeemed, "reversed": taken, "restored": restored}
        days = [posting.business_day >= scope.first, posting.business_day <= scope.last]
        expired = connection.scalar(select(func.sum(posting.amount)).where(posting.account == "expired", *days))
        is_open = posting.account.in_(accounts)
        left = connection.scalar(select(func.sum(posting.amount)).where(is_open, posting.business_day <= scope.last))
    return {
        "issued": issued,
        "redeemed": redeemed,
        "reversed": taken,
        "restored": restored,
        "expired": int(expired or 0),
        "open points": int(left or 0),
    }


def answered(office: Office, scope: Scope) -> dict[str, Any]:
    """The same from head office."""
    one = answers.whole(office, scope, "cashier")
    found: dict[str, Any] = {
        "sales": one.attach.all.sales,
        "member sales": one.attach.attach_by_count.part,
        "value": one.attach.all.value_minor,
        "member value": one.attach.attach_by_value.part,
        "returns": one.attach.all.returns,
        "returned": one.attach.all.returned_minor,
        "net": one.attach.all.net_minor,
        "active": one.customers.active,
        "churned": one.customers.churn.part,
        "were": one.customers.retention.whole,
        "once": one.customers.repeat_purchase.whole,
        "again": one.customers.repeat_purchase.part,
        "issued": one.points.issued,
        "redeemed": one.points.redeemed,
        "reversed": one.points.reversed,
        "restored": one.points.restored,
    }
    if not scope.shop:
        found |= {"expired": one.points.expired, "open points": one.liability.points}
    for name, basket in one.baskets.items():
        found |= {f"mean, {name}": basket.mean_minor, f"median, {name}": basket.median_minor}
    for group in one.by:
        if group.all.sales:
            found[f"sales of {group.cashier} in {group.shop}"] = group.all.sales
    with office.database.reading() as connection:
        for may_leave in customers.at_risk(connection, scope, most=10**9)[0]:
            about = may_leave.days, may_leave.gap_days, may_leave.last_day, may_leave.net_minor
            found[f"{may_leave.member} may be leaving"] = about
    return found


def differences(office: Office, sold: list[Rung], scope: Scope) -> list[str]:
    hand, told = by_hand(sold, scope) | points_by_hand(office, scope), answered(office, scope)
    return [
        f"{scope.first} to {scope.last}, {scope.shop or 'all shops'}: {name} is {told.get(name)}, by hand {hand.get(name)}"
        for name in sorted(hand.keys() | told.keys())
        if hand.get(name) != told.get(name)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.figures_by_hand")
    parser.add_argument("folder", type=Path)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    parser.add_argument("--last", type=date.fromisoformat, default=yesterday)
    asked = parser.parse_args()
    office = Office.open(asked.folder, lambda: datetime.now(UTC), bytes)
    with office.database.reading() as connection:
        shops = set(connection.scalars(select(schema.shop.c.shop)))
    sold = [
        one for one in rung(moved(baskets(), weeks_until(asked.last), frozenset()), asked.last) if one.shop in shops
    ]
    first, last = min(one.day for one in sold), max(one.day for one in sold)
    middle = (date.fromisoformat(last) - timedelta(days=120)).isoformat()
    busiest = max(shops, key=lambda shop: sum(1 for one in sold if one.shop == shop))
    found = []
    for scope in (
        Scope(first, asked.last.isoformat()),
        Scope(middle, last),
        Scope(middle, last, window_days=45),
        Scope(first, last, busiest),
        Scope("2001-01-01", "2001-01-31"),
    ):
        wrong = differences(office, sold, scope)
        found += wrong
        print(f"{scope.first} to {scope.last}, {scope.shop or 'all shops'}: {'as by hand' if not wrong else wrong[:5]}")
    office.close()
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
