"""Who meets conditions at this moment, one by one, so that a hundred thousand of them need no memory.

The database answers what it can; tiers and who may be leaving are computed of whoever is left. Nobody stands here who was
erased, and nobody without a card that can be used: one that is blocked is nobody's until it is found or exchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Select, Subquery, Text, case, cast, func, literal, or_, select

from central_server import schema
from central_server.applying.histories import read_history
from central_server.database import among
from central_server.figures import customers
from central_server.figures.scope import Scope, before
from central_server.local_time import begins, shown
from central_server.membership import consents
from central_server.office import Office
from central_server.segments.conditions import AGREES, Conditions, first_day
from loyalty.conditions import BASE
from loyalty.days import day_after

ROWS_AT_ONCE = 1000
EVERYBODY = 10**9
COLUMNS = ("member", "card", "joined_on", "home_shop", "last_sale")
_labels = msgspec.json.Decoder(dict[str, str])


class Found(msgspec.Struct, frozen=True):
    """`card` is the first that can be used, `last_day` that of the last sale, '' for none; `agrees` to be written to."""

    member: str
    card: str
    home_shop: str
    joined_on: str
    last_day: str
    agrees: bool


def found(office: Office, connection: Connection, wanted: Conditions, shop: str = "") -> Iterator[Found]:
    """By card. With a `shop`, of those who are known there."""
    today = office.today(connection)
    program = office.program(connection)
    assert program is not None, "init puts a programme in force"
    query = _asked(wanted, shop, today, program.zone)
    leaving: set[str] = set()
    if wanted.is_at_risk:
        everything = Scope("", today, shop)
        leaving = {one.member for one in customers.at_risk(connection, everything, EVERYBODY)[0]}
    for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query):
        if wanted.is_at_risk and row.member not in leaving:
            continue
        if wanted.label and not _has_label(row.labels, wanted.label, today):
            continue
        if wanted.tier and (program.ladder.on(read_history(row.history or ""), today).tier or BASE) != wanted.tier:
            continue
        yield Found(
            row.member,
            row.card,
            row.home_shop,
            shown(row.joined_at, program.zone)[:10],
            row.last_day or "",
            bool(row.agrees),
        )


def rows(
    office: Office, connection: Connection, wanted: Conditions, shop: str = "", seen: Callable[[str], str] = str
) -> Iterator[tuple[str, ...]]:
    """What a file has, as `COLUMNS` names it: those who agree to be written to, and nobody else. `seen` is how much of a card
    may be seen."""
    for one in found(office, connection, wanted, shop):
        if one.agrees:
            yield (one.member, seen(one.card), one.joined_on, one.home_shop, one.last_day)


def cards(connection: Connection, members: Collection[str]) -> dict[str, str]:
    """The card of those of these members to whom somebody may write at this moment; of nobody else."""
    card, about = _usable().subquery(), schema.member.c
    query = (
        select(about.member, card.c.card)
        .join_from(schema.member, card, card.c.member == about.member)
        .where(*_are_there(), among(connection, about.member, members), about.member.in_(consents.agreeing()))
    )
    return {str(row.member): str(row.card) for row in connection.execute(query)}


def _are_there() -> tuple[Any, ...]:
    return (schema.member.c.merged_into == "", schema.member.c.erased_at == "")


def _usable() -> Select[tuple[str, str]]:
    card, blocked = schema.card.c, schema.blocked_card.c
    out_of_use = select(blocked.card).where(blocked.why != "", blocked.card != "")
    return (
        select(card.member.label("member"), func.min(card.card).label("card"))
        .where(card.card.not_in(out_of_use))
        .group_by(card.member)
    )


def _asked(wanted: Conditions, shop: str, today: str, zone: ZoneInfo) -> Select[Any]:
    about, card = schema.member.c, _usable().subquery()
    bought = _bought(wanted, today)
    profile, history = schema.profile, schema.member_history
    query = (
        select(
            about.member,
            card.c.card,
            about.home_shop,
            about.joined_at,
            bought.c.last_day,
            # Looked up in a set that is made once; joined, SQLite would search all who agree for each member.
            case((about.member.in_(consents.agreeing()), 1), else_=0).label("agrees"),
            (profile.c.segments if wanted.label else literal("")).label("labels"),
            (history.c.history if wanted.tier else literal("")).label("history"),
        )
        .join_from(schema.member, card, card.c.member == about.member)
        .join(bought, bought.c.who == about.member, isouter=True)
        .where(*_are_there(), *_limits(wanted, bought, today, zone))
        .order_by(card.c.card)
    )
    if wanted.label:
        named = profile.c.segments.contains(f'"{wanted.label}"', autoescape=True)
        query = query.join(profile, profile.c.member == about.member).where(named)
    if wanted.tier:
        query = query.join(history, history.c.member == about.member, isouter=True)
    if wanted.agrees:
        channel = "" if wanted.agrees == AGREES else wanted.agrees
        query = query.where(about.member.in_(consents.agreeing(channel)))
    if shop:
        seen = schema.member_shop.c
        query = query.where(
            or_(about.home_shop == shop, about.member.in_(select(seen.member).where(seen.shop == shop)))
        )
    return query


def _limits(wanted: Conditions, bought: Subquery, today: str, zone: ZoneInfo) -> Iterator[Any]:
    about = schema.member.c
    if wanted.joined_in:
        yield about.home_shop == wanted.joined_in
    if wanted.joined_from:
        yield about.joined_at >= begins(wanted.joined_from, zone)
    if wanted.joined_until:
        yield about.joined_at != ""
        yield about.joined_at < begins(day_after(wanted.joined_until), zone)
    if wanted.bought_in:
        yield bought.c.there > 0
    if wanted.away_least is not None:
        yield bought.c.last_day <= before(today, wanted.away_least)
    if wanted.away_most is not None:
        yield bought.c.last_day >= before(today, wanted.away_most)
    # Whoever never bought has spent nothing, and bought no times.
    spent, sales = func.coalesce(bought.c.spent, 0), func.coalesce(bought.c.sales, 0)
    if wanted.spent_least_minor is not None:
        yield spent >= wanted.spent_least_minor
    if wanted.spent_most_minor is not None:
        yield spent <= wanted.spent_most_minor
    if wanted.sales_least is not None:
        yield sales >= wanted.sales_least
    if wanted.sales_most is not None:
        yield sales <= wanted.sales_most
    if wanted.points_least is not None:
        points = _points(today)
        yield func.coalesce(points, 0) - about.debt >= wanted.points_least


def _bought(wanted: Conditions, today: str) -> Subquery:
    """By who a member is now: the last day with a sale, and what happened in the days that are asked for."""
    table, about = schema.figures.member_day, schema.member.c
    counts = table.c.day >= first_day(today, wanted.within_days or 1)
    # Added up by reference first, as the key is: that leaves far fewer rows to be looked up.
    sums = (
        select(
            table.c.member,
            func.max(case((table.c.sales > 0, table.c.day))).label("last_day"),
            func.sum(case((counts, table.c.net_minor), else_=0)).label("spent"),
            func.sum(case((counts, table.c.sales), else_=0)).label("sales"),
            func.max(case(((table.c.shop == wanted.bought_in) & (table.c.sales > 0), 1), else_=0)).label("there"),
        )
        .group_by(table.c.member)
        .subquery()
    )
    # As a text: SQLite would search all of them for each member rather than compare a text with what might be none.
    who = cast(func.coalesce(func.nullif(about.merged_into, ""), sums.c.member), Text)
    return (
        select(
            who.label("who"),
            func.max(sums.c.last_day).label("last_day"),
            func.sum(sums.c.spent).label("spent"),
            func.sum(sums.c.sales).label("sales"),
            func.max(sums.c.there).label("there"),
        )
        .select_from(sums.outerjoin(schema.member, about.member == sums.c.member))
        .group_by(who)
        .subquery()
    )


def _points(today: str) -> Any:
    """Points of a member that have not expired, wherever they lie, as `central_server.reports.report` adds them up."""
    holding, lot = schema.holding.c, schema.lot.c
    return (
        select(func.sum(holding.points))
        .join_from(schema.holding, schema.lot, (lot.member == holding.member) & (lot.lot == holding.lot))
        .where(holding.member == schema.member.c.member, holding.place != "expired", lot.expires_on > today)
        .correlate(schema.member)
        .scalar_subquery()
    )


def _has_label(labels: str, label: str, today: str) -> bool:
    """A label that was taken away, or whose last day is over, is none."""
    last = _labels.decode(labels).get(label)
    return last is not None and (not last or today <= last)
