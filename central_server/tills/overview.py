"""How each shop's tills are, as far as head office has heard. Read from the heads of their journals; no entries are counted."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, Row, func, select

from central_server import schema
from central_server.errors import OfficeError
from central_server.membership.entry_words import NOTES
from central_server.office import Office
from central_server.tills import roll_call
from ledger.entry import EntryUnreadable, OpenBody, read_entry, read_envelope

MOST_NOTES = 100
QUIET_S = 24 * 3600
"""A till that was not heard for so long is pointed out."""


class Branch(msgspec.Struct, frozen=True):
    """A line of a till's journal: from which entry to which, and how many of it are not worked out yet."""

    name: str
    first: int
    last: int
    waiting: int
    is_fork: bool
    is_closed: bool


class Till(msgspec.Struct, frozen=True):
    """`state` is one of: in use, quiet, silent, revoked, lost, awaited. `heard_at` is when it last asked anything, `sent_at` when
    it last sent entries, '' for never. `last` is the number of its last entry, `at_stake` the members' points that lie there."""

    terminal: str
    shop: str
    state: str
    enrolled_at: str
    heard_at: str
    sent_at: str
    last: int
    waiting: int
    at_stake: int
    notes: int
    branches: list[Branch]

    @property
    def forks(self) -> int:
        return sum(one.is_fork for one in self.branches)


class Note(msgspec.Struct, frozen=True):
    code: str
    number: int
    noted_at: str
    reason: str
    means: str
    do: str


class LastEntry(msgspec.Struct, frozen=True):
    kind: str
    day: str
    occurred_at: str
    received_at: str


class Shop(msgspec.Struct, frozen=True):
    """`waiting_for` counts returns and claims whose sale no till has sent yet."""

    shop: str
    tills: list[Till]
    members: int
    waiting_for: int

    @property
    def heard_at(self) -> str:
        return max((till.heard_at for till in self.tills), default="")

    @property
    def sent_at(self) -> str:
        return max((till.sent_at for till in self.tills), default="")

    @property
    def notes(self) -> int:
        return sum(till.notes for till in self.tills)


def shops(office: Office, connection: Connection, only: str = "") -> list[Shop]:
    """Every shop, or that one."""
    table, member, follow, sale = schema.shop.c, schema.member.c, schema.follow_up.c, schema.sale.c
    query = select(table.shop).order_by(table.shop)
    names = connection.scalars(query.where(table.shop == only) if only else query).all()
    homes: dict[str, int] = dict(
        connection.execute(
            select(member.home_shop, func.count()).where(member.merged_into == "").group_by(member.home_shop)
        ).all()
    )
    unmet: dict[str, int] = dict(
        connection.execute(
            select(follow.shop, func.count())
            .outerjoin(schema.sale, (sale.shop == follow.shop) & (sale.document == follow.sale))
            .where(sale.document.is_(None))
            .group_by(follow.shop)
        ).all()
    )
    by_shop: dict[str, list[Till]] = {name: [] for name in names}
    for one in tills(office, connection, only):
        by_shop.setdefault(one.shop, []).append(one)
    return [Shop(name, by_shop[name], homes.get(name, 0), unmet.get(name, 0)) for name in names]


