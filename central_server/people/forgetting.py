"""What proposals know of a person goes when the person is forgotten: the numbers of their cards."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, update

from central_server import schema
from loyalty.card import masked


def forget(connection: Connection, cards: Iterable[str]) -> None:
    """Masks these numbers in what was ever proposed; what waits with one of them cannot be done any more, and will say so."""
    details = schema.people.proposal.c.details
    for card in cards:
        has = details.contains(card, autoescape=True)
        change = update(schema.people.proposal).where(has).values(details=func.replace(details, card, masked(card)))
        connection.execute(change)
