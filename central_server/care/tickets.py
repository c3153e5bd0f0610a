"""Tickets: what somebody asked or complained of, from wherever it came, in one list, with everything said and done since.

Their words are beside the ledger and go when the member is erased. A ticket that a till opened has its name from there, so that
sending it again opens no second one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, case, delete, func, select, update

from central_server import schema
from central_server.database import add, add_if_new
from central_server.errors import OfficeError, Refused
from central_server.office import Office
from central_server.tills import channels
from ledger.identifiers import new_reference
from ledger.keys import unseal
from ledger.wire import TicketItem, TicketOpened, TicketTaken, TicketTold

TOPICS = {
    "points": "points are missing",
    "reward": "a reward",
    "card": "the card",
    "data": "personal data",
    "other": "something else",
}
"""What it is about, and what pages call that."""
STATUSES = ("open", "answered", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")
SOURCES = {"till": "at a till", "office": "here", "feedback": "with feedback", "member": "on their own page"}
"""Where it was opened, and what pages call that."""
LONGEST = 2000
LONGEST_REPLY = 500
A_PAGE = 50
LATEST_FOR_MEMBER = 5
MOST_OPEN = 20
"""So many open tickets of one member are taken; with more, somebody has to answer first."""


class TicketLine(msgspec.Struct, frozen=True):
    ticket: str
    shop: str
    member: str
    receipt: str
    topic: str
    status: str
    priority: str
    owner: str
    source: str
    opened_at: str
    changed_at: str


class Said(msgspec.Struct, frozen=True):
    """`kind`: said (by the member), reply (for the member), note (for ourselves), change (of status, owner, priority),
    told (the last answer, at a till)."""

    at: str
    by: str
    kind: str
    text: str


class TicketStory(msgspec.Struct, frozen=True):
    about: TicketLine
    said: list[Said]


class _Sealed(msgspec.Struct, frozen=True):
    words: str
    contact: str = ""


def open_ticket(
    office: Office,
    *,
    shop: str,
    topic: str,
    words: str,
    by: str,
    source: str,
    member: str = "",
    receipt: str = "",
) -> str:
    """Opens one, and answers its name. Raises OfficeError for words that are none, or too many."""
    _require_words(words, LONGEST)
    if topic not in TOPICS:
        raise OfficeError(
            f"There is no topic {topic[:40]}.", hint=f"One of: {', '.join(TOPICS)}.", code="TOPIC_UNKNOWN"
        )
    name = new_reference(office.random_bytes)[:12].upper()
    at = office.time()
    line = TicketLine(name, shop, member, receipt, topic, "open", "normal", "", source, at, at)

    def work(connection: Connection) -> None:
        known = msgspec.structs.replace(line, member=_now(connection, member))
        table = schema.care.ticket.c
        waits = (table.member == known.member) & (table.status == "open")
        if known.member and (connection.scalar(select(func.count()).where(waits)) or 0) >= MOST_OPEN:
            raise OfficeError(
                f"This member has {MOST_OPEN} open tickets.", hint="Answer those first.", code="TICKETS_WAIT"
            )
        _put(connection, known, by, words)

    office.database.write(work)
    return name


def take(office: Office, terminal: Row[tuple[str, ...]], sent: TicketOpened) -> TicketTaken:
    """One that was opened at a till; the same again changes nothing. Raises Refused where its words cannot be read.

    However many the member has open: a till that was refused would send it again and again, and nothing after it.
    """
    if not (1 <= len(sent.ticket) <= 32 and sent.ticket.isalnum() and sent.topic in TOPICS):
        raise Refused("TICKET_UNFIT", "This ticket has no name or topic.", hint="It was not taken over.", status=422)
    if max(len(sent.member), len(sent.receipt), len(sent.operator), len(sent.opened_at)) > 64:
        raise Refused("TICKET_UNFIT", "This ticket names too much.", hint="It was not taken over.", status=422)
    try:
        opened = msgspec.json.decode(unseal(office.sealing_secret, sent.sealed), type=_Sealed)
    except (ValueError, msgspec.DecodeError) as error:
        hint = "It is sealed to the key that enrolment gave; keep it and enrol this till anew."
        raise Refused("TICKET_UNREADABLE", "This ticket cannot be opened.", hint=hint, status=422) from error
    words = f"{opened.words[:LONGEST]}" + (f"\n\nAnswer to: {opened.contact[:200]}" if opened.contact else "")

    def work(connection: Connection) -> None:
        about, member = schema.member.c, _now(connection, sent.member)
        is_erased = connection.scalar(select(about.erased_at).where(about.member == member))
        if is_erased:
            return  # of whom nothing is kept any more
        at = office.time()
        line = TicketLine(
            sent.ticket,
            terminal.shop,
            member,
            sent.receipt,
            sent.topic,
            "open",
            "normal",
            "",
            "till",
            sent.opened_at,
            at,
        )
        _put(connection, line, sent.operator or f"till {terminal.terminal}", words)

    office.database.write(work)
    return TicketTaken(office.server_epoch, office.time(), sent.ticket)


def take_told(office: Office, terminal: Row[tuple[str, ...]], sent: TicketTold) -> TicketTaken:
    """A member was told an answer at this till: the ticket is closed, unless they said or were answered more since. The same
    again changes nothing, nor does one of a ticket that is not known or was forgotten. Raises Refused where it is none.
    """
    if not (1 <= len(sent.ticket) <= 32 and sent.ticket.isalnum() and sent.told_at):
        raise Refused("TICKET_UNFIT", "This answer is to no ticket.", hint="It was not taken over.", status=422)
    if max(len(sent.operator), len(sent.told_at)) > 64:
        raise Refused("TICKET_UNFIT", "This answer names too much.", hint="It was not taken over.", status=422)
    table, words = schema.care.ticket, schema.care.ticket_word

    def work(connection: Connection) -> None:
        line = connection.execute(select(table).where(table.c.ticket == sent.ticket)).one_or_none()
        if line is None or not line.member:
            return
        by = sent.operator or f"till {terminal.terminal}"
        history = connection.execute(
            select(words.c.number, words.c.kind, words.c.at, words.c.by)
            .where(words.c.ticket == sent.ticket)
            .order_by(words.c.number)
        ).all()
        if any((one.at, one.by) == (sent.told_at, by) for one in history if one.kind in ("told", "note")):
            return
        last = max((one.number for one in history if one.kind == "reply"), default=0)
        is_last = sent.answer == last
        where = f"{terminal.shop}, till {terminal.terminal}"
        kind, text = ("told", f"At {where}.") if is_last else ("note", f"They were told an earlier answer, at {where}.")
        new = {"ticket": sent.ticket, "number": history[-1].number + 1, "at": sent.told_at, "by": by}
        add(connection, words, [{**new, "kind": kind, "text": text}])
        if is_last and line.status == "answered":
            connection.execute(
                update(table).where(table.c.ticket == sent.ticket).values(changed_at=office.time(), status="closed")
            )
        _announce(connection, sent.ticket, line.shop, line.member)

    office.database.write(work)
    return TicketTaken(office.server_epoch, office.time(), sent.ticket)


def _put(connection: Connection, line: TicketLine, by: str, words: str) -> None:
    if add_if_new(connection, schema.care.ticket, [msgspec.structs.asdict(line)]):
        first = {"ticket": line.ticket, "number": 1, "at": line.opened_at, "by": by, "kind": "said", "text": words}
        add(connection, schema.care.ticket_word, [first])
        _announce(connection, line.ticket, line.shop, line.member)


def dashboard(
    office: Office, *, shop: str = "", status: str = "open", owner: str = "", page: int = 0
) -> tuple[list[TicketLine], bool]:
    """A page of tickets, the most urgent and then the oldest first; and whether there are more."""
    table = schema.care.ticket.c
    wanted: list[ColumnElement[bool]] = []
    if shop:
        wanted.append(table.shop == shop)
    if status:
        wanted.append(table.status == status)
    if owner:
        wanted.append(table.owner == owner)
    urgency = case({name: place for place, name in enumerate(PRIORITIES)}, value=table.priority, else_=0)
    query = select(schema.care.ticket).where(*wanted).order_by(urgency.desc(), table.opened_at, table.ticket)
    with office.database.reading() as connection:
        lines = [_line(row) for row in connection.execute(query.offset(page * A_PAGE).limit(A_PAGE + 1))]
    return lines[:A_PAGE], len(lines) > A_PAGE


def counts(office: Office, shop: str = "") -> dict[str, int]:
    """How many there are of each status."""
    table = schema.care.ticket.c
    query = select(table.status, func.count()).group_by(table.status)
    with office.database.reading() as connection:
        found: dict[str, int] = dict(connection.execute(query.where(table.shop == shop) if shop else query).all())
    return {status: found.get(status, 0) for status in STATUSES}


def story(office: Office, ticket: str) -> TicketStory:
    """One with everything said and done. Raises OfficeError where there is none of this name."""
    words = schema.care.ticket_word
    with office.database.reading() as connection:
        line = _of(connection, ticket)
        rows = connection.execute(select(words).where(words.c.ticket == ticket).order_by(words.c.number)).all()
    return TicketStory(line, [Said(row.at, row.by, row.kind, row.text) for row in rows])


def of_member(connection: Connection, members: Sequence[str]) -> list[TicketLine]:
    """The tickets of a member, under all references that they have had; the newest first."""
    table = schema.care.ticket
    rows = connection.execute(
        select(table).where(table.c.member.in_(members)).order_by(table.c.opened_at.desc(), table.c.ticket)
    )
    return [_line(row) for row in rows]


def for_member(connection: Connection, member: str) -> list[TicketStory]:
    """A member's tickets, those first where something was done last: what they said and were answered, nothing for ourselves."""
    words = schema.care.ticket_word
    theirs = of_member(connection, [member])
    found = sorted(theirs, key=lambda line: line.changed_at, reverse=True)[:LATEST_FOR_MEMBER]
    said: dict[str, list[Said]] = {line.ticket: [] for line in found}
    for row in connection.execute(
        select(words)
        .where(words.c.ticket.in_(said), words.c.kind.in_(["said", "reply"]))
        .order_by(words.c.ticket, words.c.number)
    ):
        said[row.ticket].append(Said(row.at, "", row.kind, row.text))
    return [TicketStory(line, said[line.ticket]) for line in found]


