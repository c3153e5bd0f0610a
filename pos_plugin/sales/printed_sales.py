"""The ledger's side: what the shop's till has printed is recorded as any sale is, and the block of its receipt answered.

The till and the reference that it printed name a sale for ever, so the same paper again, a reprint or a request whose answer was
lost, is recorded once and answered as the first time. Nothing is recorded for a member who cannot have it: the sale stands
without one then, and its receipt has no block.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from drivers.document import Cut, Document, decode_document
from ledger.entry import Entry, SaleBody
from ledger.identifiers import receipt_reference
from loyalty.days import business_day
from loyalty.program import Program
from loyalty.sale import LineItem, Return, Sale, document_name
from loyalty.words import money
from offline_store import journal, receipts, settings
from pos_plugin.errors import BadRequest, Conflict, TillError
from pos_plugin.intercept.papers import Block, PrintedSale, Recognised
from pos_plugin.lane import AtTill, Lane
from pos_plugin.papers.layout import Layout
from pos_plugin.sales import returns

if TYPE_CHECKING:
    from pos_plugin.sales.authority import SignedOn
    from pos_plugin.sales.checkout import Checkout

log = logging.getLogger("pos_plugin")

NARROWEST_COLUMNS = 32
"""A till's longest row may be shorter than its paper is wide, which is hardly ever less than this."""
NOTES_KEPT = 8
LONGEST_NAME = 120
PAPER_BEFORE = timedelta(hours=24)
PAPER_AFTER = timedelta(hours=2)
"""So far a paper's own time may be from the moment at which it was printed; else that moment counts."""

JUST_NOW = timedelta(minutes=2)
"""A paper that was printed so lately is of whoever is on; of one that waited nobody knows."""


class Note(msgspec.Struct, frozen=True):
    """Something about a printed paper that the cashier should know. `at` is local time."""

    at: str
    reference: str
    text: str


class PrintedSales:
    """Of one till. Safe from several threads: one paper is recorded at a time."""

    def __init__(
        self,
        checkout: Checkout,
        lane: Lane,
        recorded: Callable[[], None] = lambda: None,
        on: Callable[[], SignedOn | None] = lambda: None,
    ) -> None:
        """`on` answers who is on at this till's page."""
        self._checkout = checkout
        self._lane = lane
        self._recorded = recorded
        self._on = on
        self._lock = threading.Lock()
        self._notes: deque[Note] = deque(maxlen=NOTES_KEPT)

    @property
    def notes(self) -> list[Note]:
        """The last ones, oldest first."""
        return list(self._notes)

    def record(self, printed: PrintedSale) -> Block:
        """Records it, unless it stands already. Raises StoreError where nothing could be recorded: it is told of again later."""
        seen = printed.seen
        with self._lock:
            try:
                block = self._sale(printed) if seen.kind == "sale" else self._back(printed)
            except TillError as error:
                block = Block(recorded=False, why=f"{error} {error.hint}".strip())
            if block.why:
                self._note(printed, block.why)
        return block

    # -- sales

    def _sale(self, printed: PrintedSale) -> Block:
        seen = printed.seen
        if not seen.reference:
            raise BadRequest("NAME", "No reference was found on this receipt, so it cannot be recorded once.")
        with self._checkout.store.read() as db:
            program = settings.program_in_force(db, self._checkout.clock())
            known = journal.find(db, document_name("sale", printed.till, seen.reference))
            if known is not None:
                kept = receipts.document(db, known.number)
        if known is not None:
            return _again(known, printed, kept, program)
        operator, shift = self._rung_by(printed)
        sale = _sale_of(printed, program, operator, shift)
        member, who, why = self._member(printed)
        try:
            quote = self._checkout.quote(sale, member)
        except Conflict as conflict:
            if not member or conflict.code != "OWN_CARD":
                raise
            member, why = "", "A cashier's own card does not count on sales that they ring: recorded without a member."
            quote = self._checkout.quote(sale)
        layout = self._layout(printed.columns)
        done = self._checkout.commit(quote.quote_id, layout=layout)
        if who is not None:
            self._lane.sold(who)
        with self._checkout.store.read() as db:
            kept = receipts.document(db, done.number)
        # A claim for whoever was refused their points would give them by another way.
        document = None if why or not self._goes_on_receipts else _block(kept)
        return Block(recorded=True, document=document, reference=done.reference, why=why)

    def _member(self, printed: PrintedSale) -> tuple[str, AtTill | None, str]:
        """Whose sale it is, whose being at the till it uses up, and why it is nobody's where a card was there."""
        who = self._lane.at(_utc(printed))
        if printed.seen.member_code:
            found = self._checkout.whose_code(printed.seen.member_code)
            if found.kind == "member":
                return found.member, who, ""
            return "", who, f"The card on this receipt gets no points: {found.message or 'it is not one of ours.'}"
        on_paper = {
            found.member for code in printed.codes if (found := self._checkout.whose_code(code)).kind == "member"
        }
        if len(on_paper) == 1:
            return on_paper.pop(), who, ""
        if printed.member:
            return printed.member, who, ""
        if who is None:
            return "", None, ""
        if not self._checkout.card_read(who.member):
            return "", who, "The card that was read has been blocked since: recorded without a member."
        return who.member, who, ""

    # -- what comes back

    def _back(self, printed: PrintedSale) -> Block:
        seen = printed.seen
        of_sale = seen.of_reference or (seen.reference if seen.kind == "void" else "")
        if not of_sale:
            raise BadRequest("NAME", "This paper does not say which sale came back. Nothing was recorded.")
        layout = self._layout(printed.columns)
        operator, shift = self._rung_by(printed)
        if seen.kind == "void":
            done = returns.void(self._checkout, printed.till, of_sale, operator=operator, shift=shift, layout=layout)
            if who := self._lane.at(_utc(printed)):
                self._lane.sold(who)
        else:
            if not seen.reference:
                raise BadRequest("NAME", "This return has no reference of its own, so it cannot be recorded once.")
            back = Return(printed.till, of_sale, seen.reference, amount_minor=seen.total_minor or None)
            done = returns.take_back(self._checkout, back, operator=operator, shift=shift, layout=layout)
        self._recorded()
        with self._checkout.store.read() as db:
            kept = receipts.document(db, done.number)
        document = _block(kept) if self._goes_on_receipts else None
        return Block(recorded=True, document=document, reference=done.reference)

    def _rung_by(self, printed: PrintedSale) -> tuple[str, str]:
        """Operator and shift: whom the paper names, else who is on at this till's page, where it was printed just now."""
        if printed.seen.operator:
            return printed.seen.operator, ""
        is_new = abs(self._checkout.clock() - _utc(printed)) < JUST_NOW
        on = self._on() if is_new else None
        return (on.operator, on.shift) if on else ("", "")

    # -- how it is printed

    @property
    def _goes_on_receipts(self) -> bool:
        return self._checkout.layout.template.points == "receipt"

    def _layout(self, columns: int) -> Layout:
        """Of the block; where the points go to a slip of their own, of that."""
        layout = self._checkout.layout
        if layout.template.points in ("slip", "points only"):
            return replace(layout, template=layout.template.model_copy(update={"points": "points only"}))
        width = min(layout.width_columns, max(columns, NARROWEST_COLUMNS))
        return replace(layout, width_columns=width, is_block=True)

    def _note(self, printed: PrintedSale, text: str) -> None:
        log.info("printed %s %s: %s", printed.seen.kind, printed.seen.reference, text)
        at = self._checkout.clock().astimezone().isoformat(timespec="minutes")
        self._notes.append(Note(at[:16], printed.seen.reference or printed.seen.of_reference, text))


