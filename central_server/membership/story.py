"""The whole story of one member: what they have and where it lies, and every entry that was ever about them, explained.

Read only. Entries come from the tills' journals and from head office's own, also under references of before a merge. They stand
in the order in which they happened, by the shop's own time, and not in that in which head office heard of them; so the balance
before and after an entry is what it would have been if every till had always been heard at once. When it was heard stands beside
it, because points that a till had not sent yet are points that a customer misses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Row, select

from central_server import schema
from central_server.applying.histories import read_history
from central_server.errors import OfficeError
from central_server.local_time import local
from central_server.membership import cards, profiles
from central_server.membership.entry_words import NOTES, Around, Told, reference, told
from central_server.membership.profiles import NOTHING, Kept
from central_server.office import Office
from central_server.reports import report
from ledger.entry import Entry, EntryUnreadable, Envelope, SaleBody, read_entry, read_envelope
from ledger.postings import MEMBER_ACCOUNTS
from loyalty.award import standing_of
from loyalty.days import day_before
from loyalty.expiry import NEVER
from loyalty.program import Program
from loyalty.standing import NO_PROFILE, Standing
from loyalty.tiers import TierStanding
from loyalty.words import in_language, priced, say

A_PAGE = 100
LATE = timedelta(hours=1)
"""An entry that took longer to arrive says so."""
_MOVED = ("take", "release", "grant", "open", "settle")
"""Kinds that say where points lie, and may leave the balance as it was."""


class Part(msgspec.Struct, frozen=True):
    """So many points, and through which day they can be used or where they lie; `terminal` is the till, where it is one."""

    points: int
    what: str
    terminal: str = ""


class CardState(msgspec.Struct, frozen=True):
    """A card of the member's; `why` it is blocked, '' where it is not."""

    card: str
    why: str
    has_pass: bool


class Summary(msgspec.Struct, frozen=True):
    """What a member has now. `balance` is what can still be spent, less what is `owed`; `loss` is what the shop bore for them."""

    member: str
    joined_at: str
    home_shop: str
    shops: list[str]
    is_erased: bool
    name: str
    phone: str
    balance: int
    owed: int
    loss: int
    ends: list[Part]
    places: list[Part]
    later: list[Part]
    tier: str
    progress: str
    cards: list[CardState]
    profile: Kept
    standing: Standing
    unit: str


class Line(msgspec.Struct, frozen=True):
    """An entry in the story. `at` is the shop's own time, `heard_at` when it arrived, where that was well after; `change` is of
    the balance. `entry` is None where this version cannot read it. `notes` are what a person should look at, with what to do."""

    at: str
    day: str
    reference: str
    terminal: str
    shop: str
    kind: str
    change: int
    before: int
    after: int
    told: Told
    entry: Entry | None
    heard_at: str
    notes: list[str]
    is_applied: bool


class Story(msgspec.Struct, frozen=True):
    """A page of the story, the latest entry first. `entries` counts all of them."""

    lines: list[Line]
    entries: int
    page: int
    pages: int


class _Found(msgspec.Struct, frozen=True):
    """An entry before it is put into words."""

    terminal: str
    number: int
    hash: str
    data: bytes
    envelope: Envelope | None
    at: str
    received_at: str
    is_own: bool
    is_applied: bool
    kind: str

    @property
    def order(self) -> tuple[str, bool, str, str, int]:
        """By the shop's time; what head office settled of an entry comes after it."""
        return self.at, self.is_own, self.received_at, self.terminal, self.number


def who_is(connection: Connection, member: str) -> str:
    """The member that this reference has become. Raises OfficeError for one that there never was."""
    table = schema.member.c
    row = connection.execute(select(table.member, table.merged_into).where(table.member == member)).one_or_none()
    if row is None:
        raise OfficeError("There is no such member.", hint="Search by card, phone or name.", code="MEMBER_UNKNOWN")
    return str(row.merged_into or row.member)


def summary(office: Office, connection: Connection, member: str) -> Summary:
    """Of a member as `who_is` answers it."""
    table, person, today = schema.member, schema.person, office.today(connection)
    about = connection.execute(select(table).where(table.c.member == member)).one()
    named = connection.execute(select(person).where(person.c.member == member)).one_or_none()
    seen = schema.member_shop.c
    shops = connection.scalars(select(seen.shop).where(seen.member == member).order_by(seen.shop)).all()
    program = office.program(connection)
    assert program is not None, "init puts a programme in force"
    held = report.balance_of(connection, member, today)
    kept = profiles.of(connection, [member]).get(member, NOTHING)
    standing = _standing(connection, program, member, kept, today)
    tier, progress = _tier(program, standing)
    ends, places, later = _points(connection, member, today)
    return Summary(
        member=member,
        joined_at=about.joined_at,
        home_shop=about.home_shop,
        shops=list(shops),
        is_erased=bool(about.erased_at),
        name=named.name if named else "",
        phone=named.phone if named else "",
        balance=held.balance,
        owed=held.owed,
        loss=int(about.loss),
        ends=ends,
        places=places,
        later=later,
        tier=tier,
        progress=progress,
        cards=_cards(office, connection, member),
        profile=kept,
        standing=standing,
        unit=in_language(program.unit.many),
    )