def tills(office: Office, connection: Connection, shop: str = "", terminal: str = "") -> list[Till]:
    table, holding, note = schema.terminal, schema.holding.c, schema.note.c
    query = select(table).order_by(table.c.shop, table.c.terminal)
    if shop:
        query = query.where(table.c.shop == shop)
    if terminal:
        query = query.where(table.c.terminal == terminal)
    rows = connection.execute(query).all()
    branches: dict[str, list[Branch]] = {}
    for row in connection.execute(select(schema.branch).order_by(schema.branch.c.start, schema.branch.c.branch)):
        waiting = max(0, int(row.head_number) - int(row.applied_number))
        one = Branch(row.branch, row.start + 1, int(row.head_number), waiting, row.is_fork, row.is_closed)
        branches.setdefault(row.terminal, []).append(one)
    held: dict[str, int] = {}
    for place, points in connection.execute(
        select(holding.branch, func.sum(holding.points))
        .where(holding.place.in_(["escrow", "granted"]))
        .group_by(holding.branch)
    ):
        name = place.partition("/")[0]
        held[name] = held.get(name, 0) + int(points)
    noted: dict[str, int] = dict(connection.execute(select(note.terminal, func.count()).group_by(note.terminal)).all())
    lost = {tuple(row) for row in connection.execute(select(schema.forfeit.c.terminal, schema.forfeit.c.epoch))}
    awaited = {name for name, _ in roll_call.awaited(office, connection)}
    found = []
    for row in rows:
        theirs = branches.get(row.terminal, [])
        found.append(
            Till(
                row.terminal,
                row.shop,
                _state(office, row, (row.terminal, row.epoch) in lost, row.terminal in awaited),
                row.enrolled_at,
                row.heard_at,
                row.sent_at,
                max((one.last for one in theirs), default=0),
                sum(one.waiting for one in theirs),
                held.get(row.terminal, 0),
                noted.get(row.terminal, 0),
                theirs,
            )
        )
    return found


def _state(office: Office, row: Row[tuple[str, ...]], is_lost: bool, is_awaited: bool) -> str:
    if row.revoked_at:
        return "revoked"
    if is_lost:
        return "lost"
    if is_awaited:
        return "awaited"
    if not row.heard_at:
        return "silent"
    return "quiet" if row.heard_at < office.later(-QUIET_S) else "in use"


STATES = {
    "in use": ("In use", "It was heard within the last day."),
    "quiet": ("Quiet", "It was not heard for a day. It goes on selling; what it has not sent is at the till alone."),
    "silent": ("Never heard", "Nothing was heard of it since head office was put back."),
    "revoked": ("Revoked", "Nothing of it is taken any more."),
    "lost": ("Given up for lost", "What lay at it was given back to the members. If it turns up, it begins anew."),
    "awaited": ("Awaited", "Head office was restored: no points are granted before this till has been heard."),
}
"""Of a till: the words for its state, and what they mean."""


def till(office: Office, connection: Connection, terminal: str) -> Till:
    """Raises OfficeError for one that is not here."""
    found = tills(office, connection, terminal=terminal)
    if not found:
        hint = "The page Shops lists them, and pos-central status."
        raise OfficeError(f"There is no till {terminal}.", hint=hint, code="TERMINAL_UNKNOWN")
    return found[0]


def version_of(connection: Connection, one: Till) -> str:
    """Which version of the program the till ran when it began its newest epoch; '' where it has said nothing."""
    inbox = schema.inbox.c
    # A branch begins with the entry that opened it, or right after it.
    numbers = sorted({1, *(branch.first - 1 for branch in one.branches), *(branch.first for branch in one.branches)})
    rows = connection.scalars(
        select(inbox.data)
        .where(inbox.terminal == one.terminal, inbox.number.in_(numbers), inbox.kind == "open")
        .order_by(inbox.number.desc())
    )
    for data in rows:
        try:
            body = read_entry(data).body
        except EntryUnreadable:
            continue
        if isinstance(body, OpenBody):
            return body.version
    return ""


def last_entry(connection: Connection, terminal: str) -> LastEntry | None:
    inbox = schema.inbox.c
    row = connection.execute(
        select(inbox.data, inbox.kind, inbox.received_at)
        .where(inbox.terminal == terminal)
        .order_by(inbox.number.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    try:
        envelope = read_envelope(row.data)
    except EntryUnreadable:
        return LastEntry(row.kind, "", "", row.received_at)
    return LastEntry(row.kind, envelope.business_day, envelope.occurred_at, row.received_at)


def notes(connection: Connection, terminal: str) -> list[Note]:
    """What a person should look at, the latest first, with what it means and what to do."""
    table = schema.note
    rows = connection.execute(
        select(table)
        .where(table.c.terminal == terminal)
        .order_by(table.c.noted_at.desc(), table.c.number.desc(), table.c.code)
        .limit(MOST_NOTES)
    )
    return [
        Note(row.code, int(row.number), row.noted_at, row.reason, *NOTES.get(row.code, (row.code, ""))) for row in rows
    ]
