"""What head office gives out as files: members, sales by day, entries. Rows come one by one, so that a year needs no memory.

Who may have what is the business of who asks: here stands how it is cut to a shop, and what masks a person.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import IO, Any, cast

import msgspec
from sqlalchemy import select

from central_server import schema
from central_server.errors import OfficeError
from central_server.local_time import local
from central_server.membership import consents
from central_server.office import Office
from central_server.programs.surprises import readable
from central_server.reports import report
from ledger.entry import ClaimBody, Entry, GiveBody, ReturnBody, SaleBody
from loyalty.card import masked

MOST_DAYS = 366
MOST_ROWS = 500_000
MEMORY_BYTES = 1024 * 1024
"""So much of a file is held in memory; the rest of it lies on the disk until it is sent."""

Cells = Sequence[str | int]

MEMBER_COLUMNS = ("card", "name", "phone", "balance", "owed", "joined_on", "home_shop")
SALES_COLUMNS = (
    *("day", "shop", "sales", "member_sales", "value_minor", "returned_minor"),
    *("points_earned", "points_used", "points_taken_back", "points_given_back"),
)
ENTRY_COLUMNS = (
    *("shop", "terminal", "number", "kind", "document", "day", "recorded_at", "received_at", "outcome", "member"),
    *("points_earned", "points_used", "points_taken_back", "points_given_back", "points_by_hand", "hash"),
)


class Period(msgspec.Struct, frozen=True):
    """Whole trading days, both included."""

    first: str
    last: str


def read_period(first: str, last: str) -> Period:
    """As a person has typed it. Raises OfficeError."""
    try:
        days = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
    except ValueError as error:
        raise OfficeError("A day is written like 2027-12-31.", hint="Type both days.", code="DAY_UNFIT") from error
    if not 1 <= days <= MOST_DAYS:
        raise OfficeError(
            f"A period has 1 to {MOST_DAYS} days, and begins before it ends.",
            hint="Take a shorter one, and another after it.",
            code="PERIOD_UNFIT",
        )
    return Period(date.fromisoformat(first).isoformat(), date.fromisoformat(last).isoformat())


def members(office: Office, shop: str = "", *, is_masked: bool = False) -> Iterator[Cells]:
    """Members with a card, of one shop or of all. A name and a phone number stand there only for those who agree to be written
    to (GDPR, articles 6 and 7), and for nobody where it `is_masked`."""
    person, home = schema.person.c, schema.member_shop.c
    balances = report.members(office)
    with office.database.reading() as connection:
        program = office.program(connection)
        assert program is not None, "init puts a programme in force"
        of_card: dict[str, str] = dict(connection.execute(select(schema.card.c.card, schema.card.c.member)).all())
        known = {row.member: row for row in connection.execute(select(schema.member))}
        agree: set[str] = set(connection.scalars(consents.agreeing()))
        people = {row.member: row for row in connection.execute(select(person.member, person.name, person.phone))}
        here = set(connection.scalars(select(home.member).where(home.shop == shop))) if shop else set()
    for one in balances:
        name = of_card.get(one.card, "")
        row, who = known.get(name), people.get(name) if name in agree and not is_masked else None
        if row is None or (shop and row.home_shop != shop and name not in here):
            continue
        card = masked(one.card) if is_masked else one.card
        about = (who.name, who.phone) if who is not None else ("", "")
        yield (card, *about, one.balance, one.owed, local(row.joined_at, program.zone)[:10], row.home_shop)


def sales_by_day(office: Office, period: Period, shop: str = "") -> Iterator[Cells]:
    """Sales, with a member and without, and what came back, on the day on which each happened."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * (len(SALES_COLUMNS) - 2))
    for row, entry in _entries(office, period, shop):
        match entry.body:
            case SaleBody(sale=sale):
                counts = (1, int(bool(entry.member)), sale.total_minor, 0)
            case ReturnBody(returned_minor=returned_minor):
                counts = (0, 0, 0, returned_minor)
            case _:
                counts = (0, 0, 0, 0)
        of_day = sums[entry.envelope.business_day, row.shop]
        for place, amount in enumerate((*counts, *_points(entry)[:4])):
            of_day[place] += amount
    for (day, where), of_day in sorted(sums.items()):
        if any(of_day):
            yield (day, where, *of_day)


