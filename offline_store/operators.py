"""Who may sign in at this till: told by head office, or made here where there is none."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ledger.wire import OperatorItem


def apply_items(db: sqlite3.Connection, items: Sequence[OperatorItem]) -> None:
    """Takes over what head office says of operators."""
