"""Member codes as this till knows them: blocked cards, revoked tokens, the keys of passes and their last use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ledger.keys import card_hash
from ledger.passes import ALGORITHMS, PassKey
from ledger.wire import BlockItem, MemberItem, RevokeItem
from offline_store import settings


def apply_items(db: sqlite3.Connection, items: Sequence[BlockItem | RevokeItem]) -> None:
    """Takes over what head office says of blocked cards and revoked tokens, and forgets tokens that are over anyway.

    Over by head office's time, not by this till's clock: one that is wrong and set right later must bring nothing back.
    """
    for item in items:
        if isinstance(item, RevokeItem):
            db.execute(
                "INSERT INTO revoked_token (serial, last_day) VALUES (?, ?) "
                "ON CONFLICT (serial) DO UPDATE SET last_day = excluded.last_day",
                (item.serial, item.last_day),
            )
        elif item.why:
            db.execute(
                "INSERT INTO blocked_card (card_hash, why, since) VALUES (?, ?, ?) "
                "ON CONFLICT (card_hash) DO UPDATE SET why = excluded.why, since = excluded.since",
                (item.card_hash, item.why, item.since),
            )
        else:
            db.execute("DELETE FROM blocked_card WHERE card_hash = ?", (item.card_hash,))
    server_time = settings.get(db, "server_time")
    if server_time:
        # A day more, because the programme's day may be another than that of UTC.
        over = (datetime.fromisoformat(server_time) - timedelta(days=2)).date().isoformat()
        db.execute("DELETE FROM revoked_token WHERE last_day <= ?", (over,))


def why_blocked(db: sqlite3.Connection, card: str) -> tuple[str, str]:
    """Why a card is blocked ("lost", "stolen", "replaced") and since when (UTC); twice '' where it is not."""
    key = settings.get(db, "phone_key")
    if not key:  # not enrolled: nobody has told of any
        return "", ""
    row = db.execute(
        "SELECT why, since FROM blocked_card WHERE card_hash = ?",
        (card_hash(key, card),),
    ).fetchone()
    return (row[0], row[1]) if row else ("", "")


def is_revoked(db: sqlite3.Connection, serial: str) -> bool:
    return db.execute("SELECT 1 FROM revoked_token WHERE serial = ?", (serial,)).fetchone() is not None


def put_passes(db: sqlite3.Connection, items: Iterable[MemberItem], stale: Iterable[str]) -> None:
    """Keeps the keys of these members' passes instead of those before; `stale` are the members who may have had some."""
    db.executemany("DELETE FROM pass_key WHERE member = ?", [(member,) for member in stale])
    db.executemany(
        "INSERT INTO pass_key (card, member, key, algorithm, period_s) VALUES (?, ?, ?, ?, ?) ON CONFLICT (card) DO UPDATE SET "
        "member = excluded.member, key = excluded.key, algorithm = excluded.algorithm, period_s = excluded.period_s",
        [
            (one.card, item.member, one.key, one.algorithm, one.period_s)
            for item in items
            for one in item.passes
            if one.algorithm in ALGORITHMS
        ],
    )


def pass_key(db: sqlite3.Connection, card: str) -> PassKey | None:
    row = db.execute("SELECT card, key, algorithm, period_s FROM pass_key WHERE card = ?", (card,)).fetchone()
    return PassKey(*row) if row else None


def use_pass(db: sqlite3.Connection, card: str, begins_s: int) -> bool:
    """Marks the codes of this period, and of all before, as used; False where this one is among them already."""
    changed = db.execute(
        "INSERT INTO pass_used (card, begins_s) VALUES (?, ?) "
        "ON CONFLICT (card) DO UPDATE SET begins_s = excluded.begins_s WHERE begins_s < excluded.begins_s",
        (card, begins_s),
    )
    return changed.rowcount == 1
