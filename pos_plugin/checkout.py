"""The checkout: identify the member, quote the sale, commit it.

A quote promises nothing to the disk: what it would redeem is reserved in memory, and the commit checks again. A commit is one
transaction of entry, postings, lots, receipt and print job; it waits for the disk, never for a device or the network.
Reservations end with the commit, a newer quote of the same sale, or after `QUOTE_LIFE_S`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import msgspec

from drivers.document import Document, decode_document, encode_document
from ledger.entry import Draft, Entry, SaleBody
from ledger.identifiers import RandomBytes, new_reference, receipt_reference
from ledger.lots import spent
from loyalty.award import Award, Reason, Standing, award, money
from loyalty.card import DamagedMemberCode, MemberCard, masked, member_card
from loyalty.days import business_day
from loyalty.program import Program
from loyalty.redeem import most_redeemable, points_needed, worth_minor
from loyalty.sale import Sale
from offline_store import journal, members, receipts, rights, settings
from offline_store.errors import CommitUnknown
from offline_store.members import Balance
from offline_store.store import Store
from offline_store.sync import till_now
from pos_plugin.errors import BadRequest, Conflict, Unknown
from pos_plugin.receipts import Layout, PointsShown, explained, sale_receipt

QUOTE_LIFE_S = 900
"""After so many seconds without a commit a quote ends, and what it had reserved is free again."""
IDENTIFIED_S = 900
"""For so long after a card was read, its member can redeem at this till."""
MAX_SALE_BYTES = 128 * 1024
"""Half of what an entry may have: the other half is for the lots that pay."""
MAX_SALE_DOCUMENT = 160
"""Characters of a sale's document, so that those of its returns are within what head office stores."""
MOST = 10**12


@dataclass(frozen=True)
class Connection:
    """How the till stands with head office at a moment. `is_current`: it has heard everything less than a minute ago."""

    is_online: bool
    is_current: bool
    since: datetime | None = None


