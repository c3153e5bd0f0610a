"""The end of a shop's day at this till: X is a look at any time, Z ends the trading day and is an entry of the journal.

Both are computed from the journal alone (`ledger.closing`). A Z never waits for head office: what is unsent is said, and head
office compares what the till closed with its own figures once it has everything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

import msgspec

from drivers.document import Document, decode_document, encode_document
from ledger.closing import COUNTED, OTHERS, Span, share_tenths, spans, tally_of
from ledger.entry import ClosingBody, Draft, Entry, Gap, Tally, read_entry
from ledger.identifiers import receipt_reference
from offline_store import closings, journal, operators, receipts
from offline_store.moment import Moment
from pos_plugin.errors import Conflict
from pos_plugin.papers.slips import ClosingFigures, closing_slip
from pos_plugin.sales.authority import By
from pos_plugin.sales.checkout import Checkout

ALL = -1
"""Of SQLite's LIMIT."""
NOBODY = By()


class Counted(msgspec.Struct, frozen=True):
    """A tally of the ledger (`ledger.entry.Tally`), with the members' share of its sales in tenths of a per cent, by count and by
    value."""

    sales: int
    sales_minor: int
    member_sales: int
    member_minor: int
    share_tenths: int
    value_share_tenths: int
    returns: int
    returns_minor: int
    voids: int
    issued: int
    redeemed: int
    redeemed_minor: int
    reversed: int
    restored: int


class Closing(msgspec.Struct, frozen=True):
    """A closing: "X", a look, or "Z", which has a number and a receipt reference of its own (of an X: the number of the next).

    It covers those of the entries `first` to `last` that are of its day or an earlier one and were in no closing before. `late`
    are its sales of other days, or that came after a closing of theirs; `ahead` those that are left for a later closing;
    `missing` the receipt numbers that no sale has; `unsent` so many entries head office did not have. `names` are the operators'
    as people know them. `is_empty`: nothing has happened. `is_closed`: nothing since its day was closed, so that a Z is
    refused. `shift_names` say who was in a shift, and from when to when they did what it counts: of an X; a Z has it on its
    paper. `only`: the figures are this operator's alone. `restored_on`: see `ClosingBody`.
    """

    kind: str
    number: int
    business_day: str
    terminal: str
    reference: str
    at: str
    operator: str
    approved_by: str
    first: int
    last: int
    total: Counted
    operators: dict[str, Counted]
    shifts: dict[str, Counted]
    late: dict[str, int]
    ahead: dict[str, int]
    missing: list[Gap]
    unsent: int
    names: dict[str, str]
    shift_names: dict[str, str]
    is_empty: bool
    is_closed: bool
    only: str
    restored_on: str
    text: str


def look(checkout: Checkout, day: str = "", operator: str = "", only: str = "") -> Closing:
    """X: what a closing would cover now, of `day`, or of the day that a Z would close; or one operator's part of it alone.

    Raises Conflict.
    """
    return _look(checkout, day, operator, only)[0]


def slip_of_look(checkout: Checkout, day: str = "", operator: str = "", only: str = "") -> Document:
    """The paper of an X: it is no entry, so no receipt is kept of it."""
    return _look(checkout, day, operator, only)[1]


def _look(checkout: Checkout, day: str, operator: str, only: str) -> tuple[Closing, Document]:
    with checkout.store.read() as db:
        at = checkout.moment(db)
        covers = _covers(db, at, day, operator, closings.open_entries(db))
        found = _closing("X", db, at, covers.body, covers.day, covers=covers)
    if only:
        found = _part(found, only, lambda: covers.entries)
    slip = _slip(checkout, at, found)
    return msgspec.structs.replace(found, text=slip.text()), slip


def _part(whole: Closing, only: str, entries: Callable[[], Iterable[Entry]]) -> Closing:
    """What one operator may see of a closing of these entries: their own line, and no paper of it all."""
    mine = whole.operators.get(only)
    if mine is None:
        # Where many have sold, the closing has the figures of most together.
        mine = _counted(tally_of(only, entries()) if OTHERS in whole.operators else Tally())
    return msgspec.structs.replace(
        whole,
        total=mine,
        operators={only: mine},
        shifts={},
        shift_names={},
        late={},
        ahead={},
        missing=[],
        names={name: shown for name, shown in whole.names.items() if name == only},
        only=only,
        text="",
    )


