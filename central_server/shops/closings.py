"""The closings of the shops' days, as their tills wrote them, beside what head office has of the same entries.

A till counts what its entries say (`ledger.closing`). Head office counts the same entries again by the same code, and adds up
what its own ledger has of their points. The two are equal, or the difference stands entry by entry, and why: a document that
another till brought too, a return that two tills took, an entry that cannot be posted. Nothing is corrected by looking.

An entry is booked once, when it is applied, and a Z comes after all that it covers. So one that was found equal stays equal, and
is counted once, by the upkeep. One that differs is counted at every look: the reason may be another by then.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, and_, bindparam, or_, select, update

from central_server import schema
from central_server.applying.books import Books
from central_server.database import AT_ONCE, among, keep
from central_server.office import Office
from central_server.schema.shops import closing
from central_server.shops import operator_names
from ledger.closing import covered, differences
from ledger.entry import (
    ClosingBody,
    Entry,
    EntryUnreadable,
    ReturnBody,
    SettleBody,
    Tally,
    read_entry,
)
from ledger.identifiers import receipt_reference
from ledger.postings import postings

SHOWN_DAYS = 31
"""So far back somebody looks for closings, and for days that nobody closed."""
MOST_SHOWN = 50
MOST_COUNTED = 20_000
"""So many entries of one till are counted again in one look, over all its closings. A busy till's day has a few thousand; only a
till that was never closed for months, or one that is made to keep head office busy, has more."""
MOST_BRANCHES = 50
COMPARED_AT_ONCE = 100
"""Closings that the upkeep compares before it sees whether it is to stop."""

MOST_NAMED = 5

Moved = dict[str, int]
"""Points by account: issued and redeemed alone."""


class Unlike(msgspec.Struct, frozen=True):
    """What a closing says and head office has otherwise, and why. `entry` is the reference of the one it is about, or ''."""

    what: str
    said: str
    found: str
    why: str
    entry: str = ""


class Compared(msgspec.Struct, frozen=True):
    """A Z as the till wrote it, and what head office has of its entries. `is_equal`: all of it is the same.

    `unsent` of its entries were on the till alone when it closed, `absent` are not here now. `issued` and `redeemed` are head
    office's own: what it issued less what it took back, what was spent less what it gave back. `names` are the operators' as
    people know them, of those whom head office knows.
    """

    shop: str
    terminal: str
    number: int
    business_day: str
    closed_at: str
    reference: str
    operator: str
    approved_by: str
    names: dict[str, str]
    total: Tally
    late: dict[str, int]
    missing: list[str]
    unsent: int
    absent: int
    issued: int
    redeemed: int
    unlike: list[Unlike]

    @property
    def is_equal(self) -> bool:
        return not self.unlike


class Unclosed(msgspec.Struct, frozen=True):
    """A day on which a till sold, and of which it has no Z. `closed_with` is the later Z that its sales are in, 0 for none."""

    shop: str
    terminal: str
    business_day: str
    sales: int
    closed_with: int


def recorded(books: Books, shop: str, entry: Entry, body: ClosingBody) -> None:
    """Keeps a closing of a till, to be found by its shop and day."""
    envelope = entry.envelope
    row = {
        "shop": shop,
        "terminal": envelope.terminal,
        "number": entry.number,
        "hash": entry.hash,
        "business_day": envelope.business_day,
        "closing": body.number,
        # A till that names entries to come would take them out of sight before they happen.
        "goes_on_from": min(body.goes_on_from, entry.number + 1),
        "late": json.dumps(body.late) if body.late else "",
    }
    keep(books.connection, closing, [row])


def compared(office: Office, shop: str = "", day: str = "") -> list[Compared]:
    """The closings of a shop, or of all, of one day or the last `SHOWN_DAYS`, newest first."""
    counted = Counter[str]()
    with office.database.reading() as connection:
        rows = connection.execute(_wanted(connection, office, shop, day)).all()
        names = operator_names.of_shops(connection, {row.shop for row in rows})
        return [
            _equal(row, names[row.shop])
            if row.compared == "equal"
            else _compare(connection, office.server, row, names[row.shop], counted)
            for row in rows
        ]


def compare_some(office: Office) -> int:
    """Keeps of some closings of the last `SHOWN_DAYS` whether they are equal; answers of how many, 0 once it is known of all."""
    table, counted = closing.c, Counter[str]()
    with office.database.reading() as connection:  # nobody who writes waits for it
        rows = connection.execute(_wanted(connection, office).where(table.compared == "").limit(COMPARED_AT_ONCE)).all()
        found = [(row, _compare(connection, office.server, row, {}, counted)) for row in rows]
    if not found:
        return 0
    said = [
        {"of": row.terminal, "at": row.number, "which": row.hash, "found": "equal" if one.is_equal else "differs"}
        for row, one in found
    ]
    change = (
        update(closing)
        .where(table.terminal == bindparam("of"), table.number == bindparam("at"), table.hash == bindparam("which"))
        .values(compared=bindparam("found"))
    )
    office.database.write(lambda connection: connection.execute(change, said))
    return len(found)


def compare_again(connection: Connection, terminals: Mapping[str, str]) -> None:
    """Forgets what was found of the closings of these terminals (→ their shops): entries before them were booked since."""
    table = closing.c
    of = (
        among(connection, table.terminal, list(terminals)),
        among(connection, table.shop, sorted(set(terminals.values()))),
    )
    connection.execute(update(closing).where(*of).values(compared=""))


def days(office: Office, shop: str = "") -> list[str]:
    """The days that some till has closed, newest first; then those that have not come, by tills whose clocks were ahead."""
    table = closing.c
    wanted = select(table.business_day).distinct().limit(SHOWN_DAYS)
    if shop:
        wanted = wanted.where(table.shop == shop)
    with office.database.reading() as connection:
        today = office.today(connection)
        come = wanted.where(table.business_day <= today).order_by(table.business_day.desc())
        ahead = wanted.where(table.business_day > today).order_by(table.business_day)
        return [*connection.scalars(come), *connection.scalars(ahead)]


def _wanted(connection: Connection, office: Office, shop: str = "", day: str = "") -> Select[Any]:
    """The closings of a shop, or of all, of one day or the last `SHOWN_DAYS`, newest first."""
    table, inbox = closing.c, schema.inbox.c
    since = (date.fromisoformat(office.today(connection)) - timedelta(days=SHOWN_DAYS)).isoformat()
    wanted = (
        select(table.shop, table.terminal, table.number, table.hash, table.compared, inbox.branch, inbox.data)
        .join_from(
            closing,
            schema.inbox,
            and_(inbox.terminal == table.terminal, inbox.number == table.number, inbox.hash == table.hash),
        )
        .where(table.business_day == day if day else table.business_day >= since)
        .order_by(table.business_day.desc(), table.shop, table.terminal, table.number.desc())
    )
    return wanted.where(table.shop == shop) if shop else wanted


def _equal(row: Row[Any], names: Mapping[str, str]) -> Compared:
    """Of a closing that was found equal: head office's own figures are what it says."""
    entry, body = _closing(row)
    total = body.total
    return _told(row, entry, body, names, total.issued - total.reversed, total.redeemed - total.restored)


