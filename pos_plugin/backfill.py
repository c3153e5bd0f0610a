"""A shop starts with its history: sales from CSV or Parquet become entries, each member awarded as if they had been there.

The points go to the members' available accounts, not to this till's own rights: what is told late gives no right to spend here.
Reading the same file again changes nothing, because a sale's reference is recorded once. No receipts are printed.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import TextIOWrapper
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ledger.entry import MAX_ENTRY_BYTES, Draft, Entry, SaleBody
from ledger.identifiers import RandomBytes, new_reference
from ledger.wire import MemberDetails
from loyalty.award import NOBODY, award
from loyalty.days import business_day
from loyalty.program import Program
from loyalty.sale import LineItem, Sale
from loyalty.standing import NO_EFFECTS, Standing
from offline_store import histories, journal, members
from offline_store.histories import Known
from offline_store.moment import Moment, moment
from offline_store.store import Store
from pos_plugin import pricing
from pos_plugin.errors import BadRequest

REQUIRED = ("till", "sale_ref", "sold_at", "member", "sku", "category", "quantity", "amount")
OPTIONAL = ("tax", "discount", "cost", "operator", "kind")
MONEY = ("amount", "tax", "discount", "cost")
SALES_A_COMMIT = 500
CHECKPOINT_EVERY = 8
"""Commits after which the WAL is emptied: these are large ones."""
MOST_PROBLEMS = 1000
"""How many problems are kept word for word; all are counted."""
MOST_LINES = 10_000
MOST_AMOUNT = 10**12
MOST_POINTS = 10**15
YEARS = range(1970, 2200)
ENVELOPE_BYTES = 2048
"""Room in an entry for what stands around its body."""


class Row(NamedTuple):
    """One row of the file, as text, with the line on which it begins. `fault` says why it cannot be read, if it cannot."""

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
    fault: str = ""


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
    line = 0
    try:
        with open(file, "rb") as raw, TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
            size = file.stat().st_size or 1
            reader = csv.reader(text)
            pick = _picker(file, next(reader, []))
            line = reader.line_num  # the last line of the row before: a row may go over several
            for count, values in enumerate(reader, 1):
                if count % 5000 == 0:
                    progress(raw.tell() / size)
                if values:
                    yield pick(line + 1, values)
                line = reader.line_num
    except UnicodeDecodeError as error:
        raise _unreadable(file, "it is no UTF-8 text", "Save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise _unreadable(file, f"line {line + 1}: {error}", "See whether a quotation mark is left open") from error
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error), "Check the file") from error


def _parquet_rows(file: Path, progress: Callable[[float], None]) -> Iterator[Row]:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise BadRequest(
            "PARQUET_MISSING", "Reading Parquet needs pyarrow.", hint="pip install 'pos-plugin[parquet]'"
        ) from error
    try:
        with parquet.ParquetFile(file) as table:
            pick = _picker(file, list(table.schema_arrow.names))
            line, total = 0, table.metadata.num_rows or 1
            for batch in table.iter_batches(batch_size=20_000):
                names = [name.strip().lower() for name in batch.schema.names]
                columns = [_texts(name, column) for name, column in zip(names, batch.columns, strict=True)]
                for values in zip(*columns, strict=True):
                    line += 1
                    yield pick(line, list(values))
                progress(line / total)
    except (OSError, ValueError) as error:  # pyarrow's own errors are one or the other
        raise _unreadable(file, str(error), "Check the file") from error


def _unreadable(file: Path, why: str, hint: str) -> BadRequest:
    after = "What was recorded before that place stays recorded; read the file again afterwards."
    return BadRequest("FILE_UNREADABLE", f"{file} cannot be read: {why}.", hint=f"{hint}. {after}")


def _texts(name: str, column: Any) -> list[str]:
    return [
        "" if value is None else value if isinstance(value, str) else _text(name, value) for value in column.to_pylist()
    ]


def _text(name: str, value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and name not in MONEY:
        # A column of whole numbers with gaps comes as floats: card 1234 is not "1234.0". Money stays as it is, and is refused.
        return "" if value != value else str(int(value)) if value.is_integer() else str(value)
    return str(value)


def _picker(file: Path, header: list[str]) -> Callable[[int, list[str]], Row]:
    """Makes a Row of a line and its values, in whatever order the file's columns stand."""
    names = [name.strip().lower() for name in header]
    known = f"The first line names the columns: {', '.join(REQUIRED)}; and may have {', '.join(OPTIONAL)}."
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        is_other = len(names) == 1 and (";" in names[0] or "\t" in names[0])
        hint = f"Columns are parted by commas. {known}" if is_other else known
        raise BadRequest("COLUMNS_MISSING", f"{file} has no column {', '.join(missing)}.", hint=hint)
    twice = [name for name in (*REQUIRED, *OPTIONAL) if names.count(name) > 1]
    if twice:
        raise BadRequest("COLUMNS_TWICE", f"{file} has two columns {', '.join(twice)}.", hint="Take one of them out.")
    width = len(names)
    places = [names.index(name) if name in names else width for name in Row._fields[1:-1]]
    get = itemgetter(*places)

    def pick(line: int, values: list[str]) -> Row:
        if len(values) == width:
            return Row(line, *get([*values, ""]))
        padded = (values + [""] * width)[:width]
        if len(values) > width and not any(values[width:]):  # spreadsheets leave commas behind
            return Row(line, *get([*padded, ""]))
        fault = f"the row has {len(values)} values, the first line names {width} columns."
        return Row(line, *get([*padded, ""]))._replace(fault=fault)

    return pick


