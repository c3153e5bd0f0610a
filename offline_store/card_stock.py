"""The cards that were sent to this shop: where there are any, nobody joins with another."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.wire import CardBatchItem

_FREE = "SELECT 1 FROM stock_card WHERE NOT EXISTS (SELECT 1 FROM card WHERE card.card = stock_card.card)"


@dataclass(frozen=True)
class Stock:
    """`is_kept`: this shop was sent cards, and takes no others. `left` of them are nobody's, as far as this till knows."""

    is_kept: bool
    left: int = 0


def apply_items(db: sqlite3.Connection, items: Sequence[CardBatchItem]) -> None:
    """Takes over what head office says of batches: all of each, instead of what it said before."""
    for item in items:
        db.execute(
            "INSERT INTO card_batch (batch, state) VALUES (?, ?) ON CONFLICT (batch) DO UPDATE SET state = excluded.state",
            (item.batch, item.state),
        )
        db.execute("DELETE FROM stock_card WHERE batch = ?", (item.batch,))
        if item.state == "sent":
            db.executemany(
                "INSERT INTO stock_card (card, batch) VALUES (?, ?) ON CONFLICT (card) DO UPDATE SET batch = excluded.batch",
                [(card, item.batch) for card in item.cards],
            )


def stock(db: sqlite3.Connection) -> Stock:
    if db.execute("SELECT 1 FROM card_batch LIMIT 1").fetchone() is None:
        return Stock(False)
    (left,) = db.execute(f"SELECT count(*) FROM ({_FREE})").fetchone()  # noqa: S608 - our own words
    return Stock(True, int(left))


def may_join_with(db: sqlite3.Connection, card: str) -> bool:
    """Whether a card that is nobody's here may become a member's: any, where this shop was never sent any."""
    return db.execute("SELECT 1 FROM card_batch LIMIT 1").fetchone() is None or is_of_stock(db, card)


def is_of_stock(db: sqlite3.Connection, card: str) -> bool:
    """Whether it is one of the cards that were sent to this shop, given out or not."""
    return db.execute("SELECT 1 FROM stock_card WHERE card = ?", (card,)).fetchone() is not None
