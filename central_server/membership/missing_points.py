"""Why a sale has no points, where the answer needs more than its own entry: what came back of it since."""

from __future__ import annotations

from sqlalchemy import Connection, select

from central_server import schema
from ledger.entry import ReturnBody, SaleBody, read_entry
from loyalty.returns import left_at_least


def has_all_come_back(connection: Connection, shop: str, document: str) -> bool:
    """Whether nothing is left of a sale that has been applied: then there are no points to claim, at any till."""
    sale, follow, inbox = schema.sale.c, schema.follow_up.c, schema.inbox.c
    sold = connection.scalar(
        select(inbox.data)
        .join_from(schema.sale, schema.inbox, (inbox.terminal == sale.terminal) & (inbox.hash == sale.hash))
        .where(inbox.number == sale.number, sale.shop == shop, sale.document == document)
    )
    returned = connection.scalars(
        select(inbox.data)
        .join_from(schema.follow_up, schema.inbox, (inbox.terminal == follow.terminal) & (inbox.hash == follow.hash))
        .where(inbox.number == follow.number, follow.shop == shop, follow.sale == document, follow.kind == "return")
    )
    backs = [body.back for data in returned if isinstance(body := read_entry(data).body, ReturnBody)]
    if sold is None or not backs:
        return False
    was = read_entry(sold).body
    return isinstance(was, SaleBody) and not left_at_least(was.sale, backs).sale.total_minor
