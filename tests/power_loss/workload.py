"""What a till does between its making and an update, with every promise that it makes written down when it is made.

    python workload.py FOLDER first|second [FAULT]

`first` makes the till in FOLDER, and is killed at work; `second` is the program's next version, which brings the file to its
own schema and goes on. A promise is a line of JSON in the file that POWER_PROMISES names: what a caller, a printer or head
office has been told, and may count on from then on. Nothing but the product's own code writes in FOLDER.

FAULT plants a mistake on purpose: `normal`, `started late` or `sent before written`.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

import offline_store.schema
from drivers.escpos import Profile
from drivers.printer import Outcome, Verdict
from ledger.entry import GENESIS, ReleaseBody, Slice, entry_hash, read_entry
from ledger.keys import SigningKey, batch_message, new_sealing_key
from ledger.wire import (
    Batch,
    BatchReply,
    Enrolled,
    Enrolment,
    ExpiringPoints,
    FeedChannel,
    FeedItem,
    FeedReply,
    FeedRequest,
    GrantItem,
    GrantReply,
    GrantRequest,
    MemberDetails,
    MemberFound,
    MemberItem,
    MemberLookup,
    ProgramItem,
    Recorded,
    pack,
    unpack,
)
from loyalty.card import ean13_check_digit
from loyalty.program import read_program
from loyalty.sale import LineItem, Return, Sale
from offline_store import journal, members, receipts, rights, settings
from offline_store.moment import moment
from offline_store.store import Store
from offline_store.sync import Sync
from pos_plugin.members.joining import join
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.spooler import Spooler
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.claims import claim
from pos_plugin.sales.quotes import Connection
from pos_plugin.sales.returns import take_back, void

PROGRAM = """\
name = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"
[earn]
points = 1
per_minor = 100
[expire]
months = 12
[redeem]
points = 10
worth_minor = 10
[claim]
within_days = 7
"""
START = datetime(2026, 11, 21, 17, 5, tzinfo=UTC)
NEXT_STEP = (
    offline_store.schema.migrations()[-1][0] + 1,
    "CREATE TABLE shelf (name TEXT PRIMARY KEY) STRICT; INSERT INTO shelf SELECT document FROM document;",
)
"""The made-up schema of the program's next version: a table, and all that was there copied into it."""
PROFILE = Profile("test", 42, {})


def next_version() -> None:
    """From here on this process is the program's next version."""
    known = offline_store.schema.migrations()
    offline_store.schema.migrations = lambda: [*known, NEXT_STEP]


def card_of(number: int) -> str:
    return f"29{number:010d}" + ean13_check_digit(f"29{number:010d}")


def promise(kind: str, **what: object) -> None:
    os.write(_promises, (json.dumps({"promise": kind, **what}) + "\n").encode())