def reply(office: Office, ticket: str, by: str, text: str) -> None:
    """Words for the member: the next time that they scan, the till says that there is an answer, and what it is."""
    _require_words(text, LONGEST_REPLY)
    _write(office, ticket, by, "reply", text, status="answered")


def note(office: Office, ticket: str, by: str, text: str) -> None:
    """Words that the member does not get to see."""
    _require_words(text, LONGEST)
    _write(office, ticket, by, "note", text)


def said_by_member(office: Office, ticket: str, text: str) -> None:
    """The member has more to say: the ticket is open again."""
    _require_words(text, LONGEST)
    _write(office, ticket, "member", "said", text, status="open")


def change(
    office: Office, ticket: str, by: str, *, status: str = "", priority: str = "", owner: str | None = None
) -> None:
    """Sets what is given. Raises OfficeError for a status or priority that there is not."""
    if (status and status not in STATUSES) or (priority and priority not in PRIORITIES):
        raise OfficeError("There is no such status or priority.", hint="Choose one of the list.", code="STATUS_UNKNOWN")
    parts = [f"status {status}"] if status else []
    parts += [f"priority {priority}"] if priority else []
    parts += [f"owner {owner or 'nobody'}"] if owner is not None else []
    changed = {"status": status, "priority": priority}
    values = {name: value for name, value in changed.items() if value}
    if owner is not None:
        values["owner"] = owner
    if values:
        _write(office, ticket, by, "change", ", ".join(parts), **values)