def _compare(
    connection: Connection, server: str, row: Row[Any], names: Mapping[str, str], counted: Counter[str]
) -> Compared:
    """`names`: of the shop's operators. `counted`: how many entries of each till this look has read so far."""
    entry, body = _closing(row)
    day = entry.envelope.business_day
    before, closed_day = _before(connection, row.shop, row.terminal, row.branch, entry.number)
    # What an earlier closing covers is in that one: a closing that claims it once more is not believed, nor read for it.
    start = before.goes_on_from if before else 1
    first = min(max(start, body.first), entry.number)
    unlike = []
    if body.first != start:
        unlike.append(Unlike("its first entry", str(body.first), str(start), "there the closing before it goes on"))
    own, absent = list[Entry](), 0
    counted[row.terminal] += entry.number - first
    is_counted = counted[row.terminal] <= MOST_COUNTED
    if is_counted:
        own, absent = _branch(connection, row.terminal, first, entry)
        found = covered(own, day, before, closed_day, entry.number + 1, entry.envelope.occurred_at)
        unlike += [
            Unlike(what, str(said), str(has), "its entries come to something else")
            for what, (said, has) in differences(body, found, names).items()
        ]
        entries = found.entries
    else:
        entries = ()
        why = f"one look counts at most {MOST_COUNTED:,} entries of a till again"
        unlike.append(Unlike("entries", str(entry.number - first), "not counted again", why))
    if absent:
        here = str(entry.number - first - absent)
        unlike.insert(0, Unlike("entries", str(entry.number - first), here, "the others are not here, or unreadable"))
    own_ledger, apart = _ledger(connection, server, row.shop, row.terminal, entries)
    unlike += apart
    return _told(row, entry, body, names, -own_ledger["issued"], own_ledger["redeemed"], absent, unlike[:MOST_SHOWN])


def _closing(row: Row[Any]) -> tuple[Entry, ClosingBody]:
    entry = read_entry(row.data)
    assert isinstance(entry.body, ClosingBody)
    return entry, entry.body


