"""Members by their name, for a till whose customer has neither card nor phone number at hand.

A name proves nothing: whoever is found by it can earn, and not redeem. What a till is told is what a cashier needs to choose:
the names and the ends of card numbers of a few. Nothing that was asked for is logged or kept.
"""

from __future__ import annotations

import unicodedata

from sqlalchemy import Connection, Row, delete, select

from central_server import schema
from central_server.database import keep
from central_server.errors import Refused
from central_server.office import Office
from ledger.wire import MemberSearch, MembersFound, NamedMember

MOST_FOUND = 8
SHORTEST = 2
"""Letters of a word: so many stand in the key under which a word is looked up."""
_MOST_WORDS = 8
_LONGEST_WORD = 40


def search(office: Office, terminal: Row[tuple[str, ...]], wanted: MemberSearch) -> MembersFound:
    """The members whose name has a word for each that was asked for, beginning with it. Raises Refused for too few letters."""
    named, more = named_like(office, wanted.name)
    return MembersFound(office.server_epoch, office.time(), named, more=more)


def named_like(office: Office, name: str, *, most: int = MOST_FOUND, shop: str = "") -> tuple[list[NamedMember], bool]:
    """As `search`; and whether there are more. With a `shop` only those who are known there."""
    asked = words_of(name)
    if not asked or any(len(word) < SHORTEST for word in asked):
        hint = f"Write at least {SHORTEST} letters of each name."
        raise Refused("NAME_TOO_SHORT", "That is too little of a name to look for.", hint=hint, status=422)
    table, person, member = schema.name_word.c, schema.person.c, schema.member.c
    query = (
        select(person.member, person.name)
        .join(schema.member, member.member == person.member)
        .where(member.merged_into == "", member.erased_at == "")
        .order_by(person.name, person.member)
        .limit(most + 1)
    )
    if shop:
        seen = schema.member_shop.c
        query = query.where(person.member.in_(select(seen.member).where(seen.shop == shop)))
    for word in asked:
        begins = (table.begins == word[:SHORTEST]) & table.word.startswith(word, autoescape=True)
        query = query.where(person.member.in_(select(table.member).where(begins)))
    with office.database.reading() as connection:
        found = connection.execute(query).all()
        card = schema.card.c
        ends = {
            row.member: row.card[-4:]
            for row in connection.execute(
                select(schema.card).where(card.member.in_([one.member for one in found])).order_by(card.card.desc())
            )
        }
    return [NamedMember(one.member, one.name, ends.get(one.member, "")) for one in found[:most]], len(found) > most


def keep_words(connection: Connection, member: str, name: str) -> None:
    """Under what this member is found from now on."""
    connection.execute(delete(schema.name_word).where(schema.name_word.c.member == member))
    rows = [{"begins": word[:SHORTEST], "word": word, "member": member} for word in words_of(name)]
    if rows:
        keep(connection, schema.name_word, rows)


def words_of(name: str) -> list[str]:
    """The words of a name as they are compared: without accents, and without big and small letters.

    >>> words_of("Ömer Faruk Işık-Müller")
    ['omer', 'faruk', 'isik', 'muller']
    """
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    folded = bare.casefold().replace("ı", "i")
    words = "".join(sign if sign.isalnum() else " " for sign in folded).split()
    return list(dict.fromkeys(word[:_LONGEST_WORD] for word in words))[:_MOST_WORDS]
