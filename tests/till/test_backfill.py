"""A shop's history as a file: what becomes of good rows, of bad ones, and of the same file read again."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ledger.entry import SaleBody
from loyalty.program import preset, read_program
from offline_store import journal, settings
from offline_store.store import Store
from offline_store.verify import verify
from pos_plugin.cli import app
from pos_plugin.errors import BadRequest
from pos_plugin.past_sales.backfill import Backfilled, backfill
from pos_plugin.past_sales.sales_file import Row, read_rows

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HEADER = "till,sale_ref,sold_at,member,sku,category,quantity,amount"
GOOD = "t1,1,2026-01-31T17:45:00,C1,tea,drinks,1,1234"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "till"
    with Store.create(made) as store:
        store.write(lambda db: settings.use_program(db, read_program(preset("points")), NOON.isoformat()))
    return made


def csv_file(folder: Path, *rows: str, header: str = HEADER, end: str = "\n", bom: bytes = b"") -> Path:
    file = folder.parent / "sales.csv"
    file.write_bytes(bom + end.join((header, *rows, "")).encode())
    return file


def read(folder: Path, file: Path) -> Backfilled:
    with Store.open(folder) as store:
        return backfill(store, read_rows(file), clock=lambda: NOON, random_bytes=os.urandom)


def only_sale(folder: Path) -> SaleBody:
    with Store.open_for_reading(folder) as store, store.read() as db:
        bodies = [entry.body for n in range(1, journal.head(db)[0] + 1) if (entry := journal.read(db, n))]
    (sale,) = [body for body in bodies if isinstance(body, SaleBody)]
    return sale


def head(folder: Path) -> tuple[int, str]:
    with Store.open_for_reading(folder) as store, store.read() as db:
        return journal.head(db)


def balances(folder: Path, *options: str) -> dict[str, int]:
    done = CliRunner().invoke(app, ["members", "--store", str(folder), "--csv", *options])
    assert done.exit_code == 0, done.output
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert rows[0] == ["card", "balance"]
    return {card: int(balance) for card, balance in rows[1:]}


def is_proved(folder: Path) -> bool:
    with Store.open_for_reading(folder) as store, store.read() as db:
        proof = verify(db)
    assert proof.problems == []
    assert proof.points == sum(balances(folder, "--as-of", "2026-11-21").values())
    return True


def test_a_sale_is_recorded_and_its_member_joins(folder: Path) -> None:
    done = read(folder, csv_file(folder, GOOD, "t1,1,2026-01-31T17:45:00,C1,milk,drinks,0.25,66"))
    assert (done.rows, done.sales, done.recorded, done.points, done.joined, done.left_out) == (2, 1, 1, 13, 1, 0)
    body = only_sale(folder)
    assert (body.sale.total_minor, body.awarded, body.expires_on) == (1300, 13, "2027-01-31")
    assert [line.quantity_milli for line in body.sale.lines] == [1000, 250]
    assert balances(folder) == {"C1": 13}
    assert is_proved(folder)


def test_what_is_told_late_gives_no_right_to_spend_here(folder: Path) -> None:
    read(folder, csv_file(folder, GOOD))
    shown = CliRunner().invoke(app, ["member", "C1", "--store", str(folder), "--json"])
    assert json.loads(shown.stdout)["spendable_here"] == 0


def test_no_receipts_are_printed(folder: Path) -> None:
    read(folder, csv_file(folder, GOOD))
    with Store.open_for_reading(folder) as store, store.read() as db:
        assert db.execute("SELECT count(*) FROM receipt").fetchone() == (0,)


def test_a_sale_without_a_member_is_recorded_and_awards_nobody(folder: Path) -> None:
    done = read(folder, csv_file(folder, "t1,1,2026-01-31T17:45:00,,tea,drinks,1,1234"))
    assert (done.recorded, done.points, done.joined) == (1, 0, 0)
    assert balances(folder) == {}
    assert is_proved(folder)


def test_reading_the_file_again_changes_nothing(folder: Path) -> None:
    file = csv_file(folder, GOOD, "t1,2,2026-02-01T09:00:00,,tea,drinks,1,5", "t2,1,2026-02-01T09:00:00,C2,x,y,1,900")
    first = read(folder, file)
    before, points = head(folder), balances(folder)
    again = read(folder, file)
    assert first.recorded == again.already == 3
    assert (again.recorded, again.points, again.joined, again.left_out) == (0, 0, 0, 0)
    assert (head(folder), balances(folder)) == (before, points)


def test_the_same_sale_with_other_content_is_left_out_and_the_first_stays(folder: Path) -> None:
    read(folder, csv_file(folder, GOOD))
    done = read(folder, csv_file(folder, GOOD.replace("1234", "9999")))
    assert done.left_out == 1
    assert done.problems[0].startswith("line 2: sale 1 of till t1 is recorded already")
    assert balances(folder) == {"C1": 12}


def test_two_tills_may_use_the_same_reference(folder: Path) -> None:
    assert read(folder, csv_file(folder, GOOD, GOOD.replace("t1", "t2"))).recorded == 2


# One odd file a line: what it holds after the header, and the total and points of the one sale in it.
@pytest.mark.parametrize(
    ("rows", "total", "points"),
    [
        (["t1,1,2026-01-31T17:45:00,C1,tea,d,1,0"], 0, 0),  # given away
        (["t1,1,2026-01-31T17:45:00,C1,tea,d,1,0", "t1,1,2026-01-31T17:45:00,C1,tea,d,1,250"], 250, 2),
        (["t1,1,2026-01-31T17:45:00,C1,tea,d,0,199"], 199, 1),  # a quantity of zero
        (["t1,1,2026-01-31T17:45:00,C1,tea,d,1.2500,100"], 100, 1),
        (["t1,1,2026-01-31T17:45:00,C1,tea,d,1,99"] * 161, 15939, 159),
        (["t1,1,2026-01-31T17:45:00,C1,tea,d,1,099"], 99, 0),
        (["t1,1,2026-01-31T17:45:00,C1,,,1,100"], 100, 1),  # neither SKU nor category
        (["", "t1,1,2026-01-31T17:45:00,C1,tea,d,1,100", ""], 100, 1),  # blank lines
        (["t1,1,2026-01-31T17:45:00,C1,tea,d,1,100,,"], 100, 1),  # commas that a spreadsheet left
        (['t1,1,2026-01-31T17:45:00,C1,"12"" pan, black",d,1,100'], 100, 1),
        (["t1,1,2026-01-31T17:45:00,C1,tea,d,1,1000000000000"], 10**12, 10**10),
    ],
)
def test_odd_sales_are_awarded_on_their_total(folder: Path, rows: list[str], total: int, points: int) -> None:
    done = read(folder, csv_file(folder, *rows))
    assert done.problems == []
    body = only_sale(folder)
    assert (body.sale.total_minor, body.awarded) == (total, points)
    assert balances(folder) == {"C1": points}
    assert is_proved(folder)


@pytest.mark.parametrize(
    ("sold_at", "local", "day"),
    [
        ("2026-01-31T17:45:00", "2026-01-31T17:45:00", "2026-01-31"),
        ("2026-01-31 17:45", "2026-01-31T17:45:00", "2026-01-31"),
        ("2026-01-31T23:30:00Z", "2026-02-01T00:30:00", "2026-02-01"),  # Berlin is an hour ahead
        ("2026-07-01T00:30:00+05:00", "2026-06-30T21:30:00", "2026-06-30"),
        ("2026-01-31", "2026-01-31T00:00:00", "2026-01-31"),
    ],
)
def test_the_time_of_a_sale_is_the_shops(folder: Path, sold_at: str, local: str, day: str) -> None:
    read(folder, csv_file(folder, f"t1,1,{sold_at},C1,tea,d,1,100"))
    sale = only_sale(folder).sale
    assert (sale.sold_at, sale.business_day) == (local, day)


def test_a_day_without_a_time_is_that_trading_day_whenever_it_begins(tmp_path: Path) -> None:
    text = preset("points").replace("day_starts_at = 0", "day_starts_at = 4")
    with Store.create(tmp_path / "late") as store:
        store.write(lambda db: settings.use_program(db, read_program(text), NOON.isoformat()))
    rows = [GOOD.replace("2026-01-31T17:45:00", when) for when in ("2026-01-31", "2026-02-01T03:59:00")]
    read(tmp_path / "late", csv_file(tmp_path / "late", rows[0], rows[1].replace("t1,1", "t1,2")))
    with Store.open_for_reading(tmp_path / "late") as opened, opened.read() as db:
        entries = [journal.find(db, f"sale/t1/{ref}") for ref in (1, 2)]
    assert [entry and entry.envelope.business_day for entry in entries] == ["2026-01-31", "2026-01-31"]


def test_columns_may_stand_in_any_order_with_a_byte_order_mark_and_others_between(folder: Path) -> None:
    header = "Amount,colour, Member ,sku,category,quantity,sale_ref,till,SOLD_AT,operator,tax,discount,cost"
    row = "1234,red,C1,tea,drinks,1,1,t1,2026-01-31T17:45:00,Kim,197,5,900"
    done = read(folder, csv_file(folder, row, header=header, end="\r\n", bom=b"\xef\xbb\xbf"))
    assert done.problems == []
    sale = only_sale(folder).sale
    assert (sale.operator, sale.lines[0].tax_minor, sale.total_minor) == ("Kim", 197, 1234)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (HEADER.replace(",amount", ""), "has no column amount"),
        ("", "has no column till, sale_ref"),
        (HEADER.replace(",", ";"), "has no column till"),
        (HEADER + ",amount", "has two columns amount"),
    ],
)
def test_a_file_without_the_columns_is_refused_as_a_whole(folder: Path, header: str, told: str) -> None:
    with pytest.raises(BadRequest, match=told) as refused:
        read(folder, csv_file(folder, GOOD, header=header))
    assert refused.value.hint
    assert head(folder)[0] == 0


def test_a_file_with_semicolons_is_answered_with_what_parts_columns(folder: Path) -> None:
    with pytest.raises(BadRequest) as refused:
        read(folder, csv_file(folder, GOOD.replace(",", ";"), header=HEADER.replace(",", ";")))
    assert refused.value.hint.startswith("Columns are parted by commas.")


# A bad row between two good sales: it is named by its line, its sale is left out, and the rest is done.
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("t1,2,2026-01-31T17:45:00,C1,tea,d,1,-5", "amount '-5' is below zero"),
        ("t1,2,2026-01-31T17:45:00,C1,tea,d,1,12.34", "amount '12.34' is no whole number"),
        ("t1,2,2026-01-31T17:45:00,C1,tea,d,1,12.0", "amount '12.0' is no whole number"),
        ("t1,2,2026-01-31T17:45:00,C1,tea,d,1,", "amount '' is no whole number"),
        ("t1,2,2026-01-31T17:45:00,C1,tea,d,1,1e3", "amount '1e3' is no whole number"),
        ("t1,2,2026-01-31T17:45:00,C1,tea,d,1,٣", "amount '٣' is no whole number"),
        ("t1,2,2026-01-31T17:45:00,C1,tea,d,1,1000000000001", "is more than one line can be"),
        ('t1,2,2026-01-31T17:45:00,C1,tea,d,1,"1,234"', "amount '1,234' is no whole number"),
        ("t1,2,2026-01-31T17:45:00,C1,tea,d,1,1,234", "the row has 9 values, the first line names 8 columns"),
        ("t1,2,2026-01-31T17:45:00,C1,tea,d", "the row has 6 values"),
        ("t1,2,2026-01-31T17:45:00,C1,tea,d,-1,100", "quantity '-1' is no number"),
        ("t1,2,2026-01-31T17:45:00,C1,tea,d,1.2345,100", "quantity '1.2345' is no number"),
        ("t1,2,2026-01-31T17:45:00,C1,tea,d,,100", "quantity '' is no number"),
        ("t1,2,2026-01-31T17:45:00,C1,tea,d,nan,100", "quantity 'nan' is no number"),
        ("t1,2,31.01.2026 17:45,C1,tea,d,1,100", "sold_at must be a time"),
        ("t1,2,9999-06-01T00:00:00,C1,tea,d,1,100", "sold_at must lie between"),
        ("t1,2,0001-01-01T00:00:00+14:00,C1,tea,d,1,100", "sold_at must"),
        ("t1,,2026-01-31T17:45:00,C1,tea,d,1,100", "sale_ref must be 1 to 64"),
        (",2,2026-01-31T17:45:00,C1,tea,d,1,100", "till must be 1 to 64"),
        (f"t1,{'9' * 65},2026-01-31T17:45:00,C1,tea,d,1,100", "sale_ref must be 1 to 64"),
        (f"t1,2,2026-01-31T17:45:00,{'C' * 65},tea,d,1,100", "member must be at most 64"),
        (f"t1,2,2026-01-31T17:45:00,C1,{'x' * 100_000},{'y' * 131_000},1,100\n" * 3, "larger than a journal entry"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_is_done(folder: Path, row: str, reason: str) -> None:
    after = GOOD.replace("t1,1", "t1,3")
    done = read(folder, csv_file(folder, GOOD, row, after))
    assert (done.recorded, done.left_out) == (2, 1)
    (problem,) = done.problems
    assert problem.startswith("line 3: ")
    assert reason in problem
    assert "is left out." in problem
    assert balances(folder) == {"C1": 24}
    assert is_proved(folder)


def test_rows_that_are_returns_are_left_out(folder: Path) -> None:
    done = read(folder, csv_file(folder, f"{GOOD},return", header=f"{HEADER},kind"))
    assert "kind must be sale, not 'return'" in done.problems[0]


def test_a_sale_that_names_two_members_is_left_out(folder: Path) -> None:
    done = read(folder, csv_file(folder, GOOD, GOOD.replace("C1", "C2")))
    assert (done.recorded, done.left_out) == (0, 1)
    assert done.problems[0].startswith("line 3: the rows of one sale name two members, 'C1' and 'C2'.")
    assert balances(folder) == {}


@pytest.mark.parametrize("amount", ["1234", "1"])  # also where the row that stands apart is like the first
def test_a_sale_whose_rows_stand_apart_is_named(folder: Path, amount: str) -> None:
    file = csv_file(folder, GOOD, GOOD.replace("t1,1", "t1,2"), GOOD.replace("1234", amount))
    done = read(folder, file)
    assert (done.recorded, done.already, done.left_out) == (2, 0, 1)
    assert done.problems[0].startswith("line 4: sale 1 of till t1 stands in this file already")
    assert "must stand together" in done.problems[0]
    before = head(folder)
    assert read(folder, file).recorded == 0
    assert head(folder) == before


def test_lines_are_counted_where_a_row_begins(folder: Path) -> None:
    rows = [GOOD.replace("tea", '"green\n\ntea"'), "", 't1,2,2026-01-31T17:45:00,C1,"a\nb",d,1,x', "t1,3,?,C1,t,d,1,1"]
    done = read(folder, csv_file(folder, *rows))
    assert [problem.split(":")[0] for problem in done.problems] == ["line 6", "line 8"]
    assert only_sale(folder).sale.lines[0].sku == "green\n\ntea"


def test_every_problem_is_counted_and_only_so_many_are_kept(folder: Path) -> None:
    rows = (Row(n, "t1", str(n), "never", "", "", "", "1", "1", "", "", "", "") for n in range(1500))
    with Store.open(folder) as store:
        done = backfill(store, rows, clock=lambda: NOON, random_bytes=os.urandom)
    assert (done.left_out, len(done.problems)) == (1500, 1000)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ((HEADER + "\n" + GOOD).encode("utf-16"), "no UTF-8 text"),
        (HEADER.encode() + b"\nt1,1,2026-01-31T17:45:00,C1,caf\xe9,d,1,1\n", "no UTF-8 text"),
        ((HEADER + "\n" + GOOD.replace("tea", '"tea') + "\n" + GOOD * 4000).encode(), "line 2: field larger"),
    ],
)
def test_a_file_that_cannot_be_read_is_answered_with_what_to_do(folder: Path, data: bytes, told: str) -> None:
    file = folder.parent / "sales.csv"
    file.write_bytes(data)
    with pytest.raises(BadRequest, match=told) as refused:
        read(folder, file)
    assert "read the file again" in refused.value.hint


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "."])
def test_a_file_that_is_not_there_is_said(folder: Path, name: str) -> None:
    with pytest.raises(BadRequest, match="cannot be read"):
        read(folder, folder.parent / name)


# -- Parquet


def parquet_file(folder: Path, columns: dict[str, Any]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    file = folder.parent / "sales.parquet"
    parquet.write_table(pyarrow.table(columns), file)
    return file


def columns(**changed: list[Any]) -> dict[str, Any]:
    return {
        "sold_at": [datetime(2026, 1, 31, 17, 45), datetime(2026, 1, 31, 17, 45), datetime(2026, 2, 1, 9, 0)],  # noqa: DTZ001
        "till": ["t1", "t1", "t1"],
        "sale_ref": [1, 1, 2],
        "member": ["C1", "C1", None],
        "sku": ["tea", "milk", "tea"],
        "category": ["d", "d", "d"],
        "quantity": [1.0, 0.25, 2.0],
        "amount": [1000, 250, 99],
        **changed,
    }


def test_parquet_and_csv_of_the_same_sales_become_the_same_journal(folder: Path, tmp_path: Path) -> None:
    row = "t1,1,2026-01-31T17:45:00,C1,tea,d,1,1000"
    file = csv_file(folder, row, "t1,1,2026-01-31T17:45:00,C1,milk,d,0.25,250", "t1,2,2026-02-01T09:00:00,,tea,d,2,99")
    from_csv = read(folder, file)
    from_parquet = read(folder, parquet_file(folder, columns()))
    assert (from_csv.recorded, from_parquet.already, from_parquet.left_out) == (2, 2, 0)
    assert (from_csv.rows, from_csv.sales) == (from_parquet.rows, from_parquet.sales)


def test_numbers_that_a_data_frame_made_floats_are_still_the_same_cards_and_references(folder: Path) -> None:
    done = read(folder, parquet_file(folder, columns(member=[2900.0, 2900.0, None], sale_ref=[1.0, 1.0, 2.0])))
    assert done.problems == []
    assert balances(folder) == {"2900": 12}


def test_text_kept_as_bytes_is_text(folder: Path) -> None:
    assert read(folder, parquet_file(folder, columns(member=[b"C1", b"C1", None]))).problems == []
    assert balances(folder) == {"C1": 12}


@pytest.mark.parametrize("amounts", [[10.0, 2.5, 0.99], [1000.0, 250.0, 99.0], [1000, -1, 99], [1000, None, 99]])
def test_amounts_in_parquet_are_whole_minor_units_too(folder: Path, amounts: list[Any]) -> None:
    done = read(folder, parquet_file(folder, columns(amount=amounts)))
    assert done.left_out >= 1
    assert all("amount" in problem for problem in done.problems)


def test_what_is_no_parquet_is_said(folder: Path) -> None:
    pytest.importorskip("pyarrow")
    file = folder.parent / "sales.parquet"
    file.write_bytes(b"PAR1 and then something else PAR1")
    with pytest.raises(BadRequest, match="cannot be read"):
        read(folder, file)
    whole = parquet_file(folder, columns()).read_bytes()
    file.write_bytes(whole[:4] + bytes(200) + whole[204:])
    with pytest.raises(BadRequest, match="cannot be read"):
        read(folder, file)


# -- many sales


def many(count: int) -> list[list[str]]:
    """Sales of some members over two years, a row each or two; by arithmetic, so that nothing here is the product's."""
    rows = []
    for n in range(count):
        day = f"{2024 + n % 2}-{n * 7 % 12 + 1:02}-{n * 3 % 28 + 1:02}T{n % 24:02}:00:00"
        member = f"card-{n * n % 37}" if n % 5 else ""
        rows += [["t1", str(n), day, member, f"sku{line}", "", "1", str(n * 7919 % 5000)] for line in range(1 + n % 3)]
    return rows


