"""The figures of a period, with their plots, tables and targets; members who may be leaving; the months of the books."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import get_args

from fastapi import Response
from sqlalchemy import Connection, select

from central_server import schema
from central_server.errors import OfficeError, Refused
from central_server.figures import answers, baskets, closing, customers, facts, plots, targets
from central_server.figures.baskets import By
from central_server.figures.scope import Scope, scope_of, year_before
from central_server.figures.tiers import Move, migration
from central_server.membership import consents
from central_server.pages.frame import HEADERS, Visit, page
from central_server.pages.member_access import shown_card
from central_server.reports import report
from loyalty.conditions import BASE
from loyalty.words import in_language

SVG_HEADERS = {**HEADERS, "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
"""A picture has its own styles in it, and nothing else that could be loaded or run."""

MOST_PAIRS = 300
"""So many rows of shops are on the page of a month; the file has all."""

BY: tuple[By, ...] = get_args(By)


def _own(visit: Visit) -> str:
    """The shop to which this person is bound; '' for none."""
    return visit.staff.shop if "O" in visit.leave("figures") else ""


def asked_of(visit: Visit, connection: Connection) -> Scope:
    """The period and shop of the address; without them the twelve months that end today. Raises OfficeError, Refused."""
    if "F" in visit.leave("figures"):
        hint = "The till shows them, and the closing of the day has them."
        raise Refused("NOT_ALLOWED", "A cashier's own figures stand at the till.", hint=hint, status=403)
    query, own = visit.query, _own(visit)
    last = query.get("to") or visit.office.today(connection)
    window = query.get("window", "")
    if window and not (window.isdecimal() and len(window) < 5):
        raise OfficeError(f"{window[:40]} is no number of days.", code="PERIOD_UNFIT")
    return scope_of(
        visit.office,
        connection,
        query.get("from") or year_before(last),
        last,
        own or query.get("shop", ""),
        int(window or 0),
    )


def _margin(visit: Visit) -> int | None:
    text = visit.query.get("margin", "")
    if not text:
        return None
    if not (text.isdecimal() and len(text) < 4 and int(text) <= 100):
        raise OfficeError(f"{text[:40]} is no margin.", hint="Write whole percent, from 0 to 100.", code="PERIOD_UNFIT")
    return int(text)


def _question(visit: Visit, asked: Scope) -> dict[str, str]:
    """What the addresses of plots and tables say of the question."""
    said = {"from": asked.first, "to": asked.last, "shop": asked.shop, "window": str(asked.window_days)}
    return {**said, "margin": visit.query.get("margin", "")}


@page("GET", "/figures", "figures", menu="Figures", place=50)
def figures(visit: Visit) -> Response:
    facts.count_few(visit.office)
    with visit.office.database.reading() as connection:
        asked = asked_of(visit, connection)
        shops = connection.scalars(select(schema.shop.c.shop).order_by(schema.shop.c.shop)).all()
    found = answers.figures(visit.office, asked, _margin(visit))
    lines = list(answers.lines(found))
    return visit.show(
        "figures.html",
        asked=asked,
        question=_question(visit, asked),
        shops=[one for one in shops if _own(visit) in ("", one)],
        is_bound=bool(_own(visit)),
        found=found,
        lines=lines,
        provisional=answers.provisional(found),
        plots=answers.plots(found),
        can_draw=plots.can_draw(),
        targets=targets.reached(visit.office, lines) if not asked.shop else [],
        titles={line.name: line.title for line in lines if line.name in targets.FIGURES},
        by=BY,
    )


@page("GET", "/figures/plot/{name}", "figures")
def plot(visit: Visit) -> Response:
    with visit.office.database.reading() as connection:
        asked = asked_of(visit, connection)
    found = answers.plots(answers.figures(visit.office, asked)).get(visit.named["name"].removesuffix(".svg"))
    if found is None or not plots.can_draw():
        raise Refused("PLOT_UNKNOWN", "There is no such plot.", hint="The figures have them.", status=404)
    return Response(plots.svg(found), 200, SVG_HEADERS, "image/svg+xml")


@page("GET", "/figures/by/{by}", "figures")
def grouped(visit: Visit) -> Response:
    """Sales and attach rate of each shop, cashier or month, as a page."""
    with visit.office.database.reading() as connection:
        asked, by = asked_of(visit, connection), _by(visit.named["by"])
        found = baskets.attached(connection, asked, by)
    return visit.show("figures_by.html", asked=asked, question=_question(visit, asked), by=by, groups=found, all_by=BY)


@page("GET", "/figures/tiers", "figures")
def tier_moves(visit: Visit) -> Response:
    with visit.office.database.reading() as connection:
        asked = asked_of(visit, connection)
        program = answers.current(visit.office, connection)
    titles = {tier.name: in_language(tier.title) for tier in program.tier} | {BASE: in_language(program.tiers.base)}
    return visit.show(
        "figures_tiers.html",
        asked=asked,
        question=_question(visit, asked),
        moves=[
            (titles.get(one.start, one.start), titles.get(one.end, one.end), one.members)
            for one in _tier_moves(visit, asked)
        ],
    )


def _tier_moves(visit: Visit, asked: Scope) -> list[Move]:
    with visit.office.database.reading() as connection:
        return migration(connection, answers.current(visit.office, connection), asked)


def _by(text: str) -> By:
    if text not in BY:
        raise Refused("TABLE_UNKNOWN", "There is no such table.", hint="The figures have them.", status=404)
    return text


@page("GET", "/figures/table/{name}", "figures")
def table(visit: Visit) -> Response:
    """Every table of the figures as CSV."""
    name, office = visit.named["name"].removesuffix(".csv"), visit.office
    with office.database.reading() as connection:
        asked = asked_of(visit, connection)
    headings: Sequence[str]
    rows: Iterable[Sequence[object]]
    found = answers.figures(office, asked, _margin(visit))
    drawn = answers.plots(found)
    if name in drawn:
        one = drawn[name]
        headings = ("month", *(series.name for series in one.series))
        rows = [[month, *(series.values[at] for series in one.series)] for at, month in enumerate(one.months)]
    elif name == "figures":
        headings = ("figure", "title", "value", "basis")
        rows = [(line.name, line.title, line.value, line.basis) for line in answers.lines(found)]
    elif name == "tiers":
        headings = ("start", "end", "members")
        rows = [(move.start, move.end, move.members) for move in _tier_moves(visit, asked)]
    else:
        headings = answers.GROUP_HEADINGS
        with office.database.reading() as connection:
            rows = [answers.group_row(group) for group in baskets.attached(connection, asked, _by(name))]
    return csv_file(visit, headings, rows, f"{name} {asked.first} to {asked.last}.csv")


def csv_file(visit: Visit, headings: Sequence[str], rows: Iterable[Sequence[object]], name: str) -> Response:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headings)
    writer.writerows([["" if cell is None else _plain(cell) for cell in row] for row in rows])
    return visit.attachment(text.getvalue().encode(), "text/csv; charset=utf-8", name)


def _plain(cell: object) -> object:
    """A spreadsheet must not take a name for a formula (OWASP, CSV injection)."""
    is_formula = isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) and not _is_number(cell)
    return f"'{cell}" if is_formula else cell


def _is_number(text: str) -> bool:
    return text[1:].replace(".", "", 1).isdecimal()


@page("POST", "/figures/targets", "publish")
def set_target(visit: Visit) -> Response:
    form = visit.form
    targets.set_target(visit.office, form.get("figure", ""), form.get("wanted", ""), visit.staff.login)
    return visit.go(
        "/figures", said="The target is kept." if form.get("wanted", "").strip() else "There is no target any more."
    )


# -- members who may be leaving ------------------------------------------------------------------------------------------


@page("GET", "/figures/at-risk", "figures")
def at_risk(visit: Visit) -> Response:
    with visit.office.database.reading() as connection:
        asked = asked_of(visit, connection)
        found, count = customers.at_risk(connection, asked)
        cards = report.cards_of(connection, [one.member for one in found])
        currency = answers.current(visit.office, connection).currency
    rows = [(one, shown_card(visit, cards[one.member][0]) if one.member in cards else "no card") for one in found]
    return visit.show(
        "figures_at_risk.html", asked=asked, question=_question(visit, asked), rows=rows, count=count, currency=currency
    )


@page("GET", "/figures/at-risk.csv", "figures")
def at_risk_file(visit: Visit) -> Response:
    """Only of members who agree to be written to."""
    with visit.office.database.reading() as connection:
        asked = asked_of(visit, connection)
        found, _ = customers.at_risk(connection, asked, most=100_000)
        agree = {str(row[0]) for row in connection.execute(consents.agreeing())}
        found = [one for one in found if one.member in agree]
        cards = report.cards_of(connection)
    headings = ("card", "days", "gap_days", "last_day", "away_days", "net_minor")
    rows = [
        (shown_card(visit, cards[one.member][0]), one.days, one.gap_days, one.last_day, one.away_days, one.net_minor)
        for one in found
        if one.member in cards
    ]
    return csv_file(visit, headings, rows, f"at risk {asked.last}.csv")


# -- the months of the books ---------------------------------------------------------------------------------------------


@page("GET", "/figures/books", "books", menu="Books", place=55)
def books(visit: Visit) -> Response:
    facts.count_few(visit.office)
    with visit.office.database.reading() as connection:
        found, today = closing.months(connection), visit.office.today(connection)
    still_open = [one.period for one in found if not one.closed_at and one.period < today[:7]]
    can_close = still_open[0] if still_open and "Y" in visit.leave("books") else ""
    return visit.show("books.html", months=found[::-1], can_close=can_close)


@page("GET", "/figures/books/{period}", "books")
def book(visit: Visit) -> Response:
    facts.count_few(visit.office)
    period = visit.named["period"]
    with visit.office.database.reading() as connection:
        one = closing.month_named(closing.months(connection), period)
        found, kept = closing.between(connection, period), closing.as_closed(connection, period)
    return visit.show(
        "book.html",
        month=one,
        total=sum(row.points for row in found),
        between=sorted(found, key=lambda row: -abs(row.points))[:MOST_PAIRS],
        count=len(found),
        has_changed=kept is not None and kept != one,
    )


@page("GET", "/figures/books/{period}/shops.csv", "books")
def book_file(visit: Visit) -> Response:
    period = visit.named["period"]
    with visit.office.database.reading() as connection:
        closing.month_named(closing.months(connection), period)
        rows = [(row.issued_in, row.redeemed_in, row.points) for row in closing.between(connection, period)]
    return csv_file(visit, ("issued_in", "redeemed_in", "points"), rows, f"shops {period}.csv")


@page("GET", "/figures/books.csv", "books")
def books_file(visit: Visit) -> Response:
    facts.count_few(visit.office)
    with visit.office.database.reading() as connection:
        rows = [closing.row(one) for one in closing.months(connection)]
    return csv_file(visit, closing.HEADINGS, rows, "books.csv")


@page("POST", "/figures/books/{period}/close", "books")
def close(visit: Visit) -> Response:
    if "Y" not in visit.leave("books"):
        raise Refused("NOT_ALLOWED", "Finance closes months.", hint="Nothing was changed.", status=403)
    done = closing.close(visit.office, visit.named["period"], visit.staff.login)
    return visit.go("/figures/books", said=f"{done.period} is closed with {done.closing:,} open points.")
