"""What terminals send is recorded here, durably and as it was sent, before anything is made of it.

A journal is a tree to head office: an entry whose predecessor already has another successor begins a branch, with an escrow
of its own that begins empty. Nothing that a terminal has signed is refused, unless the entry before it is missing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Row, case, func, insert, select, update

from central_server import schema
from central_server.applying.apply import AT_RECORD, book_at_record
from central_server.applying.documents import Filed, conflicting
from central_server.database import add, keep
from central_server.errors import Refused
from central_server.notes import note_row
from central_server.office import Office
from central_server.tills.auth import terminal_row
from ledger.entry import GENESIS, Entry, EntryUnreadable, Envelope, HelloBody, entry_hash, read_entry, read_envelope
from ledger.keys import batch_message, is_signed
from ledger.wire import Batch, BatchReply, Outcome, Recorded
from loyalty.days import day_after

MAX_NAME = 200
CLOCK_TOLERANCE_S = 600
"""So far a till's clock may be off before a person is told."""
CLOCK_NOTED_EVERY_S = 24 * 3600


class Placed(NamedTuple):
    """An entry in its place in a batch. Where the bytes cannot be read, the place is known from its neighbours."""

    number: int
    hash: str
    prev: str
    data: bytes
    envelope: Envelope | None
    entry: Entry | None
    why_parked: str


def record(office: Office, batch: Batch) -> BatchReply:
    """Records a batch in one transaction. Raises Refused where it is not this terminal's, or does not hang together.

    A batch that builds upon an entry that is not here records nothing; the reply names the head to send from.
    """
    if not _are_storable((batch.epoch,)):
        raise Refused("MESSAGE_UNFIT", "A batch names its epoch in a few letters.", status=422)
    hashes = [entry_hash(data) for data in batch.entries]
    with office.database.reading() as connection:
        terminal = terminal_row(connection, batch.terminal)
        head = _head_of(connection, batch)
        again = _again(office, connection, batch, hashes)
    if again is not None:
        _require_signed(terminal.public_key, batch, again.head_number, again.head)
        return again
    placed = _placed(batch, hashes, head)
    _require_signed(terminal.public_key, batch, placed[-1].number, placed[-1].hash)
    moves_points = any(one.envelope is not None and one.envelope.kind in AT_RECORD for one in placed)

    def work(connection: Connection) -> BatchReply:
        if moves_points:
            # Whoever changes points holds the chain first, and only then rows of a terminal: one order, no waiting in a circle.
            connection.execute(select(schema.chain).where(schema.chain.c.server == office.server).with_for_update())
        return _record(office, connection, batch, placed)

    return office.database.write(work)


def _head_of(connection: Connection, batch: Batch) -> tuple[str, int]:
    """The head that head office knows of this epoch, else the furthest one of this terminal."""
    table = schema.branch
    rows = connection.execute(select(table).where(table.c.terminal == batch.terminal)).all()
    best = max(rows, key=lambda row: (row.branch == batch.epoch, row.head_number), default=None)
    return (best.head, int(best.head_number)) if best is not None else ("", 0)


def _require_signed(public_key: str, batch: Batch, number: int, entry: str) -> None:
    if not is_signed(public_key, batch_message(batch.terminal, batch.epoch, number, entry), batch.signature):
        raise Refused(
            "SIGNATURE_WRONG",
            "This batch is not signed by the terminal it names.",
            hint="Nothing was recorded. If this till's folder was copied or restored, enrol it anew.",
            status=401,
        )


def _again(office: Office, connection: Connection, batch: Batch, hashes: list[str]) -> BatchReply | None:
    """The answer to a batch of which every entry is here, one after the other: nothing of it needs to be read or written."""
    try:
        first = read_envelope(batch.entries[0]).number
    except EntryUnreadable:
        return None
    inbox, branch = schema.inbox.c, schema.branch.c
    here = inbox.terminal == batch.terminal
    last = first + len(hashes) - 1
    wanted = set(hashes)
    rows = connection.execute(
        select(inbox.number, inbox.hash, inbox.prev)
        .where(here, inbox.number >= first, inbox.number <= last)
        .order_by(inbox.number)
    ).all()
    found = [(number, entry, prev) for number, entry, prev in rows if entry in wanted]
    if len(found) != len(hashes):
        return None
    before = [found[0][2], *hashes[:-1]]
    if found != list(zip(range(first, last + 1), hashes, before, strict=True)):
        return None
    is_fork = connection.scalar(
        select(branch.is_fork)
        .join_from(schema.inbox, schema.branch, branch.terminal == inbox.terminal)
        .where(here, inbox.number == last, inbox.hash == hashes[-1])
        .where(branch.branch == case((inbox.opens == "", inbox.branch), else_=inbox.opens))
    )
    results = [Recorded(number, "already recorded") for number in range(first, last + 1)]
    return BatchReply(office.server_epoch, office.time(), hashes[-1], last, results, is_fork=bool(is_fork))


