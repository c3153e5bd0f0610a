"""What a sale earns, and why, in words a customer understands."""

from __future__ import annotations

import msgspec

from loyalty.days import months_after
from loyalty.program import Program
from loyalty.sale import Sale


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was known of the member when the award was computed; kept with the entry so that it can be computed again.

    `feed_position` is the place in the member feed up to which this till had heard, 0 where it never had.
    """

    feed_position: int = 0


class Reason(msgspec.Struct, frozen=True):
    """One line of the explanation: so many points, and for what."""

    points: int
    text: str


class Award(msgspec.Struct, frozen=True):
    """Points of one sale. `expires_on` is the first day on which they can no longer be spent."""

    points: int
    expires_on: str
    reasons: tuple[Reason, ...]


def money(minor: int) -> str:
    """An amount as a person reads it, without its currency.

    >>> money(5), money(-1234)
    ('0.05', '-12.34')
    """
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def counted(points: int) -> str:
    """
    >>> counted(1), counted(0), counted(27)
    ('1 point', '0 points', '27 points')
    """
    return f"{points} point" if points == 1 else f"{points} points"


def award_points(program: Program, total_minor: int, redeemed_minor: int) -> int:
    """Points for a total of which `redeemed_minor` was paid with points: rounded down, once, and never below zero.

    A reversal is never computed from a negative amount: `-150 // 100` is -2. Take the award of what is left instead.
    """
    paid_minor = max(0, total_minor - redeemed_minor)
    return paid_minor // program.earn.per_minor * program.earn.points


def award(program: Program, sale: Sale, redeemed_minor: int = 0) -> Award:
    """The award of a sale after `redeemed_minor` of it was paid with points."""
    points = award_points(program, sale.total_minor, redeemed_minor)
    paid = money(max(0, sale.total_minor - redeemed_minor))
    rate = program.earn
    per = f"{counted(rate.points)} per {money(rate.per_minor)}"
    reason = Reason(points, f"{per} on {paid}")
    return Award(points, months_after(sale.business_day, program.expire.months), (reason,))