def expected_balances(rows: Iterable[list[str]], as_of: str) -> dict[str, int]:
    """What the members would compute on paper: a point per whole 1.00 of each sale, for a year."""
    totals: dict[tuple[str, str], int] = {}
    cards: dict[str, int] = {}
    for _, ref, sold_at, card, *_, amount in rows:
        if card:
            cards[card] = 0
            totals[card, ref + "@" + sold_at[:10]] = totals.get((card, ref + "@" + sold_at[:10]), 0) + int(amount)
    for (card, sale), total in totals.items():
        day = sale.split("@")[1]
        ends = f"{int(day[:4]) + 1}{day[4:]}"
        if day <= as_of < ends:
            cards[card] += total // 100
    return cards


def test_balances_of_every_day_are_what_paper_says_and_verify_proves_them(folder: Path) -> None:
    rows = many(1500)  # three transactions
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    done = read(folder, csv_file(folder, *text.getvalue().splitlines()))
    assert (done.recorded, done.joined, done.problems) == (1500, len({row[3] for row in rows if row[3]}), [])
    for day in ("2023-12-31", "2024-01-01", "2024-06-15", "2025-02-28", "2025-12-31", "2026-06-30", "2027-01-01"):
        assert balances(folder, "--as-of", day) == expected_balances(rows, day), day
    assert balances(folder, "--as-of", "20240615") == expected_balances(
        rows, "2024-06-15"
    )  # the same day, ISO's short form
    proved = CliRunner().invoke(app, ["verify", "--store", str(folder), "--json"])
    assert proved.exit_code == 0
    assert json.loads(proved.stdout)["points"] == done.points


