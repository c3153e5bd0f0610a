"""Voids and refunds: entries that name an earlier sale, cumulative and once each."""

from __future__ import annotations

import sqlite3
from datetime import date

import msgspec

from drivers.document import decode_document, encode_document
from ledger.entry import ClaimBody, Draft, Entry, ReturnBody, SaleBody
from ledger.identifiers import receipt_reference
from loyalty.returns import ReturnRefused, left_of, reversal
from loyalty.sale import Return, document_name
from loyalty.standing import NO_EFFECTS
from offline_store import journal, members, receipts, settings
from pos_plugin.errors import BadRequest, Conflict, TillError, Unknown
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.receipts import return_receipt
from pos_plugin.sales.authority import By
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.explaining import tier_shown
from pos_plugin.sales.pricing import known_of, standing_at
from pos_plugin.sales.recorded import points_shown, written

MAX_DOCUMENT = 200
"""The most characters of a document that head office stores."""


class Returned(msgspec.Struct, frozen=True):
    """A void or refund as it stands in the journal. `refund_minor` is the money to hand back; points pay back points."""

    till: str
    sale_ref: str
    return_ref: str
    number: int
    reference: str
    taken_points: int
    restored_points: int
    returned_minor: int
    restored_minor: int
    refund_minor: int
    receipt_text: str


def void(
    checkout: Checkout,
    till: str,
    sale_ref: str,
    *,
    operator: str = "",
    shift: str = "",
    by: By | None = None,
    layout: Layout | None = None,
) -> Returned:
    """Takes back the whole sale; points it had spent can be spent here again. Once; again answers the first result."""
    back = Return(till, sale_ref, "void", is_void=True)
    return take_back(checkout, back, operator=operator, shift=shift, by=by, layout=layout)


def take_back(
    checkout: Checkout,
    back: Return,
    *,
    operator: str = "",
    shift: str = "",
    by: By | None = None,
    layout: Layout | None = None,
) -> Returned:
    """Records a return. The same again answers the first result. `layout` is that of a paper elsewhere.

    `by` says whose doing it is, where that is more than an operator and a shift. Raises NotAllowed where it is more than they
    may do alone, Unknown where the sale is not in this till's journal, Conflict where the return stands with other content or
    takes more than is left, BadRequest where it has no usable name; nothing is recorded then.
    """
    if not back.return_ref or len(back.document) > MAX_DOCUMENT or not back.document.isprintable():
        raise BadRequest(
            "NAME",
            "A return is named by its reference, which is missing, too long or unprintable. Nothing was recorded.",
            hint="Send a short one, another for each return of a sale.",
        )

    def work(db: sqlite3.Connection) -> Entry:
        return _take_back(checkout, db, back, by or By(operator, shift), layout or checkout.layout)

    return _returned(checkout, written(checkout.store, work, back.document))


def _is_same(one: Return, other: Return) -> bool:
    """A void after a partial return is recorded as a return of the rest; asked for again it is still the same."""
    return msgspec.structs.replace(one, is_void=False) == msgspec.structs.replace(other, is_void=False)


