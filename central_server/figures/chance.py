"""How far two numbers may be apart by chance alone: intervals of 95 %, and what they mean in plain words. Pure.

Shares: Wilson (1927), J. Am. Stat. Assoc. 22, 209-212, for one, and of the difference of two the hybrid score interval, method
10 of Newcombe (1998), Statistics in Medicine 17, 873-890. It never leaves -100 to 100 % and holds for small numbers, too.

Ratios of sums (value by sales, points by points): members were drawn, not sales, and one member's sales are alike. So the unit is
the member, by the delta method: Deng, Knoblich and Lu (2018), Applying the Delta Method in Metric Analytics, KDD '18.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

Z = 1.959963984540054
"""The standard normal's 97.5th percentile."""

LEAST_MEMBERS = 30
"""The delta method leans on the mean of many; of fewer members than these nothing is said."""


class Interval(NamedTuple):
    """A difference, B less A, with the ends between which 95 of a hundred such intervals have the true one."""

    difference: float
    low: float
    high: float


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The interval of a share, both from 0 to 1."""
    share, square = part / whole, Z * Z
    middle = share + square / (2 * whole)
    spread = Z * sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    return (middle - spread) / (1 + square / whole), (middle + spread) / (1 + square / whole)


def of_shares(a: tuple[int, int], b: tuple[int, int]) -> Interval | None:
    """Of two shares, each (part, whole); None where one is of nothing."""
    if not (a[1] and b[1]):
        return None
    share_a, share_b = a[0] / a[1], b[0] / b[1]
    (low_a, high_a), (low_b, high_b) = wilson(*a), wilson(*b)
    difference = share_b - share_a
    below = sqrt((share_b - low_b) ** 2 + (high_a - share_a) ** 2)
    above = sqrt((high_b - share_b) ** 2 + (share_a - low_a) ** 2)
    return Interval(difference, difference - below, difference + above)


class Sums(NamedTuple):
    """Of `members` with a numerator y and a denominator x each: their sums, and the sums of squares and products."""

    members: int = 0
    y: int = 0
    x: int = 0
    yy: int = 0
    xy: int = 0
    xx: int = 0

    def plus(self, y: int, x: int) -> Sums:
        return Sums(self.members + 1, self.y + y, self.x + x, self.yy + y * y, self.xy + x * y, self.xx + x * x)

    @property
    def variance(self) -> float:
        """Of the ratio y ÷ x."""
        ratio = self.y / self.x
        scattered = self.yy - 2 * ratio * self.xy + ratio * ratio * self.xx
        return max(0.0, scattered) * self.members / (self.members - 1) / (self.x * self.x)


def of_ratios(a: Sums, b: Sums) -> Interval | None:
    """Of two ratios of sums; None where there are too few members to say."""
    if min(a.members, b.members) < LEAST_MEMBERS or not (a.x and b.x):
        return None
    difference = b.y / b.x - a.y / a.x
    spread = Z * sqrt(a.variance + b.variance)
    return Interval(difference, difference - spread, difference + spread)
