"""A purchase that a member made without their card, by the number on its receipt: whether its points can still be added.

What can be added is asked for by a ticket, of the shop that sold it: a number is soon copied from somebody else's receipt, so a
person decides. What cannot be added is said at once, with why.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, select

from central_server import schema
from central_server.care import tickets
from central_server.membership.missing_points import has_all_come_back
from central_server.office import Office
from ledger.entry import EntryUnreadable, SaleBody, read_entry
from ledger.identifiers import read_receipt_reference, receipt_reference
from loyalty.days import days_after, is_day

Outcome = Literal["asked", "mistyped", "unknown", "early", "counted", "returned", "late", "never", "again"]


class Claim(msgspec.Struct, frozen=True):
    """What became of it. `ticket` is its number, also where it had been asked for before (`again`); `last_day` is the last on
    which the points could be added, where it is over (`late`). `early`: its till has not sent it yet."""

    outcome: Outcome
    ticket: str = ""
    last_day: str = ""


def ask(office: Office, member: str, typed: str) -> Claim:
    """Opens a ticket for the points of a purchase, if they can be added. Raises OfficeError where the member has too many."""
    read = read_receipt_reference(typed)
    if read is None:
        return Claim("mistyped")
    receipt = receipt_reference(*read)
    with office.database.reading() as connection:
        row = _sold(connection, *read)
        if row is None:
            return Claim("early" if _is_awaited(connection, *read) else "unknown")
        why_not = _why_not(office, connection, row) or _asked_before(connection, member, receipt)
    if why_not is not None:
        return why_not
    ticket = tickets.open_ticket(
        office,
        shop=row.shop,
        topic="points",
        words=f"Points of receipt {receipt}, please.",
        by="member",
        source="member",
        member=member,
        receipt=receipt,
    )
    return Claim("asked", ticket)


def _sold(connection: Connection, terminal: str, number: int) -> Row[Any, Any, Any, Any] | None:
    inbox = schema.inbox.c
    return connection.execute(
        select(inbox.member, inbox.document, inbox.data, schema.terminal.c.shop)
        .join_from(schema.inbox, schema.terminal, schema.terminal.c.terminal == inbox.terminal)
        .where(inbox.terminal == terminal, inbox.number == number, inbox.kind == "sale")
        .order_by(inbox.hash)
    ).first()


def _is_awaited(connection: Connection, terminal: str, number: int) -> bool:
    """Whether it is of a till that we know, and later than all that we have of it."""
    if connection.scalar(select(schema.terminal.c.shop).where(schema.terminal.c.terminal == terminal)) is None:
        return False
    inbox = schema.inbox.c
    last = select(inbox.number).where(inbox.terminal == terminal).order_by(inbox.number.desc()).limit(1)
    return number > (connection.scalar(last) or 0)


def _why_not(office: Office, connection: Connection, row: Row[Any, Any, Any, Any]) -> Claim | None:
    sale = schema.sale.c
    of_whom = select(sale.member).where(sale.shop == row.shop, sale.document == row.document)
    if row.member or connection.scalar(of_whom):
        return Claim("counted")
    if has_all_come_back(connection, row.shop, row.document):
        return Claim("returned")
    try:
        body = read_entry(row.data).body
    except EntryUnreadable:
        return None  # a person can look at it
    program = office.program(connection, body.program) if isinstance(body, SaleBody) else None
    if program is None or not isinstance(body, SaleBody) or not is_day(body.sale.business_day):
        return None
    if not program.claim.within_days:
        return Claim("never")
    last_day = days_after(body.sale.business_day, program.claim.within_days)
    return Claim("late", last_day=last_day) if last_day < office.today(connection) else None


def _asked_before(connection: Connection, member: str, receipt: str) -> Claim | None:
    table = schema.care.ticket.c
    ticket = connection.scalar(
        select(table.ticket)
        .where(table.member == member, table.receipt == receipt, table.topic == "points", table.status != "closed")
        .limit(1)
    )
    return Claim("again", ticket) if ticket else None
