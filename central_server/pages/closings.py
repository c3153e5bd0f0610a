"""The tills' closings, beside what head office has of the same entries. Whoever has a shop sees that one."""

from __future__ import annotations

from fastapi import Response

from central_server.errors import Refused
from central_server.pages.frame import Visit, page
from central_server.shops import closings, shop_names
from ledger.closing import share_tenths
from loyalty.days import is_day

MOST_LISTED = 200


@page("GET", "/closings", "close_day", "figures", "ledger", menu="Closings", place=32)
def shown(visit: Visit) -> Response:
    shop = visit.staff.shop or visit.query.get("shop", "")
    day = visit.query.get("day", "")
    if day and not is_day(day):
        raise Refused("DAY", "This is no day.", hint="Choose one from the list.", status=422)
    with visit.office.database.reading() as connection:
        shops = shop_names.names(connection)
        if shop:
            shop_names.require(connection, shop)
    days = closings.days(visit.office, shop)
    open_days = closings.unclosed(visit.office, shop)
    day = day or next(iter(days), "")
    found = closings.compared(visit.office, shop, day) if day else []
    return visit.show(
        "closings.html",
        day=day,
        days=days if day in days or not day else [day, *days],
        shop=shop,
        shops=shops if not visit.staff.shop else [],
        found=sorted(found, key=lambda one: one.is_equal),  # what differs comes first
        differing=sum(not one.is_equal for one in found),
        unclosed=open_days[:MOST_LISTED],
        more=max(0, len(open_days) - MOST_LISTED),
        share=lambda part, whole: f"{share_tenths(part, whole) / 10:.1f} %",
    )