def close(
    checkout: Checkout,
    day: str = "",
    *,
    by: By = NOBODY,
    to_print: bool = True,
    write: Callable[[Callable[[sqlite3.Connection], Closing]], Closing] | None = None,
) -> Closing:
    """Z: ends the trading day at this till. `write` runs the transaction, for a caller who records something beside it.

    Raises Conflict where that day cannot be closed, or nothing has happened since it was; nothing is recorded then.
    """
    with checkout.store.read() as db:
        # A long day is read and counted before the till's one writer is held up; what comes meanwhile is added then.
        known, upto = closings.open_entries(db), journal.head(db)[0]

    def work(db: sqlite3.Connection) -> Closing:
        at = checkout.moment(db)
        since = [read_entry(data) for _, _, data in journal.after(db, upto, ALL)]
        covers = _covers(db, at, day, by.operator, [*known, *since])
        if covers.is_closed:
            raise Conflict(
                "DAY_CLOSED",
                f"{covers.day} is closed already, by Z {covers.before}, and nothing has happened since. Nothing was recorded.",
                hint="Print that one again, or close the next day when it is over.",
            )
        body = msgspec.structs.replace(covers.body, shift=by.shift, approved_by=by.approved_by, reason=by.reason)
        draft = Draft(body, closings.document(at.who.terminal, body.number), at.occurred_at, covers.day)
        new = journal.record(db, at.who, draft, at.recorded_at)
        closings.said_put_back(db)
        found = _closing("Z", db, at, body, covers.day, covers=covers, entry=new)
        slip = _slip(checkout, at, found)
        receipts.keep(db, new.number, encode_document(slip), to_print=to_print)
        return msgspec.structs.replace(found, text=slip.text(), shift_names={})  # as it is read later

    return (write or checkout.store.write)(work)


def earlier(checkout: Checkout, limit: int = 31, only: str = "") -> list[Closing]:
    """The last closings of this till as they were written, newest first; or one operator's part of each."""
    found = []
    with checkout.store.read() as db:
        at = checkout.moment(db)
        for entry in closings.recent(db, limit):
            kept = receipts.document(db, entry.number)
            one = _closing("Z", db, at, closings.body_of(entry), entry.envelope.business_day, entry=entry)
            one = msgspec.structs.replace(one, text=decode_document(kept).text() if kept else "")
            found.append(_part(one, only, partial(closings.covered_by, db, entry)) if only else one)
    return found


class _Covers(NamedTuple):
    """What a closing would say now, the day that it would be of, and the number of the one before."""

    body: ClosingBody
    day: str
    before: int
    ahead: dict[str, int]
    entries: tuple[Entry, ...]
    is_closed: bool


def _covers(db: sqlite3.Connection, at: Moment, day: str, operator: str, entries: list[Entry]) -> _Covers:
    before = closings.last(db)
    was, closed_day = (closings.body_of(before), before.envelope.business_day) if before else (None, "")
    if closed_day > at.today:
        closed_day = ""  # a clock was ahead when that day was closed; it does not keep this one from being closed
    day = day or _day_to_close(entries, closed_day, at.today)
    if day > at.today:
        raise Conflict("DAY_AHEAD", f"{day} has not begun. Nothing was recorded.", hint=f"Today is {at.today}.")
    if day < closed_day:
        raise Conflict(
            "DAY_CLOSED",
            f"{closed_day} is closed, and {day} with it. Nothing was recorded.",
            hint="What came since is in the next closing, which says so.",
        )
    found = closings.figures(db, day, entries, at.occurred_at)
    last, _ = journal.head(db)
    body = ClosingBody(
        number=closings.next_number(db),
        operator=operator,
        first=was.goes_on_from if was else 1,
        last=last,
        goes_on_from=found.goes_on_from,
        total=found.total,
        operators=found.operators,
        shifts=found.shifts,
        late=found.late,
        missing=found.missing,
        counted_to=found.counted_to,
        # A till of its own has nobody to send to.
        unsent=last - at.acknowledged if at.shop else 0,
        restored_on=closings.put_back_on(db),
    )
    is_closed = day == closed_day and not found.entries
    return _Covers(body, day, was.number if was else 0, found.ahead, found.entries, is_closed)


