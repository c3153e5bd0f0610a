"""The operators of the shops' tills: who may sign in where, as what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from ledger.wire import OperatorItem


def items(connection: Connection, shop: str, names: Sequence[str]) -> Iterable[OperatorItem]:
    """These operators as the tills of their shop hear of them."""
    return ()
