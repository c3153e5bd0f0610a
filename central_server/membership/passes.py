"""Passes on phones: the key from which a card's changing codes are made, here and in the wallet, and checked at the tills."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from central_server import schema
from central_server.applying.books import Books
from central_server.database import put
from central_server.errors import OfficeError
from central_server.membership import cards, members
from central_server.office import Office
from central_server.tills.roster import Event
from ledger.keys import card_hash
from ledger.passes import ALGORITHMS, LONGEST_PERIOD_S, PERIOD_S, PassKey

KEY_BYTES = {"sha1": 20, "sha256": 32}
"""As long as the hash is, which RFC 4226 (section 4, R6) and RFC 6238 recommend."""


def make(
    office: Office, card: str, *, anew: bool = False, algorithm: str = "sha1", period_s: int = PERIOD_S
) -> PassKey:
    """The key of a card's pass: the one that was made before, or a new one, after which the pass before shows nothing of worth.

    Raises OfficeError where nobody has the card, or it is blocked, or the pass before is of another kind.
    """
    if algorithm not in ALGORITHMS or not 1 <= period_s <= LONGEST_PERIOD_S:
        raise OfficeError(
            f"A pass is of {' or '.join(ALGORITHMS)}, and its code lasts 1 to {LONGEST_PERIOD_S} s.", code="PASS_UNFIT"
        )

    def work(connection: Connection) -> PassKey:
        member, table = members.of_card(office, card), schema.pass_key
        if why := cards.why_blocked(office, connection, card):
            raise OfficeError(
                f"The card {card} is blocked ({why}).",
                hint="Give the member another card first: pos-central card replace",
                code="CARD_BLOCKED",
            )
        row = connection.execute(select(table).where(table.c.card == card)).one_or_none()
        if row is not None and not anew:
            if (row.algorithm, row.period_s) != (algorithm, period_s):
                raise OfficeError(
                    f"The card {card} has a pass of another kind ({row.algorithm}, {row.period_s} s).",
                    hint="--new makes another key; the pass on the phone has to be made anew then.",
                    code="PASS_UNFIT",
                )
            return PassKey(card, row.key, row.algorithm, row.period_s)
        made = PassKey(card, office.random_bytes(KEY_BYTES[algorithm]).hex(), algorithm, period_s)
        at = office.time()
        office.roster.remember(Event("pass", card_hash=card_hash(office.phone_key, card), at=at))
        values = {"card": card, "key": made.key, "algorithm": algorithm, "period_s": period_s, "made_at": at}
        put(connection, table, [values])
        books = Books(connection, office)
        books.changed(books.who(member))
        books.flush()
        return made

    return office.database.write(work)


def put_right(office: Office, connection: Connection) -> None:
    """After a restore: a key that was replaced since the backup, perhaps because a phone was stolen, is not trusted again."""
    table = schema.pass_key
    latest = {event.card_hash: event.at for event in office.roster.events("pass")}
    for row in connection.execute(select(table.c.card, table.c.made_at)).all():
        if latest.get(card_hash(office.phone_key, row.card), "") > row.made_at:
            connection.execute(delete(table).where(table.c.card == row.card))