def _take_back(checkout: Checkout, db: sqlite3.Connection, back: Return, by: By, layout: Layout) -> Entry:
    known = journal.find(db, back.document)
    if known is not None:
        if not isinstance(known.body, ReturnBody) or not _is_same(known.body.back, back):
            raise Conflict(
                "RETURN_DIFFERS",
                f"Return {back.return_ref} of sale {back.sale_ref} is recorded already, with other content. It stays.",
                hint="Give this return a reference of its own.",
            )
        return known
    sold = journal.find(db, back.sale_document)
    if sold is None or not isinstance(sold.body, SaleBody):
        raise Unknown(
            "TRANSACTION_DOES_NOT_EXIST",
            f"Sale {back.sale_ref} of till {back.till} is not known here. Nothing was recorded.",
            hint="Check the reference on the receipt, or return it at the till that sold it.",
        )
    was, member, lot = sold.body.sold, sold.member, sold.body.lot
    sale = was.sale
    claim = journal.find(db, document_name("claim", sale.till, sale.sale_ref))
    if claim is not None and isinstance(claim.body, ClaimBody):
        member, lot = claim.member, claim.body.lot
        was = was._replace(awarded=claim.body.awarded, standing=claim.body.standing, effects=claim.body.effects)
    program = settings.program(db, sold.body.program)
    earlier_entries = journal.returns_of(db, sale.till, sale.sale_ref)
    earlier = [one.body.back for one in earlier_entries if isinstance(one.body, ReturnBody)]
    if back.is_void and earlier:
        back = msgspec.structs.replace(back, is_void=False)
    try:
        result = reversal(program, was, earlier, back)
    except ReturnRefused as refused:
        raise Conflict(
            "CANNOT_BE_REVERSED", f"{refused} Nothing was recorded.", hint="See what is left of the sale."
        ) from refused
    before = left_of(sale, earlier)
    if earlier and not before.total_minor and not before.lines:
        raise Conflict("CANNOT_BE_REVERSED", "All of this sale has come back already. Nothing was recorded.")
    at = checkout.moment(db)
    # All that came back of the sale: many small returns are one large one.
    so_far = sum(one.body.returned_minor for one in earlier_entries if isinstance(one.body, ReturnBody))
    age = date.fromisoformat(at.today) - date.fromisoformat(sale.business_day)
    by.require_within(so_far + result.returned_minor, age.days)
    esc: dict[str, int] = {}
    if lot and result.taken_points:
        row = db.execute("SELECT held FROM lot WHERE member = ? AND lot = ?", (member, lot)).fetchone()
        esc[lot] = -min(row[0] if row else 0, result.taken_points)
    if sold.envelope.epoch == at.who.epoch:
        # Only the till that made the sale gives points back into its own rights; elsewhere they go to the member.
        given_before = sum(one.body.restored for one in earlier_entries if isinstance(one.body, ReturnBody))
        for spent, points in _restored_lots(sold, given_before, result.restored_points).items():
            esc[spent] = esc.get(spent, 0) + points
    body = ReturnBody(
        back,
        sale.document,
        lot=lot,
        taken=result.taken_points,
        restored=result.restored_points,
        restored_minor=result.restored_minor,
        returned_minor=result.returned_minor,
        operator=by.operator,
        shift=by.shift,
        effects=result.effects or NO_EFFECTS,
        approved_by=by.approved_by,
        reason=by.reason,
    )
    draft = Draft(body, back.document, at.occurred_at, at.today, member=member, esc=esc)
    new = journal.record(db, at.who, draft, at.recorded_at)
    shown = tier = None
    if member:
        standing = standing_at(db, at, at.program, member, at.today, known_of(db, at.program, member))
        tier = tier_shown(at.program, standing, layout.language, on_paper=True)
        card = next(iter(members.cards_of(db, member)), "")
        shown = points_shown(
            db,
            at,
            program,
            new,
            member,
            card,
            -result.taken_points,
            -result.restored_points,
            checkout.connection(),
        )
    document = return_receipt(
        program,
        layout,
        at=draft.occurred_at,
        sale_reference=receipt_reference(sold.envelope.terminal, sold.number),
        reference=receipt_reference(at.who.terminal, new.number),
        returned_minor=result.returned_minor,
        restored_minor=result.restored_minor,
        currency=sale.currency,
        is_void=back.is_void,
        points=shown,
        tier=tier,
    )
    receipts.keep(db, new.number, encode_document(document), to_print=bool(document.blocks) and not layout.is_block)
    return new


def _restored_lots(sold: Entry, given_before: int, points: int) -> dict[str, int]:
    """Which of the lots that paid for the sale get these points back: in the order in which they were spent."""
    restored: dict[str, int] = {}
    for lot, change in sold.envelope.esc.items():
        if change < 0:
            skipped = min(given_before, -change)
            back = min(points, -change - skipped)
            given_before -= skipped
            points -= back
            if back:
                restored[lot] = back
    return restored


def _returned(checkout: Checkout, new: Entry) -> Returned:
    body = new.body
    if not isinstance(body, ReturnBody):
        raise TillError("RETURN_DIFFERS", "This reference belongs to another kind of entry.")
    with checkout.store.read() as db:
        kept = receipts.document(db, new.number)
    return Returned(
        till=body.back.till,
        sale_ref=body.back.sale_ref,
        return_ref=body.back.return_ref,
        number=new.number,
        reference=receipt_reference(new.envelope.terminal, new.number),
        taken_points=body.taken,
        restored_points=body.restored,
        returned_minor=body.returned_minor,
        restored_minor=body.restored_minor,
        refund_minor=body.returned_minor - body.restored_minor,
        receipt_text=decode_document(kept).text() if kept else "",
    )