class FarEnd:
    """Head office. What it was sent it has, and what it told the till it told: each is a promise to be kept."""

    def __init__(self, clock: Callable[[], datetime], known: Path) -> None:
        self._clock = clock
        self._known = known
        kept = json.loads(known.read_text()) if known.exists() else {"entries": [], "channels": {}, "cards": {}}
        self.entries: list[bytes] = [text.encode() for text in kept["entries"]]
        self.channels: dict[str, list[FeedItem]] = msgspec.convert(kept["channels"], dict[str, list[FeedItem]])
        self.cards: dict[str, list[str]] = kept["cards"]
        self.terminal = self.epoch = ""

    def keep(self) -> None:
        """For the process that comes after this one."""
        kept = {
            "entries": [data.decode() for data in self.entries],
            "channels": msgspec.to_builtins(self.channels),
            "cards": self.cards,
        }
        self._known.write_text(json.dumps(kept))

    @property
    def time(self) -> str:
        return self._clock().isoformat()

    def enroll(self, enrolment: Enrolment) -> Enrolled:
        keys = (SigningKey(bytes(32)).public, new_sealing_key(bytes(range(32))), "ab" * 32)
        promise("enrolled", public_key=enrolment.public_key)
        return Enrolled("shop1", "server1", 1, self.time, *keys)

    def send(self, batch: bytes) -> BatchReply:
        sent = unpack(batch)
        first = read_entry(sent.entries[0])
        prev = entry_hash(self.entries[first.number - 2]) if first.number > 1 else GENESIS
        assert first.envelope.prev == prev
        results = []
        for number, data in enumerate(sent.entries, first.number):
            is_new = number > len(self.entries)
            if is_new:
                self.entries.append(data)
            assert self.entries[number - 1] == data
            results.append(Recorded(number, "recorded" if is_new else "already recorded"))
            read = read_entry(data)
            released = isinstance(read.body, ReleaseBody)
            promise("sent", number=number, hash=read.hash, document=read.envelope.document, released=released)
        head = entry_hash(self.entries[-1])
        return BatchReply(1, self.time, head, len(self.entries), results, send_next=20)

    def feed(self, request: FeedRequest) -> FeedReply:
        channels = {}
        for name, after in request.positions.items():
            known = self.channels.get(name, [])
            items = known[after : after + 3]
            channels[name] = FeedChannel(after + len(items), items, after + len(items) < len(known))
        return FeedReply(1, self.time, channels)

    def grant(self, request: GrantRequest) -> GrantReply:
        self.give(request.member, request.points)
        return GrantReply(1, self.time, request.points)

    def details(self, details: MemberDetails) -> None:
        self.cards[details.member] = details.cards
        promise("details", member=details.member)

    def lookup(self, lookup: MemberLookup) -> MemberFound:
        raise NotImplementedError

    # what happens at head office

    def give(self, member: str, points: int) -> None:
        count = len(self.channels.get(f"grants/{self.terminal}", []))
        slices = [Slice(f"far{count}", points, "2027-06-01")]
        self._tell(f"grants/{self.terminal}", GrantItem(f"1-{count}", self.terminal, self.epoch, member, slices, "sig"))

    def tell_of(self, member: str, points: int) -> None:
        known = [ExpiringPoints("2027-06-01", points)]
        item = MemberItem(member, self.cards[member], self.time, len(self.entries), known, initials="A.B.")
        self._tell("members/shop1", item)

    def new_program(self, name: str) -> None:
        self._tell("program", ProgramItem(PROGRAM.replace('"shop"', f'"{name}"')))

    def _tell(self, channel: str, item: FeedItem) -> None:
        self.channels.setdefault(channel, []).append(item)
        promise("told", channel=channel, item=msgspec.to_builtins(item))


class Paper:
    """A printer. The first byte on the wire is a promise: this job will not be printed again by itself."""

    def __init__(self, till: Till) -> None:
        self._till = till
        self.job = 0
        self.verdicts: list[str] = []

    def print(self, data: bytes, *, timeout_s: float) -> Verdict:
        verdict = self.verdicts.pop(0) if self.verdicts else "printed"
        promise("bytes out", job=self.job, verdict=verdict)
        if self._till.fault == "started late":
            self._till.store.write(lambda db: _start(db, self.job))
        return Verdict(Outcome(verdict), "" if verdict == "printed" else "said", "")

    def status(self, timeout_s: float = 2.0) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


_start = receipts.start


