"""Card stock: which shop has how many new cards left."""

from __future__ import annotations

from fastapi import Response

from central_server import card_stock
from central_server.pages.frame import Visit, page


@page("GET", "/card-stock", "enrol", "figures", menu="Card stock", place=36)
def stock(visit: Visit) -> Response:
    """Whoever is bound to a shop sees that one."""
    own = visit.staff.shop
    shops = [one for one in card_stock.by_shop(visit.office) if own in ("", one.shop)]
    batches = [one for one in card_stock.batches(visit.office) if own in ("", one.shop)]
    return visit.show("card_stock.html", shops=shops, batches=batches, is_whole=not own)
