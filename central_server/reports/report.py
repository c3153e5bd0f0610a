"""What head office can say of itself: how far each terminal has been heard, balances, and whether all of it is sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, func, select

from central_server import schema
from central_server.office import Office
from central_server.tills import roll_call
from ledger.chain import breaks
from ledger.entry import (
    GENESIS,
    ClaimBody,
    EntryUnreadable,
    ReturnBody,
    SaleBody,
    entry_hash,
    read_entry,
    read_envelope,
)


class TerminalStatus(msgspec.Struct, frozen=True):
    terminal: str
    shop: str
    recorded: int
    applied: int
    branches: int
    revoked: bool
    forfeited: bool
    awaited: bool
    heard_at: str
    sent_at: str


class Status(msgspec.Struct, frozen=True):
    """`notes` counts what a person should look at, by its code. While a till is `awaited`, no rights are granted.

    A till's `heard_at` is when it last asked anything, `sent_at` when it last sent entries, '' for never; `forfeited` is its
    newest epoch.
    """

    server: str
    server_epoch: int
    terminals: list[TerminalStatus]
    members: int
    recorded: int
    applied: int
    notes: dict[str, int]


class Awaited(msgspec.Struct, frozen=True):
    """`at_stake`: the points that the restored database knows to lie there."""

    terminal: str
    epoch: str
    at_stake: int
    heard_at: str


class Note(msgspec.Struct, frozen=True):
    noted_at: str
    code: str
    terminal: str
    number: int
    reason: str


class Found(msgspec.Struct, frozen=True):
    """An entry behind a receipt's reference. `esc` is what it did to the rights of its own till, all lots together."""

    terminal: str
    shop: str
    number: int
    branch: str
    is_fork: bool
    is_applied: bool
    kind: str
    document: str
    business_day: str
    recorded_at: str
    received_at: str
    outcome: str
    member: str
    cards: list[str]
    points: dict[str, int]
    esc: int
    notes: list[str]


class MemberBalance(msgspec.Struct, frozen=True):
    """A member by one card; `aliases` are their others. The `balance` is what can still be spent, less what is `owed`."""

    card: str
    balance: int
    owed: int = 0
    aliases: list[str] = []


class CardBalance(msgspec.Struct, frozen=True):
    card: str
    balance: int


def status(office: Office) -> Status:
    inbox, branch = schema.inbox.c, schema.branch.c
    with office.database.reading() as connection:
        recorded: dict[str, int] = dict(
            connection.execute(select(inbox.terminal, func.count()).group_by(inbox.terminal)).all()
        )
        waiting: dict[str, int] = dict(
            connection.execute(
                select(inbox.terminal, func.count())
                .join(schema.branch, (branch.terminal == inbox.terminal) & (branch.branch == inbox.branch))
                .where(inbox.number > branch.applied_number)
                .group_by(inbox.terminal)
            ).all()
        )
        branches: dict[str, int] = dict(
            connection.execute(select(branch.terminal, func.count()).group_by(branch.terminal)).all()
        )
        lost = {tuple(row) for row in connection.execute(select(schema.forfeit.c.terminal, schema.forfeit.c.epoch))}
        awaited = {terminal for terminal, _ in roll_call.awaited(office, connection)}
        terminals = [
            TerminalStatus(
                row.terminal,
                row.shop,
                recorded.get(row.terminal, 0),
                recorded.get(row.terminal, 0) - waiting.get(row.terminal, 0),
                branches.get(row.terminal, 0),
                bool(row.revoked_at),
                (row.terminal, row.epoch) in lost,
                row.terminal in awaited,
                row.heard_at,
                row.sent_at,
            )
            for row in connection.execute(select(schema.terminal).order_by(schema.terminal.c.terminal))
        ]
        members = connection.scalar(select(func.count()).where(schema.member.c.merged_into == "")) or 0
        notes: dict[str, int] = dict(
            connection.execute(select(schema.note.c.code, func.count()).group_by(schema.note.c.code)).all()
        )
    total = sum(recorded.values())
    return Status(office.server, office.server_epoch, terminals, members, total, total - sum(waiting.values()), notes)