class Identified(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a scan or typed code turned out to be.

    `kind`: "member"; "unknown card" (a card that nobody has joined with); "damaged card" (scan it again); "item" (the host's
    business, `code` says which). `can_redeem`: the card itself was read, so points may be spent.
    """

    kind: str
    code: str = ""
    member: str = ""
    card: str = ""
    initials: str = ""
    can_redeem: bool = False
    balance: int = 0
    as_of: str = ""
    message: str = ""


class Offer(msgspec.Struct, frozen=True):
    """What this sale can take: up to `points` points, which take `worth_minor` off the total."""

    points: int
    worth_minor: int
    text: str


class Rejected(msgspec.Struct, frozen=True):
    """Part of what was asked that cannot be had, and why, in words."""

    code: str
    text: str


class Quote(msgspec.Struct, frozen=True):
    """What committing the sale would do. Nothing is recorded yet; `redeem_points` are reserved until `expires_at` (UTC)."""

    quote_id: str
    till: str
    sale_ref: str
    member: str
    total_minor: int
    redeem_points: int
    redeemed_minor: int
    due_minor: int
    earn_points: int
    earn: list[Reason]
    offers: list[Offer]
    rejected: list[Rejected]
    balance: int
    as_of: str
    online: bool
    spendable_here: int
    receipt_lines: list[str]
    expires_at: str
    training: bool


class Completed(msgspec.Struct, frozen=True):
    """A sale as it stands in the journal. `reference` is what its receipt prints; "" for training, which records nothing."""

    till: str
    sale_ref: str
    number: int
    reference: str
    member: str
    total_minor: int
    redeem_points: int
    redeemed_minor: int
    due_minor: int
    earned_points: int
    receipt_text: str
    training: bool = False


@dataclass
class _Open:
    """An open quote with what the commit needs, under the programme that was quoted.

    `reserved` points of the member are not for other quotes; training reserves none.
    """

    quote: Quote
    sale: Sale
    program: Program
    member: str
    card: str
    redeem: int
    ends_at: datetime

    @property
    def reserved(self) -> int:
        return 0 if self.quote.training else self.redeem


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
        fetch_rights: Callable[[str, int], None] = lambda member, points: None,
        look_up_card: Callable[[str], str | None] = lambda card: None,
        look_up_phone: Callable[[str], str | None] = lambda phone: None,
        recorded: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self.layout = layout
        self.clock = clock
        self.random_bytes = random_bytes
        self.connection = connection
        self._fetch_rights = fetch_rights
        self._look_up_card = look_up_card
        self._look_up_phone = look_up_phone
        self._recorded = recorded
        self._quotes: dict[str, _Open] = {}
        self._committed: dict[str, tuple[int, datetime]] = {}
        self._cards_read: dict[str, tuple[str, datetime]] = {}
        self._fetching: Counter[str] = Counter()
        self._lock = threading.RLock()

    # -- identify

    def identify(self, scan: str, entry_mode: str = "scanned", symbology: str = "") -> Identified:
        """Who or what a code is. `entry_mode` is "scanned", "typed" (the card's number by hand) or "phone".

        Looked up by phone, a member can earn but not redeem.
        """
        if entry_mode == "phone":
            member = self._look_up_phone(scan)
            if member is None:
                return Identified("unknown card", message="Nobody has joined with this phone number.")
            return self._identified(member, "", can_redeem=False)
        with self.store.read() as db:
            rules = settings.program_in_force(db).cards.rules
            member = members.member_of_card(db, scan) if scan else None
        reading = member_card(rules, scan, symbology)
        if isinstance(reading, DamagedMemberCode):
            return Identified("damaged card", code=scan, message="The card was not read whole. Scan it again.")
        if member is None and isinstance(reading, MemberCard):
            member = self._look_up_card(reading.number)
            if member is None:
                text = "Nobody has joined with this card at the shops known here. Join with it, or sell without."
                return Identified("unknown card", code=reading.number, card=masked(reading.number), message=text)
        if member is None:
            return Identified("item", code=scan)
        with self._lock:
            self._forget_ended()
            self._cards_read[member] = (scan, self.clock())
        return self._identified(member, scan, can_redeem=True)

    def _identified(self, member: str, card: str, *, can_redeem: bool) -> Identified:
        with self.store.read() as db:
            balance = members.balance(db, member, self.today(db))
            initials = members.initials_of(db, member)
        return Identified(
            "member",
            member=member,
            card=masked(card) if card else "",
            initials=initials,
            can_redeem=can_redeem,
            balance=balance.points,
            as_of=balance.as_of,
        )

    def card_read(self, member: str) -> str:
        """The card with which the member was identified here just now, or "" if none was."""
        with self._lock:
            card, at = self._cards_read.get(member, ("", self.clock()))
        return card if (self.clock() - at).total_seconds() < IDENTIFIED_S else ""

    # -- quote

    def quote(self, sale: Sale, member: str = "", redeem_points: int = 0, *, training: bool = False) -> Quote:
        """What this sale would earn and can take. A second quote of a sale replaces the first.

        Raises BadRequest or Conflict with one clear message; nothing is reserved then.
        """
        with self.store.read() as db:
            program, today = settings.program_in_force(db), self.today(db)
            _require_sane(sale, program, redeem_points)
            recorded = self._recorded_before(db, sale)
            if recorded is not None:
                program = settings.program(db, recorded.program)
            if member:
                self._require_member(db, member)
                member = members.current(db, member)
        rejected: list[Rejected] = []
        wanted = 0
        if redeem_points and recorded is None:
            wanted = self._wanted(program, sale, member, redeem_points, rejected)
        with self._fetching_for(member):
            missing = wanted - self._spendable(sale.document, member, today)
            if missing > 0 and self.connection().is_online and not training:
                self._fetch_rights(member, missing)
            with self._lock:  # what is free is counted and reserved in one go
                redeemed = recorded.redeemed if recorded is not None and redeem_points else None
                return self._quote(program, sale, member, wanted, redeemed, rejected, today, training=training)

    @contextmanager
    def _fetching_for(self, member: str) -> Iterator[None]:
        """While it lasts the member's rights are needed here: no exchange gives back what a quote is about to reserve."""
        with self._lock:
            self._fetching[member] += 1
        try:
            yield
        finally:
            with self._lock:
                self._fetching[member] -= 1
                self._fetching += Counter()  # forgets those at nought

    def _quote(
        self,
        program: Program,
        sale: Sale,
        member: str,
        wanted: int,
        redeemed: int | None,
        rejected: list[Rejected],
        today: str,
        *,
        training: bool,
    ) -> Quote:
        """`redeemed`: what the sale has redeemed already, where it is recorded and asked for once more."""
        spendable = self._spendable(sale.document, member, today)
        with self.store.read() as db:
            balance = members.balance(db, member, today) if member else Balance(0, 0, "", "", 0)
        online = self.connection().is_online
        if wanted > spendable:
            rejected.append(Rejected("NOT_SPENDABLE_HERE", _spendable_text(spendable, balance)))
        redeem = most_redeemable(program, sale.total_minor, min(wanted, spendable)) if wanted else 0
        if redeemed is not None:
            redeem = redeemed
        redeemed_minor = worth_minor(program, redeem)
        earned = award(program, sale, redeemed_minor)
        card = self.card_read(member)
        ends_at = self.clock().astimezone(UTC) + timedelta(seconds=QUOTE_LIFE_S)
        quote = Quote(
            quote_id=new_reference(self.random_bytes),
            till=sale.till,
            sale_ref=sale.sale_ref,
            member=member,
            total_minor=sale.total_minor,
            redeem_points=redeem,
            redeemed_minor=redeemed_minor,
            due_minor=sale.total_minor - redeemed_minor,
            earn_points=earned.points,
            earn=list(earned.reasons),
            offers=self._offers(program, sale, member, card, balance, spendable, is_online=online),
            rejected=rejected,
            balance=balance.points,
            as_of=balance.as_of,
            online=online,
            spendable_here=spendable,
            receipt_lines=explained(earned.reasons) if member else [],
            expires_at=ends_at.isoformat(timespec="seconds"),
            training=training,
        )
        for quote_id in [key for key, other in self._quotes.items() if other.sale.document == sale.document]:
            del self._quotes[quote_id]
        self._quotes[quote.quote_id] = _Open(quote, sale, program, member, card, redeem, ends_at)
        return quote

    def drop(self, quote_id: str) -> None:
        """Ends an open quote: the customer left, or the operator signed off."""
        with self._lock:
            self._quotes.pop(quote_id, None)

    def sign_off(self, operator: str) -> int:
        """Ends every open quote of an operator; answers how many."""
        with self._lock:
            theirs = [key for key, one in self._quotes.items() if one.sale.operator == operator]
            for quote_id in theirs:
                del self._quotes[quote_id]
        return len(theirs)

    def needs_rights(self, member: str) -> bool:
        """Whether an open quote, or one under way, counts on this till's rights for the member."""
        with self._lock:
            self._forget_ended()
            return self._fetching[member] > 0 or any(one.member == member for one in self._quotes.values())

    # -- commit

    def commit(self, quote_id: str, key: str = "") -> Completed:
        """Records the quoted sale; its points are awarded and spent once this returns.

        The same again answers the first result. Raises Unknown where the quote has ended, Conflict where the sale stands with
        other content, the key belongs to another sale, or the points are no longer here. Raises StoreError where nothing
        could be recorded: the sale goes on without points, which can be claimed later with the receipt.
        """
        with self._lock:
            self._forget_ended()
            open_quote = self._quotes.get(quote_id)
            number = self._committed[quote_id][0] if quote_id in self._committed else None
        if open_quote is None:
            return self._committed_before(number, key)
        if open_quote.quote.training:
            return self._trained(open_quote)

        def work(db: sqlite3.Connection) -> Completed:
            return self._commit(db, open_quote, key)

        try:
            completed = self.store.write(work)
        except CommitUnknown:
            with self.store.read() as db:
                known = journal.find(db, open_quote.sale.document)
                if known is None:
                    raise
                completed = self._again(db, known, open_quote)
        with self._lock:
            self._quotes.pop(quote_id, None)
            self._committed[quote_id] = (completed.number, open_quote.ends_at)
        self._recorded()
        return completed

    def _commit(self, db: sqlite3.Connection, one: _Open, key: str) -> Completed:
        known = journal.find(db, one.sale.document)
        if known is not None:
            return self._again(db, known, one)
        if key and (row := db.execute("SELECT number FROM request WHERE key = ?", (key,)).fetchone()):
            raise Conflict(
                "IDEMPOTENCY_KEY_REUSED",
                f"This Idempotency-Key belongs to entry {row[0]}, another sale.",
                hint="Use a new key.",
            )
        program, member, sale = one.program, one.member, one.sale
        now = till_now(db, self.clock())
        today = self.today(db)
        if member:
            held = rights.held(db, member, today)
            if sum(part.points for part in held) < one.redeem:
                raise Conflict(
                    "NOT_SPENDABLE_HERE",
                    "The points are no longer at this till. Nothing was recorded.",
                    hint="Quote the sale again; it says what can be used.",
                )
        redeemed_minor = worth_minor(program, one.redeem)
        earned = award(program, sale, redeemed_minor)
        connection = self.connection()
        esc: dict[str, int] = spent(held, one.redeem) if member and one.redeem else {}
        body = SaleBody(sale, program.id, redeemed=one.redeem, redeemed_minor=redeemed_minor)
        if member:
            lot = new_reference(self.random_bytes) if earned.points else ""
            if lot and not connection.is_online:
                esc[lot] = earned.points
            body = msgspec.structs.replace(
                body,
                standing=standing(db),
                awarded=earned.points,
                lot=lot,
                expires_on=earned.expires_on if lot else "",
            )
        draft = Draft(body, sale.document, sale.sold_at, sale.business_day, member=member, esc=esc)
        new = journal.record(db, journal.identity(db), draft, now.isoformat(timespec="milliseconds"))
        if key:
            db.execute("INSERT INTO request (key, number) VALUES (?, ?)", (key, new.number))
        document = self._receipt(db, program, new, one, earned, connection, today)
        receipts.keep(db, new.number, encode_document(document))
        return _completed(new, document.text())

    def _receipt(
        self,
        db: sqlite3.Connection,
        program: Program,
        new: Entry,
        one: _Open,
        earned: Award,
        connection: Connection,
        today: str,
    ) -> Document:
        shown = None
        if one.member:
            shown = points_shown(
                db, new, one.member, one.card, earned.points, one.redeem, today, is_fresh=connection.is_current
            )
        return sale_receipt(
            program,
            self.layout,
            one.sale,
            reference=receipt_reference(new.envelope.terminal, new.number),
            redeemed_minor=worth_minor(program, one.redeem),
            points=shown,
            could_have_earned=0 if one.member else earned.points,
        )

    def _again(self, db: sqlite3.Connection, known: Entry, one: _Open) -> Completed:
        """The result of a sale that stands already, or Conflict where it stands with other content."""
        body = known.body
        if not isinstance(body, SaleBody) or (body.sale, known.member, body.redeemed) != (
            one.sale,
            one.member,
            one.redeem,
        ):
            raise _differs(one.sale)
        return _completed(known, _receipt_text(db, known))

    def _committed_before(self, number: int | None, key: str) -> Completed:
        with self.store.read() as db:
            if number is None and key:
                row = db.execute("SELECT number FROM request WHERE key = ?", (key,)).fetchone()
                number = row[0] if row else None
            known = journal.read(db, number) if number is not None else None
            if known is not None:
                return _completed(known, _receipt_text(db, known))
        raise Unknown(
            "QUOTE_UNKNOWN",
            "This quote has ended. Nothing more was recorded.",
            hint="Quote the sale again; if it stands already, committing that answers what is recorded.",
        )

    def _trained(self, one: _Open) -> Completed:
        """A training sale looks like a sale and records nothing."""
        document = sale_receipt(
            one.program,
            self.layout,
            one.sale,
            reference="",
            redeemed_minor=one.quote.redeemed_minor,
            points=None,
            could_have_earned=0,
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
        )

    # -- what both need

    def today(self, db: sqlite3.Connection) -> str:
        """The programme's day now, by this till's clock or the last server time, whichever is later."""
        program = settings.program_in_force(db)
        now = till_now(db, self.clock())
        return business_day(now.astimezone(program.zone).replace(tzinfo=None), program.day_starts_at)

    def _spendable(self, document: str, member: str, today: str) -> int:
        """What the member can spend here now, less what other open quotes have reserved."""
        with self.store.read() as db:
            points = rights.held_points(db, member, today)
        with self._lock:
            self._forget_ended()
            reserved = sum(
                one.reserved for one in self._quotes.values() if one.member == member and one.sale.document != document
            )
        return max(0, points - reserved)

    def _wanted(self, program: Program, sale: Sale, member: str, points: int, rejected: list[Rejected]) -> int:
        if not member:
            rejected.append(Rejected("NO_MEMBER", "Scan the member's card first."))
            return 0
        if not self.card_read(member):
            rejected.append(
                Rejected("CARD_NOT_READ", "To use points, scan the card itself; a phone number or name will not do.")
            )
            return 0
        most = most_redeemable(program, sale.total_minor, points)
        if most < points and points_needed(program, sale.total_minor) < points:
            rejected.append(Rejected("MORE_THAN_TOTAL", f"This sale can take at most {most} points."))
        return most

    def _offers(
        self, program: Program, sale: Sale, member: str, card: str, balance: Balance, spendable: int, *, is_online: bool
    ) -> list[Offer]:
        """What could be redeemed: offline what is held here; online all that head office says the member has."""
        if not member or not card:
            return []
        points = most_redeemable(program, sale.total_minor, max(spendable, balance.points) if is_online else spendable)
        if points <= 0:
            return []
        worth = worth_minor(program, points)
        return [Offer(points, worth, f"{points} points take {money(worth)} off")]

    def _recorded_before(self, db: sqlite3.Connection, sale: Sale) -> SaleBody | None:
        """The sale as it stands in the journal; None where it is new, Conflict where it stands with other content."""
        known = journal.find(db, sale.document)
        if known is None:
            return None
        if not isinstance(known.body, SaleBody) or known.body.sale != sale:
            raise _differs(sale)
        return known.body

    def _require_member(self, db: sqlite3.Connection, member: str) -> None:
        if db.execute("SELECT 1 FROM member WHERE member = ?", (member,)).fetchone() is None:
            raise Unknown(
                "ACCOUNT_INVALID", "This member is not known here.", hint="Scan the card, or join the member."
            )

    def _forget_ended(self) -> None:
        now = self.clock()
        self._quotes = {key: one for key, one in self._quotes.items() if one.ends_at > now}
        self._committed = {key: one for key, one in self._committed.items() if one[1] > now}
        since = now - timedelta(seconds=IDENTIFIED_S)
        self._cards_read = {key: one for key, one in self._cards_read.items() if one[1] > since}


def points_shown(
    db: sqlite3.Connection, new: Entry, member: str, card: str, earned: int, used: int, today: str, *, is_fresh: bool
) -> PointsShown:
    """The figures of a receipt's points block just after `new` was recorded, in the same transaction."""
    acknowledged = int(settings.get(db, "acknowledged", "0"))
    return PointsShown(
        card=card,
        balance=members.balance(db, member, today),
        earned=earned,
        used=used,
        spendable_here=rights.held_points(db, member, today),
        is_current=is_fresh and acknowledged == new.number - 1,
        today=today,
    )


def standing(db: sqlite3.Connection) -> Standing:
    """What this till knows of members when it computes an award."""
    row = db.execute("SELECT position FROM feed_position WHERE channel BETWEEN 'members/' AND 'members0'").fetchone()
    return Standing(int(row[0]) if row else 0)


def _completed(known: Entry, text: str) -> Completed:
    body = known.body
    if not isinstance(body, SaleBody):
        raise ValueError(f"entry {known.number} is no sale")
    return Completed(
        till=body.sale.till,
        sale_ref=body.sale.sale_ref,
        number=known.number,
        reference=receipt_reference(known.envelope.terminal, known.number),
        member=known.member,
        total_minor=body.sale.total_minor,
        redeem_points=body.redeemed,
        redeemed_minor=body.redeemed_minor,
        due_minor=body.sale.total_minor - body.redeemed_minor,
        earned_points=body.awarded,
        receipt_text=text,
    )


def _receipt_text(db: sqlite3.Connection, known: Entry) -> str:
    kept = receipts.document(db, known.number)
    return decode_document(kept).text() if kept else ""


def _differs(sale: Sale) -> Conflict:
    return Conflict(
        "SALE_DIFFERS",
        f"Sale {sale.sale_ref} of till {sale.till} is recorded already, with other content. It stays as it was.",
        hint="Give this sale a reference of its own, or void the recorded one.",
    )


def _require_sane(sale: Sale, program: Program, redeem_points: int) -> None:
    if sale.currency != program.currency:
        raise BadRequest(
            "CURRENCY",
            f"This sale is in {sale.currency or 'no currency'}; the programme counts in {program.currency}.",
            hint="Nothing was recorded. Send the sale in the programme's currency, or without loyalty.",
        )
    negative = [line.line_id for line in sale.lines if line.amount_minor < 0 or line.quantity_milli < 0]
    if sale.total_minor < 0 or negative or redeem_points < 0:
        what = f"line {negative[0]}" if negative else "the total" if sale.total_minor < 0 else "redeem"
        raise BadRequest(
            "NEGATIVE",
            f"A sale has no negative amounts, but {what} is below zero.",
            hint="Take a discount off the line that it belongs to; goods that come back are a refund.",
        )
    if len({line.line_id for line in sale.lines}) < len(sale.lines):
        raise BadRequest("LINE_TWICE", "Two lines of this sale have the same line_id.", hint="Number the lines.")
    largest = max(sale.total_minor, *(max(line.amount_minor, line.quantity_milli) for line in sale.lines), 0)
    if largest > MOST or len(msgspec.json.encode(sale)) > MAX_SALE_BYTES:
        raise BadRequest(
            "TOO_LARGE",
            f"This sale is too large: at most {MOST} in a figure, and {MAX_SALE_BYTES} bytes in all.",
            hint="Nothing was recorded. Send fewer lines, or shorter names.",
        )
    if not sale.till or not sale.sale_ref or len(sale.document) > MAX_SALE_DOCUMENT or not sale.document.isprintable():
        raise BadRequest(
            "NAME",
            "A sale is named by its till and its reference; one of them is missing, too long or unprintable.",
            hint="Nothing was recorded. Send both, short and printable.",
        )
    try:
        is_day = date.fromisoformat(sale.business_day).isoformat() == sale.business_day
    except ValueError:
        is_day = False
    if not is_day:
        raise BadRequest(
            "DAY", f"{sale.business_day!r} is no day.", hint="Nothing was recorded. Write it like 2026-11-21."
        )


def _spendable_text(spendable: int, balance: Balance) -> str:
    return f"{spendable} of your {balance.points} points can be used here today."