def _again(known: Entry, printed: PrintedSale, kept: bytes | None, program: Program) -> Block:
    """The sale stands already: the same is answered as then.

    Another day on the paper is another sale, of a till that counts from 1 again: its customer is not shown the first's points.
    """
    seen, reference = printed.seen, receipt_reference(known.envelope.terminal, known.number)
    sale = known.body.sale if isinstance(known.body, SaleBody) else None
    stands = ""
    if sale is None or sale.total_minor != seen.total_minor:
        stands = "" if sale is None else f" with {money(sale.total_minor, 'en')}, not {money(seen.total_minor, 'en')}"
    elif not seen.sold_at or sale.sold_at[:10] in (seen.sold_at[:10], _sold_at(printed, program).date().isoformat()):
        return Block(recorded=True, document=_block(kept), reference=reference)
    else:
        stands = f" of {sale.sold_at[:10]}, not {seen.sold_at[:10]}"
    return Block(
        recorded=False,
        reference=reference,
        why=f"Sale {seen.reference} is recorded already{stands}. It stays as it was, and nothing more was recorded.",
    )


def _block(kept: bytes | None) -> Document | None:
    """What was kept, where that is a block for the end of a receipt and no paper of its own."""
    document = decode_document(kept) if kept else None
    if document is None or not document.blocks or any(isinstance(one, Cut) for one in document.blocks):
        return None
    return document


def _sale_of(printed: PrintedSale, program: Program, operator: str, shift: str) -> Sale:
    seen = printed.seen
    sold_at = _sold_at(printed, program)
    return Sale(
        till=printed.till,
        sale_ref=seen.reference,
        sold_at=sold_at.isoformat(timespec="seconds"),
        business_day=business_day(sold_at, program.day_starts_at),
        currency=program.currency,
        total_minor=seen.total_minor,
        lines=_lines(seen),
        operator=operator,
        shift=shift,
    )


def _lines(seen: Recognised) -> tuple[LineItem, ...]:
    """The goods, where they add up to the total; else one line of it, for what nobody can tell the points of."""
    adds_up = sum(line.amount_minor for line in seen.lines) == seen.total_minor
    if not seen.lines or not adds_up or any(line.amount_minor < 0 or line.quantity_milli < 0 for line in seen.lines):
        return (LineItem("1", seen.total_minor),)
    return tuple(
        LineItem(str(number), line.amount_minor, line.quantity_milli, sku=line.sku, name=line.name[:LONGEST_NAME])
        for number, line in enumerate(seen.lines, 1)
    )


def _utc(printed: PrintedSale) -> datetime:
    return datetime.fromisoformat(printed.printed_at).astimezone(UTC)


def _sold_at(printed: PrintedSale, program: Program) -> datetime:
    """The shop's local time of the sale: what the paper says, where that can be."""
    printed_at = _utc(printed).astimezone(program.zone).replace(tzinfo=None)
    try:
        said = datetime.fromisoformat(printed.seen.sold_at)
    except ValueError:
        return printed_at
    if said.tzinfo is not None or not printed_at - PAPER_BEFORE <= said <= printed_at + PAPER_AFTER:
        return printed_at
    return said
