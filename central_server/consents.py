"""What members agreed to: which text, how, when, and whether they took it back."""

from __future__ import annotations

from central_server.books import Books
from ledger.entry import ConsentBody, Entry


def recorded(books: Books, entry: Entry, body: ConsentBody) -> None:
    """Keeps what a member agreed to at a till, or took back."""
