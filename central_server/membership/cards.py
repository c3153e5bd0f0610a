"""Cards that nobody may use any more: blocked by a person at head office, and told to every till of every shop.

A block names the card by a keyed hash (`ledger.keys.card_hash`), on the wire, at the tills and in the roster; the number itself
stands beside it in head office's table alone, and goes when its member is forgotten. The roster remembers what the database may
forget: a card that was reported stolen stays blocked through a restore.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import msgspec
from sqlalchemy import Connection, select, update

from central_server import schema
from central_server.database import put
from central_server.errors import OfficeError
from central_server.office import Office
from central_server.tills import channels
from central_server.tills.roster import Event
from ledger.keys import card_hash
from loyalty.card import DamagedMemberCode, member_card

Why = Literal["lost", "stolen"]
REPLACED = "replaced"


class Blocked(msgspec.Struct, frozen=True):
    """A card that is blocked. `card` is '' where head office knows the hash alone, since a restore or because it was erased."""

    card: str
    card_hash: str
    why: str
    since: str


def block(office: Office, card: str, why: str) -> bool:
    """From now on nobody is known by this card, at any till that has heard; answers whether somebody has it.

    One that nobody has is blocked as well: whoever joined with it may not have arrived yet. Raises OfficeError for a `why` that
    is none, and for a number whose check digit is wrong.
    """
    if why not in get_args(Why):
        raise OfficeError(f"A card is blocked because it is lost or stolen, not {why!r}.", code="WHY_UNFIT")

    def work(connection: Connection) -> bool:
        program = office.program(connection)
        assert program is not None, "init puts a programme in force"
        if isinstance(member_card(program.cards.rules, card), DamagedMemberCode):
            raise OfficeError(f"The check digit of {card} is wrong.", hint="Read the card again.", code="CARD_DAMAGED")
        change(office, connection, card, why)
        return _is_somebodys(connection, card)

    return office.database.write(work)


def unblock(office: Office, card: str) -> bool:
    """The card was found: it is as good as before; answers whether somebody has it. One that was replaced is nobody's.

    Raises OfficeError where it is not blocked.
    """

    def work(connection: Connection) -> bool:
        if not why_blocked(office, connection, card):
            raise OfficeError(
                f"The card {card} is not blocked.",
                hint="pos-central card list shows those that are.",
                code="CARD_NOT_BLOCKED",
            )
        change(office, connection, card, "")
        return _is_somebodys(connection, card)

    return office.database.write(work)


def _is_somebodys(connection: Connection, card: str) -> bool:
    return connection.scalar(select(schema.card.c.member).where(schema.card.c.card == card)) is not None


def change(office: Office, connection: Connection, card: str, why: str) -> None:
    """Blocks a card, or lifts that with a `why` of ''; remembered beyond the database, and told to every till."""
    hashed, at = card_hash(office.phone_key, card), office.time()
    office.roster.remember(Event("card", card_hash=hashed, why=why, at=at))
    put(connection, schema.blocked_card, [{"card_hash": hashed, "card": card, "why": why, "changed_at": at}])
    channels.announce(connection, channels.REVOCATIONS, [channels.BLOCK + hashed])


def why_blocked(office: Office, connection: Connection, card: str) -> str:
    """lost, stolen or replaced; '' for a card that is not blocked."""
    table = schema.blocked_card.c
    why = connection.scalar(select(table.why).where(table.card_hash == card_hash(office.phone_key, card)))
    return why or ""


def blocked(office: Office) -> list[Blocked]:
    """Every card that is blocked now, the latest first."""
    table = schema.blocked_card.c
    with office.database.reading() as connection:
        rows = connection.execute(
            select(schema.blocked_card).where(table.why != "").order_by(table.changed_at.desc(), table.card_hash)
        ).all()
    return [Blocked(row.card, row.card_hash, row.why, row.changed_at) for row in rows]


def forget(office: Office, connection: Connection, cards: Iterable[str]) -> None:
    """The numbers of a person's cards; they stay blocked by their hashes."""
    table = schema.blocked_card
    hashes = [card_hash(office.phone_key, card) for card in cards]
    connection.execute(update(table).where(table.c.card_hash.in_(hashes)).values(card=""))


def put_right(office: Office, connection: Connection) -> None:
    """After a restore: the later of what roster and database say of a card is in force, known to both, and told once more."""
    table = schema.blocked_card
    known = {row.card_hash: row for row in connection.execute(select(table)).all()}
    latest: dict[str, Event] = {}
    for event in office.roster.events("card"):
        if event.card_hash not in latest or latest[event.card_hash].at <= event.at:
            latest[event.card_hash] = event
    newer = [row for name, row in known.items() if name not in latest or latest[name].at < row.changed_at]
    office.roster.remember(*(Event("card", card_hash=row.card_hash, why=row.why, at=row.changed_at) for row in newer))
    numbers: dict[str, str] = {}
    if latest.keys() - known.keys():
        cards = connection.scalars(select(schema.card.c.card))
        numbers = {card_hash(office.phone_key, card): card for card in cards}
    rows = [
        {
            "card_hash": hashed,
            "card": known[hashed].card if hashed in known else numbers.get(hashed, ""),
            "why": event.why,
            "changed_at": event.at,
        }
        for hashed, event in latest.items()
        if hashed not in known or known[hashed].changed_at <= event.at
    ]
    put(connection, table, rows)
    channels.announce(connection, channels.REVOCATIONS, sorted(channels.BLOCK + row["card_hash"] for row in rows))
