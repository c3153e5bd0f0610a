"""What the till knows about a sale or a receipt, put together for one answer. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drivers.document import Document, decode_document
from ledger.entry import ClaimBody, Entry, ReturnBody, SaleBody
from ledger.identifiers import read_receipt_reference, receipt_reference
from loyalty.card import masked
from loyalty.days import business_day
from loyalty.returns import left_of
from loyalty.sale import document_name
from offline_store import journal, members, pictures, receipts, settings
from pos_plugin.errors import Unknown
from pos_plugin.local_api import shapes
from pos_plugin.local_api.requests import QuoteAsked
from pos_plugin.sales.explaining import benefits_of, tier_shown
from pos_plugin.sales.pricing import known_of, line_shares, standing_at
from pos_plugin.terminal import Terminal


@dataclass(frozen=True)
class Receipt:
    """An earlier receipt as it was, with the pictures that it names and what became of its printing."""

    entry: Entry
    document: Document
    jobs: list[receipts.PrintJob]
    pictures: dict[str, bytes]
    title: str


def receipt(terminal: Terminal, reference: str) -> Receipt:
    """An earlier receipt of this till. Raises Unknown."""
    read = read_receipt_reference(reference)
    with terminal.store.read() as db:
        known = kept = None
        if read is not None and read[0] == journal.identity(db).terminal:
            known, kept = journal.read(db, read[1]), receipts.document(db, read[1])
        if read is None or known is None or kept is None:
            raise Unknown("RECEIPT_UNKNOWN", "There is no such receipt at this till.", hint="Check the reference.")
        document = decode_document(kept)
        shown = pictures.of(db, document.pictures())
        title = f"{terminal.checkout.layout.shop} {receipt_reference(*read)}".strip()
        return Receipt(known, document, receipts.jobs_of(db, known.number), shown, title)


def receipt_answer(one: Receipt) -> shapes.ReceiptShown:
    """A receipt as text, what became of its printing, and the sale that it belongs to."""
    body = one.entry.body
    till, sale_ref = "", ""
    if isinstance(body, SaleBody):
        till, sale_ref = body.sale.till, body.sale.sale_ref
    elif isinstance(body, ReturnBody):
        till, sale_ref = body.back.till, body.back.sale_ref
    elif isinstance(body, ClaimBody):
        till, sale_ref = body.sale.split("/")[1:3]
    return shapes.ReceiptShown(
        reference=receipt_reference(one.entry.envelope.terminal, one.entry.number),
        kind=one.entry.kind,
        till=till,
        sale_ref=sale_ref,
        text=one.document.text(),
        jobs=[shapes.JobShown(job.job, job.copy, job.state, job.code, job.reason) for job in one.jobs],
    )


def sale_answer(terminal: Terminal, till: str, sale_ref: str) -> shapes.SaleShown:
    """A sale, what came back of it, and what is left. Raises Unknown."""
    with terminal.store.read() as db:
        known = journal.find(db, document_name("sale", till, sale_ref))
        if known is None or not isinstance(known.body, SaleBody):
            raise Unknown(
                "TRANSACTION_DOES_NOT_EXIST",
                f"Sale {sale_ref} of till {till} is not known here.",
                hint="Check the reference on the receipt, or ask the till that sold it.",
            )
        came_back = journal.returns_of(db, till, sale_ref)
        claim = journal.find(db, document_name("claim", till, sale_ref))
    body, claimed = known.body, claim.body if claim else None
    backs = [one.body for one in came_back if isinstance(one.body, ReturnBody)]
    sold = body.sold
    left = left_of(sold.sale, [one.back for one in backs])
    with terminal.store.read() as db:
        taken = line_shares(settings.program(db, body.program), sold, body.reward)
    terminal_name = known.envelope.terminal
    return shapes.SaleShown(
        reference=receipt_reference(terminal_name, known.number),
        sale=body.sale,
        member=claim.member if claim else known.member,
        was_claimed=claim is not None,
        earned_points=claimed.awarded if isinstance(claimed, ClaimBody) else body.awarded,
        redeem_points=body.redeemed,
        redeemed_minor=body.redeemed_minor,
        reward=body.reward,
        off=body.off,
        taken=taken,
        due_minor=sold.sale.total_minor - body.redeemed_minor,
        returns=[
            shapes.ReturnShown(
                return_ref=one.back.return_ref,
                reference=receipt_reference(entry.envelope.terminal, entry.number),
                is_void=one.back.is_void,
                returned_minor=one.returned_minor,
                refund_minor=one.returned_minor - one.restored_minor,
                taken_points=one.taken,
                restored_points=one.restored,
            )
            for entry, one in zip(came_back, backs, strict=True)
        ],
        left=shapes.Left(left.total_minor, list(left.lines)),
    )


def member_answer(terminal: Terminal, member: str) -> shapes.MemberShown:
    """A member's points here, with cards masked. Raises Unknown."""
    with terminal.store.read() as db:
        member = members.current(db, member)
        initials = members.initials_of(db, member)
        at = terminal.checkout.moment(db)
        standing = standing_at(db, at, at.program, member, at.today, known_of(db, at.program, member))
    known, language = terminal.enquiry(member), terminal.checkout.layout.language
    return shapes.MemberShown(
        member=member,
        initials=initials,
        cards=[masked(card) for card in known.cards],
        balance=known.balance.points,
        as_of=known.balance.as_of,
        expiring=known.balance.expiring,
        next_expiry=known.balance.next_expiry,
        spendable_here=known.spendable_here,
        vesting=known.balance.vesting,
        tier=tier_shown(at.program, standing, language),
        benefits=benefits_of(at.program, standing, at.today, at.occurred_at, language),
        movements=[shapes.Movement(**move) for move in known.movements],
    )


def sale_times(terminal: Terminal, asked: QuoteAsked) -> tuple[str, str]:
    """`sold_at` and `business_day` of a sale: what the host says, else what is recorded of it already, else now.

    Recorded ones come first so that a host that leaves them out can ask again and still means the same sale.
    """
    if asked.sold_at and asked.business_day:
        return asked.sold_at, asked.business_day
    with terminal.store.read() as db:
        at = terminal.checkout.moment(db)
        known = None if asked.sold_at else journal.find(db, document_name("sale", asked.till, asked.sale_ref))
    recorded = known.body.sale if known is not None and isinstance(known.body, SaleBody) else None
    sold_at = asked.sold_at or (recorded.sold_at if recorded else at.local.isoformat(timespec="seconds"))
    if asked.business_day:
        return sold_at, asked.business_day
    if recorded:
        return sold_at, recorded.business_day
    return sold_at, business_day(datetime.fromisoformat(sold_at), at.program.day_starts_at)