def members(office: Office) -> list[MemberBalance]:
    """Everyone who has a card, once, by their first card."""
    with office.database.reading() as connection:
        cards = cards_of(connection)
        held = _held(connection, office.today(connection))
        about = schema.member.c
        owed: dict[str, int] = dict(connection.execute(select(about.member, about.debt).where(about.debt != 0)).all())
    found = [
        MemberBalance(theirs[0], held.get(member, 0) - owed.get(member, 0), owed.get(member, 0), theirs[1:])
        for member, theirs in cards.items()
    ]
    return sorted(found, key=lambda one: one.card)


def balances(office: Office) -> list[CardBalance]:
    """Every card and what its member has: points that have not expired, less debt."""
    found = [CardBalance(card, one.balance) for one in members(office) for card in (one.card, *one.aliases)]
    return sorted(found, key=lambda one: one.card)


def balance_of(connection: Connection, member: str, today: str) -> MemberBalance:
    """What one member has in this transaction, once its books are stored."""
    owed = connection.scalar(select(schema.member.c.debt).where(schema.member.c.member == member)) or 0
    cards = cards_of(connection, [member]).get(member, [""])
    return MemberBalance(cards[0], _held(connection, today, member).get(member, 0) - owed, owed, cards[1:])


def cards_of(connection: Connection, members: list[str] | None = None) -> dict[str, list[str]]:
    """The cards of these members, or of all, each member's in order."""
    card = schema.card.c
    query = select(card.member, card.card).order_by(card.card)
    found: dict[str, list[str]] = {}
    for member, number in connection.execute(query if members is None else query.where(card.member.in_(members))):
        found.setdefault(member, []).append(number)
    return found


def _held(connection: Connection, today: str, member: str = "") -> dict[str, int]:
    """Points that have not expired, wherever they lie, by member."""
    holding, lot = schema.holding.c, schema.lot.c
    query = (
        select(holding.member, func.sum(holding.points))
        .join_from(schema.holding, schema.lot, (lot.member == holding.member) & (lot.lot == holding.lot))
        .where(holding.place != "expired", lot.expires_on > today)
        .group_by(holding.member)
    )
    rows = connection.execute(query.where(holding.member == member) if member else query)
    return {name: int(points) for name, points in rows}


def awaited(office: Office) -> list[Awaited]:
    """Whom the roll call waits for: nothing is granted until each has said hello, or is gone on without."""
    with office.database.reading() as connection:
        table = schema.terminal.c
        heard = dict(connection.execute(select(table.terminal, table.heard_at)).all())
        return [
            Awaited(terminal, epoch, roll_call.at_stake(connection, terminal, epoch), heard.get(terminal, ""))
            for terminal, epoch in roll_call.awaited(office, connection)
        ]


def notes(office: Office, last: int = 0) -> list[Note]:
    """What a person should look at, newest first; the `last` ones, or all."""
    table = schema.note.c
    query = select(table.noted_at, table.code, table.terminal, table.number, table.reason).order_by(
        table.noted_at.desc(), table.terminal, table.number.desc(), table.code
    )
    with office.database.reading() as connection:
        rows = connection.execute(query.limit(last) if last else query).all()
    return [Note(row.noted_at, row.code, row.terminal, row.number, row.reason) for row in rows]


def find(office: Office, terminal: str, number: int) -> list[Found]:
    """The entries with this number in this terminal's journal: one, or several where its disk was copied or put back."""
    inbox, branch, member, card, note = (
        table.c for table in (schema.inbox, schema.branch, schema.member, schema.card, schema.note)
    )
    found: list[Found] = []
    with office.database.reading() as connection:
        rows = connection.execute(
            select(schema.inbox, branch.is_fork, branch.applied_number, schema.terminal.c.shop)
            .join_from(
                schema.inbox,
                schema.branch,
                (branch.terminal == inbox.terminal) & (branch.branch == inbox.branch),
            )
            .join(schema.terminal, schema.terminal.c.terminal == inbox.terminal)
            .where(inbox.terminal == terminal, inbox.number == number)
            .order_by(branch.is_fork, inbox.received_at, inbox.hash)
        ).all()
        for row in rows:
            became = connection.scalar(select(member.merged_into).where(member.member == row.member)) or row.member
            cards = connection.scalars(select(card.card).where(card.member == became).order_by(card.card)).all()
            odd = connection.execute(
                select(note.code, note.reason)
                .where(note.terminal == terminal, note.number == number, note.hash == row.hash)
                .order_by(note.code)
            )
            day, recorded_at, points, esc = _told_by(row.data)
            found.append(
                Found(
                    terminal,
                    row.shop,
                    number,
                    row.branch,
                    row.is_fork,
                    number <= row.applied_number,
                    row.kind,
                    row.document,
                    day,
                    recorded_at,
                    row.received_at,
                    row.outcome,
                    became,
                    list(cards) if row.member else [],
                    points,
                    esc,
                    [f"{one.code}: {one.reason}" for one in odd],
                )
            )
    return found


