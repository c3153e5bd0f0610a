"""Points for feedback on a purchase: given with the first answer, and taken back once nothing of the purchase is left.

They hang on the purchase as its award does. So it does not matter whether head office hears of a void before the answer or
after it, and buying, answering and bringing everything back gains nobody anything.
"""

from __future__ import annotations

from sqlalchemy import select

from central_server import schema
from central_server.applying import gives
from central_server.applying.books import Books
from central_server.applying.sales import SaleDocument
from ledger.entry import GiveBody
from ledger.identifiers import receipt_reference


def give(books: Books, terminal: str, number: int, member: str, points: int, expires_on: str) -> None:
    name = f"feedback/{terminal}/{number}"
    about = receipt_reference(terminal, number)
    gives.give(
        books,
        member,
        GiveBody("feedback", points, about=about, lot=gives.lot_of(name), expires_on=expires_on),
        name,
    )


def take_back(books: Books, sold: SaleDocument) -> None:
    """Where all of this sale has come back: what was given for feedback on it, once. What was spent of it is owed."""
    if sold.entry is None or not sold.has_all_come_back:
        return
    table, number = schema.care.feedback.c, sold.entry.number
    row = books.connection.execute(
        select(table.member, table.bonus).where(table.terminal == sold.terminal, table.number == number)
    ).one_or_none()
    if row is not None and row.bonus and row.member:
        body = GiveBody("feedback", -row.bonus, about=receipt_reference(sold.terminal, number))
        gives.give(books, row.member, body, f"feedback/{sold.terminal}/{number}/back")
