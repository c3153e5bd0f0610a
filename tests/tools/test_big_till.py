"""The file of years that benchmarks measure on is made in the schema of today, and a till sells on in it."""

from __future__ import annotations

from pathlib import Path

from bench.big_till import multiply
from bench.checkout import Ours
from offline_store.store import FILE


def test_a_file_of_years_has_as_many_sales_as_asked_for_and_is_sold_in(tmp_path: Path) -> None:
    made = Ours(tmp_path, members=3)
    for _ in range(5):
        made.turn()
    made.store.close()
    multiply(tmp_path / FILE, 300)
    again = Ours(tmp_path, people=made.people)
    again._count = 1000
    again.turn()
    with again.store.read() as db:
        (entries,) = db.execute("SELECT count(*) FROM entry").fetchone()
        (receipts,) = db.execute("SELECT count(*) FROM receipt WHERE rewards IS NOT NULL").fetchone()
    again.store.close()
    assert entries == 310  # and ten checkouts after it
    assert receipts > 200
