"""Rights for tills: points moved from a member's available account before the till is told of them."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, Row, insert, select

from central_server import channels, schema
from central_server.books import Books, Origin
from central_server.errors import Refused
from central_server.office import Office
from ledger.entry import GrantBody, Slice
from ledger.identifiers import new_reference
from ledger.keys import grant_message
from ledger.wire import GrantReply, GrantRequest

MOST_GRANTED = 10**9


def grant(office: Office, terminal: Row[tuple[str, ...]], request: GrantRequest) -> GrantReply:
    """Grants up to what is asked for, once for each request. 0 points: there are none to be had just now."""
    with office.database.writing() as connection:
        points = _grant(office, connection, terminal, request)
    return GrantReply(office.server_epoch, office.time(), points)


def _grant(office: Office, connection: Connection, terminal: Row[tuple[str, ...]], request: GrantRequest) -> int:
    if not 1 <= request.points <= MOST_GRANTED or not 1 <= len(request.request) <= 64 or "\x00" in request.request:
        raise Refused("GRANT_UNFIT", "A grant is for 1 or more points, and names its request.", status=422)
    books = Books(connection, office)  # from here on nobody else changes points
    table = schema.grant
    booked = connection.scalar(
        select(table.c.points).where(table.c.terminal == terminal.terminal, table.c.request == request.request)
    )
    if booked is not None:
        return int(booked)
    place = _live_place(connection, terminal, request.epoch)
    member = books.who(request.member)
    origin = Origin(office.server, 0, "", office.time(), books.today)
    with books.settling(origin, []) as settlement:
        book = settlement.book(member)
        lots = book.grant(place, request.points, books.today)
        if not lots:
            return 0
        grant_id = f"{office.server_epoch}-{new_reference(office.random_bytes)}"
        slices = tuple(Slice(lot, points, book.expires_on[lot]) for lot, points in lots.items())
        body = GrantBody(grant_id, terminal.terminal, request.epoch, slices)
        settlement.explains(books.record(body, member, origin, document=f"grant/{grant_id}"))
    points = sum(lots.values())
    parts: list[list[object]] = [[part.lot, part.points, part.expires_on] for part in slices]
    connection.execute(
        insert(table).values(
            terminal=terminal.terminal,
            grant_id=grant_id,
            request=request.request,
            epoch=request.epoch,
            member=member,
            points=points,
            slices=msgspec.json.encode(slices).decode(),
            signature=office.signing.sign(grant_message(grant_id, terminal.terminal, request.epoch, member, parts)),
        )
    )
    books.finish()
    channels.announce(connection, channels.grants_of(terminal.terminal), [grant_id])
    return points


def _live_place(connection: Connection, terminal: Row[tuple[str, ...]], epoch: str) -> str:
    """The branch that can take a grant for this epoch. A fork's tail and an epoch that was given up can not."""
    table = schema.branch.c
    row = connection.execute(
        select(table.is_closed, table.is_fork).where(table.terminal == terminal.terminal, table.branch == epoch)
    ).one_or_none()
    if (row is None and epoch != terminal.epoch) or (row is not None and (row.is_closed or row.is_fork)):
        raise Refused(
            "EPOCH_CLOSED",
            "This till's epoch is not the one that head office knows.",
            hint="Send the journal first: it says which epoch is open.",
            status=409,
        )
    return f"{terminal.terminal}/{epoch}"
