"""A shop's first feed: its members read page by page into a new till's file, beside a sorted executemany of the same rows.

Ours is `Sync.step` with a link that hands out prepared pages, each applied with its position in one durable transaction. The
peer gets the rows that ours made, sorted by key, and writes each table by one executemany into the same schema, all in one
durable transaction. Both end when the rows are in the file itself.
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from bench.beside import at_most, folder
from bench.big_till import ean13
from bench.checkout import Ours, Peer
from ledger.wire import ExpiringPoints, FeedChannel, FeedReply, FeedRequest, MemberItem
from offline_store import settings
from offline_store.store import FILE, Store
from offline_store.sync import Link, Sync

ENTRIES = 100_000
ROUNDS = 3
SHOP = "Harbour"
NOW = "2026-11-22T10:00:00.000+00:00"
TABLES = ("member", "card", "phone")


class Pages:
    """A new till's link, of which it calls nothing but `feed`: members, in pages as large as they are asked for."""

    def __init__(self, items: list[MemberItem]) -> None:
        self._items = items
        self.replies = 0

    def feed(self, request: FeedRequest) -> FeedReply:
        self.replies += 1
        channel = f"members/{SHOP}"
        after = request.positions[channel]
        items = self._items[after : after + request.limit]
        position = after + len(items)
        page = FeedChannel(position, list(items), more=position < len(self._items))
        return FeedReply(1, NOW, {channel: page})


def people(count: int) -> list[MemberItem]:
    """Members in the order in which they last changed, which is that of no key. Every third left a phone number."""
    chance = random.Random(5)
    return [
        MemberItem(
            f"{chance.getrandbits(80):020x}"[:16],
            [ean13("29", number)],
            NOW,
            0,
            [ExpiringPoints("2027-11-22", chance.randrange(1, 900)), ExpiringPoints("2027-12-01", 50)],
            phone_hashes=[f"{chance.getrandbits(256):064x}"] if number % 3 == 0 else [],
            initials="A.B.",
        )
        for number in range(count)
    ]


def measure(entries: int = ENTRIES) -> list[dict[str, Any]]:
    items = people(entries)
    ours: list[float] = []
    peer: list[float] = []
    replies = 0
    for _ in range(ROUNDS):
        with folder() as place:
            store = _new_till(place / "till")
            pages = Pages(items)
            sync = Sync(store, cast(Link, pages), clock=lambda: datetime.now(UTC), random_bytes=os.urandom)
            start = time.perf_counter()
            progress = sync.step()
            store.checkpoint()
            ours.append(time.perf_counter() - start)
            assert progress.received == entries
            replies = pages.replies
            rows = _rows(store)
            store.close()
            peer.append(_peer(place, rows))
    what = f"first feed of {entries:,} members / a sorted executemany"
    return [at_most(what, statistics.median(ours), statistics.median(peer), 1.5, "s", pages=replies)]


def _new_till(folder: Path) -> Store:
    Ours(folder, members=0).store.close()
    store = Store.open(folder)

    def enrolled(db: sqlite3.Connection) -> None:
        for name, value in {"shop": SHOP, "server": "S", "server_epoch": "1", "server_time": NOW}.items():
            settings.put(db, name, value)

    store.write(enrolled)
    return store


def _rows(store: Store) -> dict[str, tuple[str, list[tuple[Any, ...]]]]:
    """For each table its insert and its rows, sorted by key."""
    found: dict[str, tuple[str, list[tuple[Any, ...]]]] = {}
    with store.read() as db:
        for table in TABLES:
            rows = db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            found[table] = (f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    return found


def _peer(place: Path, rows: dict[str, tuple[str, list[tuple[Any, ...]]]]) -> float:
    db = Peer(place, place / "till" / FILE).db
    start = time.perf_counter()
    db.execute("BEGIN IMMEDIATE")
    for insert, values in rows.values():
        db.executemany(insert, values)
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    took = time.perf_counter() - start
    db.close()
    return took
