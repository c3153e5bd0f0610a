"""What points are worth, and how many a sale can take."""

from __future__ import annotations

from loyalty.program import Program


def worth_minor(program: Program, points: int) -> int:
    """Money for points, rounded down to the minor unit."""
    return points * program.redeem.worth_minor // program.redeem.points


def points_needed(program: Program, minor: int) -> int:
    """The fewest points whose worth is at least `minor`."""
    return -(-minor * program.redeem.points // program.redeem.worth_minor)


def most_redeemable(program: Program, total_minor: int, spendable: int) -> int:
    """The most points this sale can take: what can be spent here now, and never more than pays the total.

    Points that would buy nothing (less than one minor unit) stay with the member.
    """
    points = min(spendable, points_needed(program, total_minor))
    while points > 0 and worth_minor(program, points) > total_minor:
        points -= 1
    return points_needed(program, worth_minor(program, points)) if points > 0 else 0
