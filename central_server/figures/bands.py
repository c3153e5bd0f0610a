"""Amounts by their size: eight bands from any amount to its double, each amount below sixteen one of its own. Pure."""

from __future__ import annotations


def band(minor: int) -> int:
    """
    >>> [band(minor) for minor in (-1, 0, 15, 16, 17, 18, 1000, 1023, 1024)]
    [-1, 0, 15, 16, 16, 17, 63, 63, 64]
    """
    if minor < 0:
        return -band(-minor)
    halvings = max(0, minor.bit_length() - 4)
    return 8 * halvings + (minor >> halvings)


def least(number: int) -> int:
    """The smallest amount in a band; the largest is one below the smallest of the next.

    >>> [least(number) for number in (-1, 0, 15, 16, 63, 64)]
    [-1, 0, 15, 16, 960, 1024]
    """
    if number < 0:
        return 1 - least(1 - number)
    halvings = max(0, number // 8 - 1)
    return (number - 8 * halvings) << halvings