def test_the_command_ends_with_status_1_where_something_was_left_out(folder: Path) -> None:
    file = csv_file(folder, GOOD, "t1,2,2026-01-31T17:45:00,C1,tea,d,1,-5")
    done = subprocess.run(
        [sys.executable, "-m", "pos_plugin", "backfill", str(file), "--store", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Sales recorded: 1. Points awarded: 12. Members joined: 1." in done.stdout
    assert f"{file}, line 3: amount '-5' is below zero" in done.stderr
    assert "Correct those rows and read the file again" in done.stderr
    as_json = CliRunner().invoke(app, ["backfill", str(file), "--store", str(folder), "--json"])
    assert as_json.exit_code == 1
    told = json.loads(as_json.stdout)
    assert (told["already"], told["left_out"], len(told["problems"])) == (1, 1, 1)


def test_sales_of_the_past_raise_a_member_in_the_order_of_the_file(tmp_path: Path) -> None:
    gold = preset("points") + '\n[[tier]]\nname = "gold"\ntitle = "Gold"\nfrom = 10000\ntimes = 2\n'
    folder = tmp_path / "tiers"
    with Store.create(folder) as store:
        store.write(lambda db: settings.use_program(db, read_program(gold), NOON.isoformat()))
    rows = [f"t1,{n},2026-01-{n:02}T17:45:00,C1,tea,drinks,1,{2500 if n < 7 else 1000}" for n in range(1, 9)]
    read(folder, csv_file(folder, *rows))
    with Store.open_for_reading(folder) as opened, opened.read() as db:
        found = [journal.find(db, f"sale/t1/{n}") for n in range(1, 9)]
        assert verify(db).problems == []
    awarded = [one.body.awarded for one in found if one and isinstance(one.body, SaleBody)]
    # 100.00 are reached with the fourth; from the fifth on each counts twice.
    assert awarded == [25, 25, 25, 25, 50, 50, 20, 20]
