"""What points are worth, and how many a sale can take."""

from __future__ import annotations

from loyalty.program import Program


def worth_minor(program: Program, points: int) -> int:
    """Money for points, rounded down to the minor unit."""
    return points * program.redeem.worth_minor // program.redeem.points if program.redeem.points else 0


def points_needed(program: Program, minor: int) -> int:
    """The fewest points whose worth is at least `minor`."""
    return -(-minor * program.redeem.points // program.redeem.worth_minor)


def most_redeemable(program: Program, total_minor: int, spendable: int) -> int:
    """The most points this sale can take: what can be spent here now, in the programme's steps, never more than pays the total.

    Points that would buy nothing (less than one minor unit) stay with the member. Where the member names fewer, those are
    what can be spent: `most_redeemable(program, total_minor, min(named, spendable))`.
    """
    rules = program.redeem
    if not rules.points:
        return 0
    step = rules.step
    points = min(spendable, points_needed(program, total_minor)) // step * step
    while points > 0 and worth_minor(program, points) > total_minor:
        points -= step
    least = -(-points_needed(program, worth_minor(program, points)) // step) * step
    return least if least >= max(1, rules.from_points) else 0
