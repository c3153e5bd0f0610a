"""Card stock: which batches of cards were made, at which shop they lie, and which of their cards are somebody's by now.

A batch is made, sent to one shop, and may be withdrawn; a withdrawn one may be sent to another shop. The tills of a shop that was
ever sent one take no other cards for new members. A card is activated once, when a member joins with it or gets it in exchange;
where two tills that did not hear of each other gave out the same card, a person is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
from sqlalchemy import Connection, Row, case, func, select, update

from central_server import schema
from central_server.database import AT_ONCE, add, among, keep
from central_server.errors import OfficeError
from central_server.notes import note_row
from central_server.office import Office
from central_server.shops import shop_names
from central_server.tills import channels
from ledger.keys import card_hash
from ledger.wire import CardBatchItem, MemberDetails
from loyalty.card import LOW_STOCK, CardRules, NumberForm
from loyalty.card_batch import Form, draw_numbers, form_of

MOST_CARDS = 5_000
"""In a batch: each of its numbers goes to every till of the shop."""
LONGEST_NAME = 40

_batch, _card = schema.shops.card_batch, schema.shops.stock_card


class BatchStock(msgspec.Struct, frozen=True):
    """`left` can still be given out at `shop`; of a batch that lies at head office, or was withdrawn, nothing can."""

    batch: str
    state: Literal["made", "sent", "withdrawn"]
    shop: str
    cards: int
    issued: int
    left: int
    made_at: str
    sent_at: str


class ShopStock(msgspec.Struct, frozen=True):
    """All batches of a shop: of the cards `sent` some are issued, some withdrawn, and so many are `left`."""

    shop: str
    sent: int
    issued: int
    withdrawn: int
    left: int
    is_low: bool


# -- what a person does --------------------------------------------------------------------------------------------------


def make(
    office: Office, batch: str, count: int, form: Form | Literal[""], random_digits: Callable[[int], str]
) -> list[str]:
    """Draws the numbers of a new batch, which lies at head office. Raises OfficeError; ValueError where there are too few."""
    if not 1 <= count <= MOST_CARDS:
        raise OfficeError(f"A batch has 1 to {MOST_CARDS:,} cards.", hint="Make several.", code="BATCH_UNFIT")

    _require_name(batch)

    def work(connection: Connection) -> list[str]:
        _require_new(connection, batch)
        program = office.program(connection)
        assert program is not None, "init puts a programme in force"
        rules = program.cards.rules
        numbers = _drawn(office, connection, rules, form_of(rules, form), count, random_digits)
        row = {"batch": batch, "shop": "", "made_at": office.time(), "sent_at": "", "withdrawn_at": ""}
        add(connection, _batch, [row])
        nobodys = {"batch": batch, "activated_at": "", "shop": "", "terminal": ""}
        add(connection, _card, [{"card": number, **nobodys} for number in numbers])
        return numbers

    return office.database.write(work)


def require_new(office: Office, batch: str) -> None:
    """Raises OfficeError for what is no name of a batch, or one that there is."""
    _require_name(batch)
    with office.database.reading() as connection:
        _require_new(connection, batch)


def _require_name(batch: str) -> None:
    if not 0 < len(batch) <= LONGEST_NAME or not batch.isprintable() or batch != batch.strip() or "/" in batch:
        raise OfficeError(
            f'A batch has a name of 1 to {LONGEST_NAME} printable characters, without "/".', code="BATCH_UNFIT"
        )


def _require_new(connection: Connection, batch: str) -> None:
    if connection.scalar(select(_batch.c.batch).where(_batch.c.batch == batch)) is not None:
        raise OfficeError(f"There is a batch {batch} already.", hint="Choose another name.", code="BATCH_EXISTS")


def _drawn(
    office: Office,
    connection: Connection,
    rules: CardRules,
    form: NumberForm,
    count: int,
    random_digits: Callable[[int], str],
) -> list[str]:
    """New numbers. The tables are asked for all of them at once: tills wait for as long as this writes."""
    numbers: list[str] = []
    tried: set[str] = set()
    while len(numbers) < count:
        some = draw_numbers(rules, form, count - len(numbers), random_digits, tried.__contains__)
        tried.update(some)
        known = known_of(office, connection, some)
        numbers += [one for one in some if one not in known]
    return numbers


def send(office: Office, batch: str, shop: str) -> BatchStock:
    """Says that the cards of this batch lie at this shop from now on. The same again changes nothing. Raises OfficeError."""

    def work(connection: Connection) -> None:
        row = _known(connection, batch)
        shop_names.require(connection, shop)
        if row.shop and not row.withdrawn_at:
            if row.shop == shop:
                return
            raise OfficeError(
                f"The batch {batch} was sent to {row.shop} already.",
                hint="Withdraw it first, if its cards are not there any more: pos-central card-batch withdraw",
                code="BATCH_SENT",
            )
        sent = {"shop": shop, "sent_at": office.time(), "withdrawn_at": ""}
        connection.execute(update(_batch).where(_batch.c.batch == batch).values(**sent))
        _announce(connection, shop, batch)

    office.database.write(work)
    return one(office, batch)


def withdraw(office: Office, batch: str) -> BatchStock:
    """Nobody joins any more with those of its cards that are nobody's yet: lost, or called back. Raises OfficeError."""

    def work(connection: Connection) -> None:
        row = _known(connection, batch)
        if not row.shop:
            raise OfficeError(
                f"The batch {batch} was not sent to any shop.",
                hint="Nothing is to be withdrawn.",
                code="BATCH_NOT_SENT",
            )
        if not row.withdrawn_at:
            connection.execute(update(_batch).where(_batch.c.batch == batch).values(withdrawn_at=office.time()))
            _announce(connection, row.shop, batch)

    office.database.write(work)
    return one(office, batch)


