"""What stands beside the ledger about members: cards, and personal fields, one row a member, which can be deleted.

Nothing here is logged, and no name or number enters an entry.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, Row, Select, delete, select, update

from central_server import schema
from central_server.applying.books import Books, Origin
from central_server.care import tickets
from central_server.database import keep, put
from central_server.errors import OfficeError, Refused
from central_server.membership import cards, name_search, profiles, tokens
from central_server.office import Office
from central_server.people import forgetting
from central_server.shops import card_stock
from central_server.tills import channels
from central_server.tills.roster import Event
from central_server.webhooks import disclosures
from ledger.identifiers import new_reference
from ledger.keys import phone_hash, unseal
from ledger.wire import MemberDetails, MemberFound, MemberLookup
from loyalty.days import is_month_day

MAX_CARDS = 20
MAX_FIELD = 200


class Personal(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is sealed in MemberDetails, as JSON. A till may seal more; what is not known here is not kept."""

    name: str = ""
    phone: str = ""


def take_details(office: Office, terminal: Row[tuple[str, ...]], details: MemberDetails) -> MemberFound:
    """Keeps a joined member's cards and personal fields; the same again changes nothing.

    A card that is another member's already says that both are one person: who joined without knowing is merged into the one
    known. Raises Refused where the details cannot be read.
    """
    _check(details)
    personal = _opened(office, details.sealed) if details.sealed else None

    def work(connection: Connection) -> str:
        if _is_erased(connection, details.member):
            channels.announce_members(
                connection, [details.member]
            )  # the till still has what it sent, and is to forget it
            return details.member  # and nothing of it is kept
        books = Books(connection, office)
        member = books.know(details.member, terminal.shop, details.joined_at)
        card_stock.activate(office, connection, terminal, member, details)
        # A stolen card makes its finder nobody else: it says nothing of who they are.
        unblocked = [card for card in details.cards if not cards.why_blocked(office, connection, card)]
        others = _owners(connection, books, unblocked) - {member}
        if others and not _has_cards(connection, member):
            into = min(others)
            merge_id = f"{office.server_epoch}-{new_reference(office.random_bytes)}"
            books.merge(member, into, Origin(office.server, 0, "", office.time(), books.today), merge_id)
            member, others = into, others - {into}
        keep(connection, schema.card, [{"card": card, "member": member} for card in details.cards])
        if personal is not None:
            _keep_person(connection, office, member, personal)
        profiles.change(connection, member, birthday=details.birthday, charity=details.charity)
        books.changed(member)
        books.flush()
        return member

    return MemberFound(office.server_epoch, office.time(), office.database.write(work))


def look_up(office: Office, terminal: Row[tuple[str, ...]], wanted: MemberLookup) -> MemberFound:
    """The member of a card, phone or reference, who is known in this terminal's shop from now on; '' where there is none.

    Raises Refused for a card that is blocked.
    """

    def work(connection: Connection) -> str:
        if wanted.card:
            card = wanted.card.replace("\x00", "")
            if why := cards.why_blocked(office, connection, card):
                raise Refused(
                    "CARD_BLOCKED",
                    f"This card is blocked ({why}).",
                    hint="Find the member by phone number, or sell without.",
                    status=409,
                )
            query = select(schema.card.c.member).where(schema.card.c.card == card)
        elif wanted.member:
            query = _as_known_now(wanted.member.replace("\x00", ""))
        else:
            hashed = wanted.phone_hash.replace("\x00", "")
            query = select(schema.phone.c.member).where(schema.phone.c.phone_hash == hashed).limit(1)
        member: str | None = connection.scalar(query)
        if member is not None:
            # Who was asked for under a reference of before is told of under both: the till hears who has become whom.
            told = [member] if wanted.member in ("", member) else [wanted.member, member]
            keep(connection, schema.member_shop, [{"member": one, "shop": terminal.shop} for one in told])
            channels.announce(connection, channels.members_of(terminal.shop), told)
        return member or ""

    return MemberFound(office.server_epoch, office.time(), office.database.write(work))


def of_card(office: Office, card: str) -> str:
    """The member with this card. Raises OfficeError where nobody has it."""
    with office.database.reading() as connection:
        member: str | None = connection.scalar(select(schema.card.c.member).where(schema.card.c.card == card))
    if member is None:
        raise OfficeError(
            f"Nobody has the card {card}.",
            hint="Check the number. A new card belongs to somebody once they have joined with it at a till.",
            code="CARD_UNKNOWN",
        )
    return member


