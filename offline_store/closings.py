"""The closings of this till's days, found by their documents, and what the next one would cover. Reads the journal alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from ledger.closing import Covered, covered
from ledger.entry import ClosingBody, Entry, read_entry
from offline_store import journal, settings


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


def next_number(db: sqlite3.Connection) -> int:
    """Of the next closing: after this journal's last, and after what head office knows where this journal lost its end."""
    before = last(db)
    return max(body_of(before).number if before else 0, int(settings.get(db, "closings_used", "0"))) + 1


def used(db: sqlite3.Connection, number: int) -> None:
    """Head office has a closing of this till by this number."""
    settings.put(db, "closings_used", str(max(number, int(settings.get(db, "closings_used", "0")))))


def put_back(db: sqlite3.Connection, day: str) -> None:
    """This journal is an earlier state of itself: what it closed after that is lost here, and its numbers may be used."""
    settings.put(db, "put_back_on", day)


def put_back_on(db: sqlite3.Connection) -> str:
    """The day of that, where no closing has said so yet; else ''."""
    return settings.get(db, "put_back_on")


def said_put_back(db: sqlite3.Connection) -> None:
    settings.put(db, "put_back_on", "")


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


def covered_by(db: sqlite3.Connection, entry: Entry) -> tuple[Entry, ...]:
    """The entries that a closing of this journal covers, counted again."""
    body, envelope = body_of(entry), entry.envelope
    rows = db.execute("SELECT data FROM entry WHERE number BETWEEN ? AND ? ORDER BY number", (body.first, body.last))
    entries = [read_entry(data) for (data,) in rows]
    return covered(entries, envelope.business_day, None, "", entry.number + 1, envelope.occurred_at).entries


def figures(db: sqlite3.Connection, day: str, entries: Iterable[Entry], made_at: str) -> Covered:
    """What a closing of `day`, made at this local time, would cover of these open entries; its own would be the next."""
    before = last(db)
    head, _ = journal.head(db)
    was, closed_day = (body_of(before), before.envelope.business_day) if before else (None, "")
    # The closing itself is entry head + 1: the next one looks from the entry after it.
    return covered(entries, day, was, closed_day, head + 2, made_at)
