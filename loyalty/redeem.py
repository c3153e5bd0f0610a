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

    Points that would buy nothing (less than one minor unit) stay with the member.
    """
    rules = program.redeem
    if not rules.points:
        return 0
    points = _in_steps(program, min(spendable, points_needed(program, total_minor)))
    while points > 0 and worth_minor(program, points) > total_minor:
        points -= rules.step
    least = points_needed(program, worth_minor(program, points)) if points > 0 else 0
    if rules.step > 1:
        least = points
    return least if least >= max(1, rules.from_points) else 0


def _in_steps(program: Program, points: int) -> int:
    return points - points % program.redeem.step
