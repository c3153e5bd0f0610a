"""Files to take away: members, sales by day, entries. Each is cut and masked by what the table of roles gives."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta

from fastapi import Response
from sqlalchemy import select

from central_server import schema
from central_server.errors import Refused
from central_server.pages.frame import Visit, page
from central_server.reports import exporting
from central_server.reports.exporting import Period
from central_server.shops import shop_names

CSV, JSON = "text/csv; charset=utf-8", "application/json"

_few_at_once = threading.BoundedSemaphore(2)
"""Each reads for a while; the pages' other threads stay free."""


@page("GET", "/exports", "personal_data", "figures", "ledger", menu="Exports", place=58)
def exports(visit: Visit) -> Response:
    with visit.office.database.reading() as connection:
        shops = list(connection.scalars(select(schema.shop.c.shop).order_by(schema.shop.c.shop)))
        today = visit.office.today(connection)
    own = visit.staff.shop
    return visit.show(
        "exports.html",
        shops=[own] if own else shops,
        is_own=bool(own),
        first=(date.fromisoformat(today) - timedelta(days=30)).isoformat(),
        today=today,
        is_masked="M" in visit.leave("personal_data"),
        may={action: _may(visit, action) for action in ("personal_data", "figures", "ledger")},
    )


@page("GET", "/exports/members.csv", "personal_data")
def members(visit: Visit) -> Response:
    rows = exporting.members(visit.office, _shop(visit), is_masked="M" in visit.leave("personal_data"))
    return sent_as_file(visit, exporting.as_csv(exporting.MEMBER_COLUMNS, rows), CSV, "members.csv")


@page("GET", "/exports/sales.csv", "figures")
def sales(visit: Visit) -> Response:
    if not _may(visit, "figures"):
        hint = "Their own sales are on the closing at their till."
        raise Refused("NOT_ALLOWED", "A cashier has no shop's sales.", hint=hint, status=403)
    period = _period(visit)
    rows = exporting.sales_by_day(visit.office, period, _shop(visit))
    return sent_as_file(visit, exporting.as_csv(exporting.SALES_COLUMNS, rows), CSV, f"sales-{_named(period)}.csv")


@page("GET", "/exports/entries.csv", "ledger")
def entries(visit: Visit) -> Response:
    period = _period(visit)
    rows = exporting.entries(visit.office, period, _shop(visit))
    return sent_as_file(visit, exporting.as_csv(exporting.ENTRY_COLUMNS, rows), CSV, f"entries-{_named(period)}.csv")


@page("GET", "/exports/entries.json", "ledger")
def entries_json(visit: Visit) -> Response:
    period = _period(visit)
    pieces = exporting.entries_json(visit.office, period, _shop(visit))
    return sent_as_file(visit, pieces, JSON, f"entries-{_named(period)}.json")


def _may(visit: Visit, action: str) -> bool:
    """ "F" is one's own figures: no shop's."""
    return visit.leave(action) not in ("", "F")


def _shop(visit: Visit) -> str:
    """The shop that was asked for, "" for all; whoever works in one shop gets that one, whatever the address says."""
    shop = visit.staff.shop or visit.query.get("shop", "")
    if shop:
        with visit.office.database.reading() as connection:
            shop_names.require(connection, shop)
    return shop


def _period(visit: Visit) -> Period:
    return exporting.read_period(visit.query.get("from", ""), visit.query.get("to", ""))


def _named(period: Period) -> str:
    return f"{period.first}-{period.last}"


def sent_as_file(visit: Visit, pieces: Iterable[bytes], media_type: str, name: str) -> Response:
    """A file is made in its turn, whole, before any of it is sent. Raises Refused, OfficeError."""
    with _a_turn():
        file = exporting.written(pieces)
    return visit.download(file, media_type, name)


@contextmanager
def _a_turn() -> Iterator[None]:
    if not _few_at_once.acquire(blocking=False):
        hint = "Wait until one of them is there, then ask again."
        raise Refused("BUSY", "Two files are being made already.", hint=hint, status=503)
    try:
        yield
    finally:
        _few_at_once.release()
