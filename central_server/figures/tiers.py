"""Tiers: who was where at the start and at the end of a period, and who renewed a tier that is sold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, select

from central_server import schema
from central_server.figures.ratio import Ratio, ratio
from central_server.figures.scope import Scope, before
from central_server.local_time import begins
from loyalty.conditions import BASE
from loyalty.days import day_after
from loyalty.program import Program
from loyalty.standing import NO_HISTORY, History
from loyalty.tiers import paid_until

JOINED, LEFT = "joined", "left"
ROWS_AT_ONCE = 1000
_histories = msgspec.json.Decoder(History)


class Move(msgspec.Struct, frozen=True):
    """So many members were in tier `start` the day before the period and in tier `end` on its last day. `joined` and `left` stand
    where somebody was not a member before, or was erased."""

    start: str
    end: str
    members: int


class Renewals(msgspec.Struct, frozen=True):
    """Of the memberships of a paid tier whose last day was in the period, how many went on without a day between."""

    renewed: Ratio


def migration(connection: Connection, program: Program, scope: Scope) -> list[Move]:
    """Nothing where the programme has no tiers. As head office knows the members today: goods that came back since count."""
    if not program.tier:
        return []
    first, last = before(scope.first, 1), scope.last
    begun, over = begins(scope.first, program.zone), begins(day_after(last), program.zone)
    moves: Counter[tuple[str, str]] = Counter()
    member, kept = schema.member.c, schema.member_history
    rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(
        select(member.joined_at, member.erased_at, kept.c.history)
        .join_from(schema.member, kept, kept.c.member == member.member, isouter=True)
        .where(member.merged_into == "", *([member.home_shop == scope.shop] if scope.shop else []))
    )
    for joined_at, erased_at, text in rows:
        history = _histories.decode(text) if text else NO_HISTORY
        if joined_at >= over or (erased_at and erased_at < begun):
            continue
        start, end = (found.tier or BASE for found in program.ladder.on_each(history, (first, last)))
        moves[JOINED if joined_at >= begun else start, LEFT if erased_at and erased_at < over else end] += 1
    rank = program.ladder.rank
    order = sorted(moves, key=lambda move: [(-2 if name in (JOINED, LEFT) else rank(name), name) for name in move])
    return [Move(start, end, moves[start, end]) for start, end in order]


def renewals(connection: Connection, program: Program, scope: Scope) -> Renewals:
    """Of every paid membership by itself, from the months that each member bought."""
    due = renewed = 0
    for _, terms in histories_with_terms(connection, program, scope.shop):
        for ends, goes_on in terms:
            if scope.first <= ends <= scope.last:
                due, renewed = due + 1, renewed + goes_on
    return Renewals(ratio(renewed, due))


def histories_with_terms(
    connection: Connection, program: Program, shop: str
) -> Iterator[tuple[str, list[tuple[str, bool]]]]:
    """Each member who ever paid for a tier, with the terms of all their memberships."""
    if not any(tier.is_paid for tier in program.tier):
        return
    member, kept = schema.member.c, schema.member_history.c
    rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(
        select(member.member, kept.history)
        .join_from(schema.member, schema.member_history, kept.member == member.member)
        .where(member.merged_into == "", *([member.home_shop == shop] if shop else []))
    )
    for who, text in rows:
        history = _histories.decode(text)
        names = [name for name in history.paid if not name.endswith("/trial")]
        if terms := [term for name in names for term in _terms(history, name)]:
            yield who, terms


def _terms(history: History, tier: str) -> list[tuple[str, bool]]:
    """(last day, whether the next was bought by then) of every purchase, in order.

    >>> _terms(History(paid={"plus": {"2026-01-10": 1, "2026-02-05": 1, "2026-06-01": 1}}), "plus")
    [('2026-02-09', True), ('2026-03-09', False), ('2026-06-30', False)]
    """
    bought = sorted(day for day, months in history.paid[tier].items() if months > 0)
    ends = [paid_until(history, tier, day) for day in bought]
    return [
        (last, next_one is not None and next_one <= day_after(last))
        for last, next_one in zip(ends, [*bought[1:], None], strict=True)
    ]
