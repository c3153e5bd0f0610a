"""A share with the counts behind it, so that nobody takes two of three for a trend."""

from __future__ import annotations

import msgspec


class Ratio(msgspec.Struct, frozen=True):
    """`part` of `whole`; `percent` is None where there is nothing to take a part of."""

    part: int
    whole: int
    percent: float | None

    def __str__(self) -> str:
        return "–" if self.percent is None else f"{self.percent:.1f} %"


def ratio(part: int, whole: int) -> Ratio:
    """
    >>> str(ratio(60, 100)), str(ratio(0, 0))
    ('60.0 %', '–')
    """
    return Ratio(part, whole, round(100 * part / whole, 2) if whole > 0 else None)


def mean(total: int, count: int) -> int | None:
    """The mean in whole units, half up.

    >>> mean(5, 2), mean(-5, 2), mean(0, 0)
    (3, -2, None)
    """
    return (2 * total + count) // (2 * count) if count > 0 else None