def _told(
    row: Row[Any],
    entry: Entry,
    body: ClosingBody,
    names: Mapping[str, str],
    issued: int,
    redeemed: int,
    absent: int = 0,
    unlike: Sequence[Unlike] = (),
) -> Compared:
    people = {*body.operators, body.operator, body.approved_by}
    return Compared(
        shop=row.shop,
        terminal=row.terminal,
        number=body.number,
        business_day=entry.envelope.business_day,
        closed_at=entry.envelope.occurred_at,
        reference=receipt_reference(row.terminal, entry.number),
        operator=body.operator,
        approved_by=body.approved_by,
        names={one: name for one, name in names.items() if one in people},
        total=body.total,
        late=body.late,
        missing=[
            f"till {gap.till}: {gap.first}" + (f" to {gap.last}" if gap.count > 1 else "") for gap in body.missing
        ],
        unsent=body.unsent,
        absent=absent,
        issued=issued,
        redeemed=redeemed,
        unlike=list(unlike),
    )


def _branch(connection: Connection, terminal: str, first: int, entry: Entry) -> tuple[list[Entry], int]:
    """The entries from `first` up to this one, back along the chain that it ends, and how many of them are not here."""
    inbox = schema.inbox.c
    rows = connection.execute(
        select(inbox.hash, inbox.prev, inbox.data).where(
            inbox.terminal == terminal, inbox.number >= first, inbox.number < entry.number
        )
    )
    here = {row.hash: row for row in rows}
    own, unreadable, at = list[Entry](), 0, entry.envelope.prev
    while (row := here.get(at)) is not None:
        try:
            own.append(read_entry(row.data))
        except EntryUnreadable:
            unreadable += 1
        at = row.prev
    return own[::-1], entry.number - first - len(own) - unreadable


def _before(
    connection: Connection, shop: str, terminal: str, branch: str, number: int
) -> tuple[ClosingBody | None, str]:
    """The closing before the one at `number`, in the journal that it ends, and its day."""
    table, inbox = closing.c, schema.inbox.c
    line = [
        and_(inbox.branch == name, inbox.number <= upto)
        for name, upto in _line(connection, terminal, branch, number - 1)
    ]
    data = connection.scalar(
        select(inbox.data)
        .join_from(
            closing,
            schema.inbox,
            and_(inbox.terminal == table.terminal, inbox.number == table.number, inbox.hash == table.hash),
        )
        .where(table.shop == shop, table.terminal == terminal, table.number < number, or_(*line))
        .order_by(table.number.desc())
        .limit(1)
    )
    before = read_entry(data) if data is not None else None
    if before is None or not isinstance(before.body, ClosingBody):
        return None, ""
    return before.body, before.envelope.business_day


def _line(connection: Connection, terminal: str, branch: str, upto: int) -> Iterable[tuple[str, int]]:
    """The branch and those that it grew from, each with the last of its entries that are in this journal."""
    table = schema.branch.c
    rows = connection.execute(select(table.branch, table.parent, table.start).where(table.terminal == terminal))
    grown = {row.branch: row for row in rows}
    for _ in range(MOST_BRANCHES):
        yield branch, upto
        if (row := grown.get(branch)) is None or not row.parent:
            return
        branch, upto = row.parent, min(upto, row.start)


def _ledger(
    connection: Connection, server: str, shop: str, terminal: str, entries: Sequence[Entry]
) -> tuple[Moved, list[Unlike]]:
    """What head office's ledger has of these entries' points, and where that is something else than they say."""
    has: dict[str, Moved] = {one.hash: Counter() for one in entries}
    numbers = [one.number for one in entries]
    posted = schema.posting.c
    own_numbers = set[int]()
    for some in _parts(_members(connection, entries)):
        if not numbers:
            break
        of_till = and_(posted.terminal == terminal, posted.number.between(min(numbers), max(numbers)))
        for row in connection.execute(
            select(posted.terminal, posted.number, posted.hash, posted.account, posted.amount).where(
                among(connection, posted.member, some),
                posted.account.in_(("issued", "redeemed")),
                or_(of_till, posted.terminal == server),
            )
        ):
            if row.terminal == server:
                own_numbers.add(row.number)
            elif row.hash in has:
                has[row.hash][row.account] += row.amount
    for cause, changes in _settled(connection, server, sorted(own_numbers)):
        if cause in has:
            for account in ("issued", "redeemed"):
                has[cause][account] += changes.get(account, 0)
    sums = Counter[str]()
    unlike = []
    reasons = _noted(connection, terminal, has)
    for one in entries:
        said = Counter[str]()
        for move in postings(one):
            if move.account in ("issued", "redeemed"):
                said[move.account] += move.amount
        sums.update(has[one.hash])
        for account, sign, what in (("issued", -1, "points issued"), ("redeemed", 1, "points redeemed")):
            if said[account] != has[one.hash].get(account, 0):
                why = reasons.get(one.hash) or _why(connection, shop, one)
                reference = receipt_reference(terminal, one.number)
                said_words, has_words = str(sign * said[account]), str(sign * has[one.hash].get(account, 0))
                unlike.append(Unlike(what, said_words, has_words, why, reference))
    return {"issued": sums["issued"], "redeemed": sums["redeemed"]}, unlike


