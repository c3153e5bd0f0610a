"""What a sale comes to at this till: `loyalty.priced`, from what is known here of the member. Pure but for what is read.

The same computation makes a quote and, from what is known by then, the commit.
"""

from __future__ import annotations

import sqlite3

from loyalty.award import standing_of
from loyalty.priced import Priced, line_shares, priced, reward_named, with_member_prices
from loyalty.program import Program
from loyalty.standing import Standing
from loyalty.surprise import Luck
from offline_store import histories, settings
from offline_store.histories import Known
from offline_store.moment import Moment

__all__ = [
    "Priced",
    "known_of",
    "line_shares",
    "looks_back",
    "luck_of",
    "priced",
    "reward_named",
    "standing_at",
    "with_member_prices",
]


_looking_back: dict[str, bool] = {}
"""By a programme's id, which names exactly one text."""


def looks_back(program: Program) -> bool:
    """Whether any rule asks who the member is or what they did before. Plain points do not, and nothing is read for them."""
    known = _looking_back.get(program.id)
    if known is None:
        known = _looking_back[program.id] = bool(
            program.tier
            or program.membership
            or program.accrual
            or program.reward
            or program.price
            or program.benefit
            or program.referral
            or program.giving
            or program.experiment
            or program.surprise
            or program.earn.limits
        )
    return known


def known_of(db: sqlite3.Connection, program: Program, member: str) -> Known:
    return histories.of(db, member) if member and looks_back(program) else Known()


def standing_at(db: sqlite3.Connection, at: Moment, program: Program, member: str, day: str, known: Known) -> Standing:
    """What this till knows of the member, as of trading day `day`; of nobody, only where the sale is."""
    gone = at.gone.get(program.id, ())
    if not member:
        return Standing(shop=at.shop, terminal=at.who.terminal, gone=gone)
    row = db.execute("SELECT position FROM feed_position WHERE channel BETWEEN 'members/' AND 'members0'").fetchone()
    position = int(row[0]) if row else 0
    if not looks_back(program):
        return Standing(position, at.shop, at.who.terminal)
    return standing_of(
        program,
        known.history,
        known.profile,
        day,
        member=member,
        shop=at.shop,
        terminal=at.who.terminal,
        feed_position=position,
        gone=gone,
    )


def luck_of(db: sqlite3.Connection, program: Program, member: str) -> Luck | None:
    """What this till draws with for the member. Only a commit draws: a cashier who saw it in a quote could choose whose it is."""
    key = settings.surprise_key(db, program) if member else ""
    return Luck(bytes.fromhex(key), member) if key else None
