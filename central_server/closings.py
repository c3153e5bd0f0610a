"""The closings of the shops' days, as their tills wrote them, beside what head office has of those days."""

from __future__ import annotations

from central_server.books import Books
from ledger.entry import ClosingBody, Entry


def recorded(books: Books, shop: str, entry: Entry, body: ClosingBody) -> None:
    """Keeps a closing of a till."""
