"""Points without a sale: how an entry that gives or takes them is posted, and head office's own, in its own journal.

Head office's own are written once for each document, whoever asks again: a referral that is heard of twice, a file of opening
balances that is read twice. A document of its own is filed under no shop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from central_server import schema
from central_server.applying.books import Books, Origin, Settlement
from central_server.applying.documents import content
from central_server.database import add, among
from ledger.entry import Entry, GiveBody, read_entry

OWN = ""
"""The shop under which head office files its own documents."""


def post(books: Books, settlement: Settlement, entry: Entry, body: GiveBody) -> None:
    """What a give does beside moving points, and the days of its lot."""
    book, day = settlement.book(entry.member), entry.envelope.business_day
    if body.points > 0:
        book.award(body.lot, body.expires_on, body.usable_from)
    if body.extends_to:
        book.keep_alive(day, body.extends_to)
    settlement.says(entry.member, issued=-body.points)
    books.histories.add(books.who(entry.member), body.effects, day, is_activity=bool(body.extends_to))


def give(books: Books, member: str, body: GiveBody, document: str, *, day: str = "", occurred_at: str = "") -> bool:
    """Writes and posts head office's own entry; False where there is one of this document."""
    if document in known(books.connection, [document]):
        return False
    office, member = books.office, books.who(member)
    origin = Origin(office.server, 0, "", occurred_at or office.time(), day or books.today)
    own = books.record(body, member, origin, document=document)
    with books.settling(origin, []) as settlement:
        settlement.explains(own)
        post(books, settlement, own, body)
        awarded = {body.lot: body.points} if body.points > 0 else {}
        settlement.book(member).settle("", {}, awarded=awarded, outgoing=max(0, -body.points))
    row = {
        "shop": OWN,
        "document": document,
        "terminal": office.server,
        "number": own.number,
        "hash": own.hash,
        "content": content(own),
    }
    add(books.connection, schema.document, [row])
    return True


def known(connection: Connection, documents: Iterable[str]) -> dict[str, int]:
    """Which of these documents head office has written, and their numbers in its journal."""
    table, names = schema.document.c, sorted(set(documents))
    found: dict[str, int] = {}
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        rows = connection.execute(
            select(table.document, table.number).where(
                table.shop == OWN, among(connection, schema.document.c.document, part)
            )
        )
        found.update((document, int(number)) for document, number in rows)
    return found


def recorded(connection: Connection, document: str) -> tuple[Entry, GiveBody] | None:
    """Head office's own entry of this document; None where there is none that this version can read."""
    number = known(connection, [document]).get(document)
    if number is None:
        return None
    data = connection.scalar(select(schema.journal.c.data).where(schema.journal.c.number == number))
    entry = read_entry(data) if data is not None else None
    return (entry, entry.body) if entry is not None and isinstance(entry.body, GiveBody) else None


def points_of(connection: Connection, numbers: Mapping[str, int]) -> dict[str, int]:
    """What head office's own entries gave, by their documents; `numbers` are theirs in its journal."""
    journal, found = schema.journal.c, dict[str, int]()
    wanted = sorted(numbers.values())
    for start in range(0, len(wanted), 500):
        for data in connection.scalars(select(journal.data).where(journal.number.in_(wanted[start : start + 500]))):
            entry = read_entry(data)
            if isinstance(entry.body, GiveBody):
                found[entry.envelope.document] = entry.body.points
    return found


def lot_of(document: str) -> str:
    """A lot's name that follows from its document: a restored head office that gives again gives the same lot."""
    return f"own-{hashlib.sha256(document.encode()).hexdigest()[:24]}"
