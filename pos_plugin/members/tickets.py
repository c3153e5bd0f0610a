"""A ticket opened at the till, also without a network: what a customer asks or complains of, for head office to answer.

The words may say anything of a person, so they are sealed to head office's key at once and are in no entry; this till keeps which
member asked, and how far head office is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

from drivers.document import Document
from ledger.keys import seal
from ledger.wire import TicketOpened, TicketTold
from loyalty.words import say, text
from offline_store import members, settings, tickets
from pos_plugin.errors import Conflict, Unknown
from pos_plugin.papers.slips import ticket_slip
from pos_plugin.sales.checkout import Checkout

TOPICS = {
    "points": text("Points are missing"),
    "reward": text("A reward"),
    "card": text("The card"),
    "data": text("Personal data"),
    "other": text("Something else"),
}
"""Head office's topics, and what a slip calls them."""
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""None that is taken for another when it is read out."""


class TicketKept(msgspec.Struct, frozen=True):
    """`ticket` is its number, which the customer has."""

    ticket: str


def open_ticket(
    checkout: Checkout,
    topic: str,
    words: str,
    *,
    member: str = "",
    receipt: str = "",
    contact: str = "",
    operator: str = "",
    write: Callable[[Callable[[sqlite3.Connection], TicketKept]], TicketKept] | None = None,
) -> TicketKept:
    """Keeps it and has it sent. `write` runs the transaction, for a caller who records something beside it.

    Raises Conflict while this till belongs to no head office: nobody would answer.
    """
    with checkout.store.read() as db:
        sealing_key, at = settings.get(db, "sealing_key"), checkout.moment(db)
        if member:
            member = members.current(db, member)
    if not sealing_key:
        raise Conflict(
            "NOT_CONNECTED_YET",
            "This till belongs to no head office that could answer. Nothing was kept.",
            hint="Write it down, or enrol the till.",
        )
    number = int.from_bytes(checkout.random_bytes(5), "big")
    ticket = "".join(LETTERS[number >> shift & 31] for shift in range(35, -1, -5))
    sealed = seal(sealing_key, msgspec.json.encode({"words": words, "contact": contact}))
    opened = TicketOpened(ticket, topic, at.recorded_at, sealed, member, receipt, operator)

    def work(db: sqlite3.Connection) -> TicketKept:
        tickets.keep(db, opened)
        return TicketKept(ticket)

    return (write or checkout.store.write)(work)


def tell(
    checkout: Checkout,
    ticket: str,
    answer: int,
    *,
    operator: str = "",
    write: Callable[[Callable[[sqlite3.Connection], TicketKept]], TicketKept] | None = None,
) -> TicketKept:
    """A member was told head office's answer of this number: no till shows it again once it has heard. The same again changes
    nothing.

    Raises Unknown where this till has no such answer.
    """
    with checkout.store.read() as db:
        at = checkout.moment(db)
    told = TicketTold(ticket, answer, at.recorded_at, operator)

    def work(db: sqlite3.Connection) -> TicketKept:
        if not tickets.tell(db, told):
            raise Unknown(
                "ANSWER_UNKNOWN",
                "This till has no such answer to tell: head office may have closed the ticket. Nothing was kept.",
                hint="Scan the card again: it shows what the customer is to be told.",
            )
        return TicketKept(ticket)

    return (write or checkout.store.write)(work)


def slip(checkout: Checkout, opened: TicketKept, topic: str, words: str, receipt: str = "") -> Document:
    """For the customer: what was written down, and the number by which to ask again."""
    layout = checkout.layout
    with checkout.store.read() as db:
        at = checkout.moment(db)
    about = say(TOPICS[topic], layout.language)
    return ticket_slip(
        layout, at=at.occurred_at, ticket=opened.ticket, about=about, said=words, receipt_reference=receipt
    )
