"""What a till has promised by a moment, and whether the files that a cut at that moment left still keep it.

`Promised` hears the promises in their order. `opened` starts the product on the files and says what it finds there: `Found`.
`broken` compares the two; each answer is a violation, its first word its kind: lost, doubled or corrupt.
"""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from workload import NEXT_STEP, PROFILE, PROGRAM, Paper, card_of

import offline_store.schema
from drivers.printer import Outcome, Verdict
from ledger.entry import ReleaseBody, TakeBody, read_entry
from loyalty.program import read_program
from loyalty.sale import Sale
from offline_store import journal, settings
from offline_store.errors import StoreExists
from offline_store.store import FILE, Store
from offline_store.verify import verify
from pos_plugin.errors import TillError
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.spooler import Spooler
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.quotes import Connection

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass
class Promised:
    """What holds from now on. `told` is what head office has on its channels, which the till need not have read yet."""

    made: dict[str, str] = field(default_factory=dict)
    entries: dict[int, tuple[str, str]] = field(default_factory=dict)
    receipts: dict[int, str] = field(default_factory=dict)
    sent: dict[int, tuple[str, str]] = field(default_factory=dict)
    released: set[int] = field(default_factory=set)
    jobs: dict[int, set[str]] = field(default_factory=dict)
    out: set[int] = field(default_factory=set)
    keys: dict[str, int] = field(default_factory=dict)
    joined: dict[str, str] = field(default_factory=dict)
    details: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    acknowledged: int = 0
    positions: dict[str, int] = field(default_factory=dict)
    told: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    asked: dict[str, Any] | None = None
    is_next_version: bool = False
    is_migrated: bool = False

    def hear(self, line: bytes) -> None:
        said: dict[str, Any] = json.loads(line)
        match said.pop("promise"):
            case "made":
                self.made = said
            case "programme":
                self.settings["program"] = said["id"]
            case "belongs":
                self.settings.update(said)
            case "recorded":
                self.entries[said["number"]] = (said["hash"], said["document"])
                self.receipts[said["number"]] = said["receipt"]
            case "sent":
                self.sent[said["number"]] = (said["hash"], said["document"])
                if said["released"]:
                    self.released.add(said["number"])
            case "bytes out":
                # The verdict may be on the disk already although nobody has been told of it.
                self.jobs[said["job"]] = {"started", said["verdict"]}
                if said["verdict"] != "not printed":
                    self.out.add(said["job"])
            case "job":
                # What was not printed may be started once more before its next byte.
                is_open = said["state"] in ("not printed", "waiting")
                self.jobs[said["job"]] = {said["state"], "started"} if is_open else {said["state"]}
            case "asked":
                self.asked = said
            case "sold":
                self.keys[said["key"]] = said["number"]
            case "joined":
                self.joined[said["card"]] = said["member"]
            case "details":
                self.details.add(said["member"])
            case "exchanged":
                self.acknowledged, self.positions = said["acknowledged"], said["positions"]
            case "told":
                self.told[said["channel"]].append(said["item"])
                if said["channel"] == "program":
                    self.settings.pop("program", None)  # from here on it is what the channel's position says
            case "next version":
                self.is_next_version = True
            case "migrated":
                self.is_migrated = True
            case "enrolled":
                pass  # the till may have to enrol again: the code's answer did not arrive
            case kind:
                raise ValueError(kind)


@dataclass
class Found:
    """What the product finds after the cut. `terminal` is '' where there was no till yet and one could be made."""

    terminal: str = ""
    epoch: str = ""
    key: str = ""
    problems: list[str] = field(default_factory=list)
    entries: list[tuple[int, str, str]] = field(default_factory=list)
    takes: dict[str, int] = field(default_factory=dict)
    releases: set[int] = field(default_factory=set)
    held: Counter[str] = field(default_factory=Counter)
    pending: Counter[str] = field(default_factory=Counter)
    lots: dict[str, int] = field(default_factory=dict)
    lots_pending: Counter[str] = field(default_factory=Counter)
    receipts: dict[int, str] = field(default_factory=dict)
    jobs: dict[int, tuple[int, bool, str]] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    cards: dict[str, str] = field(default_factory=dict)
    outbox: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    members: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    schema: int = 0
    copied: int = -1
    printed_by_itself: list[int] = field(default_factory=list)
    again: tuple[int, int] | None = None
    refused: str = ""


THIS_VERSION = offline_store.schema.migrations()
NEXT_VERSION = [*THIS_VERSION, NEXT_STEP]


def opened(folder: Path, promised: Promised) -> Found:
    """Starts the till in `folder` as a till starts after a power cut, and goes on with the day.

    Reads everything, proves it with `verify`, prints what waits, and lets the host ask once more for the sale it asked for
    last. The next version of the program opens it where that one had been started by then.
    """
    steps = NEXT_VERSION if promised.is_next_version else THIS_VERSION
    try:
        with (
            patch.object(offline_store.schema, "migrations", lambda: steps),
            _started(folder, may_be_missing=not promised.made) as store,
        ):
            return _look(store, promised)
    except Exception as error:  # whatever it is, this till does not start
        return Found(problems=[f"{type(error).__name__}: {error}"])


