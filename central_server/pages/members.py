"""Finding a member: by card, phone number or name. What was asked for is posted, so that it stands in no address and no log."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import Response
from sqlalchemy import Connection, select

from central_server import schema
from central_server.errors import CentralError
from central_server.membership import name_search
from central_server.pages.frame import Visit, page
from central_server.pages.member_access import is_theirs, own_shop, shown_card, shown_name
from central_server.reports import report
from ledger.identifiers import read_receipt_reference
from ledger.keys import phone_hash

MOST = 25
SHORTEST_PHONE = 5
SEE = ("personal_data", "ledger", "adjust")
"""Who finds members: those who see them, and those who move their points by a card that they were told."""


class Row(msgspec.Struct, frozen=True):
    member: str
    name: str
    cards: list[str]
    shop: str
    balance: int


@page("GET", "/members", *SEE, menu="Members", place=20)
def ask(visit: Visit) -> Response:
    return _page(visit, asked="", found=None, more=False, hint=_hint(visit))


@page("POST", "/members", *SEE)
def search(visit: Visit) -> Response:
    asked = visit.form.get("asked", "").strip()[:200]
    if read_receipt_reference(asked) and visit.leave("ledger"):
        return visit.go("/receipt", reference=asked)
    try:
        members, more = _found(visit, asked)
    except CentralError as error:
        return _page(visit, 422, asked=asked, found=[], more=False, hint=f"{error} {error.hint}")
    with visit.office.database.reading() as connection:
        rows = [_row(visit, connection, member) for member in members if is_theirs(visit, connection, member)]
    hint = "" if rows else "Nobody was found. " + _hint(visit)
    return _page(visit, asked=asked, found=rows, more=more, hint=hint)


def _page(visit: Visit, status: int = 200, **values: Any) -> Response:
    by = "Card, phone number, name" if visit.leave("personal_data") else "Card"
    or_receipt = " or receipt reference" if visit.leave("ledger") else ""
    return visit.show("members.html", status, searched_by=by + or_receipt, **values)


def _hint(visit: Visit) -> str:
    where = f"Members known in {own_shop(visit)} are found." if own_shop(visit) else ""
    how = "A card or a phone number is looked for as a whole, a name by the beginnings of its words."
    if not visit.leave("personal_data"):
        how = "Type the whole number of a card: your role does not see names."
    return f"{how} {where}".strip()


def _found(visit: Visit, asked: str) -> tuple[list[str], bool]:
    """The members, and whether there are more."""
    office, card, phone, about = visit.office, schema.card.c, schema.phone.c, schema.member.c
    squeezed = "".join(asked.split())
    with office.database.reading() as connection:
        by_card = connection.scalars(select(card.member).where(card.card.in_({asked, squeezed}))).all()
        if by_card or not asked or not visit.leave("personal_data"):
            return list(by_card), False
        if any(letter.isalpha() for letter in asked):
            named, more = name_search.named_like(office, asked, most=MOST, shop=own_shop(visit))
            return [one.member for one in named], more
        if sum(sign.isdigit() for sign in asked) < SHORTEST_PHONE:
            return [], False
        hashed = phone_hash(office.phone_key, asked)
        by_phone = connection.scalars(
            select(phone.member)
            .join(schema.member, about.member == phone.member)
            .where(phone.phone_hash == hashed, about.erased_at == "")
            .order_by(phone.member)
            .limit(MOST + 1)
        ).all()
        return list(by_phone[:MOST]), len(by_phone) > MOST


def _row(visit: Visit, connection: Connection, member: str) -> Row:
    person, about = schema.person.c, schema.member.c
    name = connection.scalar(select(person.name).where(person.member == member)) or ""
    shop = connection.scalar(select(about.home_shop).where(about.member == member)) or ""
    held = report.balance_of(connection, member, visit.office.today(connection))
    cards = [one for one in (held.card, *held.aliases) if one]
    shown = [shown_card(visit, one) for one in cards]
    return Row(member, shown_name(visit, name, held.card), shown, shop, held.balance)