def _day_to_close(entries: list[Entry], closed_day: str, today: str) -> str:
    """The day of the last that happened: whoever closes the next morning, before anything is sold, means the day before."""
    days = [one.envelope.business_day for one in entries if isinstance(one.body, COUNTED)]
    happened = max((day for day in days if day <= today), default="")
    return max(happened, closed_day) if happened else today


def _counted(tally: Tally) -> Counted:
    return Counted(
        **msgspec.structs.asdict(tally),
        share_tenths=share_tenths(tally.member_sales, tally.sales),
        value_share_tenths=share_tenths(tally.member_minor, tally.sales_minor),
    )


def _closing(
    kind: str,
    db: sqlite3.Connection,
    at: Moment,
    body: ClosingBody,
    day: str,
    *,
    covers: _Covers | None = None,
    entry: Entry | None = None,
) -> Closing:
    """`covers` where it is of now; of an earlier one is known what its entry says."""
    people = {one.operator: one.name for one in operators.every(db)}
    span = spans(covers.entries) if covers else {}
    named = {name: people[name] for name in {*body.operators, body.operator, body.approved_by} if name in people}
    return Closing(
        kind=kind,
        number=body.number,
        business_day=day,
        terminal=at.who.terminal,
        reference=receipt_reference(entry.envelope.terminal, entry.number) if entry else "",
        at=entry.envelope.occurred_at if entry else at.occurred_at,
        operator=body.operator,
        approved_by=body.approved_by,
        first=body.first,
        last=body.last,
        total=_counted(body.total),
        operators={name: _counted(one) for name, one in body.operators.items()},
        shifts={name: _counted(one) for name, one in body.shifts.items()},
        late=body.late,
        ahead=covers.ahead if covers else {},
        missing=list(body.missing),
        unsent=body.unsent,
        names=dict(sorted(named.items())),
        shift_names={shift: _shift_name(shift, span[shift], people) for shift in body.shifts if shift in span},
        is_empty=body.total == Tally(),
        is_closed=covers.is_closed if covers else False,
        only="",
        restored_on=body.restored_on,
        text="",
    )


def _shift_name(shift: str, span: Span, people: Mapping[str, str]) -> str:
    """A host's own shift bears the host's name of it as well; the number of one that began at this till says nothing more.

    >>> _shift_name("2026-11-21-2", Span(("kim",), "2026-11-21T09:02:11", "2026-11-21T13:44:50"), {"kim": "Kim"})
    'Kim 09:02–13:44'
    """
    who = [people.get(one, one) for one in span.operators if one]
    said = ", ".join(who if operators.is_of_till(shift) else [shift, *who])
    return f"{said} {span.first[11:16]}–{span.last[11:16]}"


def _tally(one: Counted) -> Tally:
    return Tally(**{name: getattr(one, name) for name in Tally.__struct_fields__})


def _slip(checkout: Checkout, at: Moment, one: Closing) -> Document:
    return closing_slip(
        checkout.layout,
        at=one.at,
        kind=one.kind,
        number=one.number,
        business_day=one.business_day,
        terminal=one.terminal,
        currency=at.program.currency,
        figures=ClosingFigures(
            total=_tally(one.total),
            operators={name: _tally(part) for name, part in one.operators.items()},
            shifts={name: _tally(part) for name, part in one.shifts.items()},
            late=one.late,
            ahead=one.ahead,
            missing=one.missing,
            unsent=one.unsent,
            names=one.names,
            shift_names=one.shift_names,
            only=one.only,
            restored_on=one.restored_on,
        ),
        operator=one.operator,
        reference=one.reference,
    )
