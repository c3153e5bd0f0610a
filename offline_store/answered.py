"""What requests under a key were answered. A key belongs to one request for `KEPT_DAYS`; each answer is kept as its bytes."""

from __future__ import annotations

import hmac
import sqlite3
from datetime import datetime, timedelta
from typing import NamedTuple

KEPT_DAYS = 30


class Known(NamedTuple):
    """A key that was used before: by the same request or not, and its answer, None where there is none yet."""

    is_same: bool
    reply: bytes | None


def known(db: sqlite3.Connection, key: str, asked: bytes) -> Known | None:
    """What is known of a key; None for a new one. A commit's key belongs to that commit."""
    row = db.execute("SELECT asked, reply FROM answered WHERE key = ?", (key,)).fetchone()
    if row is not None:
        return Known(hmac.compare_digest(row[0], asked), row[1])
    is_of_commit = db.execute("SELECT 1 FROM request WHERE key = ?", (key,)).fetchone() is not None
    return Known(False, None) if is_of_commit else None


def reply(db: sqlite3.Connection, key: str) -> bytes | None:
    """What the request under this key was answered; None for none."""
    row = db.execute("SELECT reply FROM answered WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]


def begin(db: sqlite3.Connection, key: str, asked: bytes, now: datetime) -> Known | None:
    """Takes a new key for this request, in the caller's transaction; None, or what is known of a key that is not new."""
    before = known(db, key, asked)
    if before is None:
        db.execute("DELETE FROM answered WHERE at < ?", ((now - timedelta(days=KEPT_DAYS)).isoformat(),))
        db.execute("INSERT INTO answered (key, asked, at) VALUES (?, ?, ?)", (key, asked, now.isoformat()))
    return before


def keep(db: sqlite3.Connection, key: str, reply: bytes) -> None:
    db.execute("UPDATE answered SET reply = ? WHERE key = ?", (reply, key))


def forget(db: sqlite3.Connection, key: str) -> None:
    """Nothing came of the request: the key is free again."""
    db.execute("DELETE FROM answered WHERE key = ? AND reply IS NULL", (key,))
