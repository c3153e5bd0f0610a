"""A till that has sold for long without a head office, and a head office on PostgreSQL that is to hear of it.

The outbox is real: joins and five-line sales by `Checkout`, awards kept in the till's escrow and spent there. Head office is
`central_server` in a process of its own, on a PostgreSQL that flushes at every COMMIT.

    python -m bench.outbox FOLDER [--record-only]     serves a head office; --record-only: applies nothing, so that what
                                                      recording costs can be told apart
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.beside import folder
from bench.checkout import Ours
from bench.postgres import new_database, postgres
from central_server import app, serving
from central_server.founding import init_office
from central_server.office import Office
from central_server.tills import enrolment, inbox
from ledger.entry import entry_hash
from ledger.keys import SigningKey, batch_message
from ledger.wire import MAX_BATCH_ENTRIES, Batch, BatchReply, Enrolment, MemberDetails, enrolment_message
from loyalty.program import preset
from offline_store import journal
from offline_store.store import Store
from offline_store.sync import Sync
from pos_plugin.head_office.server_link import HttpLink

SHOP = "Harbour"
MEMBERS_SHARE = 10
"""Every tenth entry is somebody joining."""
COPIED_AT_ONCE = 1000


def now() -> datetime:
    return datetime.now(UTC)


def fill(folder: Path, entries: int) -> None:
    """A till with so many entries that nobody has heard of."""
    till = Ours(folder, members=max(1, entries // MEMBERS_SHARE))
    while till.last() < entries:
        till.commit(till.quoted())
    till.store.close()


@contextmanager
def filled_till(entries: int) -> Iterator[tuple[Path, Head]]:
    """The folder of a till with so many entries, and a PostgreSQL for the head offices that are to hear of it."""
    with folder() as place, postgres() as server:
        fill(place / "filled", entries)
        yield place / "filled", Head(server, place)


class Head:
    """Head offices, each new, on one PostgreSQL."""

    def __init__(self, server: Path, folder: Path) -> None:
        self._server, self._folder = server, folder
        self._count = 0
        self._template = folder / "office-template"
        url = new_database(server, "office_template")
        init_office(self._template, now, os.urandom, url=url, shops=[SHOP], program_text=preset("points")).close()

    def new(self) -> Path:
        """The folder of another head office, empty."""
        self._count += 1
        folder = shutil.copytree(self._template, self._folder / f"office-{self._count}")
        url = new_database(self._server, f"office_{self._count}", "office_template")
        about = msgspec.json.decode((folder / "office.json").read_bytes())
        (folder / "office.json").write_bytes(msgspec.json.encode({**about, "database": url}))
        return folder

    def copied(self, office: Path) -> float:
        """Rows a second of the peer, for what this head office has recorded."""
        peer = Copied(f"host={self._server} user=pos dbname={office.name.replace('-', '_')}")
        peer.copy()
        seconds = peer.copy()
        peer.close()
        return peer.rows / seconds


@contextmanager
def served(office: Path, *, record_only: bool) -> Iterator[str]:
    """Its address, while it is served by a process of its own."""
    command = [sys.executable, "-m", "bench.outbox", str(office), *(["--record-only"] if record_only else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        yield next(word for word in said.split() if word.startswith("http"))
    finally:
        process.terminate()
        process.wait(60)


class TimedLink(HttpLink):
    """Notes when head office had acknowledged entry `last`, and how long it took to tell of cards and names, one request each:
    neither that nor what a step does afterwards is the drain."""

    last = 0
    acknowledged_at = 0.0
    details_s = 0.0

    def send(self, batch: bytes) -> BatchReply:
        reply = super().send(batch)
        if reply.head_number >= self.last and not self.acknowledged_at:
            self.acknowledged_at = time.perf_counter()
        return reply

    def details(self, details: MemberDetails) -> None:
        start = time.perf_counter()
        super().details(details)
        if not self.acknowledged_at:
            self.details_s += time.perf_counter() - start


class Draining:
    """A copy of a filled till, enrolled with a head office and about to send."""

    def __init__(self, filled: Path, copy: Path, office: Path, url: str) -> None:
        shutil.copytree(filled, copy)
        self.store = Store.open(copy)
        with self.store.read() as db:
            who = journal.identity(db)
            self.last, _ = journal.head(db)
        self.link = TimedLink(url, who.terminal, lambda: SigningKey(self.store.secret_key()), timeout_s=120)
        self.sync = Sync(self.store, self.link, clock=now, random_bytes=os.urandom)
        opened = Office.open(office, now, os.urandom)
        code = enrolment.new_code(opened, SHOP)
        opened.close()
        self.sync.enroll(code)

    def drain(self) -> float:
        """Seconds until head office had acknowledged all that stood in the journal."""
        self.link.last, self.link.acknowledged_at, self.link.details_s = self.last, 0.0, 0.0
        start = time.perf_counter()
        while not self.link.acknowledged_at:
            self.sync.step(lambda member: True)
        return self.link.acknowledged_at - start - self.link.details_s

    def close(self) -> None:
        self.link.close()
        self.store.close()


class Outbox:
    """What a filled till would send to this head office: signed batches, made beforehand."""

    def __init__(self, filled: Path, office: Office) -> None:
        self._office = office
        store = Store.open(filled)
        with store.read() as db:
            who = journal.identity(db)
            self.last, _ = journal.head(db)
            entries = [data for _, _, data in journal.after(db, 0, self.last)]
        key = SigningKey(store.secret_key())
        store.close()
        code = enrolment.new_code(office, SHOP)
        proof = key.sign(enrolment_message(code, who.terminal, key.public))
        request = Enrolment(code, who.terminal, who.epoch, key.public, proof)
        enrolment.enroll(office, enrolment.WrongCodes(), request)
        self._batches: list[Batch] = []
        for start in range(0, self.last, MAX_BATCH_ENTRIES):
            part = entries[start : start + MAX_BATCH_ENTRIES]
            message = batch_message(who.terminal, who.epoch, start + len(part), entry_hash(part[-1]))
            self._batches.append(Batch(who.terminal, who.epoch, part, key.sign(message)))
        gc.freeze()  # as a served head office does: what is loaded by now is not looked through again and again

    def record(self) -> float:
        """Seconds until head office, in this process, has recorded all of it."""
        start = time.perf_counter()
        for batch in self._batches:
            reply = inbox.record(self._office, batch)
        seconds = time.perf_counter() - start
        assert reply.head_number == self.last
        return seconds


class Copied:
    """The peer: COPY of an inbox's rows into a table like it, a thousand and a COMMIT at a time, the bytes made beforehand."""

    def __init__(self, dsn: str) -> None:
        import psycopg

        self._connection = psycopg.connect(dsn, autocommit=True)
        execute = self._connection.execute
        execute("CREATE TABLE copied (LIKE inbox INCLUDING ALL)")
        counted = execute("SELECT count(*) FROM inbox").fetchone()
        self.rows = int(counted[0]) if counted else 0
        self._parts: list[bytes] = []
        for start in range(0, self.rows, COPIED_AT_ONCE):
            query = f"COPY (SELECT * FROM inbox ORDER BY number OFFSET {start} LIMIT {COPIED_AT_ONCE}) TO STDOUT (FORMAT binary)"
            with self._connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
                self._parts.append(b"".join(copy))

    def copy(self) -> float:
        """Seconds."""
        self._connection.execute("TRUNCATE copied")
        start = time.perf_counter()
        for part in self._parts:
            with self._connection.cursor() as cursor, cursor.copy("COPY copied FROM STDIN (FORMAT binary)") as copy:
                copy.write(part)
        return time.perf_counter() - start

    def close(self) -> None:
        self._connection.close()


def _serve(folder: Path, *, record_only: bool) -> None:
    if record_only:
        for module in (app, serving):
            module.apply_recorded = lambda office: None  # type: ignore[attr-defined]
    office = Office.open(folder, now, os.urandom)
    try:
        serving.serve_until_stopped(office, "127.0.0.1", 0)
    finally:
        office.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.outbox")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--record-only", action="store_true")
    asked = parser.parse_args()
    _serve(asked.folder, record_only=asked.record_only)