def one(office: Office, batch: str) -> BatchStock:
    """Raises OfficeError where there is no such batch."""
    found = [stock for stock in batches(office) if stock.batch == batch]
    if not found:
        raise _unknown(batch)
    return found[0]


def numbers_of(office: Office, batch: str) -> list[str]:
    """The cards of a batch that are nobody's yet, in order. Raises OfficeError."""
    with office.database.reading() as connection:
        _known(connection, batch)
        return _free(connection, [batch])[batch]


def batches(office: Office) -> list[BatchStock]:
    """Every batch, the newest first."""
    issued = func.coalesce(func.sum(case((_card.c.activated_at != "", 1), else_=0)), 0)
    query = (
        select(_batch, func.count(_card.c.card).label("cards"), issued.label("issued"))
        .join_from(_batch, _card, _card.c.batch == _batch.c.batch, isouter=True)
        .group_by(*_batch.c)
        .order_by(_batch.c.made_at.desc(), _batch.c.batch)
    )
    with office.database.reading() as connection:
        return [_stock(row) for row in connection.execute(query).all()]


def by_shop(office: Office) -> list[ShopStock]:
    """The stock of every shop that was ever sent any."""
    found: dict[str, list[BatchStock]] = {}
    for stock in batches(office):
        if stock.shop:
            found.setdefault(stock.shop, []).append(stock)
    shops: list[ShopStock] = []
    for shop, theirs in sorted(found.items()):
        sent, issued, left = (sum(getattr(each, what) for each in theirs) for what in ("cards", "issued", "left"))
        shops.append(ShopStock(shop, sent, issued, sent - issued - left, left, left <= LOW_STOCK))
    return shops


# -- what tills do, and hear -----------------------------------------------------------------------------------------------


def is_known(office: Office, connection: Connection, number: str) -> bool:
    """Whether a number is no new one: a member's, of a batch, or blocked."""
    return bool(known_of(office, connection, [number]))


def known_of(office: Office, connection: Connection, numbers: Sequence[str]) -> set[str]:
    """Those of these numbers that are no new ones."""
    found: set[str] = set()
    blocked = schema.blocked_card.c.card_hash
    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        for table in (schema.card, _card):
            found.update(connection.scalars(select(table.c.card).where(among(connection, table.c.card, some))))
        hashed = {card_hash(office.phone_key, one): one for one in some}
        query = select(blocked).where(among(connection, blocked, hashed), schema.blocked_card.c.why != "")
        found.update(hashed[one] for one in connection.scalars(query))
    return found


def activate(
    office: Office, connection: Connection, terminal: Row[tuple[str, ...]], member: str, details: MemberDetails
) -> None:
    """A member has joined at this till with these cards. What is odd about it is noted for a person, and stops nothing.

    `member` is who they are by now. Called before the cards are theirs: a card that already is comes for the second time.
    """
    for row in connection.execute(select(_card).where(_card.c.card.in_(details.cards)).order_by(_card.c.card)).all():
        if not row.activated_at:
            _activate(office, connection, row.card, terminal.shop, terminal.terminal)
            batch = _known(connection, row.batch)
            if batch.shop != terminal.shop or batch.withdrawn_at:
                lies = f"was sent to {batch.shop}" if batch.shop else "was not sent to any shop"
                what = "was withdrawn" if batch.withdrawn_at else lies
                _note(office, connection, terminal, details, f"joined with a card of batch {row.batch}, which {what}")
        elif connection.scalar(select(schema.card.c.member).where(schema.card.c.card == row.card)) != member:
            before = f"at till {row.terminal} of {row.shop}" if row.terminal else "at head office"
            said = (
                f"joined with a card of batch {row.batch} that was activated before, {before}, {row.activated_at[:10]}"
            )
            _note(office, connection, terminal, details, said)


