"""What members agreed to: which text, how, when, and whether they took it back.

The tills' entries say it, and head office's own; here it stands by member, so that whoever writes to members asks `given` first.
A member has agreed where the latest word says so, by the time of the entry: the order in which tills are heard does not matter.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, Row, Select, and_, exists, or_, select

from central_server import schema
from central_server.books import Books
from central_server.database import keep
from ledger.entry import ConsentBody, Entry


class Consent(msgspec.Struct, frozen=True):
    """Once that a member agreed to the text of a version, or took it back. `at` is UTC; `terminal` is '' at head office."""

    text: str
    is_given: bool
    channel: str
    at: str
    terminal: str
    operator: str


def of(connection: Connection, member: str) -> list[Consent]:
    """All that this member ever said of it, the latest first."""
    table = schema.shops.consent
    latest_first = select(table).where(table.c.member == member).order_by(table.c.at.desc(), table.c.is_given)
    return [_read(row) for row in connection.execute(latest_first.order_by(table.c.document)).all()]


def given(connection: Connection, member: str) -> bool:
    """Whether this member agrees now. Without it nothing of theirs is exported, and nobody writes to them."""
    said = of(connection, member)
    return bool(said) and said[0].is_given


def agreeing() -> Select[tuple[str]]:
    """The members who agree now, for joining with others: what `given` says, of all of them at once."""
    said, later = schema.shops.consent, schema.shops.consent.alias()
    is_later = or_(later.c.at > said.c.at, and_(later.c.at == said.c.at, later.c.is_given.is_(False)))
    undone = exists().where(later.c.member == said.c.member, is_later)
    return select(said.c.member).where(said.c.is_given.is_(True), ~undone).distinct()


def recorded(books: Books, entry: Entry, body: ConsentBody) -> None:
    """Keeps what a member agreed to, or took back. Of a person who was forgotten nothing is kept."""
    member, about = books.who(entry.member), schema.member.c
    if books.connection.scalar(select(about.erased_at).where(about.member == member)):
        return
    envelope, now = entry.envelope, books.office.time()
    row = {
        "member": member,
        "document": envelope.document,
        "text": body.text,
        "is_given": body.is_given,
        "channel": body.channel,
        "at": min(_moment(envelope.recorded_at, now), now),  # from a clock that is ahead, nothing could take it back
        "terminal": "" if envelope.terminal == books.office.server else envelope.terminal,
        "operator": body.operator,
    }
    keep(books.connection, schema.shops.consent, [row])


def _moment(text: str, now: str) -> str:
    """A till's time as head office writes its own, so that they can be compared; `now` for what is none."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        return now
    return said.astimezone(UTC).isoformat(timespec="milliseconds") if said.tzinfo else now


def _read(row: Row[tuple[object, ...]]) -> Consent:
    return Consent(row.text, bool(row.is_given), row.channel, row.at, row.terminal, row.operator)
