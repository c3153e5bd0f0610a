"""Sales as other systems hand them over: CSV or Parquet, a row a line item, a sale's rows together.

Reads them for the backfill and for simulations. What cannot be read is named with its line, and only that sale is left out.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import datetime
from io import TextIOWrapper
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from loyalty.days import business_day
from loyalty.program import Program
from loyalty.sale import LineItem, Sale
from pos_plugin.errors import BadRequest

REQUIRED = ("till", "sale_ref", "sold_at", "member", "sku", "category", "quantity", "amount")
OPTIONAL = ("tax", "discount", "cost", "operator", "kind")
MONEY = ("amount", "tax", "discount", "cost")
MOST_LINES = 10_000
MOST_AMOUNT = 10**12
YEARS = range(1970, 2200)


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
    discount: str
    operator: str
    kind: str
    fault: str = ""


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
    return BadRequest("FILE_UNREADABLE", f"{file} cannot be read: {why}.", hint=f"{hint}.")


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


def sale_of(rows: list[Row], program: Program) -> Sale:
    """The sale that these rows are. Raises RowRefused."""
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
                discount_minor=_whole(row.line, "discount", row.discount) if row.discount else 0,
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