def entries(office: Office, period: Period, shop: str = "") -> Iterator[Cells]:
    """The tills' entries of these trading days, as `ENTRY_COLUMNS` names them. A member is a reference, and no name."""
    for row, entry in _entries(office, period, shop):
        about = entry.envelope
        yield (
            *(row.shop, about.terminal, entry.number, row.kind, about.document, about.business_day),
            *(about.recorded_at, row.received_at, row.outcome, entry.member),
            *_points(entry),
            entry.hash,
        )


def entries_json(office: Office, period: Period, shop: str = "") -> Iterator[bytes]:
    """The same entries as they were sent, byte for byte: a list in JSON, of which each hash can be computed again."""
    before = b"["
    for row, entry in _entries(office, period, shop):
        about = {"shop": row.shop, "received_at": row.received_at, "hash": entry.hash}
        yield before + msgspec.json.encode({**about, "entry": msgspec.Raw(entry.data)})
        before = b",\n"
    yield b"]\n" if before != b"[" else b"[]\n"


def as_csv(columns: Sequence[str], rows: Iterable[Cells]) -> Iterator[bytes]:
    """CSV in UTF-8 with the mark by which spreadsheets know it."""
    yield b"\xef\xbb\xbf"
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\r\n")  # RFC 4180
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(cell) for cell in row])
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()
    yield line.getvalue().encode()


def written(pieces: Iterable[bytes]) -> IO[bytes]:
    """All pieces in a file, before the first of them is sent: what goes wrong is said in words, and the database is not kept
    waiting for whoever reads slowly. Raises OfficeError where there are too many."""
    file = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - who sends it closes it
    try:
        for count, piece in enumerate(pieces):
            if count > MOST_ROWS:
                raise OfficeError(
                    f"This is more than {MOST_ROWS:,} rows.", hint="Take a shorter period.", code="PERIOD_UNFIT"
                )
            file.write(piece)
    except BaseException:
        file.close()
        raise
    return cast(IO[bytes], file)


def _entries(office: Office, period: Period, shop: str) -> Iterator[tuple[Any, Entry]]:
    """Each entry with its shop, its kind, when it was received and its outcome, terminal by terminal."""
    inbox, terminal = schema.inbox.c, schema.terminal.c
    # No entry is here before its day, give or take time zones and a till's clock; its day stands in it alone.
    since = (date.fromisoformat(period.first) - timedelta(days=3)).isoformat()
    query = (
        select(inbox.data, inbox.kind, inbox.received_at, inbox.outcome, terminal.shop)
        .join_from(schema.inbox, schema.terminal, terminal.terminal == inbox.terminal)
        .where(inbox.received_at >= since, inbox.outcome != "parked")
        .order_by(inbox.terminal, inbox.number, inbox.hash)
    )
    with office.database.reading() as connection:
        where = query.where(terminal.shop == shop) if shop else query
        for row in connection.execution_options(yield_per=500).execute(where):
            for entry in readable([row.data]):
                if period.first <= entry.envelope.business_day <= period.last:
                    yield row, entry


def _points(entry: Entry) -> tuple[int, int, int, int, int]:
    """Earned, used, taken back, given back, and by hand or by a rule without a sale."""
    match entry.body:
        case SaleBody(awarded=awarded, redeemed=redeemed):
            return (awarded if entry.member else 0), redeemed, 0, 0, 0
        case ClaimBody(awarded=awarded):
            return awarded, 0, 0, 0, 0
        case ReturnBody(taken=taken, restored=restored):
            return 0, 0, taken, restored, 0
        case GiveBody(points=points):
            return 0, 0, 0, 0, points
    return 0, 0, 0, 0, 0


def _cell(cell: str | int) -> str | int:
    """A spreadsheet takes text that begins so for a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