def _started(folder: Path, *, may_be_missing: bool) -> Store:
    if may_be_missing:
        try:
            return Store.create(folder, random_bytes=random.Random(9).randbytes)
        except StoreExists:
            pass
    return Store.open(folder)


def _look(store: Store, promised: Promised) -> Found:
    found = Found(key=hashlib.sha256(store.secret_key()).hexdigest())
    with store.read() as db:
        found.problems = verify(db).problems
        found.settings = settings.every(db)
        found.terminal, found.epoch = found.settings.get("terminal", ""), found.settings.get("epoch", "")
        _read(db, found)
    backup = store.folder / f"{FILE}.schema-{NEXT_STEP[0] - 1}"
    if found.schema == NEXT_STEP[0]:
        found.copied = _copied(backup)
    if found.terminal and "program" in found.settings:
        _go_on(store, promised, found)
    return found


def _read(db: sqlite3.Connection, found: Found) -> None:
    acknowledged = int(found.settings.get("acknowledged", "0"))
    for number, kept_hash, data in journal.every(db):
        read = read_entry(data)
        found.entries.append((number, kept_hash, read.envelope.document))
        if isinstance(read.body, TakeBody):
            found.takes[read.body.grant] = number
        if isinstance(read.body, ReleaseBody):
            found.releases.add(number)
        is_pending = isinstance(read.body, TakeBody) and number > acknowledged
        (found.pending if is_pending else found.held).update(read.envelope.esc)
    for lot, held in db.execute("SELECT lot, held FROM lot"):
        found.lots[lot] = held
    for (slices,) in db.execute("SELECT slices FROM pending_take"):
        found.lots_pending.update({part["lot"]: part["points"] for part in json.loads(slices)})
    for number, document in db.execute("SELECT number, document FROM receipt"):
        found.receipts[number] = hashlib.sha256(document).hexdigest()
    for job, number, is_copy, state in db.execute("SELECT job, number, copy, state FROM print_job"):
        found.jobs[job] = (number, bool(is_copy), state)
    found.keys = dict(db.execute("SELECT key, number FROM request").fetchall())
    found.cards = dict(db.execute("SELECT card, member FROM card").fetchall())
    found.outbox = {member for (member,) in db.execute("SELECT member FROM member_outbox")}
    found.positions = dict(db.execute("SELECT channel, position FROM feed_position").fetchall())
    for member, *figures in db.execute("SELECT member, as_of, includes, points FROM member"):
        found.members[member] = tuple(figures)
    (found.schema,) = db.execute("PRAGMA user_version").fetchone()


def _copied(backup: Path) -> int:
    """How many entries the copy has that was made before the file was changed; -1 where it is not whole."""
    try:
        with closing(sqlite3.connect(f"{backup.as_uri()}?mode=rw", uri=True)) as db:
            if db.execute("PRAGMA user_version").fetchone() != (NEXT_STEP[0] - 1,) or verify(db).problems:
                return -1
            return int(db.execute("SELECT count(*) FROM entry").fetchone()[0])
    except sqlite3.Error:
        return -1


