"""One entry, posted: what it did to the rights of its own till as it stands, and what follows from it for the member's points.

Whatever head office finds different it posts against the member's available points, and then against debt. So the order in
which tills are heard does not matter. An entry that cannot be posted raises what is wrong with it; `apply` sees to the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sqlalchemy import Row, select

from central_server import schema
from central_server.applying import gives, referrals
from central_server.applying.books import Books, Origin, Settlement
from central_server.applying.sales import Sales
from central_server.care import bonus
from central_server.database import keep
from central_server.membership import consents
from central_server.notes import note_row
from central_server.office import Office
from central_server.shops import closings
from ledger.entry import (
    ClaimBody,
    ClosingBody,
    ConsentBody,
    Entry,
    EntryUnreadable,
    Envelope,
    GiveBody,
    HelloBody,
    JoinBody,
    MergeBody,
    OpenBody,
    ReleaseBody,
    ReturnBody,
    SaleBody,
    TakeBody,
    read_envelope,
)
from ledger.keys import grant_message, is_signed, merge_message
from ledger.postings import postings
from ledger.settlement import AVAILABLE, MemberBook
from loyalty.sale import Sale

InboxRow = Row[tuple[object, ...]]


def note_of(office: Office, row: InboxRow, code: str, reason: str) -> dict[str, object]:
    return note_row(office, row.terminal, row.number, row.hash, code, reason)


class EntryPosting:
    """One entry being posted: in which shop, on which branch, as what. `entry` is None where it cannot be read."""

    def __init__(
        self, books: Books, sales: Sales, shop: str, row: InboxRow, entry: Entry | None, *, esc_is_posted: bool = False
    ) -> None:
        self.books = books
        self.sales = sales
        self.shop = shop
        self.row = row
        self.entry = entry
        self.place = f"{row.terminal}/{row.branch}"
        self.esc_is_posted = esc_is_posted

    def whole(self) -> None:
        entry = self.entry
        if entry is None:
            self.envelope_alone()
            return
        envelope = entry.envelope
        _check_points(envelope)
        self.origin = self._origin(envelope)
        self.esc: Mapping[str, int] = {} if self.esc_is_posted else envelope.esc
        if envelope.member:
            joined = envelope.occurred_at if isinstance(entry.body, JoinBody) else ""
            self.books.know(envelope.member, self.shop, joined)
        elif postings(entry) and not isinstance(entry.body, OpenBody):
            raise ValueError("it moves points and names no member")
        match entry.body:
            case SaleBody() as body:
                self._sale(entry, body)
            case ReturnBody() as body:
                self._return(entry, body)
            case ClaimBody() as body:
                self._claim(entry, body)
            case GiveBody() as body:
                self._give(entry, body)
            case TakeBody() as body:
                self._take(entry, body)
            case ReleaseBody():
                with self.books.settling(self.origin, postings(entry)) as settlement:
                    self._settle_rights(settlement, entry)
            case OpenBody() as body:
                self._open(entry, body)
            case MergeBody() as body:
                self._merge(body)
            case JoinBody() as body:
                if body.referrer:
                    self.sales.flush()  # what was bought is looked for in the tables
                    referrals.joined(self.books, self.shop, entry, body.referrer)
            case ClosingBody() as body:
                closings.recorded(self.books, self.shop, entry, body)
            case ConsentBody() as body:
                consents.recorded(self.books, entry, body)
            case HelloBody():
                pass
            case _:
                raise ValueError(f"a terminal does not write entries of kind {entry.kind}")

    def envelope_alone(self) -> None:
        """Of an entry that is not understood, only what it did to the rights of its own till."""
        try:
            envelope = read_envelope(self.row.data)
        except EntryUnreadable:
            return
        if not envelope.member or not envelope.esc:
            return
        _check_points(envelope)
        self.books.know(envelope.member, self.shop)
        with self.books.settling(self._origin(envelope), []) as settlement:
            book = settlement.book(envelope.member)
            self.books.expect_lots(book, envelope.esc, envelope.business_day)
            self._settle(book, envelope.member, envelope.esc)

    def _note(self, code: str, reason: str) -> None:
        """For a person to look at; it stops nothing."""
        keep(self.books.connection, schema.note, [note_of(self.books.office, self.row, code, reason)])

    def _origin(self, envelope: Envelope) -> Origin:
        row = self.row
        return Origin(row.terminal, row.number, row.hash, envelope.occurred_at, envelope.business_day)

    def _settle(
        self,
        book: MemberBook,
        member: str,
        esc: Mapping[str, int],
        *,
        awarded: Mapping[str, int] | None = None,
        outgoing: int = 0,
    ) -> None:
        bears, borne = self.books.forfeited(member, self.place), self.books.borne(member, self.place)
        self._bear(
            member, book.settle(self.place, esc, awarded=awarded, outgoing=outgoing, store_bears=bears, borne=borne)
        )

    def _bear(self, member: str, points: int) -> None:
        """What a till given up for lost had spent all the same is the shop's loss, booked and shown; below zero, it turned out
        to be none."""
        if points:
            self.books.bear(member, self.place, points)
        if points > 0:
            reason = f"{points} points were spent twice, at a till that had been given up for lost; the shop bears them"
            self._note("loss", reason)

    def _settle_rights(self, settlement: Settlement, entry: Entry) -> None:
        """Posts `esc` as it stands, and nothing else."""
        if entry.member:
            book = settlement.book(entry.member)
            self.books.expect_lots(book, self.esc, entry.envelope.business_day)
            self._settle(book, entry.member, self.esc)

    # -- sales -----------------------------------------------------------------------------------------------------------

    def _sale(self, entry: Entry, body: SaleBody) -> None:
        if body.sale.document != entry.envelope.document:
            raise ValueError("its document is not that of its sale")
        _check_sale(body.sale)
        if body.awarded:
            _check_lot(body.lot, body.expires_on)
        _check_days(body.usable_from, body.extends_to)
        if body.awarded < 0 or not 0 <= body.floor <= body.redeemed:
            raise ValueError("it awards or redeems less than nothing")
        repeated = self.sales.is_repeated(self.shop, entry)
        with self.books.settling(self.origin, postings(entry)) as settlement:
            if repeated:
                self._settle_rights(settlement, entry)
                return
            if entry.member:
                book = settlement.book(entry.member)
                if body.awarded:
                    book.award(body.lot, body.expires_on, body.usable_from)
                bought_on = body.sale.business_day
                if body.extends_to:
                    book.keep_alive(bought_on, body.extends_to)
                self.books.expect_lots(book, self.esc, entry.envelope.business_day)
                self.books.histories.add(self.books.who(entry.member), body.effects, bought_on, sales=1)
                settlement.says(entry.member, issued=-body.awarded, redeemed=body.redeemed)
                awarded = {body.lot: body.awarded} if body.awarded else {}
                self._settle(book, entry.member, self.esc, awarded=awarded, outgoing=body.redeemed)
                if body.floor:
                    self.books.floor_spent(entry.member, self.row.terminal, self.row.number, self.row.hash)
            sold = self.sales.sale(self.shop, entry.envelope.document)
            if sold.is_known:
                return  # the same document with other content: posted above, noted when recorded; returns follow the first
            self.sales.arrive(sold, self.row.terminal, entry)
            claim = next(iter(sold.following("claim")), None)
            if claim is not None and not entry.member:
                self.sales.award_claim(settlement, sold, claim, "", {})
            self.sales.settle_returns(settlement, sold)
        bonus.take_back(self.books, sold)
        if sold.member:
            referrals.bought(self.books, self.shop, sold.member, body.sale, body.program)

    def _claim(self, entry: Entry, body: ClaimBody) -> None:
        if body.awarded:
            _check_lot(body.lot, body.expires_on)
        _check_days(body.usable_from, body.extends_to)
        if body.awarded < 0:
            raise ValueError("it awards less than nothing")
        sold = self.sales.sale(self.shop, body.sale)
        repeated = self.sales.is_repeated(self.shop, entry)
        with self.books.settling(self.origin, postings(entry)) as settlement:
            book = settlement.book(entry.member)
            self.books.expect_lots(book, self.esc, entry.envelope.business_day)
            if repeated:
                self._settle(book, entry.member, self.esc)
            elif not sold.is_known:
                self.sales.follow(sold, self.row.terminal, entry)
                self._settle(book, entry.member, self.esc)
            elif sold.member or sold.claim:
                reason = "the sale that it claims belongs to a member already"
                self._note("conflict", reason)
                self._settle(book, entry.member, self.esc)
            else:
                self.sales.award_claim(settlement, sold, entry, self.place, self.esc)
                self.sales.settle_returns(settlement, sold)
        sale = sold.entry.body if sold.entry is not None and sold.claim == entry.hash else None
        if isinstance(sale, SaleBody):
            referrals.bought(self.books, self.shop, entry.member, sale.sale, sale.program)

    def _return(self, entry: Entry, body: ReturnBody) -> None:
        if body.sale != body.back.sale_document or entry.envelope.document != body.back.document:
            raise ValueError("its document is not that of its return")
        _check_return(body)
        sold = self.sales.sale(self.shop, body.sale)
        repeated = self.sales.is_repeated(self.shop, entry)
        with self.books.settling(self.origin, postings(entry)) as settlement:
            if entry.member:
                self.books.expect_lots(settlement.book(entry.member), self.esc, entry.envelope.business_day)
            if not repeated:
                self.sales.follow(sold, self.row.terminal, entry)
            if repeated or not sold.is_known:
                self._settle_rights(settlement, entry)
            else:
                bears = self.books.forfeited(entry.member, self.place) if entry.member else 0
                borne = self.sales.settle_returns(settlement, sold, self.place, self.esc, entry.member, bears)
                self._bear(entry.member, borne)
        if not repeated:
            bonus.take_back(self.books, sold)

    def _give(self, entry: Entry, body: GiveBody) -> None:
        if body.points > 0:
            _check_lot(body.lot, body.expires_on)
        _check_days(body.usable_from, body.extends_to)
        if body.points > 0 and any(change < 0 for change in self.esc.values()):
            raise ValueError("it gives points and takes rights")
        repeated = self.sales.is_repeated(self.shop, entry)
        with self.books.settling(self.origin, postings(entry)) as settlement:
            if repeated:
                self._settle_rights(settlement, entry)
                return
            book = settlement.book(entry.member)
            self.books.expect_lots(book, self.esc, entry.envelope.business_day)
            gives.post(self.books, settlement, entry, body)
            self._settle(
                book,
                entry.member,
                self.esc,
                awarded={body.lot: body.points} if body.points > 0 else {},
                outgoing=max(0, -body.points),
            )

    # -- rights ----------------------------------------------------------------------------------------------------------

    def _take(self, entry: Entry, body: TakeBody) -> None:
        slices = entry.envelope.esc
        if any(points <= 0 for points in slices.values()):
            raise ValueError("it takes less than nothing")
        for part in body.slices:
            _check_lot(part.lot, part.expires_on)
        is_proven, is_excused = self._proof(entry, body)
        if not is_proven:
            reason = "it takes a grant that head office does not know, and that does not bear its signature"
            self._note("unproved", reason)
        with self.books.settling(self.origin, postings(entry)) as settlement:
            book = settlement.book(entry.member)
            for part in body.slices:
                book.expires_on.setdefault(part.lot, part.expires_on)
            self.books.expect_lots(book, slices, entry.envelope.business_day)
            if self.esc_is_posted:
                for lot, points in slices.items():
                    found = book.pay([(("granted", self.place), lot)], points)
                    book.put(AVAILABLE, lot, found)
                book.repay()
            elif is_excused:
                self._bear(entry.member, book.take(self.place, slices, store_bears=sum(slices.values())))
            else:
                bears = self.books.forfeited(entry.member, self.place)
                self._bear(entry.member, book.take(self.place, slices, store_bears=bears))

    def _proof(self, entry: Entry, body: TakeBody) -> tuple[bool, bool]:
        """Whether head office granted this, and whether a person went on without this till after a restore.

        A restored head office may have forgotten a grant: its own signature says that there was one.
        """
        table = schema.grant.c
        known: int | None = self.books.connection.scalar(
            select(table.points).where(table.terminal == self.row.terminal, table.grant_id == body.grant)
        )
        if known is not None:
            return int(known) == sum(entry.envelope.esc.values()), False
        parts: list[list[object]] = [[part.lot, part.points, part.expires_on] for part in body.slices]
        envelope = entry.envelope
        message = grant_message(body.grant, envelope.terminal, envelope.epoch, entry.member, parts)
        is_proven = is_signed(self.books.office.signing.public, message, body.signature)
        roster = self.books.office.roster
        return is_proven, is_proven and roster.is_excused(envelope.terminal, envelope.epoch, body.grant)

    def _open(self, entry: Entry, body: OpenBody) -> None:
        """A new epoch: whatever the one before held, or had been granted and not taken, is the members' again."""
        by_owner: dict[str, dict[str, int]] = {}
        for lot, change in self.esc.items():
            owner = self.books.know(body.owners[lot], self.shop)
            by_owner.setdefault(owner, {})[lot] = change
        if self.row.number == 1:
            return
        table = schema.holding.c
        holders = self.books.connection.scalars(
            select(table.member).where(table.branch == self.place, table.place.in_(["escrow", "granted"])).distinct()
        ).all()
        touched = {*map(self.books.who, holders), *by_owner, *self.books.touched_at(self.place)}
        self.books.prefetch(touched)
        with self.books.settling(self.origin, postings(entry)) as settlement:
            for member in sorted(touched):
                book = settlement.book(member)
                esc = by_owner.get(member, {})
                self.books.expect_lots(book, esc, entry.envelope.business_day)
                self._settle(book, member, esc)
                book.give_up(self.place)
        self.books.forget_forfeited(self.place)

    def _merge(self, body: MergeBody) -> None:
        """A till tells of a merge that a restored head office has forgotten: its own signature says that there was one."""
        if self.books.who(body.old) == self.books.who(body.into):
            return
        message = merge_message(body.merge, body.old, body.into)
        if not is_signed(self.books.office.signing.public, message, body.signature):
            reason = "it tells of a merge that head office does not know, and that does not bear its signature"
            self._note("unproved", reason)
            return
        for member in (body.old, body.into):
            self.books.know(member, self.shop)
        self.books.merge(body.old, body.into, self.origin, body.merge)