def _standing(connection: Connection, program: Program, member: str, kept: Kept, today: str) -> Standing:
    past = schema.member_history.c
    text = connection.scalar(select(past.history).where(past.member == member))
    return standing_of(program, read_history(text or ""), kept.profile if kept else NO_PROFILE, today, member=member)


def _tier(program: Program, standing: Standing) -> tuple[str, str]:
    """The tier with its last day, and what is missing to the next; '' in a programme without tiers."""
    if not program.tier:
        return "", ""
    tier = program.tier_named(standing.tier)
    title = in_language(tier.title if tier else program.tiers.base)
    if tier and standing.tier_ends < NEVER:
        title = f"{title}, through {standing.tier_ends}"
    above = program.ladder.next_up(TierStanding(standing.tier, standing.tier_ends, standing.qualified))
    if above is None:
        return title, "the highest that can be earned"
    up, missing = above
    match program.tiers.by:
        case "spend":
            much = priced(missing, program.currency)
        case "points":
            much = say("{points}", points=program.unit.counted(missing))
        case _:
            much = f"{missing:,} visit{'' if missing == 1 else 's'}"
    return title, f"{much} to {in_language(up.title)}"


def _points(connection: Connection, member: str, today: str) -> tuple[list[Part], list[Part], list[Part]]:
    """What ends when, where it lies, and what cannot be used yet."""
    holding, lot, vesting = schema.holding.c, schema.lot.c, schema.vesting.c
    rows = connection.execute(
        select(holding.place, holding.branch, holding.lot, holding.points, lot.expires_on)
        .join_from(schema.holding, schema.lot, (lot.member == holding.member) & (lot.lot == holding.lot))
        .where(holding.member == member, holding.place != "expired", lot.expires_on > today)
    ).all()
    waits = select(vesting.lot, vesting.usable_from).where(vesting.member == member, vesting.usable_from > today)
    usable_from: dict[str, str] = dict(connection.execute(waits).all())
    ends: dict[str, int] = defaultdict(int)
    places: dict[tuple[str, str], int] = defaultdict(int)
    later: dict[str, int] = defaultdict(int)
    for row in rows:
        ends[row.expires_on] += int(row.points)
        places[row.place, row.branch.partition("/")[0]] += int(row.points)
        if row.lot in usable_from:
            later[usable_from[row.lot]] += int(row.points)
    return (
        [Part(n, "do not end" if day == NEVER else f"through {day_before(day)}") for day, n in sorted(ends.items())],
        [Part(n, _PLACES[place], till) for (place, till), n in sorted(places.items())],
        [Part(n, f"from {day}") for day, n in sorted(later.items())],
    )


_PLACES = {
    "available": "at head office: any till that is online can have them",
    "granted": "on their way to a till",
    "escrow": "at a till: it alone can spend them, also offline",
}


def _cards(office: Office, connection: Connection, member: str) -> list[CardState]:
    card, passes = schema.card.c, schema.pass_key.c
    numbers = connection.scalars(select(card.card).where(card.member == member).order_by(card.card)).all()
    with_pass = set(connection.scalars(select(passes.card).where(passes.card.in_(numbers))))
    return [CardState(one, cards.why_blocked(office, connection, one), one in with_pass) for one in numbers]


# -- the entries ---------------------------------------------------------------------------------------------------------


