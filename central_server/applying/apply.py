"""What entries mean for members' points: applied in order, branch by branch, apart from recording them.

Here stands what is next, how much of it in one transaction, and what becomes of an entry that cannot be posted: it is noted for
a person and blocks nothing. How one entry is posted is `posting`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, select, update

from central_server import schema
from central_server.applying.books import Books, Origin
from central_server.applying.documents import content
from central_server.applying.histories import forget_vested
from central_server.applying.posting import EntryPosting, InboxRow, note_of
from central_server.applying.sales import Sales, sale_named_by
from central_server.database import is_entrys_fault, keep
from central_server.figures import facts
from central_server.office import Office
from central_server.shops import closings, open_days
from central_server.tills import grants
from ledger.entry import Entry, EntryUnreadable, read_entry

CHUNK = 2000
"""Entries in one transaction: many, because each COMMIT waits for the disk; few, because grants wait for the ledger."""

AT_RECORD = ("take", "merge")
"""Kinds of entries that are booked as they are recorded, before and apart from all others."""

How = Literal["whole", "envelope", "nothing"]
"""How much of an entry is posted: all that it says, or only what it did to its till's rights, or not even that."""


class _Unfit(Exception):
    """An entry that cannot be applied as it is; everything since the last COMMIT is undone and done again without it."""

    def __init__(self, entry_hash: str, reason: str) -> None:
        super().__init__(reason)
        self.entry_hash = entry_hash


def apply_pending(office: Office, limit: int = 10_000) -> int:
    """Applies up to `limit` recorded entries; answers how many. Nothing is pending once it answers less than `limit`."""
    done = 0
    while done < limit:
        applied = _apply_some(office, min(CHUNK, limit - done))
        done += applied
        if not applied:
            break
    return done


def _apply_some(office: Office, limit: int) -> int:
    """One transaction's worth. An entry that is unfit is left aside, noted, and the others are applied."""
    unfit: dict[str, list[str]] = {}
    while True:
        try:
            return office.database.write(partial(_apply_chunk, office, limit, unfit))
        except _Unfit as found:
            if len(unfit.get(found.entry_hash, ())) >= 2:
                # Not even without it: nothing that it says is at fault, and trying again would never end.
                raise found.__cause__ or found from None
            if found.entry_hash:
                unfit.setdefault(found.entry_hash, []).append(str(found))
            else:
                limit = 1  # the database refused something: one by one it shows whose it was


def _apply_chunk(office: Office, limit: int, unfit: Mapping[str, list[str]], connection: Connection) -> int:
    books = Books(connection, office)
    sales = Sales(books)
    inbox, branch = schema.inbox, schema.branch
    rows = connection.execute(
        select(inbox)
        .join_from(inbox, branch, (branch.c.terminal == inbox.c.terminal) & (branch.c.branch == inbox.c.branch))
        .where(branch.c.applied_number < branch.c.head_number, inbox.c.number > branch.c.applied_number)
        # A branch counts without gaps, so nothing further on can be among the first: it need not be read and sorted.
        .where(inbox.c.number <= branch.c.applied_number + limit)
        .order_by(inbox.c.terminal, inbox.c.number)
        .limit(limit)
    ).all()
    if not rows:
        return 0
    terminals = _terminals(connection, {row.terminal for row in rows})
    entries = {row.hash: _readable(row) for row in rows if row.outcome != "parked"}
    books.prefetch({row.member for row in rows})
    for terminal, about in terminals.items():
        own = [row for row in rows if row.terminal == terminal]
        named = [entry for row in own if (entry := entries.get(row.hash)) is not None]
        sales.prefetch(about.shop, [row.document for row in own], filter(None, map(sale_named_by, named)))
    seen: dict[str, tuple[str, str]] = {}
    for row in rows:
        if row.kind in AT_RECORD and row.outcome != "parked":
            continue
        reasons = unfit.get(row.hash, ())
        how: How = "whole" if not reasons else "envelope" if len(reasons) == 1 else "nothing"
        shop = terminals[row.terminal].shop
        _post(EntryPosting(books, sales, shop, row, entries.get(row.hash)), how)
        if reasons:
            keep(connection, schema.note, [note_of(office, row, "quarantine", reasons[0])])
        elif row.kind == "sale" and row.member:
            seen[books.who(row.member)] = row.terminal, row.branch
    understood = [entry for row in rows if (entry := entries.get(row.hash)) is not None]
    open_days.follow(connection, understood, {name: about.shop for name, about in terminals.items()})
    for (terminal, name), number in {(row.terminal, row.branch): row.number for row in rows}.items():
        connection.execute(
            update(branch).where(branch.c.terminal == terminal, branch.c.branch == name).values(applied_number=number)
        )
    grants.keep_standing(books, seen)
    try:
        sales.flush()
        books.flush()
    except Exception as error:
        if not is_entrys_fault(error):
            raise
        raise _Unfit(rows[0].hash if len(rows) == 1 else "", type(error).__name__) from error
    return len(rows)


