"""What stands in the journal of a sale, as it is answered: at once, asked for again, or looked up after a COMMIT that failed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

from drivers.document import decode_document
from ledger.entry import Entry, SaleBody
from ledger.identifiers import receipt_reference
from loyalty.program import Program
from offline_store import journal, members, receipts, rights, settings
from offline_store.errors import CommitUnknown
from offline_store.moment import Moment
from offline_store.store import Store
from pos_plugin.errors import Conflict
from pos_plugin.papers.receipts import PointsShown
from pos_plugin.sales import pricing
from pos_plugin.sales.quotes import Completed, Connection


def written(store: Store, work: Callable[[sqlite3.Connection], Entry], document: str) -> Entry:
    """The entry once it is durable; a COMMIT that failed is looked up, never repeated."""
    try:
        return store.write(work)
    except CommitUnknown:
        with store.read() as db:
            known = journal.find(db, document)
        if known is None:
            raise
        return known


def points_shown(
    db: sqlite3.Connection,
    at: Moment,
    program: Program,
    new: Entry,
    member: str,
    card: str,
    earned: int,
    used: int,
    connection: Connection,
) -> PointsShown:
    """The figures of a receipt's points block just after `new` was recorded, in the same transaction."""
    balance = members.balance(db, member, at.today)
    spendable = rights.spendable_here(db, program, member, at.today, is_online=connection.is_online, known=balance)
    return PointsShown(
        card=card,
        balance=balance,
        earned=earned,
        used=used,
        spendable_here=spendable.points,
        is_online=connection.is_online,
        is_current=connection.is_current and at.acknowledged == new.number - 1,
        today=at.today,
    )


def recorded_sale(db: sqlite3.Connection, known: Entry) -> Completed:
    body = known.body
    if not isinstance(body, SaleBody):
        raise ValueError(f"entry {known.number} is no sale")
    sold = body.sold
    taken = pricing.line_shares(settings.program(db, body.program), sold, body.reward)
    lines = lines_of(db, known.number)
    return completed_sale(known, body, sold.sale.total_minor, taken, _receipt_text(db, known), lines)


def lines_of(db: sqlite3.Connection, number: int | None) -> list[str]:
    """The rewards that the host of a sale was given to print; none where it was recorded without a host."""
    kept = receipts.rewards(db, number) if number is not None else None
    return msgspec.json.decode(kept, type=list[str]) if kept else []


def require_own_key(db: sqlite3.Connection, key: str, number: int | None) -> None:
    """Raises Conflict where the key belongs to another request than the commit that made (or is to make) this entry."""
    if not key:
        return
    row = db.execute("SELECT number FROM request WHERE key = ?", (key,)).fetchone()
    is_other = row is not None and number is not None and row[0] != number
    if is_other or db.execute("SELECT 1 FROM answered WHERE key = ?", (key,)).fetchone():
        raise Conflict(
            "IDEMPOTENCY_KEY_REUSED",
            "This Idempotency-Key belongs to another request, another sale's perhaps. Nothing was recorded.",
            hint="Make a new key for each request.",
        )


def completed_sale(
    known: Entry, body: SaleBody, paid_minor: int, taken: dict[str, int], text: str, lines: list[str]
) -> Completed:
    return Completed(
        till=body.sale.till,
        sale_ref=body.sale.sale_ref,
        number=known.number,
        reference=receipt_reference(known.envelope.terminal, known.number),
        member=known.member,
        total_minor=body.sale.total_minor,
        redeem_points=body.redeemed,
        redeemed_minor=body.redeemed_minor,
        due_minor=paid_minor - body.redeemed_minor,
        earned_points=body.awarded,
        receipt_text=text,
        reward=body.reward,
        off=body.off,
        taken=taken,
        usable_from=body.usable_from,
        receipt_lines=lines,
    )


def _receipt_text(db: sqlite3.Connection, known: Entry) -> str:
    kept = receipts.document(db, known.number)
    return decode_document(kept).text() if kept else ""