def _known(
    connection: Connection, terminal: str, first: int, last: int, wanted: set[str]
) -> dict[str, Row[int, str, str, str, str]]:
    """Which of these entries of a terminal are here, by hash."""
    table = schema.inbox.c
    rows = connection.execute(
        select(table.number, table.hash, table.prev, table.branch, table.opens).where(
            table.terminal == terminal, table.number >= first, table.number <= last
        )
    )
    return {row.hash: row for row in rows if row.hash in wanted}


def _placed(batch: Batch, hashes: list[str], head: tuple[str, int]) -> list[Placed]:
    """The entries of a batch, chained. Raises Refused where they are not one terminal's, or do not follow each other."""
    read = [_read(data) for data in batch.entries]
    known = [(envelope.number - index, index) for index, (envelope, _, _) in enumerate(read) if envelope is not None]
    first = known[0][0] if known else head[1] + 1
    placed: list[Placed] = []
    for index, (data, (envelope, entry, why)) in enumerate(zip(batch.entries, read, strict=True)):
        before = hashes[index - 1] if index else (envelope.prev if envelope is not None else head[0] or GENESIS)
        if envelope is not None and (
            envelope.terminal != batch.terminal or envelope.number != first + index or envelope.prev != before
        ):
            raise Refused(
                "CHAIN_BROKEN",
                f"Entry {index + 1} of this batch does not follow the one before it.",
                hint="Nothing was recorded. Run pos-plugin verify at this till and show the result to head office.",
                status=422,
            )
        placed.append(Placed(first + index, hashes[index], before, data, envelope, entry, why))
    return placed


def _read(data: bytes) -> tuple[Envelope | None, Entry | None, str]:
    entry: Entry | None = None
    why = ""
    try:
        try:
            entry = read_entry(data)
            envelope = entry.envelope
        except EntryUnreadable as error:
            why = str(error)
            envelope = read_envelope(data)
        names = (envelope.epoch, envelope.kind, envelope.document, envelope.member, envelope.business_day)
        if not _are_storable((*names, *envelope.esc)):
            raise EntryUnreadable("a name in it is too long, or has control characters")
    except EntryUnreadable as error:
        return None, None, str(error)
    return envelope, entry, why


def _are_storable(names: tuple[str, ...]) -> bool:
    return max(map(len, names)) <= MAX_NAME and "\x00" not in "".join(names)


def _record(office: Office, connection: Connection, batch: Batch, placed: list[Placed]) -> BatchReply:
    terminal = terminal_row(connection, batch.terminal, lock=True)
    wanted = {one.hash for one in placed} | {placed[0].prev}
    known = _known(connection, batch.terminal, placed[0].number - 1, placed[-1].number, wanted)
    first = placed[0]
    follows = first.prev == GENESIS and first.number == 1
    if first.prev in known:
        follows = known[first.prev].number == first.number - 1
    if first.hash not in known and not follows:
        head, number = _head_of(connection, batch)
        return BatchReply(office.server_epoch, office.time(), head, number, [])
    branches = _Branches(connection, batch.terminal)
    for row in known.values():
        branches.after[row.hash] = row.opens or row.branch
    new = [one for one in placed if one.hash not in known]
    documents = [Filed(one.number, one.hash, one.envelope, one.entry) for one in new if one.envelope is not None]
    conflicts = conflicting(connection, terminal.shop, batch.terminal, documents)
    inbox_rows = []
    received_at = office.time()
    outcomes: dict[str, Outcome] = {}
    notes = []
    for one in new:
        epoch = one.envelope.epoch if one.envelope else batch.epoch
        queue, opens = branches.extend(one, epoch)
        if one.entry is not None and isinstance(one.entry.body, HelloBody):
            branches.greeted(queue, one.entry.body.server_epoch)
        outcome: Outcome = "parked" if one.entry is None else "conflict" if one.hash in conflicts else "recorded"
        outcomes[one.hash] = outcome
        envelope = one.envelope
        inbox_rows.append(
            {
                "terminal": batch.terminal,
                "number": one.number,
                "hash": one.hash,
                "branch": queue,
                "opens": opens,
                "prev": one.prev,
                "kind": envelope.kind if envelope else "",
                "document": envelope.document if envelope else "",
                "member": envelope.member if envelope else "",
                "data": one.data,
                "received_at": received_at,
                "outcome": outcome,
            }
        )
        if outcome != "recorded":
            reason = one.why_parked or f"{one.envelope.document if one.envelope else ''} exists with other content"
            notes.append(note_row(office, batch.terminal, one.number, one.hash, outcome, reason))
    if inbox_rows:
        add(connection, schema.inbox, inbox_rows)
        branches.store()
    notes += _clock_notes(office, connection, batch.terminal, new)
    keep(connection, schema.note, notes)
    heard = {"heard_at": received_at, "sent_at": received_at} | ({"epoch": branches.opened} if branches.opened else {})
    connection.execute(update(schema.terminal).where(schema.terminal.c.terminal == batch.terminal).values(**heard))
    at_record = [one.hash for one in new if one.entry and one.entry.kind in AT_RECORD]
    book_at_record(office, connection, batch.terminal, at_record)
    last = placed[-1]
    return BatchReply(
        office.server_epoch,
        office.time(),
        last.hash,
        last.number,
        [Recorded(one.number, outcomes.get(one.hash, "already recorded")) for one in placed],
        is_fork=branches.is_fork(last.hash),
        last_closing=_last_closing(connection, terminal.shop, batch.terminal, placed),
    )