def merge(connection: Connection, old: str, into: str) -> None:
    """What one said is the other's: their tills tell them the answer, and it goes when they are forgotten."""
    table, feedback = schema.care.ticket, schema.care.feedback
    theirs = of_member(connection, [old])
    for one in (table, feedback):
        connection.execute(update(one).where(one.c.member == old).values(member=into))
    for line in theirs:
        for member in (old, into):  # whom only one of both is known to
            _announce(connection, line.ticket, line.shop, member)


def forget(connection: Connection, members: Sequence[str]) -> None:
    """What was said in the tickets of a member who is erased; that there were some stays."""
    table, words = schema.care.ticket, schema.care.ticket_word
    theirs = of_member(connection, members)
    names = [line.ticket for line in theirs]
    connection.execute(delete(words).where(words.c.ticket.in_(names)))
    connection.execute(update(table).where(table.c.ticket.in_(names)).values(member="", status="closed"))
    for line in theirs:
        _announce(connection, line.ticket, line.shop, line.member)
    feedback = schema.care.feedback
    connection.execute(update(feedback).where(feedback.c.member.in_(members)).values(member="", comment=""))


def items(connection: Connection, names: Sequence[str]) -> Iterable[TicketItem]:
    """These tickets as a till hears of them: only those of a member, who can be told when they scan."""
    table, words = schema.care.ticket, schema.care.ticket_word
    to_tell: dict[str, tuple[str, int]] = {}
    for row in connection.execute(
        select(words.c.ticket, words.c.number, words.c.kind, words.c.text)
        .where(words.c.ticket.in_(names), words.c.kind.in_(["reply", "told"]))
        .order_by(words.c.number)
    ):
        to_tell[row.ticket] = (row.text, row.number) if row.kind == "reply" else ("", 0)
    for row in connection.execute(select(table).where(table.c.ticket.in_(names)).order_by(table.c.ticket)):
        yield TicketItem(row.ticket, row.member, row.topic, row.status, *to_tell.get(row.ticket, ("", 0)))


