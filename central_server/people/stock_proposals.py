"""What of card stock needs two people: new cards, which shop gets them, and calling them back.

Whoever has a list of new numbers could make members with them. So the list is given out once, to one of the two.
"""

from __future__ import annotations

import json
import secrets

from sqlalchemy import select, update

from central_server import schema
from central_server.errors import OfficeError
from central_server.membership.desk import Who
from central_server.office import Office
from central_server.people.proposals import KINDS, Details, Kind
from central_server.shops import card_stock

MADE = "Its numbers can be fetched once, on the page of card stock, by who proposed or allowed it."


def read_count(text: str) -> int:
    """How many cards somebody asks for. Raises OfficeError."""
    digits = text.strip().replace(",", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 6 and 1 <= int(digits) <= card_stock.MOST_CARDS):
        raise OfficeError(
            f"A batch has 1 to {card_stock.MOST_CARDS:,} cards.", hint="Nothing was proposed.", code="BATCH_UNFIT"
        )
    return int(digits)


def _make_sentence(office: Office, details: Details) -> str:
    card_stock.require_new(office, details["batch"])
    return f"Make a batch {details['batch']} of {read_count(details['count']):,} new cards."


def _make(office: Office, details: Details, who: Who) -> str:
    try:
        card_stock.make(
            office,
            details["batch"],
            read_count(details["count"]),
            "",
            lambda digits: f"{secrets.randbelow(10**digits):0{digits}}",
        )
    except ValueError as problem:
        raise OfficeError(str(problem), code="BATCH_UNFIT") from problem
    return MADE


def _send_sentence(office: Office, details: Details) -> str:
    batch = card_stock.one(office, details["batch"])
    return (
        f"Say that batch {batch.batch}, {batch.cards - batch.issued:,} new cards, is at {details['shop']}: from then on "
        "its tills take only cards that were sent there."
    )


def _send(office: Office, details: Details, who: Who) -> str:
    sent = card_stock.send(office, details["batch"], details["shop"])
    return f"{sent.left:,} cards are at {sent.shop}. Its tills know with their next exchange."


def _withdraw_sentence(office: Office, details: Details) -> str:
    batch = card_stock.one(office, details["batch"])
    return f"Withdraw batch {batch.batch} from {batch.shop}: nobody joins any more with its {batch.left:,} cards that are left."


def _withdraw(office: Office, details: Details, who: Who) -> str:
    withdrawn = card_stock.withdraw(office, details["batch"])
    return f"{withdrawn.cards - withdrawn.issued:,} cards are withdrawn, once the tills have heard."


NAMES = ("make_batch", "send_batch", "withdraw_batch")
KINDS["make_batch"] = Kind("stock", _make_sentence, _make)
KINDS["send_batch"] = Kind("stock", _send_sentence, _send)
KINDS["withdraw_batch"] = Kind("stock", _withdraw_sentence, _withdraw)


def to_fetch(office: Office, login: str) -> dict[str, str]:
    """By batch, the proposal by which this person may fetch its numbers."""
    table = schema.people.proposal.c
    query = select(table.proposal, table.details).where(
        table.kind == "make_batch",
        table.outcome == "done",
        table.answer == MADE,
        (table.proposed_by == login) | (table.decided_by == login),
    )
    with office.database.reading() as connection:
        return {json.loads(row.details)["batch"]: row.proposal for row in connection.execute(query)}


def fetch(office: Office, batch: str, login: str) -> list[str]:
    """The numbers of a batch that this person has proposed or allowed, once. Raises OfficeError."""
    proposal, table = to_fetch(office, login).get(batch, ""), schema.people.proposal
    mine = update(table).where(table.c.proposal == proposal, table.c.answer == MADE)
    numbers = card_stock.numbers_of(office, batch)
    fetched = mine.values(answer=f"The numbers were fetched by {login}.")
    if not office.database.write(lambda connection: connection.execute(fetched).rowcount):
        raise OfficeError(
            "These numbers are not there for you to fetch, or were fetched before.",
            hint="Whoever runs the server can write them again: pos-central card-batch show",
            code="APPROVAL_MISSING",
        )
    return numbers
