"""What members say: whether they would recommend the shop, how content they are, and how many may be written to."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, String, case, cast, func, select

from central_server import schema
from central_server.figures.ratio import Ratio, ratio
from central_server.figures.scope import Scope, before
from central_server.membership import consents


class Promoters(msgspec.Struct, frozen=True):
    """NPS: those who answered 9 or 10 less those who answered 0 to 6, in percent of all; None without answers."""

    promoters: int
    detractors: int
    answers: int
    score: float | None


class Voices(msgspec.Struct, frozen=True):
    """The latest answer of each member within the window; of who answered without a card every answer. CSAT: 4 or 5 of 1 to 5."""

    nps: Promoters
    csat: Ratio
    opt_in: Ratio


def voices(connection: Connection, scope: Scope) -> Voices:
    said = schema.care.feedback.c
    promoters, detractors, answers = _latest(connection, scope, said.recommends, (9, 10), (0, 6))
    content, _, rated = _latest(connection, scope, said.rating, (4, 5), (1, 3))
    score = round(100 * (promoters - detractors) / answers, 1) if answers else None
    return Voices(Promoters(promoters, detractors, answers, score), ratio(content, rated), _opt_in(connection, scope))


def _latest(
    connection: Connection, scope: Scope, column: ColumnElement[int], high: tuple[int, int], low: tuple[int, int]
) -> tuple[int, int, int]:
    """How many of the latest answers are high, are low, and how many there are. An answer that is out of range is none."""
    said, about = schema.care.feedback.c, schema.member.c
    nobody = said.terminal + "/" + cast(said.number, String)
    who: ColumnElement[Any] = case(
        (said.member == "", nobody), else_=func.coalesce(func.nullif(about.merged_into, ""), said.member)
    )
    later = (said.given_at.desc(), said.terminal, said.number.desc())
    latest = (
        select(column.label("answer"), func.row_number().over(partition_by=who, order_by=later).label("place"))
        .select_from(schema.care.feedback.outerjoin(schema.member, about.member == said.member))
        .where(said.business_day >= before(scope.last, scope.window_days - 1), said.business_day <= scope.last)
        .where(column >= low[0], column <= high[1], *([said.shop == scope.shop] if scope.shop else []))
        .subquery()
    )
    answer = latest.c.answer
    found = connection.execute(
        select(
            func.sum(case((answer.between(*high), 1), else_=0)),
            func.sum(case((answer.between(*low), 1), else_=0)),
            func.count(),
        ).where(latest.c.place == 1)
    ).one()
    return int(found[0] or 0), int(found[1] or 0), int(found[2])


def _opt_in(connection: Connection, scope: Scope) -> Ratio:
    """Members who agree to be written to, of all who were not forgotten; of a shop: of those who joined there."""
    about, agree = schema.member.c, consents.agreeing().subquery()
    here = [about.merged_into == "", about.erased_at == "", *([about.home_shop == scope.shop] if scope.shop else [])]
    members = connection.scalar(select(func.count()).select_from(schema.member).where(*here))
    agreeing = connection.scalar(
        select(func.count()).select_from(schema.member.join(agree, agree.c.member == about.member)).where(*here)
    )
    return ratio(int(agreeing or 0), int(members or 0))
