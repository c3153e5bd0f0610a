"""What entries mean for members' points: applied in order, branch by branch, apart from recording them.

What an entry did to the rights of its own till is posted as it stands; whatever head office finds different it posts against
the member's available points, and then against debt. So the order in which tills are heard does not matter. An entry that
cannot be applied is noted for a person and blocks nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, Row, delete, select, update

from central_server import schema
from central_server.books import Books, Origin, Settlement, empty
from central_server.database import is_entrys_fault, keep
from central_server.documents import content
from central_server.notes import note_row
from central_server.office import Office
from central_server.sales import SaleDocument, award_claim
from ledger.entry import (
    ClaimBody,
    Entry,
    EntryUnreadable,
    Envelope,
    JoinBody,
    OpenBody,
    ReleaseBody,
    ReturnBody,
    SaleBody,
    TakeBody,
    read_entry,
    read_envelope,
)
from ledger.keys import grant_message, is_signed
from ledger.postings import postings
from ledger.settlement import AVAILABLE
from loyalty.sale import Sale

CHUNK = 200
"""Entries in one transaction: many, because each COMMIT waits for the disk; few, because grants wait for the ledger."""

InboxRow = Row[tuple[object, ...]]


def apply_pending(office: Office, limit: int = 10_000) -> int:
    """Applies up to `limit` recorded entries; answers how many. Nothing is pending once it answers less than `limit`."""
    done = 0
    while done < limit:
        with office.database.writing() as connection:
            applied = _apply_some(office, connection, min(CHUNK, limit - done))
        done += applied
        if not applied:
            break
    return done


def apply_takes(office: Office, connection: Connection, terminal: str, hashes: Sequence[str]) -> None:
    """Books takes as they are recorded, before and apart from all other entries: from then on their rights count."""
    if not hashes:
        return
    books = Books(connection, office)
    table = schema.inbox.c
    rows = connection.execute(
        select(schema.inbox).where(table.terminal == terminal, table.hash.in_(hashes)).order_by(table.number)
    ).all()
    shop = _shop_of(connection, terminal)
    for row in rows:
        _guarded(books, shop, row)
    books.finish()


def expire_due(office: Office, limit: int = 500) -> int:
    """Posts the end of lots whose day has come, for up to `limit` members; answers for how many."""
    with office.database.writing() as connection:
        books = Books(connection, office)
        holding, lot = schema.holding.c, schema.lot.c
        due = connection.scalars(
            select(holding.member)
            .join_from(schema.holding, schema.lot, (lot.member == holding.member) & (lot.lot == holding.lot))
            .where(holding.place == "available", lot.expires_on <= books.today)
            .distinct()
            .limit(limit)
        ).all()
        for member in due:
            books.expire(member)
        books.finish()
    return len(due)


def understand(office: Office) -> int:
    """After an upgrade: parked entries that can be read by now get the rest of their postings. Answers how many."""
    understood = 0
    with office.database.writing() as connection:
        books = Books(connection, office)
        inbox, note = schema.inbox, schema.note
        parked = (
            (inbox.c.terminal == note.c.terminal) & (inbox.c.number == note.c.number) & (inbox.c.hash == note.c.hash)
        )
        applied = (schema.branch.c.terminal == inbox.c.terminal) & (schema.branch.c.branch == inbox.c.branch)
        rows = connection.execute(
            select(inbox)
            .join_from(inbox, note, parked)
            .join(schema.branch, applied)
            .where(note.c.code == "parked", inbox.c.number <= schema.branch.c.applied_number)
        ).all()
        for row in rows:
            try:
                entry = read_entry(row.data)
            except EntryUnreadable:
                continue
            shop = _shop_of(connection, row.terminal)
            filed = schema.document.c
            connection.execute(
                update(schema.document)
                .where(filed.shop == shop, filed.document == row.document, filed.hash == row.hash)
                .values(content=content(entry))
            )
            here = (inbox.c.terminal == row.terminal, inbox.c.number == row.number, inbox.c.hash == row.hash)
            connection.execute(update(inbox).where(*here).values(outcome="recorded"))
            connection.execute(
                delete(note).where(
                    note.c.terminal == row.terminal,
                    note.c.number == row.number,
                    note.c.hash == row.hash,
                    note.c.code == "parked",
                )
            )
            _guarded(books, shop, row, esc_is_posted=True)
            understood += 1
        books.finish()
    return understood


def _apply_some(office: Office, connection: Connection, limit: int) -> int:
    books = Books(connection, office)
    inbox, branch = schema.inbox, schema.branch
    rows = connection.execute(
        select(inbox)
        .join_from(inbox, branch, (branch.c.terminal == inbox.c.terminal) & (branch.c.branch == inbox.c.branch))
        .where(branch.c.applied_number < branch.c.head_number, inbox.c.number > branch.c.applied_number)
        .order_by(inbox.c.terminal, inbox.c.number)
        .limit(limit)
    ).all()
    shops: dict[str, str] = {}
    applied: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.terminal not in shops:
            shops[row.terminal] = _shop_of(connection, row.terminal)
        if row.kind != "take" or row.outcome == "parked":
            _guarded(books, shops[row.terminal], row)
        applied[row.terminal, row.branch] = row.number
    for (terminal, name), number in applied.items():
        connection.execute(
            update(branch).where(branch.c.terminal == terminal, branch.c.branch == name).values(applied_number=number)
        )
    books.finish()
    return len(rows)


def _shop_of(connection: Connection, terminal: str) -> str:
    shop: str | None = connection.scalar(select(schema.terminal.c.shop).where(schema.terminal.c.terminal == terminal))
    assert shop is not None, "only an enrolled terminal has entries"
    return shop


def _guarded(books: Books, shop: str, row: InboxRow, *, esc_is_posted: bool = False) -> None:
    """Applies one entry or, where it cannot be, posts its effect on the till's rights alone and notes why."""
    try:
        with books.connection.begin_nested():
            _Applied(books, shop, row, esc_is_posted).apply()
    except Exception as error:
        if not is_entrys_fault(error):
            raise
        books.forget()
        reason = f"{type(error).__name__}: {error}" if isinstance(error, ValueError) else type(error).__name__
        keep(books.connection, schema.note, [_note(books, row, "quarantine", reason)])
        if esc_is_posted:
            return
        try:
            with books.connection.begin_nested():
                _Applied(books, shop, row, esc_is_posted).apply_envelope()
        except Exception as second:
            if not is_entrys_fault(second):
                raise
            books.forget()


