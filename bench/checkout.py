"""A durable checkout beside hand-written sqlite3 that writes the same bytes.

Ours is the public path: `Checkout.commit` of a quoted five-line sale of a member, every fifth with a redemption. The peer gets
the rows that ours wrote, read back from the file afterwards, and writes them to a file of the same schema with one statement a
table in one transaction, WAL and synchronous=FULL. Both run in turns of ten, in one process, on one disk.
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from offline_store import settings
from offline_store.store import FILE, Store
from pos_plugin.checkout import Checkout
from pos_plugin.joining import join
from pos_plugin.quotes import Connection
from pos_plugin.receipts import Layout

ROUNDS = 40
TURN = 10
MEMBERS = 200
TARGET = 1.3

TABLES = {
    "entry": ("number", "hash", "data"),
    "document": ("document", "number"),
    "request": ("key", "number"),
    "posting": ("member", "number", "commodity", "account", "amount"),
    "receipt": ("number", "document"),
    "print_job": ("number", "copy"),
}


class Ours:
    def __init__(self, folder: Path) -> None:
        self.store = Store.create(folder)
        program = read_program(preset("points"))
        self.store.write(lambda db: settings.use_program(db, program, "2026-01-01"))
        self.checkout = Checkout(
            self.store,
            layout=Layout(),
            clock=lambda: datetime.now(UTC),
            random_bytes=os.urandom,
            connection=lambda: Connection(is_online=False, is_current=False),
        )
        self.members = [join(self.checkout, card).member for card in (self._card(number) for number in range(MEMBERS))]
        self._chance = random.Random(7)
        self._count = 0

    @staticmethod
    def _card(number: int) -> str:
        from loyalty.card import ean13_check_digit

        first = f"29{number:010d}"
        return first + ean13_check_digit(first)

    def quoted(self) -> str:
        """The quote of a new sale; not part of what is measured, because the peer has no such thing."""
        self._count += 1
        amounts = [self._chance.randrange(49, 4999) for _ in range(5)]
        lines = tuple(
            LineItem(str(n), amount, sku=f"40{self._chance.randrange(10**9):011d}", name=f"Article {n}")
            for n, amount in enumerate(amounts)
        )
        place = self._chance.randrange(MEMBERS)
        member = self.members[place]
        redeem = 50 if self._count % 5 == 0 else 0
        if redeem:
            self.checkout.identify(self._card(place))
        sale = Sale("1", str(self._count), "2026-11-22T10:00:00", "2026-11-22", "EUR", sum(amounts), lines, "Kim", "1")
        return self.checkout.quote(sale, member, redeem).quote_id

    def commit(self, quote_id: str) -> None:
        self.checkout.commit(quote_id, key=f"key-{self._count}-{quote_id}")

    def written(self, after: int) -> list[dict[str, list[tuple[Any, ...]]]]:
        """The rows of each checkout after entry `after`, by table."""
        found: dict[int, dict[str, list[tuple[Any, ...]]]] = {}
        with self.store.read() as db:
            for table, columns in TABLES.items():
                place = columns.index("number")
                for row in db.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE number > ?", (after,)):
                    found.setdefault(row[place], {}).setdefault(table, []).append(row)
        return [found[number] for number in sorted(found)]


class Peer:
    """What a careful person writes by hand: the statements, one transaction, nothing else."""

    def __init__(self, folder: Path, like: Path) -> None:
        with sqlite3.connect(like) as source:
            schema = [sql for (sql,) in source.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")]
        source.close()
        self.db = sqlite3.connect(folder / "peer.db", isolation_level=None, cached_statements=64)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute("PRAGMA wal_autocheckpoint = 0")
        for sql in schema:
            self.db.execute(sql)
        self._insert = {
            table: f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
            for table, columns in TABLES.items()
        }

    def checkout(self, rows: dict[str, list[tuple[Any, ...]]], lot: tuple[str, str, str, int], spent: int) -> None:
        execute = self.db.execute
        execute("BEGIN IMMEDIATE")
        for table, values in rows.items():
            if len(values) == 1:
                execute(self._insert[table], values[0])
            else:
                self.db.executemany(self._insert[table], values)
        if spent:
            execute("UPDATE lot SET held = held - ? WHERE member = ? AND lot = ?", (0, lot[0], lot[1]))
        execute("INSERT INTO lot (member, lot, expires_on, held, elsewhere) VALUES (?, ?, ?, ?, 0)", lot)
        execute("COMMIT")


def measure() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        ours = Ours(folder / "till")
        peer = Peer(folder, folder / "till" / FILE)
        our_times: list[float] = []
        peer_times: list[float] = []
        pages: list[float] = []
        for round_number in range(ROUNDS):
            quotes = [ours.quoted() for _ in range(TURN)]
            with ours.store.read() as db:
                (last,) = db.execute("SELECT coalesce(max(number), 0) FROM entry").fetchone()
            wal = folder / "till" / f"{FILE}-wal"
            before = wal.stat().st_size
            ours_now = [_timed(ours.commit, quote) for quote in quotes]
            pages.append((wal.stat().st_size - before) / 4120 / TURN)
            peer_now = []
            for index, rows in enumerate(ours.written(last)):
                member = next((row[0] for row in rows.get("posting", [])), "")
                lot = (member, f"{round_number:05}-{index:010}", "2027-11-22", 10)
                peer_now.append(_timed(lambda rows=rows, lot=lot: peer.checkout(rows, lot, len(rows["posting"]) > 2)))
            if round_number > 3:  # warm
                our_times += ours_now
                peer_times += peer_now
        ours.store.close()
        peer.db.close()
    mine, theirs = statistics.median(our_times), statistics.median(peer_times)
    grown = [count for count in pages if count > 0]
    return [
        {
            "what": "durable checkout / hand-written sqlite3, same bytes",
            "ours": mine,
            "peer": theirs,
            "ratio": mine / theirs,
            "target": TARGET,
            "unit": "µs",
            "met": mine <= TARGET * theirs,
            "p99": statistics.quantiles(our_times, n=100)[98],
            "wal_pages": statistics.median(grown) if grown else None,
        }
    ]


def _timed(act: Any, *arguments: Any) -> float:
    """Microseconds."""
    start = time.perf_counter_ns()
    act(*arguments)
    return (time.perf_counter_ns() - start) / 1000