def story(office: Office, connection: Connection, member: str, page: int = 1, *, moves: bool = True) -> Story:
    """A page of every entry about this member. Without `moves`, what only says where points lie is left out."""
    program = office.program(connection)
    assert program is not None, "init puts a programme in force"
    names = _references(connection, member)
    change = _changes(connection, names)
    found = sorted(_entries(office, connection, names, change, program.zone), key=lambda one: one.order)
    balances: list[tuple[_Found, int, int]] = []
    balance = 0
    for one in found:
        after = balance + change.get((one.terminal, one.number, one.hash), 0)
        if moves or one.kind not in _MOVED or after != balance:
            balances.append((one, balance, after))
        balance = after
    balances.reverse()
    pages = max(1, -(-len(balances) // A_PAGE))
    page = min(max(1, page), pages)
    shown = balances[(page - 1) * A_PAGE : page * A_PAGE]
    return Story(list(_lines(office, connection, program, shown)), len(balances), page, pages)


def _references(connection: Connection, member: str) -> list[str]:
    """Under which names a member has been known: this one, and those of whoever has become them."""
    table = schema.member.c
    return [member, *connection.scalars(select(table.member).where(table.merged_into == member).order_by(table.member))]


def _changes(connection: Connection, names: list[str]) -> dict[tuple[str, int, str], int]:
    """What each entry that moved points of theirs did to the balance."""
    posting = schema.posting.c
    found: dict[tuple[str, int, str], int] = {}
    for row in connection.execute(
        select(posting.terminal, posting.number, posting.hash, posting.account, posting.amount).where(
            posting.member.in_(names)
        )
    ):
        key = row.terminal, int(row.number), row.hash
        found[key] = found.get(key, 0) + (int(row.amount) if row.account in MEMBER_ACCOUNTS else 0)
    return found


def _entries(
    office: Office, connection: Connection, names: list[str], moved: dict[tuple[str, int, str], int], zone: ZoneInfo
) -> Iterator[_Found]:
    inbox, journal, branch = schema.inbox.c, schema.journal.c, schema.branch.c
    query = select(schema.inbox, branch.applied_number).join_from(
        schema.inbox, schema.branch, (branch.terminal == inbox.terminal) & (branch.branch == inbox.branch)
    )
    rows: list[Row[Any]] = list(connection.execute(query.where(inbox.member.in_(names))))
    here = {(row.terminal, row.number, row.hash) for row in rows}
    # A new epoch gives up rights of several members, and is about none of them.
    for terminal, number, entry in sorted(moved.keys() - here):
        if terminal != office.server:
            key = (inbox.terminal == terminal, inbox.number == number, inbox.hash == entry)
            rows += connection.execute(query.where(*key)).all()
    for row in rows:
        envelope = _envelope(row.data)
        at = local(envelope.occurred_at if envelope else row.received_at, zone)
        is_applied = row.number <= row.applied_number
        yield _Found(
            row.terminal, row.number, row.hash, row.data, envelope, at, row.received_at, False, is_applied, row.kind
        )
    for row in connection.execute(
        select(schema.journal).where(journal.server == office.server, journal.member.in_(names))
    ):
        envelope = _envelope(row.data)
        at = local(envelope.occurred_at if envelope else "", zone)
        kind = envelope.kind if envelope else ""
        recorded_at = envelope.recorded_at if envelope else ""
        yield _Found(row.server, row.number, row.hash, row.data, envelope, at, recorded_at, True, True, kind)


def _envelope(data: bytes) -> Envelope | None:
    try:
        return read_envelope(data)
    except EntryUnreadable:
        return None


def _lines(
    office: Office, connection: Connection, program: Program, shown: list[tuple[_Found, int, int]]
) -> Iterator[Line]:
    terminal = schema.terminal.c
    shops: dict[str, str] = dict(connection.execute(select(terminal.terminal, terminal.shop)).all())
    noted = _notes(connection, [one for one, _, _ in shown if not one.is_own])
    for one, before, after in shown:
        shop = "" if one.is_own else shops.get(one.terminal, "")
        around = Around(
            lambda name: office.program(connection, name) if name else None,
            lambda document, shop=shop: sale_of(connection, shop, document),  # type: ignore[misc]
            program,
        )
        entry = None
        try:
            entry = read_entry(one.data)
            words = told(entry, around)
        except EntryUnreadable:
            words = Told("An entry that this version cannot read; its effect on its till's rights is counted.")
        heard_at = _late(one, program.zone)
        notes = noted.get((one.terminal, one.number, one.hash), [])
        yield Line(
            at=one.at,
            day=one.envelope.business_day if one.envelope else "",
            reference="" if one.is_own else reference(one.terminal, one.number),
            terminal=one.terminal,
            shop=shop or "Head office",
            kind=one.kind,
            change=after - before,
            before=before,
            after=after,
            told=words,
            entry=entry,
            heard_at=heard_at,
            notes=notes,
            is_applied=one.is_applied,
        )


def _late(one: _Found, zone: ZoneInfo) -> str:
    """When an entry was heard, where that was long after it was recorded."""
    if one.is_own or one.envelope is None:
        return ""
    try:
        late = datetime.fromisoformat(one.received_at) - datetime.fromisoformat(one.envelope.recorded_at)
    except (ValueError, TypeError):
        return ""
    return local(one.received_at, zone) if late > LATE else ""


def _notes(connection: Connection, entries: list[_Found]) -> dict[tuple[str, int, str], list[str]]:
    note = schema.note.c
    wanted = {(one.terminal, one.number, one.hash) for one in entries}
    found: dict[tuple[str, int, str], list[str]] = {}
    for terminal in sorted({one.terminal for one in entries}):
        numbers = [one.number for one in entries if one.terminal == terminal]
        for row in connection.execute(
            select(schema.note).where(note.terminal == terminal, note.number.in_(numbers)).order_by(note.code)
        ):
            if (row.terminal, row.number, row.hash) in wanted:
                means, do = NOTES.get(row.code, (row.code, ""))
                words = f"{means} ({row.reason}) {do}".strip()
                found.setdefault((row.terminal, int(row.number), row.hash), []).append(words)
    return found


def sale_of(connection: Connection, shop: str, document: str) -> Entry | None:
    """The sale of this document in a shop; None where head office does not have it, or cannot read it."""
    sale, inbox = schema.sale.c, schema.inbox.c
    data = connection.scalar(
        select(inbox.data)
        .join_from(schema.sale, schema.inbox, (inbox.terminal == sale.terminal) & (inbox.hash == sale.hash))
        .where(inbox.number == sale.number, sale.shop == shop, sale.document == document)
    )
    try:
        found = read_entry(data) if data is not None else None
    except EntryUnreadable:
        return None
    return found if found is not None and isinstance(found.body, SaleBody) else None