def _post(posting: EntryPosting, how: How) -> None:
    try:
        if how == "whole":
            posting.whole()
        elif how == "envelope":
            posting.envelope_alone()
    except Exception as error:
        if not is_entrys_fault(error):
            raise
        reason = f"{type(error).__name__}: {error}" if isinstance(error, ValueError) else type(error).__name__
        raise _Unfit(posting.row.hash, reason) from error


def book_at_record(office: Office, connection: Connection, terminal: str, hashes: Sequence[str]) -> None:
    """Books takes and merges as they are recorded, before and apart from all other entries: from then on rights count."""
    if not hashes:
        return
    table = schema.inbox.c
    rows = connection.execute(
        select(schema.inbox).where(table.terminal == terminal, table.hash.in_(hashes)).order_by(table.number)
    ).all()
    shop = _terminals(connection, {terminal})[terminal].shop
    for row in rows:
        _post_alone(office, connection, shop, row)


def _post_alone(
    office: Office, connection: Connection, shop: str, row: InboxRow, *, esc_is_posted: bool = False
) -> None:
    """Posts one entry in a savepoint of its own, so that what it cannot do undoes nothing else."""
    reason = ""
    for how in ("whole", "envelope", "nothing"):
        try:
            with connection.begin_nested():
                books = Books(connection, office)
                sales = Sales(books)
                if how != "envelope" or not esc_is_posted:
                    _post(EntryPosting(books, sales, shop, row, _readable(row), esc_is_posted=esc_is_posted), how)
                sales.flush()
                books.flush()
                if reason:
                    keep(connection, schema.note, [note_of(office, row, "quarantine", reason)])
                return
        except Exception as error:
            if not isinstance(error, _Unfit) and not is_entrys_fault(error):
                raise
            reason = reason or (str(error) if isinstance(error, _Unfit) else type(error).__name__)


def expire_due(office: Office, limit: int = 500) -> int:
    """Posts the end of lots whose day has come, for up to `limit` members; answers for how many."""

    def work(connection: Connection) -> int:
        books = Books(connection, office)
        holding, lot = schema.holding.c, schema.lot.c
        due = connection.scalars(
            select(holding.member)
            .join_from(schema.holding, schema.lot, (lot.member == holding.member) & (lot.lot == holding.lot))
            .where(holding.place == "available", lot.expires_on <= books.today)
            .distinct()
            .limit(limit)
        ).all()
        books.prefetch(due)
        origin = Origin(office.server, 0, "", office.time(), books.today)
        for member in due:
            with books.settling(origin, [], cause="expired") as settlement:
                settlement.book(member).expire()
        books.flush()
        forget_vested(connection, books.today)
        return len(due)

    return office.database.write(work)


def understand(office: Office) -> int:
    """After an upgrade: parked entries that can be read by now get the rest of their postings. Answers how many."""

    def work(connection: Connection) -> int:
        understood: list[InboxRow] = []
        entries: list[Entry] = []
        connection.execute(select(schema.chain).where(schema.chain.c.server == office.server).with_for_update())
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
            .order_by(inbox.c.terminal, inbox.c.number)
        ).all()
        terminals = _terminals(connection, {row.terminal for row in rows})
        for row in rows:
            try:
                entry = read_entry(row.data)
            except EntryUnreadable:
                continue
            shop = terminals[row.terminal].shop
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
            _post_alone(office, connection, shop, row, esc_is_posted=True)
            understood.append(row)
            entries.append(entry)
        open_days.follow(connection, entries, {name: about.shop for name, about in terminals.items()})
        closings.compare_again(connection, {row.terminal: row.shop for row in terminals.values()})
        facts.count_understood(office, connection, understood)
        return len(understood)

    return office.database.write(work)


def _terminals(connection: Connection, names: set[str]) -> dict[str, Row[Any, Any]]:
    table = schema.terminal.c
    rows = connection.execute(select(table.terminal, table.shop).where(table.terminal.in_(names))).all()
    return {row.terminal: row for row in rows}


def _readable(row: InboxRow) -> Entry | None:
    try:
        return read_entry(row.data)
    except EntryUnreadable:
        return None
