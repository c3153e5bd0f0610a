"""Proof that a till's file is whole: the chain, the postings, the lots, the histories, the documents."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from ledger.chain import breaks
from ledger.entry import (
    ClaimBody,
    Entry,
    EntryUnreadable,
    GiveBody,
    OpenBody,
    ReturnBody,
    SaleBody,
    Slice,
    TakeBody,
    read_entry,
)
from ledger.postings import MEMBER_ACCOUNTS, postings
from offline_store import histories, journal, settings


@dataclass(frozen=True)
class Verified:
    """`problems` is empty for an honest file; each is a sentence that names its entry or member."""

    entries: int
    members: int
    points: int
    head: str
    problems: list[str]


def verify(db: sqlite3.Connection, progress: Callable[[int], None] = lambda number: None) -> Verified:
    """Reads the whole journal once and compares everything that is derived from it.

    `progress` is told the number of the entry that has been reached, now and then.
    """
    problems = [f"SQLite: {line}" for (line,) in db.execute("PRAGMA quick_check(20)").fetchall() if line != "ok"]
    reached = 0
    totals: Counter[str] = Counter()
    sums: Counter[tuple[str, str]] = Counter()
    lots: Counter[str] = Counter()
    unlike: set[str] = set()
    history = histories.Sums(db)
    pending = {number for (number,) in db.execute("SELECT number FROM pending_take")}

    def seen(rows: Iterable[tuple[int, str, bytes]]) -> Iterator[tuple[int, str, bytes]]:
        nonlocal reached
        kept = _kept_postings(db)
        ahead = next(kept, None)
        for number, kept_hash, data in rows:
            yield number, kept_hash, data
            reached = number
            if number % 2000 == 0:
                progress(number)
            stored: list[tuple[str, str, str, int]] = []
            while ahead is not None and ahead[0] <= number:
                if ahead[0] == number:
                    stored.append(ahead[1:])
                else:
                    problems.append(f"posting of entry {ahead[0]}, which is not there")
                ahead = next(kept, None)
            for member, _, account, amount in stored:
                totals[member] += amount if account in MEMBER_ACCOUNTS else 0
                sums[member, account] += amount
            try:
                read = read_entry(data)
            except EntryUnreadable:
                continue  # breaks() has named it
            expected = sorted(postings(read))
            if expected != sorted(stored):
                problems.append(f"entry {number}: its postings are {sorted(stored)}, they should be {expected}")
            if sum(posting.amount for posting in postings(read)):
                problems.append(f"entry {number}: its postings do not add up to zero")
            if journal.number_of(db, read.envelope.document) != number:
                problems.append(f"entry {number}: document {read.envelope.document} does not lead back to it")
            for lot, change in read.envelope.esc.items():
                owner = read.body.owners.get(lot, "") if isinstance(read.body, OpenBody) else read.member
                lots[owner] += change * hash(lot)
            history.add(read)
            if number not in pending and _is_unlike(db, read):
                unlike.add(read.member)
        if ahead is not None:
            problems.append(f"posting of entry {ahead[0]}, which is not there")

    problems += [found.what for found in breaks(seen(journal.every(db)))]
    for member in sorted(unlike):
        problems += _wrong_expiries(db, member, pending)
    problems += history.wrong()
    problems += _wrong_lots(db, sums, lots)
    number, head = journal.head(db)
    (documents,) = db.execute("SELECT count(*) FROM document").fetchone()
    if documents > reached:
        problems.append(f"{documents - reached} documents are of entries that are not there")
    acknowledged = int(settings.get(db, "acknowledged", "0"))
    if acknowledged > number:
        problems.append(f"head office has entries up to {acknowledged}, here the last is {number}")
    (missing,) = db.execute("SELECT count(*) FROM receipt WHERE number > ?", (number,)).fetchone()
    if missing:
        problems.append(f"{missing} receipts belong to entries that are not there")
    return Verified(reached, len(totals), sum(totals.values()), head, problems)


def _kept_postings(db: sqlite3.Connection) -> Iterator[tuple[int, str, str, str, int]]:
    cursor = db.execute("SELECT number, member, commodity, account, amount FROM posting ORDER BY number")
    yield from cursor


def _wrong_lots(db: sqlite3.Connection, sums: Counter[tuple[str, str]], lots: Counter[str]) -> Iterator[str]:
    """Members whose lots are not what the journal leaves them. `lots`: each member's sum of points × hash of their lot.

    Such a sum tells lots apart and takes the room of one number, where a till may have a million lots.
    """
    held: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for member, lot, points in db.execute("SELECT member, lot, held FROM lot WHERE held > 0"):
        held[member] += points
        kept[member] += points * hash(lot)
    for member, slices in db.execute("SELECT member, slices FROM pending_take"):
        for part in msgspec.json.decode(slices, type=list[Slice]):
            held[member] += part.points
            kept[member] += part.points * hash(part.lot)
    for member in sorted({*held, *(member for member, account in sums if account == "escrow")}):
        if held[member] != sums[member, "escrow"]:
            yield f"member {member}: {held[member]} points are held here or coming, the postings say {sums[member, 'escrow']}"
        elif kept[member] != lots[member]:
            yield f"member {member}: the points held here are of other lots than the journal says"


def _is_unlike(db: sqlite3.Connection, read: Entry) -> bool:
    """Whether a lot that an entry brings is kept here until another day than the entry says."""
    for lot, expires_on in _expiries(read).items():
        row = db.execute("SELECT expires_on FROM lot WHERE member = ? AND lot = ?", (read.member, lot)).fetchone()
        if row is not None and row[0] != expires_on:
            return True
    return False


def _wrong_expiries(db: sqlite3.Connection, member: str, pending: set[int]) -> Iterator[str]:
    """The member's lots whose day here is not the one that follows from all of the member's entries.

    A grant may bring a later day than the award: points that came back late have had their grace. And what a member does may
    keep all of their points alive.
    """
    expected: dict[str, tuple[str, int]] = {}
    for read in histories.entries_of(db, member):
        extends_to, day = histories.extension(read), read.envelope.business_day
        for lot, (expires_on, _) in expected.items():
            if day < expires_on < extends_to:
                expected[lot] = extends_to, read.number
        for lot, expires_on in _expiries(read).items() if read.number not in pending else ():
            expected[lot] = max((expires_on, read.number), expected.get(lot, ("", 0)))
    for lot, kept in db.execute("SELECT lot, expires_on FROM lot WHERE member = ? ORDER BY lot", (member,)).fetchall():
        expires_on, number = expected.get(lot, (kept, 0))
        if kept != expires_on:
            yield f"entry {number}: lot {lot} expires on {expires_on}, here it is kept until {kept}"


def _expiries(read: Entry) -> dict[str, str]:
    """The lots that an entry brings, each with its expiry."""
    match read.body:
        case (
            SaleBody(lot=lot, expires_on=expires_on)
            | ClaimBody(lot=lot, expires_on=expires_on)
            | GiveBody(lot=lot, expires_on=expires_on)
        ):
            return {lot: expires_on} if lot else {}
        case TakeBody(slices=slices):
            return {part.lot: part.expires_on for part in slices}
        case _:
            return {}


def balances_as_of(
    db: sqlite3.Connection, day: str, progress: Callable[[int], None] = lambda number: None
) -> Counter[str]:
    """Each member's points as this till's journal has them at the end of `day`, by the day on which things occurred."""
    lots: dict[str, Counter[str]] = {}
    expires_on: dict[str, str] = {}
    owed: Counter[str] = Counter()
    for number, _, data in journal.every(db):
        if number % 2000 == 0:
            progress(number)
        read = read_entry(data)
        for lot, last in _expiries(read).items():
            expires_on[lot] = max(last, expires_on.get(lot, ""))
        if read.envelope.business_day <= day:
            of_member = lots.setdefault(read.member, Counter())
            if extends_to := histories.extension(read):
                alive = [lot for lot in of_member if read.envelope.business_day < expires_on[lot]]
                expires_on.update({lot: max(extends_to, expires_on[lot]) for lot in alive})
            _follow(read, of_member, owed)
    balances: Counter[str] = Counter()
    for member, of_member in lots.items():
        if member:
            spendable = sum(points for lot, points in of_member.items() if day < expires_on[lot])
            balances[member] = spendable + owed[member]
    return balances


def _follow(read: Entry, lots: Counter[str], owed: Counter[str]) -> None:
    """One entry's effect on the member's lots wherever they lie; grants and releases only move them."""
    match read.body:
        case SaleBody(awarded=awarded, lot=lot) | ClaimBody(awarded=awarded, lot=lot):
            if awarded:
                lots[lot] += awarded
            for spent, change in read.envelope.esc.items():
                if spent != lot:
                    lots[spent] += change
            if isinstance(read.body, SaleBody):
                owed[read.member] -= read.body.floor
        case GiveBody(points=points, lot=lot) if points > 0:
            lots[lot] += points
        case GiveBody(points=points):
            owed[read.member] += points
        case ReturnBody(taken=taken, lot=lot, restored=restored):
            own = min(taken, lots[lot]) if lot else 0
            if own:
                lots[lot] -= own
            given_back = {changed: change for changed, change in read.envelope.esc.items() if change > 0}
            lots.update(given_back)
            owed[read.member] += restored - sum(given_back.values()) - (taken - own)
        case _:
            pass