def _told_by(data: bytes) -> tuple[str, str, dict[str, int], int]:
    """Day, time, points by what became of them, and change of the till's own rights, as far as this version can read it."""
    try:
        envelope = read_envelope(data)
    except EntryUnreadable:
        return "", "", {}, 0
    points: dict[str, int] = {}
    try:
        match read_entry(data).body:
            case SaleBody(awarded=awarded, redeemed=redeemed):
                points = {"earned": awarded, "used": redeemed}
            case ReturnBody(taken=taken, restored=restored):
                points = {"taken back": taken, "given back": restored}
            case ClaimBody(awarded=awarded):
                points = {"earned": awarded}
            case _:
                pass
    except EntryUnreadable:
        pass
    return envelope.business_day, envelope.recorded_at, points, sum(envelope.esc.values())


def problems(office: Office) -> Iterator[str]:
    """Everything that does not hold, a sentence each: chains, postings that balance, holdings that equal postings."""
    with office.database.reading() as connection:
        yield from _chain_problems(office, connection)
        yield from _posting_problems(connection)


def _chain_problems(office: Office, connection: Connection) -> Iterator[str]:
    inbox, journal = schema.inbox.c, schema.journal.c
    seen: dict[str, int] = {}
    terminal = ""
    rows = connection.execute(
        select(inbox.terminal, inbox.number, inbox.hash, inbox.prev, inbox.data).order_by(inbox.terminal, inbox.number)
    )
    for row in rows:
        if row.terminal != terminal:
            terminal, seen = row.terminal, {GENESIS: 0}
        if entry_hash(row.data) != row.hash:
            yield f"Terminal {terminal}: entry {row.number} is not what was recorded: its bytes and its hash differ."
        if seen.get(row.prev) != row.number - 1:
            yield f"Terminal {terminal}: entry {row.number} does not follow an entry that is here."
        seen[row.hash] = row.number
    own = connection.execute(
        select(journal.number, journal.hash, journal.data)
        .where(journal.server == office.server)
        .order_by(journal.number)
    )
    for broken in breaks((row.number, row.hash, row.data) for row in own):
        yield f"Head office's own journal: {broken.what}."


def _posting_problems(connection: Connection) -> Iterator[str]:
    posting, holding = schema.posting.c, schema.holding.c
    unbalanced = connection.execute(
        select(posting.terminal, posting.number)
        .group_by(posting.member, posting.terminal, posting.number, posting.hash, posting.commodity)
        .having(func.sum(posting.amount) != 0)
    )
    for terminal, number in unbalanced:
        yield f"Entry {number} of {terminal} has postings that do not add up to zero."
    merged: dict[str, str] = {}
    held: dict[str, Counter[str]] = {}
    for row in connection.execute(select(schema.member)):
        merged[row.member] = row.merged_into or row.member
        if row.debt < 0:
            yield f"Member {row.member} has a debt below nothing."
        held.setdefault(merged[row.member], Counter())["owed"] -= row.debt
    for member, place, points in connection.execute(
        select(holding.member, holding.place, func.sum(holding.points)).group_by(holding.member, holding.place)
    ):
        held.setdefault(merged.get(member, member), Counter())[place] += int(points)
    posted: dict[str, Counter[str]] = {}
    for member, account, amount in connection.execute(
        select(posting.member, posting.account, func.sum(posting.amount)).group_by(posting.member, posting.account)
    ):
        posted.setdefault(merged.get(member, member), Counter())[account] += int(amount)
    for member in sorted({*held, *posted}):
        there, said = held.get(member, Counter()), posted.get(member, Counter())
        for account in ("available", "granted", "escrow", "expired", "owed"):
            if there[account] != said[account]:
                yield f"Member {member}: {account} holds {there[account]}, its postings add up to {said[account]}."
        if there["available"] and there["owed"]:
            yield f"Member {member} has points available beside a debt."
