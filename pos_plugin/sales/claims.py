"""Forgotten cards: attached to an earlier sale by its receipt reference, once."""

from __future__ import annotations

import sqlite3
from datetime import date

import msgspec

from drivers.document import decode_document, encode_document
from ledger.entry import ClaimBody, Draft, Entry, ReturnBody, SaleBody
from ledger.identifiers import new_reference, read_receipt_reference, receipt_reference
from loyalty.award import award_of_left
from loyalty.returns import left_at_least, left_of
from loyalty.sale import document_name
from loyalty.standing import NO_EFFECTS
from offline_store import journal, members, receipts, settings
from pos_plugin.errors import Conflict, Unknown
from pos_plugin.papers.receipts import claim_receipt
from pos_plugin.sales import pricing
from pos_plugin.sales.authority import By
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.recorded import points_shown, written


class Claimed(msgspec.Struct, frozen=True):
    """A forgotten card attached to an earlier sale."""

    reference: str
    sale_reference: str
    member: str
    earned_points: int
    receipt_text: str


def claim(checkout: Checkout, reference: str, member: str, *, operator: str = "", by: By | None = None) -> Claimed:
    """Attaches a forgotten card to an earlier sale of this till by its receipt reference: once, within the programme's window.

    Raises Unknown for a mistyped or unknown reference, Conflict where the sale has a member, was claimed by another, has all
    come back, or is too old; NotAllowed where it is more than `by` may do alone. Nothing is recorded then.
    """
    by = by or By(operator)
    read = read_receipt_reference(reference)
    if read is None:
        raise Unknown(
            "REFERENCE_MISTYPED", f"{reference} is no receipt reference.", hint="It stands at the end of the receipt."
        )

    def work(db: sqlite3.Connection) -> Entry:
        return _claim(checkout, db, read, member, by)

    with checkout.store.read() as db:
        sold = journal.read(db, read[1])
    document = sold.envelope.document.replace("sale/", "claim/", 1) if sold else ""
    new = written(checkout.store, work, document)
    with checkout.store.read() as db:
        kept = receipts.document(db, new.number)
    body = new.body
    if not isinstance(body, ClaimBody):
        raise ValueError("a claim's document leads to another kind of entry")
    return Claimed(
        receipt_reference(new.envelope.terminal, new.number),
        receipt_reference(*read),
        new.member,
        body.awarded,
        decode_document(kept).text() if kept else "",
    )


def _claim(checkout: Checkout, db: sqlite3.Connection, read: tuple[str, int], member: str, by: By) -> Entry:
    at = checkout.moment(db)
    terminal, number = read
    sold = journal.read(db, number) if terminal == at.who.terminal else None
    if sold is None or not isinstance(sold.body, SaleBody):
        raise Unknown(
            "TRANSACTION_DOES_NOT_EXIST",
            "This receipt is not of a sale at this till.",
            hint="Claim it at the till whose reference it bears.",
        )
    sale = sold.body.sale
    if sold.member:
        raise Conflict("SALE_HAS_MEMBER", "This sale has a member already. Nothing was changed.")
    member = members.current(db, member)
    if db.execute("SELECT 1 FROM member WHERE member = ?", (member,)).fetchone() is None:
        raise Unknown("ACCOUNT_INVALID", "This member is not known here.", hint="Scan the card, or join the member.")
    claim_document = document_name("claim", sale.till, sale.sale_ref)
    known = journal.find(db, claim_document)
    if known is not None:
        if known.member == member:
            return known
        raise Conflict("CLAIMED", "The points of this sale have been claimed already. Nothing was changed.")
    program = settings.program(db, sold.body.program)
    age = (date.fromisoformat(at.today) - date.fromisoformat(sale.business_day)).days
    if not 0 <= age <= program.claim.within_days or not program.claim.within_days:
        raise Conflict(
            "CLAIM_TOO_LATE",
            f"Points can be added for {program.claim.within_days} days; this sale is {age} days old. Nothing was changed.",
        )
    returned = [
        one.body.back for one in journal.returns_of(db, sale.till, sale.sale_ref) if isinstance(one.body, ReturnBody)
    ]
    left = left_of(sale, returned)
    if returned and not left.total_minor:
        raise Conflict("SALE_RETURNED", "All of this sale has come back. There are no points to add.")
    for operator in {sale.operator, by.operator}:
        checkout.require_not_own(db, operator, member)
    by.require_within(sale.total_minor, age)
    # As of the sale's own day. Nothing is drawn: who claims chooses whose sale it is.
    who = pricing.known_of(db, program, member)
    standing = pricing.standing_at(db, at, program, member, sale.business_day, who)
    # What is left of a sale earns by the rules that the whole of it used, as returns will take it back.
    earned = award_of_left(program, sale, 0, standing, left_at_least(sale, returned).sale)
    lot = new_reference(checkout.random_bytes) if earned.points else ""
    body = ClaimBody(
        sale.document,
        program.id,
        standing=standing,
        awarded=earned.points,
        lot=lot,
        expires_on=earned.expires_on if lot else "",
        operator=by.operator,
        usable_from=earned.usable_from if lot else "",
        extends_to=earned.extends_to,
        effects=earned.effects or NO_EFFECTS,
        shift=by.shift,
        approved_by=by.approved_by,
        reason=by.reason,
    )
    stays = lot and checkout.stays_here(at, program, sale.sold_at, earned.usable_from)
    esc = {lot: earned.points} if stays else {}
    draft = Draft(body, claim_document, at.occurred_at, at.today, member=member, esc=esc)
    new = journal.record(db, at.who, draft, at.recorded_at)
    shown = points_shown(
        db, at, program, new, member, checkout.card_read(member), earned.points, 0, checkout.connection()
    )
    document = claim_receipt(
        program,
        checkout.layout,
        at=at.occurred_at,
        sale_reference=receipt_reference(*read),
        reference=receipt_reference(at.who.terminal, new.number),
        points=shown,
    )
    receipts.keep(db, new.number, encode_document(document), to_print=bool(document.blocks))
    return new
