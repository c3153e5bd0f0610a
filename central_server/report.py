"""What head office can say of itself: how far each terminal has been heard, balances, and whether all of it is sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, func, select

from central_server import schema
from central_server.office import Office
from ledger.chain import breaks
from ledger.entry import GENESIS, entry_hash


class TerminalStatus(msgspec.Struct, frozen=True):
    terminal: str
    shop: str
    recorded: int
    applied: int
    branches: int
    revoked: bool


class Status(msgspec.Struct, frozen=True):
    """`notes` counts what a person should look at, by its code."""

    server: str
    server_epoch: int
    terminals: list[TerminalStatus]
    members: int
    recorded: int
    applied: int
    notes: dict[str, int]


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
        terminals = [
            TerminalStatus(
                row.terminal,
                row.shop,
                recorded.get(row.terminal, 0),
                recorded.get(row.terminal, 0) - waiting.get(row.terminal, 0),
                branches.get(row.terminal, 0),
                bool(row.revoked_at),
            )
            for row in connection.execute(select(schema.terminal).order_by(schema.terminal.c.terminal))
        ]
        members = connection.scalar(select(func.count()).where(schema.member.c.merged_into == "")) or 0
        notes: dict[str, int] = dict(
            connection.execute(select(schema.note.c.code, func.count()).group_by(schema.note.c.code)).all()
        )
    total = sum(recorded.values())
    return Status(office.server, office.server_epoch, terminals, members, total, total - sum(waiting.values()), notes)


def balances(office: Office) -> list[CardBalance]:
    """Every card and what its member has: points that have not expired, less debt."""
    holding, lot, card, about = schema.holding.c, schema.lot.c, schema.card.c, schema.member.c
    with office.database.reading() as connection:
        held = dict(
            connection.execute(
                select(holding.member, func.sum(holding.points))
                .join_from(schema.holding, schema.lot, (lot.member == holding.member) & (lot.lot == holding.lot))
                .where(holding.place != "expired", lot.expires_on > office.today(connection))
                .group_by(holding.member)
            ).all()
        )
        rows = connection.execute(
            select(card.card, card.member, about.debt)
            .join_from(schema.card, schema.member, about.member == card.member)
            .order_by(card.card)
        ).all()
    return [CardBalance(row.card, int(held.get(row.member, 0)) - row.debt) for row in rows]


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
