"""The checkout: identify the member, quote the sale, commit it.

A quote promises nothing to the disk: what it would redeem is reserved in memory, and the commit checks again. A commit is one
transaction of entry, postings, lots, receipt and print job; it waits for the disk, never for a device or the network.
What quotes reserve is kept in `open_quotes`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import cast

import msgspec

from drivers.document import Block, encode_document
from ledger.entry import Draft, Entry, SaleBody
from ledger.identifiers import RandomBytes, feedback_code, new_reference, receipt_reference
from ledger.lots import spent
from loyalty.award import standing_of
from loyalty.program import Program
from loyalty.redeem import most_redeemable, points_needed, worth_minor
from loyalty.reward import Reward, why_not
from loyalty.sale import Sale
from loyalty.standing import Standing
from loyalty.words import say
from offline_store import histories, journal, members, operators, receipts, rights, settings
from offline_store.errors import CommitUnknown
from offline_store.histories import Known
from offline_store.members import Balance
from offline_store.moment import Moment, moment
from offline_store.rights import Spendable
from offline_store.store import Store
from pos_plugin.codes.identifying import Identified, Identifying
from pos_plugin.codes.scale_labels import ScalePattern
from pos_plugin.errors import BadRequest, Conflict, Unknown
from pos_plugin.papers.receipts import Layout, PointsShown, reward_lines, reward_parts, sale_receipt
from pos_plugin.sales import explaining, pricing
from pos_plugin.sales.foreseeing import points_foreseen
from pos_plugin.sales.open_quotes import QUOTE_LIFE_S, OpenQuotes
from pos_plugin.sales.pricing import Priced
from pos_plugin.sales.quotes import (
    Completed,
    Connection,
    Explained,
    Offer,
    OpenQuote,
    Quote,
    Rejected,
    differs,
    quote_ended,
    require_sane,
)
from pos_plugin.sales.recorded import completed_sale, lines_of, points_shown, recorded_sale, require_own_key

log = logging.getLogger("pos_plugin")

OFTEN = 5
"""So many sales of one member in a shift, at this till, are worth a word to the cashier."""

_Write = Callable[[Callable[[sqlite3.Connection], Completed]], Awaitable[Completed]]


@dataclass(frozen=True)
class _Asked:
    """What a quote is asked for, and what is known by then. `recorded` is the sale where it stands already."""

    program: Program
    sale: Sale
    member: str
    redeem_points: int
    reward: Reward | None
    standing: Standing
    paid: Sale
    at: Moment
    recorded: SaleBody | None
    notes: list[str]
    known: Known

    @property
    def today(self) -> str:
        return self.at.today


class Checkout:
    """Sales of one terminal. Safe to call from several threads."""

    def __init__(
        self,
        store: Store,
        *,
        layout: Layout,
        clock: Callable[[], datetime],
        random_bytes: RandomBytes,
        connection: Callable[[], Connection],
        fetch_rights: Callable[[str, int], str] = lambda member, points: "",
        look_up_card: Callable[[str], str | None] = lambda card: None,
        look_up_phone: Callable[[str], str | None] = lambda phone: None,
        look_up_member: Callable[[str], str | None] = lambda member: None,
        recorded: Callable[[], None] = lambda: None,
        told: Callable[[Identified | Quote | Completed | None], None] = lambda what: None,
        operators: Mapping[str, str] | None = None,
        scale_patterns: Sequence[ScalePattern] = (),
        own_lines: Callable[[Sale, Quote], Sequence[str]] = lambda sale, quote: (),
        member_code: Callable[[str, str], str] = lambda label, symbology: label,
    ) -> None:
        """`operators`: the card or member reference of operators who are members, beside those whom the till keeps.

        `told` hears what the customer may see. `own_lines` are the shop's own for a receipt; `member_code` is
        the code that a scanned label stands for there.
        """
        self.store = store
        self.layout = layout
        self.language = layout.cashier_language or layout.language
        self.clock = clock
        self.random_bytes = random_bytes
        self.connection = connection
        self._started_at = clock()
        self._fetch_rights = fetch_rights
        self._cards = Identifying(store, clock, look_up_card, look_up_phone, look_up_member, scale_patterns)
        self.card_read = self._cards.card_read
        self._recorded = recorded
        self._told = told
        self._operators = operators or {}
        self._own_lines = own_lines
        self._member_code = member_code
        self._layouts: dict[int, Layout] = {}
        self.open_quotes = OpenQuotes(lambda: self.clock())
        self.needs_rights = self.open_quotes.needs_rights

    def identify(
        self, scan: str, entry_mode: str = "scanned", symbology: str = "", *, is_customer: bool = True
    ) -> Identified:
        """Who or what a code is, as `Identifying` says it. Whoever is read into a form is not the customer of a sale."""
        if entry_mode in ("scanned", "typed"):
            scan = self._member_code(scan, symbology)
        found = self._cards.identify(scan, entry_mode, symbology)
        if found.kind == "member" and is_customer:
            self._told(found)
        return found

    def whose_code(self, code: str) -> Identified:
        """As `identify`, of a code that was printed: nobody holds it out, so that it puts nobody at the till."""
        return self._cards.identify(self._member_code(code, ""), "printed")

    # -- quote

    def quote(
        self,
        sale: Sale,
        member: str = "",
        redeem_points: int = 0,
        *,
        reward: str = "",
        training: bool = False,
        columns: int = 0,
    ) -> Quote:
        """What this sale would earn and can take: points, or a reward by its name. A second quote of a sale replaces the first.

        `columns` are those of the host's paper, for the lines that it prints itself; 0 for as many as the shop's.
        Raises BadRequest or Conflict with one clear message; nothing is reserved then.
        """
        rejected: list[Rejected] = []
        # One quote at a time reads: threads of one interpreter that read at once only take it from each other.
        with self.open_quotes.lock, self.store.read() as db:
            asked = self._asked(db, sale, member, redeem_points, reward, rejected)
        wanted = 0
        if (redeem_points or reward) and asked.recorded is None:
            wanted = self._wanted(asked, rejected)
        program, member, today = asked.program, asked.member, asked.today
        with self.open_quotes.fetching_for(member):
            if wanted:
                self.store.settle()  # a release that began before this quote is over, and what is counted here is left
            missing = wanted - self._spendable(program, sale.document, member, today)[0] if wanted else 0
            why = ""
            if missing > 0 and self.connection().is_online and not training:
                why = self._fetch_rights(member, missing)
            with self.open_quotes.lock:  # what is free is counted and reserved in one go
                quote = self._quote(asked, wanted, rejected, why, training=training, columns=columns)
        if not training:
            self._told(quote)
        return quote

    def _asked(
        self, db: sqlite3.Connection, sale: Sale, member: str, points: int, reward: str, rejected: list[Rejected]
    ) -> _Asked:
        at = self.moment(db)
        program = at.program
        require_sane(sale, program, points)
        if points and reward:
            raise BadRequest(
                "REDEEM_TWICE", "A sale takes points or one reward, not both.", hint="Ask for one of them."
            )
        recorded = self._recorded_before(db, sale)
        if member:
            self._require_member(db, member)
            member = members.current(db, member)
            self.require_not_own(db, sale.operator, member)
        known = Known()
        if recorded is not None:
            program, standing = settings.program(db, recorded.program), recorded.standing
        else:
            known = pricing.known_of(db, program, member)
            standing = pricing.standing_at(db, at, program, member, sale.business_day, known)
        wanted = pricing.reward_named(program, reward)
        if reward and wanted is None:
            rejected.append(Rejected("REWARD_UNKNOWN", f"This programme has no reward {reward[:64]}."))
        paid, _ = pricing.with_member_prices(program, sale, member, standing)
        notes = [] if recorded or not member else self._notes(db, sale, member)
        return _Asked(program, sale, member, points, wanted, standing, paid, at, recorded, notes, known)

    def _notes(self, db: sqlite3.Connection, sale: Sale, member: str) -> list[str]:
        """A word to the cashier where one member buys again and again in a shift: whose card is it?"""
        shift = (sale.business_day, sale.shift)
        last = histories.last_sales(db, member, OFTEN - 1)
        earlier = takewhile(lambda one: (one.sale.business_day, one.sale.shift) == shift, last)
        if sum(1 for _ in earlier) < OFTEN - 1:
            return []
        return [
            say(
                "This member has bought {times} times or more in this shift. See that it is their own card.",
                self.language,
                times=OFTEN,
            )
        ]

    def require_not_own(self, db: sqlite3.Connection, operator: str, member: str) -> None:
        """Raises Conflict where the member is the operator who rings the sale."""
        cards = {self._operators.get(operator, ""), operators.own_card(db, operator)} - {""} if operator else set()
        if any(member in (members.member_of_card(db, own), members.current(db, own)) for own in cards):
            raise Conflict(
                "OWN_CARD",
                "A cashier's own card does not count on sales that they ring. Nothing was recorded.",
                hint="Let a colleague ring this sale, or sell without the card.",
            )

    def _quote(
        self, asked: _Asked, wanted: int, rejected: list[Rejected], why: str, *, training: bool, columns: int
    ) -> Quote:
        """`why` no more could be fetched, in head office's words."""
        program, sale, member, recorded = asked.program, asked.sale, asked.member, asked.recorded
        spendable, balance, here = self._spendable(program, sale.document, member, asked.today)
        if not why and self.open_quotes.reserved(sale.document, member):
            why = say("Another open sale counts on some of them.", self.language)
        online = self.connection().is_online
        usable = spendable
        if online and not why and wanted <= spendable:
            # What is not held here is fetched once it is asked for.
            usable = max(spendable, balance.points - balance.vesting)
        text = ""
        if member:
            text = explaining.spendable_text(program, usable, balance, why, is_online=online, language=self.language)
        if wanted > spendable:
            rejected.append(Rejected("NOT_SPENDABLE_HERE", text))
        # A reward may cost nothing: that it can be had shows in that nothing was rejected.
        redeem, reward = 0, asked.reward.name if asked.reward and not rejected else ""
        if recorded is not None:
            redeem = recorded.redeemed if asked.redeem_points or reward else 0
            reward = reward if recorded.redeemed or recorded.reward else ""
        elif reward:
            redeem = wanted
        elif wanted:
            redeem = most_redeemable(program, asked.paid.total_minor, min(wanted, spendable))
        result = pricing.priced(program, sale, member, asked.standing, redeem=redeem, reward=reward)
        earned = result.award
        card = self.card_read(member)
        ends_at = self.clock().astimezone(UTC) + timedelta(seconds=QUOTE_LIFE_S)
        quote = Quote(
            quote_id=new_reference(self.random_bytes),
            till=sale.till,
            sale_ref=sale.sale_ref,
            member=member,
            total_minor=sale.total_minor,
            redeem_points=redeem,
            redeemed_minor=result.redeemed_minor,
            due_minor=result.due_minor,
            earn_points=earned.points,
            earn=[Explained(one.points, one.in_language(self.language, sale.currency)) for one in earned.reasons],
            offers=self._offers(asked, card, balance, spendable, is_online=online),
            rejected=rejected,
            balance=balance.points,
            as_of=balance.as_of,
            online=online,
            spendable_here=spendable,
            spendable_text=text,
            receipt_lines=[] if training else self._lines_foreseen(asked, card, redeem, result, balance, here, columns),
            expires_at=ends_at.isoformat(timespec="seconds"),
            training=training,
            reward=result.reward,
            off=result.off.lines,
            taken=result.taken,
            usable_from=earned.usable_from if member and earned.points else "",
            tier=explaining.tier_shown(program, asked.standing, self.language) if member else None,
            benefits=explaining.benefits(program, result.paid, asked.standing, self.language) if member else [],
            donated_minor=result.effects.donated_minor if member else 0,
            notes=asked.notes,
        )
        one = OpenQuote(
            quote, sale, program, member, card, redeem, ends_at, result.reward, result.terms, asked.standing, columns
        )
        self.open_quotes.put(one)
        return quote

    def _lines_foreseen(
        self,
        asked: _Asked,
        card: str,
        redeem: int,
        result: Priced,
        before: Balance,
        here: Spendable,
        columns: int,
    ) -> list[str]:
        """The rewards of the receipt that a commit would make now; of a sale that stands already, as they were."""
        program, member, sale, at = asked.program, asked.member, asked.sale, asked.at
        if asked.recorded is not None:
            with self.store.read() as db:
                return lines_of(db, journal.number_of(db, sale.document))
        shown = None
        if member:
            earned = result.award
            is_spendable = bool(earned.points) and at.today < earned.expires_on
            stays = is_spendable and self.stays_here(at, program, sale.sold_at, earned.usable_from)
            with self.store.read() as db:
                shown = points_foreseen(
                    db,
                    at,
                    member,
                    card,
                    sale.business_day,
                    earned,
                    redeem,
                    self.connection(),
                    before,
                    here,
                    stays_here=stays,
                )
        layout = self._layout_of(columns)
        return reward_lines(layout, self._rewards(layout, program, sale, result, asked.known, shown, reference=""))

    def drop(self, quote_id: str) -> None:
        """Ends an open quote: the customer left."""
        if self.open_quotes.drop(quote_id):
            self._told(None)

    def let_go(self, quote_id: str) -> OpenQuote:
        """Ends an open quote and answers what it was: its sale is put on hold, what it had reserved is free. Raises Unknown."""
        one = self.open_quotes.let_go(quote_id)
        self._told(None)
        return one

    def sign_off(self, operator: str) -> int:
        """Ends every open quote of an operator; answers how many."""
        ended = self.open_quotes.drop_those_of(operator)
        if ended:
            self._told(None)
        return ended

    def known_member(self, member: str) -> str | None:
        """A member's reference as it is now, where they are known here or at head office."""
        return self._cards.known_member(member)

    def vouch_for(self, member: str, card: str) -> None:
        """The member's card was read, at another till of this head office that says so."""
        self._cards.vouch_for(member, card)

    # -- commit

    def commit(self, quote_id: str, key: str = "", *, layout: Layout | None = None) -> Completed:
        """Records the quoted sale; its points are awarded and spent once this returns. `layout` is that of a receipt elsewhere.

        The same again answers the first result. Raises Unknown where the quote has ended, Conflict where the sale stands with
        other content, the key belongs to another sale, or the points are no longer here. Raises StoreError where nothing
        could be recorded: the sale goes on without points; committed again later, it is recorded once.
        """

        async def write(work: Callable[[sqlite3.Connection], Completed]) -> Completed:
            return self.store.write(work)

        return _finished(self.committed(quote_id, key, write, layout))

    async def committed(self, quote_id: str, key: str, write: _Write, layout: Layout | None = None) -> Completed:
        """As `commit`, for a coroutine, which waits for the file in another way: `write` does as `Store.write` otherwise."""
        with self.open_quotes.committing(quote_id) as (one, number):
            if one is None:
                return self._committed_before(number, key)
            if one.quote.training:
                return self._trained(one)
            own_lines = self._own_lines(one.sale, one.quote)

            def work(db: sqlite3.Connection) -> Completed:
                # Not beside a quote: they would take the interpreter from each other at every statement.
                with self.open_quotes.lock:
                    return self._commit(db, one, key, own_lines, layout or self.layout)

            try:
                completed = await write(work)
            except CommitUnknown:
                with self.store.read() as db:
                    known = journal.find(db, one.sale.document)
                    if known is None:
                        raise
                    completed = self._again(db, known, one)
            for note in one.quote.notes:
                log.info("sale %s, operator %s: %s", one.sale.document, one.sale.operator or "-", note)
            self.open_quotes.recorded(quote_id, completed.number)
        self._recorded()
        self._told(completed)
        return completed

    def _commit(
        self, db: sqlite3.Connection, one: OpenQuote, key: str, own_lines: Sequence[str], paper: Layout
    ) -> Completed:
        stands = journal.find(db, one.sale.document)
        require_own_key(db, key, stands.number if stands else 0)
        if stands is not None:
            return self._again(db, stands, one)
        program, member, sale = one.program, one.member, one.sale
        at = self.moment(db)
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
        connection = self.connection()
        floor = max(0, one.redeem - sum(part.points for part in held)) if member else 0
        esc: dict[str, int] = spent(held, one.redeem - floor) if member and one.redeem else {}
        body = SaleBody(sale, program.id, redeemed=one.redeem, redeemed_minor=result.redeemed_minor, floor=floor)
        if member:
            lot = new_reference(self.random_bytes) if earned.points else ""
            if lot and self.stays_here(at, program, sale.sold_at, earned.usable_from):
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
        rewards = self._rewards(paper, program, sale, result, known, shown, reference)
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
        layout = self._layout_of(one.columns)
        if layout is not paper:
            rewards = self._rewards(layout, program, sale, result, known, shown, reference)
        lines = reward_lines(layout, rewards)
        kept = msgspec.json.encode(lines).decode()
        to_print = bool(document.blocks) and not paper.is_block
        receipts.keep(db, new.number, encode_document(document), to_print=to_print, rewards=kept)
        return completed_sale(new, body, result.paid.total_minor, result.taken, document.text(), lines)

    def stays_here(self, at: Moment, program: Program, sold_at: str, usable_from: str) -> bool:
        """Whether points awarded now can be spent at this till before head office has heard of them."""
        is_alone = not self.connection().is_online and program.offline.policy != "online_only"
        # A till that belongs to no head office is the only one that could have recorded the sale, however late it is told of.
        return is_alone and not usable_from and not (at.shop and at.is_late(sold_at))

    def _rewards(
        self,
        layout: Layout,
        program: Program,
        sale: Sale,
        result: Priced,
        known: Known,
        shown: PointsShown | None,
        reference: str,
    ) -> dict[str, list[Block]]:
        """The parts of a receipt that are about points; `shown` are the member's, None where there is no member."""
        tier, benefits, in_reach = None, list[str](), None
        language, day = layout.language, sale.business_day
        if shown is not None:
            if program.tier:
                history = known.history.plus(result.effects, day, sales=1)
                tier = explaining.tier_shown(
                    program, standing_of(program, history, known.profile, day, member=""), language, on_paper=True
                )
            benefits = explaining.benefits(program, result.paid, result.standing, language)
            if shown.is_current and "reach" in layout.template.blocks:
                points = shown.balance.points
                in_reach = explaining.next_reward(program, result.paid, result.standing, points, language)
        return reward_parts(
            program,
            layout,
            sale,
            reference=reference,
            points=shown,
            could_have_earned=0 if shown else result.award.points,
            priced=result,
            tier=tier,
            benefits=benefits,
            in_reach=in_reach,
        )

    def use_header(self, header: list[str]) -> None:
        """Receipts from here on begin so."""
        self.layout = replace(self.layout, header=tuple(header))
        self._layouts.clear()

    def _layout_of(self, columns: int) -> Layout:
        """The shop's layout on paper of so many columns."""
        if columns in (0, self.layout.width_columns):
            return self.layout
        return self._layouts.setdefault(columns, replace(self.layout, width_columns=columns))

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
        with self.store.read() as db:
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
            self.layout,
            one.sale,
            reference="",
            points=None,
            could_have_earned=0,
            priced=pricing.priced(
                one.program, one.sale, one.member, one.standing, redeem=one.redeem, reward=one.reward
            ),
            is_training=True,
        )
        self.drop(one.quote.quote_id)
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

    # -- what both need

    def moment(self, db: sqlite3.Connection) -> Moment:
        return moment(db, self.clock(), self._started_at)

    def today(self, db: sqlite3.Connection) -> str:
        """The programme's day now, by this till's clock or the last server time, whichever is later."""
        return self.moment(db).today

    def _spendable(self, program: Program, document: str, member: str, today: str) -> tuple[int, Balance, Spendable]:
        """What the member can spend here now, less what other open quotes have reserved; the balance it is part of; and all."""
        if not member:
            return 0, Balance(0, 0, "", "", 0), Spendable(0, 0, 0)
        is_online = self.connection().is_online
        with self.store.read() as db:
            balance = members.balance(db, member, today)
            here = rights.spendable_here(db, program, member, today, is_online=is_online, known=balance)
        return max(0, here.points - self.open_quotes.reserved(document, member)), balance, here

    def _wanted(self, asked: _Asked, rejected: list[Rejected]) -> int:
        """How many points the sale would take if they are to be had here."""
        program, member = asked.program, asked.member
        if not member:
            rejected.append(Rejected("NO_MEMBER", say("Scan the member's card first.", self.language)))
            return 0
        if not self.card_read(member):
            sentence = say("To use points, scan the card itself; a phone number or name will not do.", self.language)
            rejected.append(Rejected("CARD_NOT_READ", sentence))
            return 0
        reward, points, total_minor = asked.reward, asked.redeem_points, asked.paid.total_minor
        if reward is not None:
            failed = why_not(reward, asked.paid, asked.standing, reward.points)
            if failed:
                rejected.append(Rejected("REWARD_NOT_NOW", explaining.refusal(program, reward, failed, self.language)))
            return 0 if failed else reward.points
        if not program.redeem.points:
            if points:
                rejected.append(
                    Rejected("ONLY_REWARDS", say("Points buy rewards in this programme, no money off.", self.language))
                )
            return 0
        most = most_redeemable(program, total_minor, points)
        if most < points and points_needed(program, total_minor) < points:
            rejected.append(
                Rejected(
                    "MORE_THAN_TOTAL",
                    say("This sale can take at most {points}.", self.language, points=program.unit.counted(most)),
                )
            )
        return most

    def _offers(self, asked: _Asked, card: str, balance: Balance, spendable: int, *, is_online: bool) -> list[Offer]:
        """What could be redeemed: offline what is held here; online all that head office says the member has."""
        program, paid = asked.program, asked.paid
        if not asked.member or not card:
            return []
        usable = max(spendable, balance.points - balance.vesting) if is_online else spendable
        points = most_redeemable(program, paid.total_minor, usable)
        offers = []
        if points > 0:
            worth = worth_minor(program, points)
            offers.append(explaining.money_offer(program, points, worth, self.language))
        return offers + explaining.reward_offers(program, paid, asked.standing, usable, self.language)

    def _recorded_before(self, db: sqlite3.Connection, sale: Sale) -> SaleBody | None:
        """The sale as it stands in the journal; None where it is new, Conflict where it stands with other content."""
        known = journal.find(db, sale.document)
        if known is None:
            return None
        if not isinstance(known.body, SaleBody) or known.body.sale != sale:
            raise differs(sale)
        return known.body

    def _require_member(self, db: sqlite3.Connection, member: str) -> None:
        if db.execute("SELECT 1 FROM member WHERE member = ?", (member,)).fetchone() is None:
            raise Unknown(
                "ACCOUNT_INVALID", "This member is not known here.", hint="Scan the card, or join the member."
            )


def _finished(answer: Coroutine[None, None, Completed]) -> Completed:
    """What a coroutine answers that leaves its thread to nobody."""
    try:
        answer.send(None)
    except StopIteration as end:
        return cast(Completed, end.value)
    raise RuntimeError("it waits for a loop")
