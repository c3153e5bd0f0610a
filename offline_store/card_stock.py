"""The cards that were sent to this shop: where there are any, nobody joins with another."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ledger.wire import CardBatchItem


def apply_items(db: sqlite3.Connection, items: Sequence[CardBatchItem]) -> None:
    """Takes over what head office says of batches."""
