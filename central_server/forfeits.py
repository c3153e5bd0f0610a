"""A till that is lost: a person gives up the rights that lie there, and the members have their points again.

What the lost till turns out to have spent all the same is the shop's loss, booked. Its epoch gets no rights any more; if the
till does come back, it hears of it, gives up what it holds and opens a new epoch.
"""

from __future__ import annotations

from sqlalchemy import select

from central_server import channels, schema
from central_server.books import Books, Origin
from central_server.database import keep
from central_server.errors import OfficeError
from central_server.office import Office
from central_server.roster import Event


def forfeit(office: Office, terminal: str) -> int:
    """Forfeits all that is granted to or held at a terminal; answers how many points. Again: whatever is there by then.

    Raises OfficeError for a terminal that is not there.
    """
    with office.database.writing() as connection:
        books = Books(connection, office)
        table, branch, holding = schema.terminal.c, schema.branch.c, schema.holding.c
        newest: str | None = connection.scalar(select(table.epoch).where(table.terminal == terminal))
        if newest is None:
            raise OfficeError(f"There is no terminal {terminal}.", code="TERMINAL_UNKNOWN")
        branches = connection.scalars(select(branch.branch).where(branch.terminal == terminal)).all()
        epochs = sorted({newest, *branches})
        for epoch in epochs:
            office.roster.remember(Event("forfeited", terminal=terminal, epoch=epoch))
        keep(
            connection,
            schema.forfeit,
            [{"terminal": terminal, "epoch": epoch, "forfeited_at": office.time()} for epoch in epochs],
        )
        origin = Origin(office.server, 0, "", office.time(), books.today)
        gone = 0
        for epoch in epochs:
            place = f"{terminal}/{epoch}"
            holders = connection.scalars(
                select(holding.member)
                .where(holding.branch == place, holding.place.in_(["escrow", "granted"]))
                .distinct()
            ).all()
            books.prefetch(holders)
            for member in sorted(holders):
                with books.settling(origin, [], cause=f"forfeit/{place}") as settlement:
                    points = settlement.book(member).give_up(place)
                books.forfeit(member, place, points)
                gone += points
        channels.announce(connection, channels.grants_of(terminal), [f"{channels.FORFEIT}{epoch}" for epoch in epochs])
        books.flush()
    return gone


def write_off(office: Office, member: str) -> int:
    """Books what a member owes as the shop's loss; answers how many points."""
    with office.database.writing() as connection:
        books = Books(connection, office)
        origin = Origin(office.server, 0, "", office.time(), books.today)
        with books.settling(origin, [], cause="written off") as settlement:
            book = settlement.book(member)
            points, book.debt = book.debt, 0
            book.loss += points
        books.flush()
    return points