def erase(office: Office, member: str) -> None:
    """Forgets the person: name, phone and cards, here and by the feed at the tills, and revokes their tokens. Points and journals
    stay whole under a reference that says nothing. A till that still has the details to send sends them in vain, also after a
    restore.
    """

    def work(connection: Connection) -> None:
        table = schema.member.c
        # A restored database may have forgotten who has become whom, and know the person under an earlier reference.
        before = connection.scalars(select(table.member).where(table.merged_into == member)).all()
        office.roster.remember(*(Event("erased", member=one) for one in (member, *before)))
        forget(office, connection, member)

    office.database.write(work)


def forget(office: Office, connection: Connection, member: str) -> None:
    """What `erase` does to the tables."""
    row = {
        "member": member,
        "joined_at": "",
        "home_shop": "",
        "merged_into": "",
        "merge": "",
        "merge_signature": "",
        "erased_at": "",
        "debt": 0,
        "loss": 0,
    }
    keep(connection, schema.member, [row])
    table = schema.member
    connection.execute(update(table).where(table.c.member == member).values(erased_at=office.time()))
    theirs = connection.scalars(select(schema.card.c.card).where(schema.card.c.member == member)).all()
    connection.execute(delete(schema.pass_key).where(schema.pass_key.c.card.in_(theirs)))
    cards.forget(office, connection, theirs)
    card_stock.forget(connection, theirs)
    forgetting.forget(connection, theirs)
    disclosures.forget(connection, member)
    tokens.revoke_all(office, connection, member)
    for personal in (schema.person, schema.name_word, schema.profile, schema.phone, schema.card, schema.shops.consent):
        connection.execute(delete(personal).where(personal.c.member == member))
    worker = schema.shops.operator
    connection.execute(update(worker).where(worker.c.member == member).values(member=""))
    tickets.forget(connection, [member])
    channels.announce_members(connection, [member])


def _as_known_now(member: str) -> Select[tuple[str]]:
    """Who a reference that a token names is now: nobody, where the person was forgotten."""
    old, now = schema.member.alias(), schema.member
    is_the_one = (now.c.member == old.c.member) & (old.c.merged_into == "") | (now.c.member == old.c.merged_into)
    return select(now.c.member).join_from(old, now, is_the_one).where(old.c.member == member, now.c.erased_at == "")


def _is_erased(connection: Connection, member: str) -> bool:
    """Also of one that has become another: what is known of the person went there."""
    table = schema.member.c
    row = connection.execute(select(table.erased_at, table.merged_into).where(table.member == member)).one_or_none()
    if row is not None and row.merged_into:
        row = connection.execute(select(table.erased_at).where(table.member == row.merged_into)).one_or_none()
    return row is not None and bool(row.erased_at)


def _check(details: MemberDetails) -> None:
    names = [details.member, *details.cards]
    if len(details.cards) > MAX_CARDS or not all(1 <= len(name) <= 64 and name.isprintable() for name in names):
        raise Refused(
            "DETAILS_UNFIT",
            f"A member has a reference and at most {MAX_CARDS} cards, each of 1 to 64 characters.",
            status=422,
        )
    if (details.birthday and not is_month_day(details.birthday)) or not details.charity.isprintable():
        raise Refused("DETAILS_UNFIT", "A birthday is a month and a day, such as 03-31.", status=422)
    if len(details.charity) > MAX_FIELD:
        raise Refused("DETAILS_UNFIT", f"A charity's name has at most {MAX_FIELD} characters.", status=422)


def _opened(office: Office, sealed: str) -> Personal:
    try:
        personal = msgspec.json.decode(unseal(office.sealing_secret, sealed), type=Personal)
    except (ValueError, msgspec.DecodeError) as error:
        raise Refused(
            "DETAILS_SEALED_WRONG",
            "The personal fields cannot be opened.",
            hint="They are sealed to the key that enrolment gave; keep them and enrol this till anew.",
            status=422,
        ) from error
    if len(personal.name) > MAX_FIELD or len(personal.phone) > MAX_FIELD or "\x00" in personal.name + personal.phone:
        raise Refused("DETAILS_UNFIT", f"A name or phone number has at most {MAX_FIELD} characters.", status=422)
    return personal


def _owners(connection: Connection, books: Books, cards: list[str]) -> set[str]:
    table = schema.card.c
    found = connection.scalars(select(table.member).where(table.card.in_(cards))).all()
    return {books.who(member) for member in found}


def _has_cards(connection: Connection, member: str) -> bool:
    table = schema.card.c
    return connection.scalar(select(table.card).where(table.member == member).limit(1)) is not None


def _keep_person(connection: Connection, office: Office, member: str, personal: Personal) -> None:
    put(connection, schema.person, [{"member": member, "name": personal.name, "phone": personal.phone}])
    name_search.keep_words(connection, member, personal.name)
    connection.execute(delete(schema.phone).where(schema.phone.c.member == member))
    if personal.phone:
        hashed = phone_hash(office.phone_key, personal.phone)
        keep(connection, schema.phone, [{"phone_hash": hashed, "member": member}])
