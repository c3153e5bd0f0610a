"""A shop starts with its history: sales from CSV or Parquet become entries, each member awarded as if they had been there.

The points go to the members' available accounts, not to this till's own rights: what is told late gives no right to spend here.
Reading the same file again changes nothing, because a sale's reference is recorded once. No receipts are printed.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import TextIOWrapper
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, cast

from ledger.entry import Draft, SaleBody
from ledger.identifiers import RandomBytes, new_reference
from ledger.wire import MemberDetails
from loyalty.award import award
from loyalty.days import business_day
from loyalty.program import Program
from loyalty.sale import LineItem, Sale
from offline_store import journal, members, settings
from offline_store.store import Store
from offline_store.sync import till_now
from pos_plugin.errors import BadRequest

REQUIRED = ("till", "sale_ref", "sold_at", "member", "sku", "category", "quantity", "amount")
OPTIONAL = ("tax", "discount", "cost", "operator", "kind")
SALES_A_COMMIT = 500
CHECKPOINT_EVERY = 8
"""Commits after which the WAL is emptied: these are large ones."""
MOST_PROBLEMS = 1000
"""How many problems are kept word for word; all are counted."""
MOST_LINES = 10_000


class Row(NamedTuple):
    """One row of the file, as text, with the line on which it stands."""

    line: int
    till: str
    sale_ref: str
    sold_at: str
    member: str
    sku: str
    category: str
    quantity: str
    amount: str
    tax: str
    operator: str
    kind: str


@dataclass
class Backfilled:
    """What became of a file. `problems` are sentences that begin with the line; `left_out` counts the sales not recorded."""

    rows: int = 0
    sales: int = 0
    recorded: int = 0
    already: int = 0
    points: int = 0
    joined: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)

    def problem(self, line: int, what: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(f"line {line}: {what}")


class RowRefused(ValueError):
    """A row cannot be read; the sale that it belongs to is left out."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


def read_rows(file: Path, progress: Callable[[float], None] = lambda share: None) -> Iterator[Row]:
    """The rows of a CSV or Parquet file, a few at a time. `progress` is told the share of the file that has been read.

    Raises BadRequest where the file cannot be opened or lacks a column.
    """
    if file.suffix.lower() in (".parquet", ".pq"):
        return _parquet_rows(file, progress)
    return _csv_rows(file, progress)


def _csv_rows(file: Path, progress: Callable[[float], None]) -> Iterator[Row]:
    try:
        with open(file, "rb") as raw, TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
            size = file.stat().st_size or 1
            reader = csv.reader(text)
            pick = _picker(file, next(reader, []))
            for count, values in enumerate(reader, 1):
                if count % 5000 == 0:
                    progress(raw.tell() / size)
                if values:
                    yield Row(reader.line_num, *pick(values))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadRequest(
            "FILE_UNREADABLE",
            f"{file} cannot be read: {error}.",
            hint="What was read before is recorded; correct it and read it again.",
        ) from error


def _parquet_rows(file: Path, progress: Callable[[float], None]) -> Iterator[Row]:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise BadRequest(
            "PARQUET_MISSING", "Reading Parquet needs pyarrow.", hint="pip install 'pos-plugin[parquet]'"
        ) from error
    try:
        table = parquet.ParquetFile(file)
    except (OSError, ValueError) as error:
        raise BadRequest("FILE_UNREADABLE", f"{file} cannot be read: {error}.") from error
    names = list(table.schema_arrow.names)
    pick = _picker(file, names)
    line, total = 0, table.metadata.num_rows or 1
    for batch in table.iter_batches(batch_size=20_000):
        columns = [_texts(column) for column in batch.columns]
        for values in zip(*columns, strict=True):
            line += 1
            yield Row(line, *pick(list(values)))
        progress(line / total)


def _texts(column: Any) -> list[str]:
    return ["" if value is None else value if isinstance(value, str) else _text(value) for value in column.to_pylist()]


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _picker(file: Path, header: list[str]) -> Callable[[list[str]], tuple[str, ...]]:
    """Picks a Row's columns out of the file's, in whatever order they stand there."""
    names = [name.strip().lower() for name in header]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise BadRequest(
            "COLUMNS_MISSING",
            f"{file} has no column {', '.join(missing)}.",
            hint=f"The first line names the columns: {', '.join(REQUIRED)}; and may have {', '.join(OPTIONAL)}.",
        )
    width = len(names)
    places = [names.index(name) if name in names else width for name in Row._fields[1:]]
    get = itemgetter(*places)

    def pick(values: list[str]) -> tuple[str, ...]:
        if len(values) != width:
            values = (values + [""] * width)[:width]
        return cast(tuple[str, ...], get([*values, ""]))

    return pick


def backfill(
    store: Store, rows: Iterable[Row], *, clock: Callable[[], datetime], random_bytes: RandomBytes
) -> Backfilled:
    """Records every sale in `rows`, some hundred to a transaction. Answers what was done and what was left out, and why."""
    report = Backfilled()
    sales = groupby(rows, key=lambda row: (row.till, row.sale_ref))
    with store.read() as db:
        program = settings.program_in_force(db)
        who = journal.identity(db)
    some, commits = True, 0
    while some:

        def work(db: sqlite3.Connection) -> bool:
            now = till_now(db, clock()).astimezone(UTC).isoformat(timespec="milliseconds")
            batch = _Batch(db, who, program, now, report, random_bytes)
            count = 0
            for _, group in islice(sales, SALES_A_COMMIT):
                count += 1
                batch.sale(list(islice(group, MOST_LINES + 1)))
            return count == SALES_A_COMMIT

        some = store.write(work)
        commits += 1
        if not some or commits % CHECKPOINT_EVERY == 0:
            store.checkpoint()
    return report


