"""Which shops there are: whoever names one that is not there is told so, and what was probably meant."""

from __future__ import annotations

from sqlalchemy import Connection, select

from central_server import schema
from central_server.errors import OfficeError
from loyalty.toml_sentences import near

MOST_NAMED = 12


def names(connection: Connection) -> list[str]:
    return list(connection.scalars(select(schema.shop.c.shop).order_by(schema.shop.c.shop)))


def require(connection: Connection, shop: str) -> None:
    """Raises OfficeError for a shop that is not there."""
    known = names(connection)
    if shop in known:
        return
    more = f" and {len(known) - MOST_NAMED} more (pos-central status)" if len(known) > MOST_NAMED else ""
    raise OfficeError(
        f"There is no shop {shop[:60]}{near(shop, known) or '.'}",
        hint=f"Shops here: {', '.join(known[:MOST_NAMED]) or 'none yet'}{more}.",
        code="SHOP_UNKNOWN",
    )