class Out:
    """A printer that prints everything and remembers which jobs it was sent."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.jobs: list[int] = []

    def print(self, data: bytes, *, timeout_s: float) -> Verdict:
        with self._store.read() as db:
            self.jobs += [job for (job,) in db.execute("SELECT job FROM print_job WHERE state = 'started'")]
        return Verdict(Outcome.PRINTED)

    status = Paper.status
    close = Paper.close


def _go_on(store: Store, promised: Promised, found: Found) -> None:
    printer = Out(store)
    spooler = Spooler(store, printer, PROFILE)
    while spooler.step():
        pass
    found.printed_by_itself = printer.jobs
    if promised.asked is None:
        return
    checkout = Checkout(
        store,
        layout=Layout(32),
        clock=lambda: NOW,
        random_bytes=random.Random(11).randbytes,
        connection=lambda: Connection(is_online=False, is_current=False),
    )
    asked = promised.asked
    sale = msgspec.convert(asked["sale"], Sale)
    for number in (1, 2):
        checkout.identify(card_of(number))
    try:
        done = checkout.commit(checkout.quote(sale, asked["member"], asked["redeem"]).quote_id, key=asked["key"])
    except TillError as refused:
        found.refused = str(refused)
        return
    with store.read() as db:
        (count,) = db.execute(
            "SELECT count(*) FROM entry WHERE instr(data, ?)", (f'"document":"{sale.document}"',)
        ).fetchone()
    found.again = (done.number, count)


# -- the comparison


def broken(promised: Promised, found: Found) -> Iterator[str]:
    for problem in found.problems:
        yield f"corrupt: {problem}"
    if found.problems or not (promised.made or promised.entries):
        return
    for name, value in promised.made.items():
        if getattr(found, name) != value:
            yield f"lost: the till's {name}"
    yield from _entries(promised, found)
    yield from _rights(promised, found)
    yield from _prints(promised, found)
    yield from _feed(promised, found)
    for name, value in promised.settings.items():
        if found.settings.get(name) != value:
            yield f"lost: setting {name}"
    for card, member in promised.joined.items():
        if found.cards.get(card) != member:
            yield f"lost: card {card} of member {member}"
        if member not in found.outbox and member not in promised.details:
            yield f"lost: details of member {member}, which head office does not have"
    if promised.is_migrated and found.schema != NEXT_STEP[0]:
        yield "lost: the new schema"
    if found.schema == NEXT_STEP[0] and found.copied < 0:
        yield "lost: the copy from before the new schema"


def _entries(promised: Promised, found: Found) -> Iterator[str]:
    here = {number: (kept_hash, document) for number, kept_hash, document in found.entries}
    for number, what in promised.entries.items():
        if here.get(number) != what:
            yield f"lost: entry {number}, {what[1]}"
    for number, what in promised.sent.items():
        if here.get(number) != what:
            yield f"lost: entry {number}, {what[1]}, which head office has"
    for document, count in Counter(document for _, _, document in found.entries).items():
        if count > 1:
            yield f"doubled: {document}"
    for number, digest in promised.receipts.items():
        if digest and found.receipts.get(number) != digest:
            yield f"lost: receipt of entry {number}"
    for key, number in promised.keys.items():
        if found.keys.get(key) != number:
            yield f"lost: request {key}"
    if found.refused:
        yield f"lost: the sale asked for last is refused: {found.refused}"
    if promised.asked is not None and found.again is not None:
        number, count = found.again
        if count != 1:
            yield f"doubled: {count} entries for one sale"
        if number != promised.keys.get(promised.asked["key"], number):
            yield f"doubled: a sale asked for again is entry {number}"


def _rights(promised: Promised, found: Found) -> Iterator[str]:
    for number in promised.released - found.releases:
        yield f"doubled: what entry {number} released can be spent here, too"
    for lots, journalled, what in (
        (found.lots, found.held, "held"),
        (found.lots_pending, found.pending, "granted and not yet acknowledged"),
    ):
        for lot in lots.keys() | journalled.keys():
            if lots.get(lot, 0) != journalled[lot]:
                yield f"corrupt: lot {lot} has {lots.get(lot, 0)} points {what}, the journal says {journalled[lot]}"
    acknowledged = int(found.settings.get("acknowledged", "0"))
    if acknowledged < promised.acknowledged:
        yield f"lost: acknowledgement of entry {promised.acknowledged}"
    if acknowledged > len(promised.sent):
        yield f"corrupt: entry {acknowledged} counts as acknowledged, head office has {len(promised.sent)}"


def _prints(promised: Promised, found: Found) -> Iterator[str]:
    for job, states in promised.jobs.items():
        state = found.jobs.get(job, (0, False, "missing"))[2]
        if state not in states:
            yield f"{'doubled' if job in promised.out else 'lost'}: job {job} is {state}, not {' or '.join(states)}"
    for job in promised.out & set(found.printed_by_itself):
        yield f"doubled: job {job} is printed once more by itself"
    for number, _, document in found.entries:
        if document.startswith(("sale/", "return/", "claim/")) and number not in found.receipts:
            yield f"lost: entry {number}, {document}, stands without a receipt"
    originals = Counter(number for number, is_copy, _ in found.jobs.values() if not is_copy)
    if originals != Counter(dict.fromkeys(found.receipts, 1)):
        yield "corrupt: receipts and their print jobs do not match"


def _feed(promised: Promised, found: Found) -> Iterator[str]:
    """What was applied is exactly what stands before the position: page and position happened together, or not at all."""
    for channel, position in promised.positions.items():
        if found.positions.get(channel, 0) < position:
            yield f"lost: position {position} on {channel}"
    for channel, items in promised.told.items():
        position = found.positions.get(channel, 0)
        if position > len(items):
            yield f"corrupt: position {position} on {channel}, which has {len(items)} items"
        if channel == "program":
            expected = read_program(items[position - 1]["text"] if position else PROGRAM).id
            if found.settings.get("program", expected) != expected:
                yield f"corrupt: another programme than at position {position}"
        elif channel.startswith("grants/"):
            taken = {item["grant"] for item in items[:position]}
            if taken != found.takes.keys():
                yield f"corrupt: position {position} on {channel}, but taken are {sorted(found.takes)}"
        else:
            last = {item["member"]: item for item in items[:position]}
            for member in {item["member"] for item in items}:
                said = last.get(member)
                expected_figures = (
                    (said["as_of"], said["includes"], json.dumps(said["points"], separators=(",", ":")))
                    if said
                    else ("", 0, "[]")
                )
                if member in found.members and found.members[member] != expected_figures:
                    yield f"corrupt: member {member} is not as at position {position} on {channel}"
