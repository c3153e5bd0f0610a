"""The shop's programme, and its text book rule: what a sale awards, on which day, and until when.

Written apart from `loyalty`. Only what returns take back is computed by `loyalty.returns`, which has proofs of its own.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from loyalty.program import Program, read_program
from loyalty.redeem import worth_minor
from loyalty.returns import Sold, left_at_least, reversed_so_far
from loyalty.sale import Return, Sale

PROGRAM_TEXT = """\
name = "simulated"
version = {version}
currency = "EUR"
time_zone = "Europe/Berlin"
day_starts_at = 4
[earn]
points = {points}
per_minor = 100
[expire]
months = 1
[redeem]
points = 100
worth_minor = 100
[claim]
within_days = 7
[offline]
policy = "{policy}"
floor_limit = {floor_limit}
share_percent = {share_percent}
share_points = {share_points}
"""
FLOOR_LIMIT = 300
SHARE_PERCENT, SHARE_POINTS = 25, 500
ONLINE = timedelta(seconds=60)
"""A till that heard head office longer ago counts as offline."""


def program(version: int = 1, policy: str = "escrow", *, stands: bool = False) -> Program:
    """The shop's rules; each version awards other points, and nothing else changes."""
    text = PROGRAM_TEXT.format(
        version=version,
        points=(5, 10, 15)[version % 3],
        policy=policy,
        floor_limit=FLOOR_LIMIT if policy == "floor_limit" else 0,
        share_percent=SHARE_PERCENT if stands else 0,
        share_points=SHARE_POINTS,
    )
    return read_program(text)


PROGRAM = program()


def points_of(rules: Program, total_minor: int, redeemed: int) -> int:
    """So many points for each whole 1.00 that was paid in money; a point is worth a cent."""
    return max(0, total_minor - redeemed) // 100 * rules.earn.points


def a_month_after(day: str) -> str:
    """The same day of the next month; where that has none, the day after its last."""
    start = date.fromisoformat(day)
    year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
    if start.day > monthrange(year, month)[1]:
        return date(year + month // 12, month % 12 + 1, 1).isoformat()
    return date(year, month, start.day).isoformat()


def day_of(now: datetime) -> str:
    """The programme's day: it starts at four in Berlin."""
    return (now.astimezone(PROGRAM.zone).replace(tzinfo=None) - timedelta(hours=4)).date().isoformat()


def came_back(rules: Program, sale: Sale, awarded: int, redeemed: int, backs: Iterable[Return]) -> tuple[int, int]:
    """Points taken and restored by all returns of a sale together, under the rules by which it was sold."""
    sold = Sold(sale, awarded, redeemed, worth_minor(rules, redeemed))
    back = reversed_so_far(rules, sold, left_at_least(sale, list(backs)))
    return back.taken_points, back.restored_points
