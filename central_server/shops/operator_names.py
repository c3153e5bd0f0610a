"""What the operators of shops are called, for whoever reads what they did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Connection, select

from central_server import schema
from central_server.database import AT_ONCE, among


def of_shops(connection: Connection, shops: Collection[str]) -> dict[str, dict[str, str]]:
    """By shop, the operators whom head office keeps there: what they sign on as, and their name."""
    table, found = schema.shops.operator.c, defaultdict[str, dict[str, str]](dict)
    named = sorted(shops)
    for first in range(0, len(named), AT_ONCE):
        wanted = select(table.shop, table.operator, table.name).where(table.name != "")
        some = among(connection, table.shop, named[first : first + AT_ONCE])
        for row in connection.execute(wanted.where(some)):
            found[row.shop][row.operator] = row.name
    return found