# -- what an entry must not say -------------------------------------------------------------------------------------------


def _check_points(envelope: Envelope) -> None:
    if sum(abs(change) for change in envelope.esc.values()) > 10**12:
        raise ValueError("it changes more rights than there can be")


def _check_lot(lot: str, expires_on: str) -> None:
    if date.fromisoformat(expires_on).isoformat() != expires_on:
        raise ValueError("it writes a day otherwise than year, month and day")  # tills take no feed that has one
    if not lot or len(lot) > 64 or "\x00" in lot:
        raise ValueError("a lot of it has no usable name")


def _check_days(*days: str) -> None:
    for day in days:
        if day and date.fromisoformat(day).isoformat() != day:
            raise ValueError("it writes a day otherwise than year, month and day")


def _check_sale(sale: Sale) -> None:
    amounts = [sale.total_minor]
    for line in sale.lines:
        amounts += line.amount_minor, line.quantity_milli
    if min(amounts) < 0 or max(amounts) > 10**15:
        raise ValueError("it has an amount or a quantity below zero, or beyond reason")


def _check_return(body: ReturnBody) -> None:
    quantities = [line.quantity_milli for line in body.back.lines if line.quantity_milli is not None]
    if min([body.taken, body.restored, body.back.amount_minor or 0, *quantities]) < 0:
        raise ValueError("it returns less than nothing")
