"""What members do: how many are active, stay, come again; who may be leaving; what one is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, case, exists, func, or_, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from central_server import schema
from central_server.database import AT_ONCE, among
from central_server.figures.ratio import Ratio, mean, ratio
from central_server.figures.scope import YEAR_DAYS, Scope, before, days
from loyalty.days import day_after


class Customers(msgspec.Struct, frozen=True):
    """`active` in the window that ends with the period; `churn` is the share of those of the window before who are not."""

    active: int
    churn: Ratio
    retention: Ratio
    repeat_purchase: Ratio


class Value(msgspec.Struct, frozen=True):
    """What members brought, at a stated margin. `per_year_minor` and `churn` are of the last 365 days, for the forecast; None
    where there was nobody, or nobody left."""

    margin_percent: int
    members: int
    margin_minor: int
    reward_minor: int
    historic_minor: int | None
    per_year_minor: int | None
    churn: Ratio
    forecast_minor: int | None


def customers(connection: Connection, scope: Scope) -> Customers:
    """t is the day after the period, W the window: before is [t − 2W, t − W), lately [t − W, t), the year [t − 365, t)."""
    then, window = day_after(scope.last), scope.window_days
    who = _of_each(
        early=_bought_on(scope, before(then, 2 * window), before(then, window + 1)),
        late=_bought_on(scope, before(then, window), scope.last),
        times=_times_bought(scope, before(then, YEAR_DAYS), scope.last),
    )
    stayed, were, active, once, again = _counts(
        connection,
        (who.early > 0) & (who.late > 0),
        who.early > 0,
        who.late > 0,
        who.times >= 1,
        who.times >= 2,
    )
    return Customers(active, ratio(were - stayed, were), ratio(stayed, were), ratio(again, once))


def _bought_on(scope: Scope, first: str, last: str) -> ColumnElement[int]:
    """Whether a member bought on these days: 1 or 0. The first such day answers, so that few of their days are read."""
    table = schema.figures.member_day
    return case((exists().where(*_theirs(scope, first, last), table.c.sales > 0), 1), else_=0)


def _times_bought(scope: Scope, first: str, last: str) -> ColumnElement[int]:
    """How many sales a member had on these days: none, one, or at least two. Two days are enough to say so."""
    table = schema.figures.member_day
    bought = select(table.c.sales).where(*_theirs(scope, first, last), table.c.sales > 0)
    two = bought.limit(2).correlate(schema.member).subquery().c
    return select(func.coalesce(func.sum(two.sales), 0)).scalar_subquery()


def _theirs(scope: Scope, first: str, last: str) -> list[ColumnElement[bool]]:
    table = schema.figures.member_day
    return [table.c.member == schema.member.c.member, *days(table, first, last, scope.shop)]


def _of_each(**what: ColumnElement[int]) -> ReadOnlyColumnCollection[str, Any]:
    """Columns by member as they are now: of several references what was asked about each is added up.

    Asked member by member, which takes SQLite a sixth of the time of telling all days apart by member.
    """
    about = schema.member.c
    each = select(about.member, about.merged_into, *(one.label(name) for name, one in what.items())).subquery().c
    who = func.coalesce(func.nullif(each.merged_into, ""), each.member)
    return select(*(func.sum(each[name]).label(name) for name in what)).group_by(who).subquery().c


def _counts(connection: Connection, *claims: ColumnElement[bool]) -> list[int]:
    """For how many rows each is true."""
    found = connection.execute(select(*(func.sum(case((claim, 1), else_=0)) for claim in claims))).one()
    return [int(count or 0) for count in found]


def _as_they_are(raw: Select[*tuple[object, ...]], **how: Callable[..., Any]) -> Select[*tuple[Any, ...]]:
    """A query by member's reference, by the member they have become: added up first, because that leaves far fewer rows.
    `how` the columns of several references become one, by their names."""
    sums = raw.subquery()
    who = _is_now(sums.c.member)
    return (
        select(who.label("who"), *(become(sums.c[name]).label(name) for name, become in how.items()))
        .select_from(sums.outerjoin(schema.member, schema.member.c.member == sums.c.member))
        .group_by(who)
    )


def _is_now(reference: ColumnElement[str]) -> ColumnElement[str]:
    """Who the member of a reference is since a merge; the table of members is joined."""
    return func.coalesce(func.nullif(schema.member.c.merged_into, ""), reference)


def value(connection: Connection, scope: Scope, margin_percent: int) -> Value:
    """What members have brought until the end of the period, and what one may bring: margin a year ÷ churn of a year."""
    table = schema.figures.member_day
    then = day_after(scope.last)
    year = before(then, YEAR_DAYS)
    net, reward, in_year = connection.execute(
        select(
            func.sum(table.c.net_minor),
            func.sum(table.c.redeemed_minor),
            func.sum(case((table.c.day >= year, table.c.net_minor), else_=0)),
        ).where(*days(table, "", scope.last, scope.shop))
    ).one()
    who = _of_each(
        ever=_bought_on(scope, "", scope.last),
        early=_bought_on(scope, before(then, 2 * YEAR_DAYS), before(year, 1)),
        late=_bought_on(scope, year, scope.last),
    )
    members, were, stayed, lately = _counts(
        connection, who.ever > 0, who.early > 0, (who.early > 0) & (who.late > 0), who.late > 0
    )
    margin_minor = int(net or 0) * margin_percent // 100
    reward_minor = int(reward or 0)
    churn = ratio(were - stayed, were)
    per_year = mean(int(in_year or 0) * margin_percent // 100, lately)
    forecast = per_year * churn.whole // churn.part if per_year is not None and churn.part else None
    return Value(
        margin_percent,
        members,
        margin_minor,
        reward_minor,
        mean(margin_minor - reward_minor, members),
        per_year,
        churn,
        forecast,
    )


LEAST_DAYS = 3
PATIENCE_PERCENT = 150
"""Whoever has stayed away for so much of their own mean gap may be leaving."""


class AtRisk(msgspec.Struct, frozen=True):
    """A member who bought on `days` days, on average `gap_days` apart, the last time on `last_day`: `away_days` ago."""

    member: str
    days: int
    gap_days: int
    last_day: str
    away_days: int
    net_minor: int


def at_risk(connection: Connection, scope: Scope, most: int = 200) -> tuple[list[AtRisk], int]:
    """Members who bought on three days or more until the end of the period, and have not bought since for one and a half of their
    own mean gap; those who brought most come first. Answers `most` of them, and how many there are."""
    now = date.fromisoformat(scope.last)
    # A day in two shops is one day, but to tell costs more than all else. Counted as two it makes the mean gap shorter at most:
    # whoever is not away by that is not away.
    rows = _bought_until(connection, scope)
    likely = {row.who: row for row in rows if _away(row.times, row.first, row.last, now)}
    found = []
    for member, count in _days_bought(connection, scope, list(likely)):
        row = likely[member]
        if away := _away(count, row.first, row.last, now):
            span = (date.fromisoformat(row.last) - date.fromisoformat(row.first)).days
            found.append(AtRisk(member, count, mean(span, count - 1) or 0, row.last, away, int(row.net)))
    found.sort(key=lambda one: (-one.net_minor, one.member))
    return found[:most], len(found)


def _away(count: int, first: str, last: str, now: date) -> int:
    """For how many days somebody has stayed away who bought on so many; 0 for one who has not for long, or bought too seldom."""
    if count < LEAST_DAYS:
        return 0
    then = date.fromisoformat(last)
    span, away = (then - date.fromisoformat(first)).days, (now - then).days
    return away if 100 * away * (count - 1) > PATIENCE_PERCENT * span else 0


def _bought_until(connection: Connection, scope: Scope) -> Sequence[Row[Any]]:
    """Who bought until the end of the period: `who`, how many `times` (days, each shop by itself), the `first` and `last` day,
    and the `net` they brought."""
    table = schema.figures.member_day
    bought = case((table.c.sales > 0, table.c.day))  # what came back that day makes no day of buying
    raw = (
        select(
            table.c.member,
            func.count(bought).label("times"),
            func.min(bought).label("first"),
            func.max(bought).label("last"),
            func.sum(table.c.net_minor).label("net"),
        )
        .where(*days(table, "", scope.last, scope.shop))
        .group_by(table.c.member)
    )
    who = _as_they_are(raw, times=func.sum, first=func.min, last=func.max, net=func.sum).subquery()
    return connection.execute(select(who).where(who.c.times >= LEAST_DAYS)).all()


def _days_bought(connection: Connection, scope: Scope, members: Sequence[str]) -> Iterator[tuple[str, int]]:
    """On how many days each of these members bought until the end of the period, but for who has been forgotten since: nobody can
    bring them back."""
    table, about = schema.figures.member_day, schema.member.c
    who, now = _is_now(about.member), schema.member.alias()
    query = (
        select(who, func.count(table.c.day.distinct()))
        .join_from(schema.member, table, table.c.member == about.member)
        .join(now, now.c.member == who)
        .where(*days(table, "", scope.last, scope.shop), table.c.sales > 0, now.c.erased_at == "")
        .group_by(who)
    )
    for start in range(0, len(members), AT_ONCE):
        part = members[start : start + AT_ONCE]
        theirs = or_(among(connection, about.member, part), among(connection, about.merged_into, part))
        for member, count in connection.execute(query.where(theirs)).all():
            yield str(member), int(count)
