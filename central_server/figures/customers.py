"""What members do: how many are active, stay, come again; who may be leaving; what one is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, case, func, or_, select

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
    stayed, were, active, once, again = _bought(connection, scope, scope.window_days)
    return Customers(active, ratio(were - stayed, were), ratio(stayed, were), ratio(again, once))


def _bought(connection: Connection, scope: Scope, window_days: int) -> tuple[int, int, int, int, int]:
    """Of the members of [t − 2W, t − W) how many bought again in [t − W, t), how many there were, and how many of [t − W, t)
    there are; then how many bought once or more, and twice or more, in [t − 365, t). t is the day after the period.

    All of it in one reading: finding the days costs more than what is asked of them.
    """
    table = schema.figures.member_day
    then = day_after(scope.last)
    middle, start, year = before(then, window_days), before(then, 2 * window_days), before(then, YEAR_DAYS)
    day = table.c.day
    raw = (
        select(
            table.c.member,
            func.max(case(((day >= start) & (day < middle), 1), else_=0)).label("early"),
            func.max(case((day >= middle, 1), else_=0)).label("late"),
            func.sum(case((day >= year, table.c.sales), else_=0)).label("sales"),
        )
        .where(*days(table, min(start, year), scope.last, scope.shop), table.c.sales > 0)
        .group_by(table.c.member)
    )
    who = _as_they_are(raw, early=func.max, late=func.max, sales=func.sum).subquery().c
    found = connection.execute(
        select(
            func.sum(who.early * who.late),
            func.sum(who.early),
            func.sum(who.late),
            func.sum(case((who.sales >= 1, 1), else_=0)),
            func.sum(case((who.sales >= 2, 1), else_=0)),
        )
    ).one()
    stayed, were, active, once, again = (int(count or 0) for count in found)
    return stayed, were, active, once, again


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
    raw = (
        select(
            table.c.member,
            func.sum(table.c.net_minor).label("net"),
            func.sum(table.c.redeemed_minor).label("reward"),
            func.sum(table.c.sales).label("sales"),
            func.sum(case((table.c.day >= before(scope.last, YEAR_DAYS - 1), table.c.net_minor), else_=0)).label(
                "year"
            ),
            func.sum(case((table.c.day >= before(scope.last, YEAR_DAYS - 1), table.c.sales), else_=0)).label("lately"),
        )
        .where(*days(table, "", scope.last, scope.shop))
        .group_by(table.c.member)
    )
    sums = ("net", "reward", "sales", "year", "lately")
    who = _as_they_are(raw, **dict.fromkeys(sums, func.sum)).subquery()
    members, net, reward, in_year, lately = connection.execute(
        select(
            func.sum(case((who.c.sales > 0, 1), else_=0)),
            func.sum(who.c.net),
            func.sum(who.c.reward),
            func.sum(who.c.year),
            func.sum(case((who.c.lately > 0, 1), else_=0)),
        )
    ).one()
    margin_minor = int(net or 0) * margin_percent // 100
    reward_minor = int(reward or 0)
    stayed, were, *_ = _bought(connection, scope, YEAR_DAYS)
    churn = ratio(were - stayed, were)
    per_year = mean(int(in_year or 0) * margin_percent // 100, int(lately or 0))
    forecast = per_year * churn.whole // churn.part if per_year is not None and churn.part else None
    return Value(
        margin_percent,
        int(members or 0),
        margin_minor,
        reward_minor,
        mean(margin_minor - reward_minor, int(members or 0)),
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