def _write(office: Office, ticket: str, by: str, kind: str, text: str, **values: str) -> None:
    table, words = schema.care.ticket, schema.care.ticket_word

    def work(connection: Connection) -> None:
        line = _of(connection, ticket)
        last = connection.scalar(select(func.max(words.c.number)).where(words.c.ticket == ticket)) or 0
        at = office.time()
        new = {"ticket": ticket, "number": last + 1, "at": at, "by": by, "kind": kind, "text": text}
        add(connection, words, [new])
        connection.execute(update(table).where(table.c.ticket == ticket).values(changed_at=at, **values))
        _announce(connection, ticket, line.shop, line.member)

    office.database.write(work)


def _announce(connection: Connection, ticket: str, shop: str, member: str) -> None:
    """To the shop that it was opened at, and to those where the member is known."""
    seen = schema.member_shop.c
    shops = set(connection.scalars(select(seen.shop).where(seen.member == member)).all()) if member else set[str]()
    if shop:
        shops.add(shop)
    for one in sorted(shops):
        channels.announce(connection, channels.shop_of(one), [channels.TICKET + ticket])


def _now(connection: Connection, member: str) -> str:
    """Who a reference is by now; one that was never heard of stays as it is."""
    about = schema.member.c
    return connection.scalar(select(about.merged_into).where(about.member == member)) or member


def _of(connection: Connection, ticket: str) -> TicketLine:
    row = connection.execute(select(schema.care.ticket).where(schema.care.ticket.c.ticket == ticket)).one_or_none()
    if row is None:
        raise OfficeError("There is no ticket of this number.", hint="Look for it in the list.", code="TICKET_UNKNOWN")
    return _line(row)


def _line(row: Row[tuple[object, ...]]) -> TicketLine:
    return TicketLine(**row._mapping)


def _require_words(words: str, longest: int) -> None:
    if not words.strip() or len(words) > longest:
        raise OfficeError(
            f"What is written has 1 to {longest:,} characters.", hint="Nothing was changed.", code="WORDS_UNFIT"
        )
