"""Rights for tills: points moved from a member's available account before the till is told of them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, Row, select

from central_server import schema
from central_server.applying.books import Books, Origin
from central_server.database import add
from central_server.errors import Refused
from central_server.office import Office
from central_server.tills import channels, roll_call
from ledger.entry import GrantBody, Slice
from ledger.identifiers import new_reference
from ledger.keys import grant_message
from ledger.settlement import AVAILABLE, MemberBook
from ledger.wire import GrantReply, GrantRequest

MOST_GRANTED = 10**9
ROLL_CALL = "Head office was restored from a backup and waits for every till that had been granted points."


def grant(office: Office, terminal: Row[tuple[str, ...]], request: GrantRequest) -> GrantReply:
    """Grants up to what is asked for, once for each request. 0 points: there are none to be had just now.

    Where another till holds what is missing, it is called back: an online till gives it up at once.
    """
    if not 1 <= request.points <= MOST_GRANTED or not 1 <= len(request.request) <= 64 or "\x00" in request.request:
        raise Refused("GRANT_UNFIT", "A grant is for 1 or more points, and names its request.", status=422)

    def work(connection: Connection) -> tuple[int, str]:
        books = Books(connection, office)  # from here on nobody else changes points
        table = schema.grant.c
        booked: int | None = connection.scalar(
            select(table.points).where(table.terminal == terminal.terminal, table.request == request.request)
        )
        answer = (int(booked), "") if booked is not None else _grant(books, terminal, request)
        books.flush()
        return answer

    points, why = office.database.write(work)
    return GrantReply(office.server_epoch, office.time(), points, why)


def _grant(books: Books, terminal: Row[tuple[str, ...]], request: GrantRequest) -> tuple[int, str]:
    if not is_live(books.connection, terminal.terminal, terminal.epoch, request.epoch):
        raise Refused(
            "EPOCH_CLOSED",
            "This till's epoch is not the one that head office knows.",
            hint="Send the journal first: it says which epoch is open.",
            status=409,
        )
    if roll_call.is_frozen(books.office, books.connection):
        return 0, ROLL_CALL
    member = books.who(request.member)
    points = _book(books, terminal.terminal, request.epoch, member, request.points, request.request)
    if points < request.points:
        _recall(books, member, terminal.terminal)
    return points, ""


def is_live(connection: Connection, terminal: str, newest_epoch: str, epoch: str) -> bool:
    """Whether rights can be granted to this epoch: not to a fork's tail, nor to one that was given up or forfeited."""
    table, lost = schema.branch.c, schema.forfeit.c
    row = connection.execute(
        select(table.is_closed, table.is_fork).where(table.terminal == terminal, table.branch == epoch)
    ).one_or_none()
    if (row is None and epoch != newest_epoch) or (row is not None and (row.is_closed or row.is_fork)):
        return False
    found = connection.execute(select(lost.epoch).where(lost.terminal == terminal, lost.epoch == epoch)).first()
    return found is None


def _book(books: Books, terminal: str, epoch: str, member: str, points: int, request: str, standing: int = 0) -> int:
    """Moves points and writes the grant, in this order in one transaction; the till hears of it once that is durable."""
    office, connection = books.office, books.connection
    origin = Origin(office.server, 0, "", office.time(), books.today)
    grant_id = f"{office.server_epoch}-{new_reference(office.random_bytes)}"
    with books.settling(origin, []) as settlement:
        book = settlement.book(member)
        lots = book.grant(f"{terminal}/{epoch}", points)
        if not lots:
            return 0
        slices = tuple(Slice(lot, share, book.expires_on[lot]) for lot, share in lots.items())
        body = GrantBody(grant_id, terminal, epoch, slices)
        settlement.explains(books.record(body, member, origin, document=f"grant/{grant_id}"))
    office.roster.granted(terminal, epoch, office.server_epoch)
    parts: list[list[object]] = [[part.lot, part.points, part.expires_on] for part in slices]
    row = {
        "terminal": terminal,
        "grant_id": grant_id,
        "request": request or grant_id,
        "epoch": epoch,
        "member": member,
        "points": sum(lots.values()),
        "slices": msgspec.json.encode(slices).decode(),
        "signature": office.signing.sign(grant_message(grant_id, terminal, epoch, member, parts)),
        "standing": standing,
    }
    add(connection, schema.grant, [row])
    channels.announce(connection, channels.grants_of(terminal), [grant_id])
    return sum(lots.values())


def _recall(books: Books, member: str, asking: str) -> None:
    """Calls back what other tills hold of this member."""
    for terminal in sorted({place.partition("/")[0] for place in _places(books.load(member))} - {asking}):
        channels.announce(books.connection, channels.grants_of(terminal), [f"{channels.RECALL}{member}"])


def _end_standing(books: Books, member: str, here: str) -> None:
    """Nothing of this member stands at any other till from here on, also not at one that has spent what stood there."""
    table = schema.posting.c
    takers = books.connection.scalars(
        select(table.terminal).where(table.member == member, table.account == "granted").distinct()
    )
    for terminal in sorted(set(takers) - {here, books.office.server}):
        channels.announce(books.connection, channels.grants_of(terminal), [f"{channels.RECALL}{member}"])


def _places(book: MemberBook) -> dict[str, int]:
    """The branches where points lie that are granted or held."""
    places: dict[str, int] = {}
    for (kind, branch), box in book.lots.items():
        if kind in ("granted", "escrow"):
            places[branch] = places.get(branch, 0) + sum(box.values())
    return {branch: points for branch, points in places.items() if points}


def keep_standing(books: Books, seen: Mapping[str, tuple[str, str]]) -> None:
    """Sees to it that the programme's share of each member's points stands at the till that has just seen them.

    `seen`: member → (terminal, branch). No more than the share stands at all tills together: what stands elsewhere is called
    back, and the till that saw the member last has it after the next visit. So that not every visit moves points, a till is
    filled up when half is gone, and called back when it has twice the share, because the member has spent the rest elsewhere.
    """
    rules = books.program.offline
    if not rules.share_percent or not seen or roll_call.is_frozen(books.office, books.connection):
        return
    table = schema.terminal.c
    names = {terminal for terminal, _ in seen.values()}
    newest = dict(books.connection.execute(select(table.terminal, table.epoch).where(table.terminal.in_(names))).all())
    for member, (terminal, epoch) in sorted(seen.items()):
        book = books.load(books.who(member))
        places = _places(book)
        here = places.pop(f"{terminal}/{epoch}", 0)
        there = sum(book.at(AVAILABLE)[lot] for lot in book.spendable())
        everything = there + here + sum(places.values())
        share = min(everything * rules.share_percent // 100, rules.share_points)
        if here > 2 * share:
            channels.announce(books.connection, channels.grants_of(terminal), [f"{channels.RECALL}{books.who(member)}"])
            continue
        if here * 2 > share or not is_live(books.connection, terminal, newest[terminal], epoch):
            continue
        mine = share - sum(places.values())
        if here < mine:
            if _book(books, terminal, epoch, books.who(member), mine - here, "", standing=mine):
                _end_standing(books, books.who(member), terminal)
        elif places:
            _recall(books, member, terminal)
