"""A till that is lost: a person gives up the rights that lie there, and the members have their points again.

What the lost till turns out to have spent all the same is the shop's loss, booked. Its epoch gets no rights any more; if the
till does come back, it hears of it, gives up what it holds and opens a new epoch.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from central_server import schema
from central_server.applying.books import Books, Origin
from central_server.database import keep
from central_server.errors import OfficeError
from central_server.office import Office
from central_server.tills import channels
from central_server.tills.roster import Event


def forfeit(office: Office, terminal: str) -> int:
    """Forfeits all that is granted to or held at a terminal; answers how many points. Again: whatever is there by then.

    Raises OfficeError for a terminal that is not there.
    """
    with office.database.writing() as connection:
        epochs = _epochs(connection, terminal)
        office.roster.remember(*(Event("forfeited", terminal=terminal, epoch=epoch) for epoch in epochs))
        return give_up(office, connection, [(terminal, epoch) for epoch in epochs])


def lying_at(office: Office, terminal: str) -> int:
    """How many points are granted to or held at a terminal. Raises OfficeError for a terminal that is not there."""
    holding = schema.holding.c
    with office.database.reading() as connection:
        places = [f"{terminal}/{epoch}" for epoch in _epochs(connection, terminal)]
        points = connection.scalar(
            select(func.coalesce(func.sum(holding.points), 0)).where(
                holding.branch.in_(places), holding.place.in_(["escrow", "granted"])
            )
        )
    return int(points or 0)


def give_up(office: Office, connection: Connection, epochs: Sequence[tuple[str, str]]) -> int:
    """What lies at these (terminal, epoch) is the members' again, and nothing is granted there any more; answers how much.

    Also after a restore, of epochs that were forfeited before: the same again changes nothing.
    """
    books = Books(connection, office)
    holding = schema.holding.c
    keep(
        connection,
        schema.forfeit,
        [{"terminal": terminal, "epoch": epoch, "forfeited_at": office.time()} for terminal, epoch in epochs],
    )
    origin = Origin(office.server, 0, "", office.time(), books.today)
    gone = 0
    for terminal, epoch in epochs:
        place = f"{terminal}/{epoch}"
        holders = connection.scalars(
            select(holding.member).where(holding.branch == place, holding.place.in_(["escrow", "granted"])).distinct()
        ).all()
        books.prefetch(holders)
        for member in sorted(holders):
            with books.settling(origin, [], cause=f"forfeit/{place}") as settlement:
                points = settlement.book(member).give_up(place)
            books.forfeit(member, place, points)
            gone += points
        channels.announce(connection, channels.grants_of(terminal), [f"{channels.FORFEIT}{epoch}"])
    books.flush()
    return gone


def _epochs(connection: Connection, terminal: str) -> list[str]:
    table, branch = schema.terminal.c, schema.branch.c
    newest: str | None = connection.scalar(select(table.epoch).where(table.terminal == terminal))
    if newest is None:
        raise OfficeError(
            f"There is no till {terminal}.", hint="pos-central status lists them.", code="TERMINAL_UNKNOWN"
        )
    branches = connection.scalars(select(branch.branch).where(branch.terminal == terminal)).all()
    return sorted({newest, *branches})


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
