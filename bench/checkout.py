"""A durable checkout beside hand-written sqlite3 that writes the same bytes, beside what the disk allows, and over years.

Ours is the public path: `Checkout.commit` of a quoted five-line sale of a member, every fifth with a redemption. The peer gets
what ours wrote, read back from the file afterwards: it encodes the entry with the standard library and hashes it, is given the
receipt's bytes and all other rows, and writes them to a file of the same schema with one statement a table in one transaction,
WAL and synchronous=FULL. The floor is 4 KiB appended to a file and flushed, on a disk whose flush takes 2 ms
(`bench.slow_disk`). All run in turns of ten, in one process, on one disk. Between turns, when no customer waits, each moves its
write-ahead log into its file, as the till does in quiet moments; so a log is written over, not made longer.

The file of two million entries is beside one without sales that knows as many members. Each sale is of any one of them.

    python -m bench.checkout FOLDER      the part on the slow disk alone, in a process that has it
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import slow_disk
from bench.beside import at_most, folder, percentile, timed
from bench.big_till import ean13, know, multiply
from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from offline_store import settings
from offline_store.store import FILE, Store
from pos_plugin.members.joining import join
from pos_plugin.papers.layout import Layout
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.quotes import Connection

ENTRIES = 2_000_000
ROUNDS = 40
WARM_ROUNDS = 8
TURN = 10
MEMBERS = 200
WAL_PAGE_BYTES = 4096 + 24

_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

TABLES = {
    "entry": ("number", "hash", "data"),
    "document": ("document", "number"),
    "request": ("key", "number"),
    "posting": ("member", "number", "commodity", "account", "amount"),
    "receipt": ("number", "document"),
    "print_job": ("number", "copy"),
}


class Ours:
    """A till of the product, made new in a folder or opened there, and the members who buy at it: (card, member)."""

    def __init__(self, folder: Path, members: int = MEMBERS, people: list[tuple[str, str]] | None = None) -> None:
        self.store = Store.open(folder) if people else Store.create(folder)
        program = read_program(preset("points"))
        self.store.write(lambda db: settings.use_program(db, program, "2026-01-01T00:00:00+00:00"))
        self.checkout = Checkout(
            self.store,
            layout=Layout(),
            clock=lambda: datetime.now(UTC),
            random_bytes=os.urandom,
            connection=lambda: Connection(is_online=False, is_current=False),
        )
        cards = [ean13("29", number) for number in range(0 if people else members)]
        self.people = people or [(card, join(self.checkout, card).member) for card in cards]
        self._chance = random.Random(7)
        self._count = 0

    def quoted(self) -> str:
        """The quote of a new sale; not part of what is measured, because the peer has no such thing."""
        self._count += 1
        amounts = [self._chance.randrange(49, 4999) for _ in range(5)]
        lines = tuple(
            LineItem(str(n), amount, sku=f"40{self._chance.randrange(10**9):011d}", name=f"Article {n}")
            for n, amount in enumerate(amounts)
        )
        card, member = self.people[self._chance.randrange(len(self.people))]
        redeem = 50 if self._count % 5 == 0 else 0
        if redeem:
            self.checkout.identify(card)
        name = f"9{self._count:07}"  # after all those of a file of two million
        sale = Sale("1", name, "2026-11-22T10:00:00", "2026-11-22", "EUR", sum(amounts), lines, "Kim", "1")
        return self.checkout.quote(sale, member, redeem).quote_id

    def commit(self, quote_id: str) -> None:
        self.checkout.commit(quote_id, key=f"key-{self._count}-{quote_id}")

    def turn(self) -> list[float]:
        """Microseconds of each of ten checkouts."""
        return [timed(self.commit, quote) for quote in [self.quoted() for _ in range(TURN)]]

    def last(self) -> int:
        with self.store.read() as db:
            return int(db.execute("SELECT coalesce(max(number), 0) FROM entry").fetchone()[0])

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

    def checkout(
        self, entry: dict[str, Any], rows: dict[str, list[tuple[Any, ...]]], lot: tuple[str, str, str, int], spent: int
    ) -> None:
        execute = self.db.execute
        data = _compact(entry).encode()
        rows["entry"] = [(rows["receipt"][0][0], hashlib.sha256(data).digest(), data)]
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

    def turn(self, written: list[dict[str, list[tuple[Any, ...]]]], turn: int) -> list[float]:
        times = []
        for index, rows in enumerate(written):
            member = next((row[0] for row in rows.get("posting", [])), "")
            lot = (member, f"{turn:05}-{index:010}", "2027-11-22", 10)
            kept = rows["entry"]
            entry = json.loads(kept[0][2])
            times.append(timed(self.checkout, entry, rows, lot, len(rows["posting"]) > 2))
            assert rows["entry"] == kept, "the peer writes the same bytes"
        return times

    def checkpoint(self) -> None:
        self.db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def measure(entries: int = ENTRIES) -> list[dict[str, Any]]:
    with folder() as place:
        ratios = _beside_sqlite(place) + _over_years(place, entries)
        command = [sys.executable, "-m", "bench.checkout", str(place)]
        said = subprocess.run(command, env=slow_disk.environment(place), check=True, stdout=subprocess.PIPE, text=True)
        slow: list[dict[str, Any]] = json.loads(said.stdout)
        return ratios + slow


def _beside_sqlite(place: Path) -> list[dict[str, Any]]:
    ours = Ours(place / "till")
    peer = Peer(place, place / "till" / FILE)
    our_times: list[float] = []
    peer_times: list[float] = []
    pages: list[float] = []
    wal = place / "till" / f"{FILE}-wal"
    for turn in range(WARM_ROUNDS + ROUNDS):
        last, before = ours.last(), wal.stat().st_size
        ours_now = ours.turn()
        peer_now = peer.turn(ours.written(last), turn)
        if turn < WARM_ROUNDS:  # the log still grows by what is written
            pages.append((wal.stat().st_size - before) / WAL_PAGE_BYTES / TURN)
            continue
        ours.store.checkpoint()
        peer.checkpoint()
        our_times += ours_now
        peer_times += peer_now
    ours.store.close()
    peer.db.close()
    median, p99 = statistics.median(our_times), percentile(our_times, 99)
    grown = statistics.median(count for count in pages if count > 0)  # a checkpoint begins the log anew
    what = "durable checkout / hand-written sqlite3, same bytes"
    return [
        at_most(what, median, statistics.median(peer_times), 1.3, "µs"),
        at_most("pages of the write-ahead log a checkout / what it may write", grown, 9.0, 1.0, "pages"),
        at_most("durable checkout: p99 / p50", p99, median, 2.0, "µs", of_the_peer=_p99_of(peer_times)),
    ]


def _p99_of(times: list[float]) -> float:
    return percentile(times, 99) / statistics.median(times)


def _over_years(place: Path, entries: int) -> list[dict[str, Any]]:
    """The same checkout in a new file and in one of two million entries, whose buyers have bought fifty times before."""
    full_folder = place / "full"
    made = Ours(full_folder)
    for _ in range(20):
        made.turn()
    made.store.close()
    multiply(full_folder / FILE, entries)
    with sqlite3.connect(full_folder / FILE) as db:
        people = db.execute("SELECT card, member FROM card WHERE card LIKE '28%'").fetchall()
        size = db.execute("SELECT count(*) FROM entry").fetchone()[0]
    db.close()
    empty_folder = place / "empty"
    Ours(empty_folder, members=0).store.close()
    know(empty_folder / FILE, people)
    full, empty = Ours(full_folder, people=people), Ours(empty_folder, people=people)
    full_times: list[float] = []
    empty_times: list[float] = []
    full._count = 10**6
    for turn in range(WARM_ROUNDS + ROUNDS):
        full_now, empty_now = full.turn(), empty.turn()
        full.store.checkpoint()
        empty.store.checkpoint()
        if turn >= WARM_ROUNDS:
            full_times += full_now
            empty_times += empty_now
    full.store.close()
    empty.store.close()
    gigabytes = (full_folder / FILE).stat().st_size / 1e9
    what = f"durable checkout after {size:,} entries / in a new file"
    ratio = at_most(what, statistics.median(full_times), statistics.median(empty_times), 1.1, "µs", gigabytes=gigabytes)
    return [ratio]


def _beside_the_floor(place: Path) -> list[dict[str, Any]]:
    ours = Ours(place / "slow")
    peer = Peer(place / "slow", place / "slow" / FILE)
    page = os.urandom(4096)
    our_times: list[float] = []
    peer_times: list[float] = []
    floor: list[float] = []
    handle = os.open(place / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append() -> None:
        os.write(handle, page)
        os.fdatasync(handle)

    for turn in range(WARM_ROUNDS + ROUNDS // 2):
        last = ours.last()
        ours_now, floor_now = ours.turn(), [timed(append) for _ in range(TURN)]
        peer_now = peer.turn(ours.written(last), turn)
        ours.store.checkpoint()
        peer.checkpoint()
        if turn >= WARM_ROUNDS:
            our_times += ours_now
            peer_times += peer_now
            floor += floor_now
    os.close(handle)
    ours.store.close()
    peer.db.close()
    median, lowest = statistics.median(our_times), statistics.median(floor)
    by_hand = statistics.median(peer_times)
    what = "durable checkout / 4 KiB appended, flush of 2 ms"
    return [
        at_most(what, median, lowest, 1.08, "µs", by_hand=by_hand / lowest, over_by_hand=median / by_hand),
        at_most("durable checkout, flush of 2 ms: p99 / p50", percentile(our_times, 99), median, 2.0, "µs"),
    ]


if __name__ == "__main__":
    print(json.dumps(_beside_the_floor(Path(sys.argv[1]))))