def _note(books: Books, row: InboxRow, code: str, reason: str) -> dict[str, object]:
    return note_row(books.office, row.terminal, row.number, row.hash, code, reason)


class _Applied:
    """One entry being applied: in which shop, on which branch, as what."""

    def __init__(self, books: Books, shop: str, row: InboxRow, esc_is_posted: bool) -> None:
        self.books = books
        self.shop = shop
        self.row = row
        self.place = f"{row.terminal}/{row.branch}"
        self.esc_is_posted = esc_is_posted

    def apply(self) -> None:
        if self.row.outcome == "parked" and not self.esc_is_posted:
            self.apply_envelope()
            return
        entry = read_entry(self.row.data)
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
            case TakeBody() as body:
                self._take(entry, body)
            case ReleaseBody():
                with self.books.settling(self.origin, postings(entry)) as settlement:
                    self._settle_rights(settlement, entry)
            case OpenBody() as body:
                self._open(entry, body)
            case JoinBody():
                pass
            case _:
                raise ValueError(f"a terminal does not write entries of kind {entry.kind}")

    def apply_envelope(self) -> None:
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
            book.settle(self.place, envelope.esc)

    def _origin(self, envelope: Envelope) -> Origin:
        row = self.row
        return Origin(row.terminal, row.number, row.hash, envelope.occurred_at, envelope.business_day)

    def _settle_rights(self, settlement: Settlement, entry: Entry) -> None:
        """Posts `esc` as it stands, and nothing else."""
        if entry.member:
            book = settlement.book(entry.member)
            self.books.expect_lots(book, self.esc, entry.envelope.business_day)
            book.settle(self.place, self.esc)

    def _is_repeated(self, entry: Entry) -> bool:
        """Whether another entry has brought this document already, with the same content."""
        filed = schema.document.c
        row = self.books.connection.execute(
            select(filed.hash, filed.content).where(filed.shop == self.shop, filed.document == entry.envelope.document)
        ).one()
        return bool(row.hash != entry.hash and row.content == content(entry))

    # -- sales -----------------------------------------------------------------------------------------------------------

    def _sale(self, entry: Entry, body: SaleBody) -> None:
        if body.sale.document != entry.envelope.document:
            raise ValueError("its document is not that of its sale")
        _check_sale(body.sale)
        if body.awarded:
            _check_lot(body.lot, body.expires_on)
        if body.redeemed < 0 or body.awarded < 0:
            raise ValueError("it awards or redeems less than nothing")
        repeated = self._is_repeated(entry)
        with self.books.settling(self.origin, postings(entry)) as settlement:
            if repeated:
                self._settle_rights(settlement, entry)
                return
            if entry.member:
                book = settlement.book(entry.member)
                if body.awarded:
                    book.expires_on[body.lot] = body.expires_on
                self.books.expect_lots(book, self.esc, entry.envelope.business_day)
                settlement.says(entry.member, issued=-body.awarded, redeemed=body.redeemed)
                incoming = {body.lot: body.awarded} if body.awarded else {}
                book.settle(self.place, self.esc, incoming=incoming, outgoing=body.redeemed)
            document = SaleDocument(self.books, self.shop, entry.envelope.document)
            if document.is_known:
                return  # the same document with other content: posted above, noted when recorded; returns follow the first
            document.arrive(self.row.terminal, entry)
            claim = next(iter(document.follow_ups("claim")), None)
            if claim is not None and not entry.member:
                award_claim(settlement, self.books, document, claim, "", {})
            document.settle_returns(settlement, "", {}, "")

    def _claim(self, entry: Entry, body: ClaimBody) -> None:
        _check_lot(body.lot, body.expires_on)
        if body.awarded < 0:
            raise ValueError("it awards less than nothing")
        document = SaleDocument(self.books, self.shop, body.sale)
        repeated = self._is_repeated(entry)
        with self.books.settling(self.origin, postings(entry)) as settlement:
            book = settlement.book(entry.member)
            self.books.expect_lots(book, self.esc, entry.envelope.business_day)
            if repeated:
                book.settle(self.place, self.esc)
            elif not document.is_known:
                document.follow("claim", self.row.terminal, entry)
                book.settle(self.place, self.esc)
            elif document.member or document.claim:
                reason = "the sale that it claims belongs to a member already"
                keep(self.books.connection, schema.note, [_note(self.books, self.row, "conflict", reason)])
                book.settle(self.place, self.esc)
            else:
                award_claim(settlement, self.books, document, entry, self.place, self.esc)
                document.settle_returns(settlement, "", {}, "")

    def _return(self, entry: Entry, body: ReturnBody) -> None:
        if body.sale != body.back.sale_document or entry.envelope.document != body.back.document:
            raise ValueError("its document is not that of its return")
        _check_return(body)
        document = SaleDocument(self.books, self.shop, body.sale)
        repeated = self._is_repeated(entry)
        with self.books.settling(self.origin, postings(entry)) as settlement:
            if entry.member:
                self.books.expect_lots(settlement.book(entry.member), self.esc, entry.envelope.business_day)
            if not repeated:
                document.follow("return", self.row.terminal, entry)
            if repeated or not document.is_known:
                self._settle_rights(settlement, entry)
            else:
                document.settle_returns(settlement, self.place, self.esc, entry.member)

    # -- rights ----------------------------------------------------------------------------------------------------------

    def _take(self, entry: Entry, body: TakeBody) -> None:
        slices = entry.envelope.esc
        if any(points <= 0 for points in slices.values()):
            raise ValueError("it takes less than nothing")
        if not self._is_proven(entry, body):
            reason = "it takes a grant that head office does not know, and that does not bear its signature"
            keep(self.books.connection, schema.note, [_note(self.books, self.row, "unproved", reason)])
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
            else:
                book.take(self.place, slices)

    def _is_proven(self, entry: Entry, body: TakeBody) -> bool:
        """A restored server may have forgotten a grant: its own signature says that there was one."""
        table = schema.grant.c
        known: int | None = self.books.connection.scalar(
            select(table.points).where(table.terminal == self.row.terminal, table.grant_id == body.grant)
        )
        if known is not None:
            return int(known) == sum(entry.envelope.esc.values())
        parts: list[list[object]] = [[part.lot, part.points, part.expires_on] for part in body.slices]
        envelope = entry.envelope
        message = grant_message(body.grant, envelope.terminal, envelope.epoch, entry.member, parts)
        return is_signed(self.books.office.signing.public, message, body.signature)

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
        with self.books.settling(self.origin, postings(entry)) as settlement:
            for member in sorted({*holders, *by_owner}):
                book = settlement.book(member)
                esc = by_owner.get(member, {})
                self.books.expect_lots(book, esc, entry.envelope.business_day)
                book.settle(self.place, esc)
                empty(book, self.place)


# -- what an entry must not say -------------------------------------------------------------------------------------------


def _check_points(envelope: Envelope) -> None:
    if sum(abs(change) for change in envelope.esc.values()) > 10**12:
        raise ValueError("it changes more rights than there can be")


def _check_lot(lot: str, expires_on: str) -> None:
    date.fromisoformat(expires_on)
    if not lot or len(lot) > 64 or "\x00" in lot:
        raise ValueError("its award names no lot")


def _check_sale(sale: Sale) -> None:
    amounts = [
        sale.total_minor,
        *(line.amount_minor for line in sale.lines),
        *(line.quantity_milli for line in sale.lines),
    ]
    if min(amounts) < 0 or max(amounts) > 10**15:
        raise ValueError("it has an amount or a quantity below zero, or beyond reason")


def _check_return(body: ReturnBody) -> None:
    quantities = [line.quantity_milli for line in body.back.lines if line.quantity_milli is not None]
    if min([body.taken, body.restored, body.back.amount_minor or 0, *quantities]) < 0:
        raise ValueError("it returns less than nothing")