def _last_closing(connection: Connection, shop: str, terminal: str, placed: list[Placed]) -> int:
    """For a till that opens an epoch: it may have lost the closings of its journal's end, whose numbers are used."""
    if not any(one.envelope is not None and one.envelope.kind == "open" for one in placed):
        return 0
    table = schema.shops.closing.c
    return int(
        connection.scalar(select(func.max(table.closing)).where(table.shop == shop, table.terminal == terminal)) or 0
    )


def _clock_notes(office: Office, connection: Connection, terminal: str, new: list[Placed]) -> list[dict[str, object]]:
    """Shows the first entry of a batch whose time cannot be: later than now, or well before the entry in front of it, or of a
    trading day that has not come. Once a day for each till: a clock that is wrong is wrong at every sale.

    How long ago it is says nothing: a till that was offline sends what it recorded then. Nothing else follows from it either:
    entries are ordered by number and arrival, never by a till's clock.
    """
    tolerated = timedelta(seconds=CLOCK_TOLERANCE_S)
    latest, earliest = office.now() + tolerated, datetime.min.replace(tzinfo=UTC)
    tomorrow = day_after(office.today(connection))
    for one in new:
        if one.envelope is None:
            continue
        try:
            recorded_at = datetime.fromisoformat(one.envelope.recorded_at).astimezone(UTC)
            if earliest <= recorded_at <= latest and one.envelope.business_day <= tomorrow:
                earliest = recorded_at - tolerated
                continue
        except (ValueError, OverflowError):
            pass
        table = schema.note.c
        since = office.later(-CLOCK_NOTED_EVERY_S)
        told = select(table.code).where(table.terminal == terminal, table.code == "clock", table.noted_at > since)
        if connection.execute(told.limit(1)).first() is not None:
            return []
        reason = (
            f"it was recorded at {one.envelope.recorded_at[:40]} by the till's clock, of {one.envelope.business_day[:40]}, "
            f"and arrived at {office.time()}"
        )
        return [note_row(office, terminal, one.number, one.hash, "clock", reason)]
    return []


class _Branches:
    """A terminal's branches while a batch is being recorded."""

    def __init__(self, connection: Connection, terminal: str) -> None:
        self._connection = connection
        self._terminal = terminal
        query = select(schema.branch).where(schema.branch.c.terminal == terminal)
        self._rows = {row.branch: dict(row._mapping) for row in connection.execute(query)}
        self._new: list[str] = []
        self._touched: set[str] = set()
        self.after: dict[str, str] = {}
        """Hash of an entry → the branch on which the next one goes on."""
        self.opened = ""

    def greeted(self, branch: str, server_epoch: int) -> None:
        self._rows[branch]["hello"] = server_epoch

    def is_fork(self, entry: str) -> bool:
        return bool(self._rows[self.after[entry]]["is_fork"])

    def extend(self, one: Placed, epoch: str) -> tuple[str, str]:
        """Where an entry belongs: the branch in whose turn it is applied, and the one that it opens ('' for none)."""
        queue = self._queue(one, epoch)
        row = self._rows[queue]
        row["head"], row["head_number"] = one.hash, one.number
        self._touched.add(queue)
        opens = ""
        is_open = one.envelope is not None and one.envelope.kind == "open"
        if is_open and one.prev != GENESIS:
            opens = self._begin(epoch, one, queue, one.number)
            self._rows[opens].update(head=one.hash, head_number=one.number, applied_number=one.number)
            row["is_closed"] = True
            self.opened = opens
        elif is_open:
            self.opened = queue
        self.after[one.hash] = opens or queue
        return queue, opens

    def _queue(self, one: Placed, epoch: str) -> str:
        parent = self.after.get(one.prev, "")
        if parent and self._rows[parent]["head"] == one.prev and not self._rows[parent]["is_closed"]:
            return parent
        return self._begin(epoch, one, parent, one.number - 1)

    def _begin(self, epoch: str, one: Placed, parent: str, start: int) -> str:
        is_open = one.envelope is not None and one.envelope.kind == "open" and start == one.number
        is_fork = bool(parent) and not is_open
        name = f"{epoch}~{start}-{one.hash[:12]}" if is_fork or epoch in self._rows else epoch
        self._rows[name] = {
            "terminal": self._terminal,
            "branch": name,
            "parent": parent,
            "start": start,
            "head": "",
            "head_number": start,
            "applied_number": start,
            "is_fork": name != epoch,
            "is_closed": False,
            "hello": 0,
        }
        self._new.append(name)
        return name

    def store(self) -> None:
        table = schema.branch
        if self._new:
            self._connection.execute(insert(table), [self._rows[name] for name in self._new])
        for name in self._touched.difference(self._new):
            row = self._rows[name]
            self._connection.execute(
                update(table)
                .where(table.c.terminal == self._terminal, table.c.branch == name)
                .values({name: row[name] for name in ("head", "head_number", "is_closed", "hello")})
            )
