"""What who joins is asked to agree to, as head office told, and what a member said of it here: an entry each time."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from ledger.entry import ConsentBody, Draft, Entry
from ledger.wire import ConsentTextItem
from loyalty.sale import document_name
from offline_store.journal import record
from offline_store.moment import Moment


@dataclass(frozen=True)
class ConsentText:
    """A version and its text in each language that it has."""

    version: str
    texts: dict[str, str]

    def text_in(self, language: str) -> str:
        """In this language, else in English, else in any that there is."""
        return self.texts.get(language) or self.texts.get("en") or next(iter(self.texts.values()))


def use_text(db: sqlite3.Connection, item: ConsentTextItem) -> None:
    """From now on this is what is asked."""
    if item.version and any(item.texts.values()):
        db.execute("DELETE FROM consent_text")
        db.execute("INSERT INTO consent_text (version, texts) VALUES (?, ?)", (item.version, json.dumps(item.texts)))


def text(db: sqlite3.Connection) -> ConsentText | None:
    """What is asked now; None where head office has published nothing."""
    row = db.execute("SELECT version, texts FROM consent_text").fetchone()
    return None if row is None else ConsentText(row[0], json.loads(row[1]))


def say(db: sqlite3.Connection, at: Moment, member: str, body: ConsentBody, reference: str) -> Entry:
    """Writes down what the member said, in the caller's transaction. `reference` is new and random: each time is one of its own,
    also on a disk that was copied."""
    draft = Draft(body, document_name("consent", member, reference), at.occurred_at, at.today, member=member)
    return record(db, at.who, draft, at.recorded_at)
