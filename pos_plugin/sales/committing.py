"""Commits: a quoted sale becomes an entry, with its postings, lots, receipt and print job, in one transaction."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import cast

import msgspec

from drivers.document import encode_document
from ledger.entry import Draft, Entry, SaleBody
from ledger.identifiers import feedback_code, new_reference, receipt_reference
from ledger.lots import spent
from loyalty.reward import why_not
from loyalty.sale import Sale
from offline_store import histories, journal, receipts, rights
from offline_store.errors import CommitUnknown
from pos_plugin.errors import Conflict
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.receipts import reward_lines, sale_receipt
from pos_plugin.sales import pricing
from pos_plugin.sales.point_of_sale import PointOfSale
from pos_plugin.sales.quotes import Completed, OpenQuote, Quote, differs, quote_ended
from pos_plugin.sales.recorded import completed_sale, points_shown, recorded_sale, require_own_key

log = logging.getLogger("pos_plugin")

Write = Callable[[Callable[[sqlite3.Connection], Completed]], Awaitable[Completed]]
"""Runs some work in a transaction of the till's file, as `Store.write` does, for whoever must not wait in a thread."""


class Committing:
    """Records the sales of one till. Safe to call from several threads."""

    def __init__(
        self, till: PointOfSale, recorded: Callable[[], None], own_lines: Callable[[Sale, Quote], Sequence[str]]
    ) -> None:
        self._till = till
        self._recorded = recorded
        self._own_lines = own_lines

    def commit(self, quote_id: str, key: str = "", *, layout: Layout | None = None) -> Completed:
        """Records the quoted sale; its points are awarded and spent once this returns. `layout` is that of a receipt elsewhere.

        The same again answers the first result. Raises Unknown where the quote has ended, Conflict where the sale stands with
        other content, the key belongs to another sale, or the points are no longer here. Raises StoreError where nothing
        could be recorded: the sale goes on without points; committed again later, it is recorded once.
        """

        async def write(work: Callable[[sqlite3.Connection], Completed]) -> Completed:
            return self._till.store.write(work)

        return _finished(self.committed(quote_id, key, write, layout))

    async def committed(self, quote_id: str, key: str, write: Write, layout: Layout | None = None) -> Completed:
        """As `commit`, for a coroutine, which waits for the file in another way: `write` does as `Store.write` otherwise."""
        with self._till.open_quotes.committing(quote_id) as (one, number):
            if one is None:
                return self._committed_before(number, key)
            if one.quote.training:
                return self._trained(one)
            own_lines = self._own_lines(one.sale, one.quote)

            def work(db: sqlite3.Connection) -> Completed:
                # Not beside a quote: they would take the interpreter from each other at every statement.
                with self._till.open_quotes.lock:
                    return self._commit(db, one, key, own_lines, layout or self._till.layout)

            try:
                completed = await write(work)
            except CommitUnknown:
                with self._till.store.read() as db:
                    known = journal.find(db, one.sale.document)
                    if known is None:
                        raise
                    completed = self._again(db, known, one)
            for note in one.quote.notes:
                log.info("sale %s, operator %s: %s", one.sale.document, one.sale.operator or "-", note)
            self._till.open_quotes.recorded(quote_id, completed.number)
        self._recorded()
        self._till.told(completed)
        return completed

    def _commit(
        self, db: sqlite3.Connection, one: OpenQuote, key: str, own_lines: Sequence[str], paper: Layout
    ) -> Completed:
        stands = journal.find(db, one.sale.document)
        require_own_key(db, key, stands.number if stands else 0)
        if stands is not None:
            return self._again(db, stands, one)
        program, member, sale = one.program, one.member, one.sale
        at = self._till.moment(db)
        held = rights.held(db, member, at.today) if member and one.redeem else []
        if member and one.redeem:
            # A quote made while online may be committed just after: what it fetched is held here, and cannot be spent twice.
            # Nothing else of it is at hand; the floor limit is for what was quoted without a network.
            spendable = rights.spendable_here(db, program, member, at.today, is_online=one.quote.online)
            if one.redeem > min(spendable.held + spendable.floor, max(0, spendable.balance)):
                raise Conflict(
                    "NOT_SPENDABLE_HERE",
                    "The points are no longer at this till. Nothing was recorded.",
                    hint="Quote the sale again; it says what can be used.",
                )
        known = pricing.known_of(db, program, member)
        standing = pricing.standing_at(db, at, program, member, sale.business_day, known)
        luck = pricing.luck_of(db, program, member)
        result = pricing.priced(program, sale, member, standing, redeem=one.redeem, reward=one.reward, luck=luck)
        reward, earned = pricing.reward_named(program, one.reward), result.award
        if result.terms != one.terms or (reward and why_not(reward, result.paid, standing, one.redeem)):
            raise Conflict(
                "TERMS_CHANGED",
                "What is to pay has changed since this sale was quoted. Nothing was recorded.",
                hint="Quote the sale again; it says what can be had now.",
            )
        connection = self._till.connection()
        floor = max(0, one.redeem - sum(part.points for part in held)) if member else 0
        esc: dict[str, int] = spent(held, one.redeem - floor) if member and one.redeem else {}
        body = SaleBody(sale, program.id, redeemed=one.redeem, redeemed_minor=result.redeemed_minor, floor=floor)
        if member:
            lot = new_reference(self._till.random_bytes) if earned.points else ""
            if lot and self._till.stays_here(at, program, sale.sold_at, earned.usable_from):
                esc[lot] = earned.points
            body = msgspec.structs.replace(
                body,
                standing=standing,
                awarded=earned.points,
                lot=lot,
                expires_on=earned.expires_on if lot else "",
                usable_from=earned.usable_from if lot else "",
                extends_to=earned.extends_to,
                reward=one.reward,
                off=result.off.lines,
                effects=result.effects,
            )
        draft = Draft(body, sale.document, sale.sold_at, sale.business_day, member=member, esc=esc)
        new = journal.record(db, at.who, draft, at.recorded_at)
        if member:
            histories.keep(db, member, known)
        if key:
            db.execute("INSERT INTO request (key, number) VALUES (?, ?)", (key, new.number))
        shown = None
        if member:
            shown = points_shown(db, at, program, new, member, one.card, earned.points, one.redeem, connection)
        reference = receipt_reference(new.envelope.terminal, new.number)
        rewards = self._till.rewards(paper, program, sale, result, known, shown, reference)
        document = sale_receipt(
            program,
            paper,
            sale,
            reference=reference,
            points=shown,
            could_have_earned=0,
            priced=result,
            rewards=rewards,
            own_lines=own_lines,
            feedback=feedback_code(new.envelope.terminal, new.number, new.hash),
        )
        layout = self._till.layout_of(one.columns)
        if layout is not paper:
            rewards = self._till.rewards(layout, program, sale, result, known, shown, reference)
        lines = reward_lines(layout, rewards)
        kept = msgspec.json.encode(lines).decode()
        to_print = bool(document.blocks) and not paper.is_block
        receipts.keep(db, new.number, encode_document(document), to_print=to_print, rewards=kept)
        return completed_sale(new, body, result.paid.total_minor, result.taken, document.text(), lines)

    def _again(self, db: sqlite3.Connection, known: Entry, one: OpenQuote) -> Completed:
        """The result of a sale that stands already, or Conflict where it stands with other content."""
        body = known.body
        if not isinstance(body, SaleBody) or (body.sale, known.member, body.redeemed, body.reward) != (
            one.sale,
            one.member,
            one.redeem,
            one.reward,
        ):
            raise differs(one.sale)
        return recorded_sale(db, known)

    def _committed_before(self, number: int | None, key: str) -> Completed:
        with self._till.store.read() as db:
            require_own_key(db, key, number)
            if number is None and key:
                row = db.execute("SELECT number FROM request WHERE key = ?", (key,)).fetchone()
                number = row[0] if row else None
            known = journal.read(db, number) if number is not None else None
            if known is not None and isinstance(known.body, SaleBody):
                return recorded_sale(db, known)
        raise quote_ended()

    def _trained(self, one: OpenQuote) -> Completed:
        """A training sale looks like a sale and records nothing."""
        document = sale_receipt(
            one.program,
            self._till.layout,
            one.sale,
            reference="",
            points=None,
            could_have_earned=0,
            priced=pricing.priced(
                one.program, one.sale, one.member, one.standing, redeem=one.redeem, reward=one.reward
            ),
            is_training=True,
        )
        self._till.drop(one.quote.quote_id)
        quote = one.quote
        return Completed(
            till=quote.till,
            sale_ref=quote.sale_ref,
            number=0,
            reference="",
            member=quote.member,
            total_minor=quote.total_minor,
            redeem_points=quote.redeem_points,
            redeemed_minor=quote.redeemed_minor,
            due_minor=quote.due_minor,
            earned_points=quote.earn_points,
            receipt_text=document.text(),
            training=True,
            reward=quote.reward,
            off=quote.off,
            taken=quote.taken,
            usable_from=quote.usable_from,
        )


def _finished(answer: Coroutine[None, None, Completed]) -> Completed:
    """What a coroutine answers that leaves its thread to nobody."""
    try:
        answer.send(None)
    except StopIteration as end:
        return cast(Completed, end.value)
    raise RuntimeError("it waits for a loop")
