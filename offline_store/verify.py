"""Proof that a till's file is whole: the chain, the postings, the lots, the documents."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ledger.chain import breaks
from ledger.entry import ClaimBody, Entry, EntryUnreadable, ReturnBody, SaleBody, TakeBody, read_entry
from ledger.postings import MEMBER_ACCOUNTS, postings
from offline_store import journal


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
        if ahead is not None:
            problems.append(f"posting of entry {ahead[0]}, which is not there")

    problems += [found.what for found in breaks(seen(journal.every(db)))]
    for member, held in db.execute("SELECT member, sum(held) FROM lot GROUP BY member"):
        pending = _pending(db, member)
        if held + pending != sums[member, "escrow"]:
            problems.append(
                f"member {member}: {held} points are held here, the postings say {sums[member, 'escrow'] - pending}"
            )
    number, head = journal.head(db)
    (missing,) = db.execute("SELECT count(*) FROM receipt WHERE number > ?", (number,)).fetchone()
    if missing:
        problems.append(f"{missing} receipts belong to entries that are not there")
    return Verified(reached, len(totals), sum(totals.values()), head, problems)


def _kept_postings(db: sqlite3.Connection) -> Iterator[tuple[int, str, str, str, int]]:
    cursor = db.execute("SELECT number, member, commodity, account, amount FROM posting ORDER BY number")
    yield from cursor


def _pending(db: sqlite3.Connection, member: str) -> int:
    (points,) = db.execute(
        "SELECT coalesce(sum(amount), 0) FROM posting JOIN pending_take USING (number, member) "
        "WHERE member = ? AND account = 'escrow'",
        (member,),
    ).fetchone()
    return int(points)


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
        if read.envelope.business_day > day:
            continue
        _follow(read, lots.setdefault(read.member, Counter()), expires_on, owed)
    balances: Counter[str] = Counter()
    for member, of_member in lots.items():
        if member:
            spendable = sum(points for lot, points in of_member.items() if day < expires_on[lot])
            balances[member] = spendable + owed[member]
    return balances


def _follow(read: Entry, lots: Counter[str], expires_on: dict[str, str], owed: Counter[str]) -> None:
    """One entry's effect on the member's lots wherever they lie; grants and releases only move them."""
    match read.body:
        case (
            SaleBody(awarded=awarded, lot=lot, expires_on=expiry)
            | ClaimBody(awarded=awarded, lot=lot, expires_on=expiry)
        ):
            if awarded:
                lots[lot] += awarded
                expires_on[lot] = expiry
            for spent, change in read.envelope.esc.items():
                if spent != lot:
                    lots[spent] += change
        case ReturnBody(taken=taken, lot=lot, restored=restored):
            own = min(taken, lots[lot]) if lot else 0
            if own:
                lots[lot] -= own
            given_back = {changed: change for changed, change in read.envelope.esc.items() if change > 0}
            lots.update(given_back)
            owed[read.member] += restored - sum(given_back.values()) - (taken - own)
        case TakeBody(slices=slices):
            for part in slices:
                expires_on.setdefault(part.lot, part.expires_on)
        case _:
            pass
