"""Card stock: which shop has how many new cards left; making, sending and withdrawing batches; and their numbers, once."""

from __future__ import annotations

from fastapi import Response
from sqlalchemy import select

from central_server import schema
from central_server.errors import OfficeError
from central_server.pages.frame import Visit, page
from central_server.people import proposals, stock_proposals
from central_server.people.proposals import KINDS, proposes
from central_server.shops import card_stock

WAITS = "It waits for somebody in finance to allow it."


@page("GET", "/card-stock", "enrol", "figures", "stock", menu="Card stock", place=36)
def stock(visit: Visit) -> Response:
    """Whoever is bound to a shop sees that one."""
    own = visit.staff.shop
    stocks = [one for one in card_stock.by_shop(visit.office) if own in ("", one.shop)]
    batches = [one for one in card_stock.batches(visit.office) if own in ("", one.shop)]
    has_leave = bool(visit.leave("stock"))
    waiting = [one for one in proposals.waiting(visit.office) if has_leave and one.kind in stock_proposals.NAMES]
    return visit.show(
        "card_stock.html",
        stocks=stocks,
        batches=batches,
        is_whole=not own,
        waiting=[proposals.sentence(visit.office, one) for one in waiting],
        may_propose=proposes(visit.staff.role, "stock"),
        may_ask=bool(own) and "O" in visit.leave("tickets"),
        to_fetch=stock_proposals.to_fetch(visit.office, visit.staff.login) if has_leave else {},
        shops=_shops(visit),
        most=card_stock.MOST_CARDS,
        longest=card_stock.LONGEST_NAME,
    )


@page("POST", "/card-stock/make", "stock")
def make(visit: Visit) -> Response:
    name, count = visit.form.get("batch", "").strip(), str(stock_proposals.read_count(visit.form.get("count", "")))
    return _propose(visit, "make_batch", {"batch": name, "count": count})


@page("POST", "/card-stock/send", "stock")
def send(visit: Visit) -> Response:
    shop = visit.form.get("shop", "")
    if shop not in _shops(visit):
        raise OfficeError("There is no such shop.", hint="Choose one of the list.", code="SHOP_UNKNOWN")
    return _propose(visit, "send_batch", {"batch": visit.form.get("batch", ""), "shop": shop})


@page("POST", "/card-stock/withdraw", "stock")
def withdraw(visit: Visit) -> Response:
    return _propose(visit, "withdraw_batch", {"batch": visit.form.get("batch", "")})


@page("POST", "/card-stock/numbers", "stock")
def numbers(visit: Visit) -> Response:
    batch = visit.form.get("batch", "")
    found = stock_proposals.fetch(visit.office, batch, visit.staff.login)
    text = "".join(f"{line}\n" for line in ("card", *found))
    return visit.attachment(text.encode(), "text/csv; charset=utf-8", f"{batch}.csv")


def _propose(visit: Visit, kind: str, details: dict[str, str]) -> Response:
    what = KINDS[kind].sentence(visit.office, details)
    proposals.propose(visit.office, kind, details, visit.form.get("reason", ""), visit.staff)
    return visit.go("/card-stock", said=f"Proposed: {what} {WAITS}")


def _shops(visit: Visit) -> list[str]:
    with visit.office.database.reading() as connection:
        return list(connection.scalars(select(schema.shop.c.shop).order_by(schema.shop.c.shop)))