class Till:
    """The product's own parts, put together as the terminal does, with a promise after each answer."""

    def __init__(self, store: Store, known: Path, fault: str, hour: int) -> None:
        self.store = store
        self.fault = fault
        self.now = START + timedelta(hours=hour)
        self.random = random.Random(hour + 1)
        self.connected = False
        self.checkout = Checkout(
            store,
            layout=Layout(32),
            clock=self.clock,
            random_bytes=self.random.randbytes,
            connection=lambda: Connection(is_online=self.connected, is_current=self.connected),
            fetch_rights=lambda member, points: self.sync.fetch_rights(member, points, lambda: False),
        )
        self.far = FarEnd(self.clock, known)
        self.sync = Sync(store, self.far, clock=self.clock, random_bytes=self.random.randbytes)
        self.paper = Paper(self)
        self.spooler = Spooler(store, self.paper, PROFILE)
        with store.read() as db:
            who = journal.identity(db)
            self._promised, _ = journal.head(db)
        self.far.terminal, self.far.epoch = who.terminal, who.epoch

    def clock(self) -> datetime:
        self.now += timedelta(seconds=7)
        return self.now

    def promise_entries(self) -> None:
        """What has been answered by now: each entry with its hash, and its receipt."""
        with self.store.read() as db:
            for number, kept_hash, data in journal.after(db, self._promised, 1000):
                receipt = receipts.document(db, number)
                document = read_entry(data).envelope.document
                digest = hashlib.sha256(receipt).hexdigest() if receipt else ""
                promise("recorded", number=number, hash=kept_hash, document=document, receipt=digest)
                self._promised = number

    def member(self, number: int, name: str = "") -> str:
        joined = join(self.checkout, card_of(number), name=name, phone="+49 30 123" if name else "")
        self.promise_entries()
        promise("joined", member=joined.member, card=joined.card)
        return joined.member

    def sell(self, ref: str, total: int, member: str = "", redeem: int = 0) -> str:
        lines = (LineItem("1", total // 2, name="Bread"), LineItem("2", total - total // 2, name="Oil"))
        with self.store.read() as db:
            now = self.checkout.moment(db)
        sale = Sale("1", ref, now.occurred_at, now.today, "EUR", total, lines, operator="Kim")
        if redeem:
            for number in (1, 2):
                self.checkout.identify(card_of(number))
        quote = self.checkout.quote(sale, member, redeem)
        assert quote.redeem_points == redeem, quote
        promise("asked", sale=msgspec.to_builtins(sale), member=member, redeem=redeem, key=f"key {ref}")
        done = self.checkout.commit(quote.quote_id, key=f"key {ref}")
        self.promise_entries()
        promise("sold", number=done.number, key=f"key {ref}")
        return done.reference

    def print(self, *verdicts: str) -> None:
        """Prints what waits. `verdicts` are those of the next jobs; what comes after them is printed."""
        self.paper.verdicts = list(verdicts)
        is_more = True
        while is_more:
            with self.store.read() as db:
                job = receipts.next_job(db, self.spooler._done)
            if job is None:
                return
            self.paper.job = job.job
            is_more = self.spooler.step()
            with self.store.read() as db:
                after = receipts.job(db, job.job)
            promise("job", job=job.job, state=after.state)

    def reprint(self, reference_number: int) -> None:
        job = self.store.write(lambda db: receipts.ask_to_print(db, reference_number, copy=True))
        promise("job", job=job, state="waiting")

    def exchange(self) -> None:
        self.sync.step(self.checkout.needs_rights)
        self.promise_entries()
        with self.store.read() as db:
            positions = dict(db.execute("SELECT channel, position FROM feed_position").fetchall())
            promise("exchanged", acknowledged=int(settings.get(db, "acknowledged", "0")), positions=positions)


# -- a day


def first(folder: Path, known: Path, fault: str) -> None:
    """Making, selling without a connection, enrolment, exchange; ended without a goodbye, in the middle of it all."""
    store = Store.create(folder, random_bytes=random.Random(1).randbytes)
    with store.read() as db:
        who = journal.identity(db)
    key = hashlib.sha256(store.secret_key()).hexdigest()
    promise("made", terminal=who.terminal, epoch=who.epoch, key=key)
    store.write(lambda db: settings.use_program(db, read_program(PROGRAM), "2026-01-01T00:00:00+00:00"))
    promise("programme", id=read_program(PROGRAM).id)
    till = Till(store, known, fault, 0)

    ann = till.member(1)
    till.sell("a1", 4200, ann)
    till.sell("a2", 1999)
    till.print()
    forgotten = till.sell("a3", 2500)
    till.sell("a4", 1500, ann, redeem=20)
    claimed = claim(till.checkout, forgotten, ann)
    assert claimed.earned_points == 25
    till.promise_entries()
    till.print("printed", "unknown")
    store.checkpoint()
    till.sell("a5", 999, ann, redeem=10)
    take_back(till.checkout, Return("1", "a1", "r1", amount_minor=1000))
    till.promise_entries()
    void(till.checkout, "1", "a5")
    till.promise_entries()
    till.print("not printed")
    till.print()

    # Head office is there.
    till.sync.enroll("right")
    with store.read() as db:
        promise("belongs", shop=settings.get(db, "shop"), server=settings.get(db, "server"))
    till.far.new_program("town")
    bob = till.member(2, "Bob Barr")
    till.exchange()
    till.connected = True
    for count in range(4):
        till.far.tell_of(ann, 60 + count)
        till.far.tell_of(bob, 30 + count)
    till.exchange()
    store.checkpoint()
    till.sell("b1", 3000, ann, redeem=25)  # granted for this sale
    till.exchange()  # what is left of it goes back
    till.sell("b2", 3000, bob)
    till.far.give(bob, 12)
    till.exchange()
    till.print()

    # The file is closed and opened again, as at night.
    till.store.close()
    till.far.keep()
    till = Till(Store.open(folder), known, fault, 8)
    for count in range(18):
        till.sell(f"c{count}", 1000 + count, (ann, bob, "")[count % 3], redeem=3 if count in (6, 7, 12) else 0)
        if count % 4 == 1:
            till.print()
        if count % 6 == 5:
            till.store.checkpoint()
    till.reprint(2)
    till.connected = True
    till.exchange()
    till.store.checkpoint()
    till.sell("d1", 2000, ann)
    till.connected = False
    till.sell("d2", 2000, bob)
    till.sell("d3", 2000, bob, redeem=7)
    till.far.keep()
    os._exit(0)  # killed: its write-ahead log stays behind


def second(folder: Path, known: Path, fault: str) -> None:
    """The program's next version finds a file of the last one, not closed properly."""
    promise("next version")
    next_version()
    till = Till(Store.open(folder), known, fault, 16)
    promise("migrated", to=NEXT_STEP[0])
    with till.store.read() as db:
        ann, bob = (members.member_of_card(db, card_of(number)) for number in (1, 2))
    till.print()
    till.sell("e1", 4500, ann)
    till.sell("e2", 500, bob, redeem=5)
    void(till.checkout, "1", "e2")
    till.promise_entries()
    till.exchange()
    till.store.checkpoint()
    till.sell("e3", 4500, ann)
    till.print("unknown")
    till.store.checkpoint()
    till.store.close()


# -- mistakes on purpose


def plant(fault: str) -> None:
    if fault == "normal":
        connect = Store._connect

        def less_careful(self: Store, *, read_only: bool = False) -> sqlite3.Connection:
            connection = connect(self, read_only=read_only)
            connection.execute("PRAGMA synchronous = NORMAL")
            return connection

        Store._connect = less_careful
    elif fault == "started late":  # Paper marks it, once the bytes are out
        receipts.start = lambda db, job: True
    elif fault == "sent before written":

        def release(self: Sync, db: sqlite3.Connection, member: str, keeps: Callable[[str], bool]) -> None:
            at = moment(db, self._clock())
            rights.release(db, at, member)
            waiting = journal.after(db, at.acknowledged, 500)
            number, head, _ = waiting[-1]
            signature = self._key().sign(batch_message(at.who.terminal, at.who.epoch, number, head))
            entries = [data for _, _, data in waiting]
            self._link.send(pack(Batch(at.who.terminal, at.who.epoch, entries, signature)))

        Sync._release = release
    elif fault:
        raise ValueError(fault)


_promises = -1


def main() -> None:
    global _promises
    folder, part, *fault = sys.argv[1:]
    _promises = os.open(os.environ["POWER_PROMISES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    plant(fault[0] if fault else "")
    known = Path(os.environ["POWER_PROMISES"]).with_name("head-office.json")
    {"first": first, "second": second}[part](Path(folder), known, fault[0] if fault else "")


if __name__ == "__main__":
    main()