class _Batch:
    """The sales of one transaction."""

    def __init__(
        self,
        db: sqlite3.Connection,
        who: journal.Identity,
        program: Program,
        now: str,
        report: Backfilled,
        random_bytes: RandomBytes,
    ) -> None:
        self._db = db
        self._who = who
        self._program = program
        self._now = now
        self._report = report
        self._random_bytes = random_bytes

    def sale(self, rows: list[Row]) -> None:
        report = self._report
        report.rows += len(rows)
        report.sales += 1
        try:
            sale = _sale(rows, self._program)
        except RowRefused as refused:
            report.left_out += 1
            report.problem(refused.line, f"{refused} Sale {rows[0].sale_ref} of till {rows[0].till} is left out.")
            return
        known = journal.find(self._db, sale.document)
        if known is not None:
            if isinstance(known.body, SaleBody) and known.body.sale == sale:
                report.already += 1
            else:
                report.left_out += 1
                report.problem(
                    rows[0].line,
                    f"sale {sale.sale_ref} of till {sale.till} is recorded already, with other content; it stays as it was. "
                    "A sale's rows must stand together.",
                )
            return
        member = self._member(rows[0].member, sale.business_day) if rows[0].member else ""
        earned = award(self._program, sale)
        lot = new_reference(self._random_bytes) if member and earned.points else ""
        body = SaleBody(
            sale,
            self._program.id,
            awarded=earned.points if member else 0,
            lot=lot,
            expires_on=earned.expires_on if lot else "",
        )
        draft = Draft(body, sale.document, sale.sold_at, sale.business_day, member=member)
        journal.record(self._db, self._who, draft, self._now)
        report.recorded += 1
        report.points += body.awarded

    def _member(self, card: str, day: str) -> str:
        member = members.member_of_card(self._db, card)
        if member is None:
            member = new_reference(self._random_bytes)
            details = MemberDetails(member, [card], self._now)
            members.join(self._db, self._who, details, "", self._now, day)
            self._report.joined += 1
        return member


def _sale(rows: list[Row], program: Program) -> Sale:
    first = rows[0]
    if len(rows) > MOST_LINES:
        raise RowRefused(first.line, f"a sale has at most {MOST_LINES} rows.")
    for name in ("till", "sale_ref"):
        value = getattr(first, name)
        if not value or len(value) > 64 or "/" in value or not value.isprintable():
            raise RowRefused(
                first.line, f"{name} must be 1 to 64 printable characters without a slash, not {value[:70]!r}."
            )
    if len(first.member) > 64 or not first.member.isprintable():
        raise RowRefused(first.line, "member must be at most 64 printable characters.")
    sold_at = _sold_at(first, program)
    lines = []
    total = 0
    for count, row in enumerate(rows, 1):
        if row.member != first.member:
            raise RowRefused(row.line, f"the rows of one sale name two members, {first.member!r} and {row.member!r}.")
        if row.kind not in ("", "sale"):
            raise RowRefused(row.line, f"kind must be sale, not {row.kind!r}; returns are recorded at the till.")
        amount = _whole(row.line, "amount", row.amount)
        total += amount
        lines.append(
            LineItem(
                str(count),
                amount,
                quantity_milli=_milli(row.line, row.quantity),
                tax_minor=_whole(row.line, "tax", row.tax) if row.tax else 0,
                sku=row.sku,
                category=row.category,
            )
        )
    return Sale(
        first.till,
        first.sale_ref,
        sold_at.isoformat(timespec="seconds"),
        business_day(sold_at, program.day_starts_at),
        program.currency,
        total,
        tuple(lines),
        operator=first.operator,
    )


def _sold_at(row: Row, program: Program) -> datetime:
    try:
        sold_at = datetime.fromisoformat(row.sold_at)
    except ValueError:
        raise RowRefused(row.line, f"sold_at must be a time like 2017-01-31T17:45:00, not {row.sold_at!r}.") from None
    return sold_at if sold_at.tzinfo is None else sold_at.astimezone(program.zone).replace(tzinfo=None)


def _whole(line: int, name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        what = "is below zero" if text.startswith("-") else "is no whole number of minor units"
        raise RowRefused(line, f"{name} {text!r} {what}; write 12.34 as 1234.")
    return int(text)


def _milli(line: int, text: str) -> int:
    """Thousandths of a quantity with up to three decimals.

    >>> _milli(1, "1"), _milli(1, "0.25"), _milli(1, "0")
    (1000, 250, 0)
    """
    whole, point, part = text.partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 9) or (
        point and not (part.isascii() and part.isdigit() and len(part) <= 3)
    ):
        raise RowRefused(line, f"quantity {text!r} is no number of at most three decimals, zero or more.")
    return int(whole) * 1000 + int(part.ljust(3, "0") or 0)