def _why(connection: Connection, shop: str, entry: Entry) -> str:
    """Why head office booked an entry otherwise than it says, where nobody was told."""
    table, follow, sale = schema.document.c, schema.follow_up.c, schema.sale.c
    first = connection.execute(
        select(table.terminal, table.number).where(
            table.shop == shop, table.document == entry.envelope.document, table.hash != entry.hash
        )
    ).first()
    if first is not None:
        return f"the same had come before, as {receipt_reference(first.terminal, first.number)}"
    if isinstance(entry.body, ReturnBody):
        of = entry.body.sale
        others = connection.execute(
            select(follow.terminal, follow.number)
            .where(follow.shop == shop, follow.sale == of, follow.kind == "return", follow.hash != entry.hash)
            .order_by(follow.terminal, follow.number)
        ).all()
        if others:
            which = ", ".join(receipt_reference(one.terminal, one.number) for one in others[:MOST_NAMED])
            return f"of the same sale came back as well: {which}"
        if connection.execute(select(sale.document).where(sale.shop == shop, sale.document == of)).first() is None:
            return "its sale is not known here, or of another shop: the points are settled once it is"
    return "head office knew more of this sale than the till"


def _members(connection: Connection, entries: Iterable[Entry]) -> list[str]:
    """Whose points these entries move, by the names of then and of now."""
    found = {one.member for one in entries if one.member}
    fresh, table = set(found), schema.member.c
    while fresh:
        into = set[str]()
        for some in _parts(sorted(fresh)):
            rows = connection.scalars(select(table.merged_into).where(among(connection, table.member, some)))
            into |= set(rows) - {""}
        fresh = into - found
        found |= into
    return sorted(found)


def _settled(connection: Connection, server: str, numbers: Sequence[int]) -> Iterable[tuple[str, Moved]]:
    """The settlements among these entries of head office's own journal: the hash of what caused each, and its changes."""
    own = schema.journal.c
    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        for data in connection.scalars(select(own.data).where(own.server == server, own.number.in_(some))):
            body = read_entry(data).body
            if isinstance(body, SettleBody):
                yield body.cause.rpartition("/")[2], body.changes


def _noted(connection: Connection, terminal: str, hashes: Iterable[str]) -> dict[str, str]:
    """What a person was told of these entries."""
    note, found = schema.note.c, defaultdict[str, list[str]](list)
    for some in _parts(sorted(hashes)):
        rows = connection.execute(
            select(note.hash, note.reason).where(note.terminal == terminal, among(connection, note.hash, some))
        )
        for row in rows:
            found[row.hash].append(row.reason)
    return {entry_hash: "; ".join(reasons) for entry_hash, reasons in found.items()}


def _parts(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE))


def unclosed(office: Office, shop: str = "", day: str = "") -> list[Unclosed]:
    """The days of the last `SHOWN_DAYS`, or the one, on which a till sold and that are over, of which it has no Z of their own;
    newest first."""
    table, opened, till = closing.c, schema.shops.open_day.c, schema.terminal.c
    with office.database.reading() as connection:
        today = office.today(connection)
        since = (date.fromisoformat(today) - timedelta(days=SHOWN_DAYS)).isoformat()
        late = select(table.shop, table.terminal, table.closing, table.late).where(
            table.business_day >= since, table.late != ""
        )
        still_open = (
            select(till.shop, opened.terminal, opened.business_day, opened.sales)
            .join_from(schema.shops.open_day, schema.terminal, till.terminal == opened.terminal)
            .where(opened.business_day == day if day else opened.business_day >= since, opened.business_day < today)
        )
        if shop:
            late, still_open = late.where(table.shop == shop), still_open.where(till.shop == shop)
        found = [Unclosed(*row, 0) for row in connection.execute(still_open)]
        for row in connection.execute(late):
            days_late: dict[str, int] = json.loads(row.late)
            found += [Unclosed(row.shop, row.terminal, of, count, row.closing) for of, count in days_late.items()]
        found = [one for one in found if one.business_day == day or not day]
        closed = _closed(connection, found)
    found = [one for one in found if (one.terminal, one.business_day) not in closed]
    return sorted(found, key=lambda one: (one.business_day, one.shop, one.terminal), reverse=True)


def _closed(connection: Connection, some: Sequence[Unclosed]) -> set[tuple[str, str]]:
    """Those of these tills' days of which there is a Z of their own."""
    table = closing.c
    found = set[tuple[str, str]]()
    for part in _parts(sorted({one.business_day for one in some})):
        rows = connection.execute(
            select(table.terminal, table.business_day).where(among(connection, table.business_day, part)).distinct()
        )
        found |= {(row.terminal, row.business_day) for row in rows}
    return found