def backfill(
    store: Store, rows: Iterable[Row], *, clock: Callable[[], datetime], random_bytes: RandomBytes
) -> Backfilled:
    """Records every sale in `rows`, some hundred to a transaction. Answers what was done and what was left out, and why."""
    report = Backfilled()
    sales = groupby(rows, key=lambda row: (row.till, row.sale_ref))
    with store.read() as db:
        began_after, _ = journal.head(db)
    some, commits = True, 0
    while some:

        def work(db: sqlite3.Connection) -> bool:
            batch = _Batch(db, moment(db, clock()), report, random_bytes, began_after)
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
        at: Moment,
        report: Backfilled,
        random_bytes: RandomBytes,
        began_after: int,
    ) -> None:
        self._db = db
        self._at = at
        self._program = at.program
        self._report = report
        self._random_bytes = random_bytes
        self._began_after = began_after

    def sale(self, rows: list[Row]) -> None:
        report = self._report
        report.rows += len(rows)
        report.sales += 1
        try:
            sale = _sale(rows, self._program)
            who, standing = self._before(rows[0].member, sale.business_day)
            earned = award(self._program, sale, 0, standing)
            if earned.points > MOST_POINTS or len(msgspec.json.encode(sale)) > MAX_ENTRY_BYTES - ENVELOPE_BYTES:
                raise RowRefused(rows[0].line, "the sale is larger than a journal entry can be.")
        except RowRefused as refused:
            report.left_out += 1
            report.problem(refused.line, f"{refused} Sale {rows[0].sale_ref} of till {rows[0].till} is left out.")
            return
        known = journal.find(self._db, sale.document)
        if known is not None:
            self._known(known, sale, rows[0].line)
            return
        member = self._member(rows[0].member, sale.business_day) if rows[0].member else ""
        lot = new_reference(self._random_bytes) if member and earned.points else ""
        body = SaleBody(sale, self._program.id)
        if member:
            body = SaleBody(
                sale,
                self._program.id,
                standing=standing,
                awarded=earned.points,
                lot=lot,
                expires_on=earned.expires_on if lot else "",
                usable_from=earned.usable_from if lot else "",
                extends_to=earned.extends_to,
                effects=earned.effects or NO_EFFECTS,
            )
        draft = Draft(body, sale.document, sale.sold_at, sale.business_day, member=member)
        journal.record(self._db, self._at.who, draft, self._at.recorded_at)
        if member:
            histories.keep(self._db, member, who)
        report.recorded += 1
        report.points += body.awarded

    def _known(self, known: Entry, sale: Sale, line: int) -> None:
        report = self._report
        name = f"sale {sale.sale_ref} of till {sale.till}"
        if known.number > self._began_after:
            report.left_out += 1
            report.problem(
                line, f"{name} stands in this file already; a sale's rows must stand together. This one is left out."
            )
        elif isinstance(known.body, SaleBody) and known.body.sale == sale:
            report.already += 1
        else:
            report.left_out += 1
            report.problem(line, f"{name} is recorded already, with other content; it stays as it was.")

    def _before(self, card: str, day: str) -> tuple[Known, Standing]:
        """What is known by now of whoever has this card, if the programme asks; also of who joins with this very sale."""
        if not card or not pricing.looks_back(self._program):
            return Known(), NOBODY
        member = members.member_of_card(self._db, card) or ""
        known = pricing.known_of(self._db, self._program, member)
        return known, pricing.standing_at(self._db, self._at, self._program, member, day, known)

    def _member(self, card: str, day: str) -> str:
        member = members.member_of_card(self._db, card)
        if member is None:
            member = new_reference(self._random_bytes)
            details = MemberDetails(member, [card], self._at.recorded_at)
            members.join(self._db, self._at, details, "", day)
            self._report.joined += 1
        return member


def _sale(rows: list[Row], program: Program) -> Sale:
    first = rows[0]
    if first.fault:
        raise RowRefused(first.line, first.fault)
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
        if row.fault:
            raise RowRefused(row.line, row.fault)
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
    """The shop's local time of a sale. A day without a time is the beginning of that trading day."""
    try:
        sold_at = datetime.fromisoformat(row.sold_at)
        if sold_at.tzinfo is not None:
            sold_at = sold_at.astimezone(program.zone).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise RowRefused(row.line, f"sold_at must be a time like 2017-01-31T17:45:00, not {row.sold_at!r}.") from None
    if sold_at.year not in YEARS:
        raise RowRefused(row.line, f"sold_at must lie between {YEARS.start} and {YEARS.stop - 1}, not {row.sold_at!r}.")
    return sold_at.replace(hour=program.day_starts_at) if len(row.sold_at) == len("2017-01-31") else sold_at


def _whole(line: int, name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        what = "is below zero" if text.startswith("-") else "is no whole number of minor units"
    elif len(text) > 15 or int(text) > MOST_AMOUNT:
        what = "is more than one line can be"
    else:
        return int(text)
    raise RowRefused(line, f"{name} {text[:40]!r} {what}; write 12.34 as 1234.")


def _milli(line: int, text: str) -> int:
    """Thousandths of a quantity with up to three decimals.

    >>> _milli(1, "1"), _milli(1, "0.25"), _milli(1, "0")
    (1000, 250, 0)
    """
    whole, point, part = text.partition(".")
    part = part[:3] + part[3:].rstrip("0")  # 1.2500, as a column with four decimals has it
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 9) or (
        point and not (part.isascii() and part.isdigit() and len(part) <= 3)
    ):
        raise RowRefused(line, f"quantity {text[:40]!r} is no number of at most three decimals, zero or more.")
    return int(whole) * 1000 + int(part.ljust(3, "0") or 0)
