"""Documents: the natural keys under which what happened is known within a shop, and what each of them says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from central_server import schema
from central_server.database import add_if_new, among, keep
from ledger.entry import ClaimBody, Entry, Envelope, GiveBody, ReturnBody, SaleBody


def content(entry: Entry) -> str:
    """A hash of what a document says, apart from who sent it when: the same again is the same."""
    match entry.body:
        case SaleBody(sale=sale, redeemed=redeemed):
            what: object = [entry.member, sale, redeemed]
        case ReturnBody(back=back, sale=sold):
            what = [entry.member, back, sold]
        case ClaimBody(sale=sold):
            what = [entry.member, sold]
        case GiveBody(why=why, points=points, about=about, program=program):
            # What a programme gives may be computed from another standing at another till; what a person gives is what it is.
            what = [entry.member, why, about, 0 if program else points]
        case body:
            what = [entry.member, body]
    return hashlib.sha256(msgspec.json.encode([entry.kind, what])).hexdigest()


class Filed(NamedTuple):
    """An entry whose document is to be filed; `entry` is None where its body cannot be read yet."""

    number: int
    hash: str
    envelope: Envelope
    entry: Entry | None


def conflicting(connection: Connection, shop: str, terminal: str, new: Iterable[Filed]) -> set[str]:
    """Files each document under its shop; answers the entries whose document is there with other content."""
    table = schema.document
    rows = [
        {
            "shop": shop,
            "document": one.envelope.document,
            "terminal": terminal,
            "number": one.number,
            "hash": one.hash,
            "content": content(one.entry) if one.entry else hashlib.sha256(one.envelope.body).hexdigest(),
        }
        for one in new
        if one.envelope.document
    ]
    # Sorted, so that two terminals of a shop never wait for each other in a circle.
    rows.sort(key=lambda row: str(row["document"]))
    if add_if_new(connection, table, rows):
        return set()
    keep(connection, table, rows)
    names = {str(row["document"]) for row in rows}
    found = connection.execute(
        select(table.c.document, table.c.content).where(
            table.c.shop == shop, among(connection, table.c.document, names)
        )
    )
    filed = dict(found.all())
    return {str(row["hash"]) for row in rows if filed[str(row["document"])] != row["content"]}
