"""After a restore: no rights are granted until every till that ever got any has said hello.

A restored head office may have forgotten grants. A till that says hello has sent its whole journal, so every grant that it took
is booked again by then, and it takes none of the forgotten ones any more. The list of tills is the roster's, which is not
restored with the database.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from central_server import schema
from central_server.errors import OfficeError
from central_server.office import Office
from central_server.tills.roster import Event


def awaited(office: Office, connection: Connection) -> list[tuple[str, str]]:
    """The epochs (terminal, epoch) that have not said hello since the restore, nor were forfeited or excused."""
    if office.server_epoch == 1:
        return []
    parents: dict[tuple[str, str], str] = {}
    greeted: set[tuple[str, str]] = set()
    table = schema.branch.c
    for row in connection.execute(select(table.terminal, table.branch, table.parent, table.is_fork, table.hello)):
        # Whoever greets has sent all that came before, so its earlier epochs are whole; but not what a twin wrote since.
        parents[row.terminal, row.branch] = "" if row.is_fork else row.parent
        if row.hello == office.server_epoch:
            greeted.add((row.terminal, row.branch))
    for terminal, branch in list(greeted):
        while branch := parents.get((terminal, branch), ""):
            greeted.add((terminal, branch))
    roster = office.roster
    excused = {(one.terminal, one.epoch) for one in roster.events("excused") if one.server_epoch == office.server_epoch}
    forfeited = {(one.terminal, one.epoch) for one in roster.events("forfeited")}
    granted = {(one.terminal, one.epoch) for one in roster.events("granted") if one.server_epoch < office.server_epoch}
    return sorted(granted - greeted - excused - forfeited)


def at_stake(connection: Connection, terminal: str, epoch: str) -> int:
    """How many points the database knows to lie at an epoch: what going on without it can cost, as far as can be known."""
    holding = schema.holding.c
    points = connection.scalar(
        select(func.coalesce(func.sum(holding.points), 0)).where(
            holding.branch == f"{terminal}/{epoch}", holding.place.in_(["escrow", "granted"])
        )
    )
    return int(points or 0)


def is_frozen(office: Office, connection: Connection) -> bool:
    """Whether grants wait for the roll call. Once it is complete it stays so until the next restore."""
    if office.roll_is_complete:
        return False
    office.roll_is_complete = not awaited(office, connection)
    return not office.roll_is_complete


def excuse(office: Office, terminal: str) -> int:
    """Goes on without a till that will never say hello; what it turns out to have spent is the shop's loss.

    Answers how many epochs that excuses. Raises OfficeError for a till that is not awaited.
    """
    with office.database.reading() as connection:
        missing = [epoch for name, epoch in awaited(office, connection) if name == terminal]
    if not missing:
        raise OfficeError(
            f"Nobody waits for a till {terminal}.",
            hint="pos-central roll-call lists whom it waits for.",
            code="NOT_AWAITED",
        )
    for epoch in missing:
        office.roster.remember(
            Event("excused", terminal=terminal, epoch=epoch, at=office.time(), server_epoch=office.server_epoch)
        )
    return len(missing)