def exchange(office: Office, connection: Connection, card: str) -> None:
    """A member gets this card for another one. Raises OfficeError where it was somebody's before."""
    row = connection.execute(select(_card).where(_card.c.card == card)).one_or_none()
    if row is None:
        return
    if row.activated_at:
        raise OfficeError(f"The card {card} was given out before.", hint="Take another one.", code="CARD_IN_USE")
    _activate(office, connection, card, "", "")


def forget(connection: Connection, theirs: Iterable[str]) -> None:
    """The person with these cards is forgotten; the cards stay used, and their shops' tills hear that once more."""
    named = list(theirs)
    rows = connection.execute(
        select(_batch.c.shop, _batch.c.batch)
        .join_from(_card, _batch, _card.c.batch == _batch.c.batch)
        .where(_card.c.card.in_(named), _batch.c.shop != "")
        .distinct()
    ).all()
    for shop, batch in sorted(tuple(row) for row in rows):
        _announce(connection, shop, batch)


def items(connection: Connection, shop: str, names: Sequence[str]) -> Iterable[CardBatchItem]:
    """These batches as the tills of this shop hear of them; one that went to another shop was withdrawn here."""
    rows = connection.execute(select(_batch).where(_batch.c.batch.in_(names)).order_by(_batch.c.batch)).all()
    here = [row.batch for row in rows if row.shop == shop and not row.withdrawn_at]
    free = _free(connection, here)
    for row in rows:
        if row.batch in free:
            yield CardBatchItem(row.batch, free[row.batch])
        else:
            yield CardBatchItem(row.batch, state="withdrawn")


def _announce(connection: Connection, shop: str, batch: str) -> None:
    channels.announce(connection, channels.shop_of(shop), [channels.CARD_BATCH + batch])


def _free(connection: Connection, names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in names}
    for start in range(0, len(names), AT_ONCE):
        some = among(connection, _card.c.batch, names[start : start + AT_ONCE])
        query = select(_card.c.batch, _card.c.card).where(some, _card.c.activated_at == "").order_by(_card.c.card)
        for batch, card in connection.execute(query).all():
            found[batch].append(card)
    return found


def _activate(office: Office, connection: Connection, card: str, shop: str, terminal: str) -> None:
    given_out = {"activated_at": office.time(), "shop": shop, "terminal": terminal}
    connection.execute(update(_card).where(_card.c.card == card).values(**given_out))


def _note(
    office: Office, connection: Connection, terminal: Row[tuple[str, ...]], details: MemberDetails, said: str
) -> None:
    """At the entry by which they joined; where that has not come, under their reference."""
    filed = schema.document.c
    found = connection.execute(
        select(filed.number, filed.hash).where(
            filed.shop == terminal.shop,
            filed.document == f"join/{details.member}",
            filed.terminal == terminal.terminal,
        )
    ).one_or_none()
    number, entry = (int(found.number), found.hash) if found else (0, details.member)
    reason = f"a member {said}; ask which of both has the card"
    keep(connection, schema.note, [note_row(office, terminal.terminal, number, entry, "conflict", reason)])


def _known(connection: Connection, batch: str) -> Row[tuple[str, ...]]:
    row = connection.execute(select(_batch).where(_batch.c.batch == batch)).one_or_none()
    if row is None:
        raise _unknown(batch)
    return row


def _unknown(batch: str) -> OfficeError:
    return OfficeError(
        f"There is no batch {batch}.", hint="pos-central card-batch list shows them.", code="BATCH_UNKNOWN"
    )


def _stock(row: Row[tuple[object, ...]]) -> BatchStock:
    state: Literal["made", "sent", "withdrawn"] = "withdrawn" if row.withdrawn_at else "sent" if row.shop else "made"
    cards, issued = int(row.cards), int(row.issued)
    left = cards - issued if state == "sent" else 0
    return BatchStock(row.batch, state, row.shop, cards, issued, left, row.made_at, row.sent_at)
