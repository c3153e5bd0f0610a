"""The closings of this till's days, found by their documents, and what the next one would cover. Reads the journal alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from ledger.closing import Covered, covered
from ledger.entry import ClosingBody, Entry, read_entry
from offline_store import journal


def document(terminal: str, number: int) -> str:
    """The document of a closing."""
    return f"closing/{terminal}/{number}"


def recent(db: sqlite3.Connection, limit: int) -> list[Entry]:
    """The last closings, newest first."""
    rows = db.execute(
        "SELECT data FROM document JOIN entry USING (number) WHERE document >= 'closing/' AND document < 'closing0' "
        "ORDER BY number DESC LIMIT ?",
        (limit,),
    )
    return [read_entry(data) for (data,) in rows]


def last(db: sqlite3.Connection) -> Entry | None:
    return next(iter(recent(db, 1)), None)


def body_of(entry: Entry) -> ClosingBody:
    if not isinstance(entry.body, ClosingBody):
        raise ValueError(f"entry {entry.number} is no closing")
    return entry.body


def open_entries(db: sqlite3.Connection) -> list[Entry]:
    """The entries that the next closing looks at."""
    before = last(db)
    since = body_of(before).goes_on_from if before else 1
    rows = db.execute("SELECT data FROM entry WHERE number >= ? ORDER BY number", (since,))
    return [read_entry(data) for (data,) in rows]


def figures(db: sqlite3.Connection, day: str, entries: Iterable[Entry], made_at: str) -> Covered:
    """What a closing of `day`, made at this local time, would cover of these open entries; its own would be the next."""
    before = last(db)
    head, _ = journal.head(db)
    was, closed_day = (body_of(before), before.envelope.business_day) if before else (None, "")
    # The closing itself is entry head + 1: the next one looks from the entry after it.
    return covered(entries, day, was, closed_day, head + 2, made_at)
