"""Tickets: the list, one with its history, and what can be done about it."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Response
from sqlalchemy import select

from central_server import schema
from central_server.care import tickets
from central_server.care.comments import masked as masked_words
from central_server.errors import OfficeError, Refused
from central_server.membership import members
from central_server.pages.frame import Visit, page
from central_server.reports import report
from central_server.shops import shop_names
from loyalty.card import masked

MAX_PAGE = 10_000


@page("GET", "/tickets", "tickets", menu="Tickets", place=12)
def dashboard(visit: Visit) -> Response:
    if wanted := "".join(filter(str.isalnum, visit.query.get("number", "")[:40])).upper():
        return visit.go(f"/tickets/{quote(wanted)}")
    status, owner = visit.query.get("status", "open"), visit.query.get("owner", "")
    shop = visit.staff.shop or visit.query.get("shop", "")
    if shop:
        with visit.office.database.reading() as connection:
            shop_names.require(connection, shop)
    number = visit.query.get("page", "0")
    at = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 0
    status = status if status in tickets.STATUSES else ""
    lines, has_more = tickets.dashboard(
        visit.office, shop=shop, status=status, owner=visit.staff.login if owner == "me" else "", page=at
    )
    return visit.show(
        "tickets.html",
        lines=lines,
        has_more=has_more,
        page=at,
        counts=tickets.counts(visit.office, shop),
        statuses=tickets.STATUSES,
        chosen=status,
        owner=owner,
        may_answer=bool(visit.leave("answer")),
        topics=tickets.TOPICS,
        sources=tickets.SOURCES,
        shops=_shops(visit),
    )


@page("POST", "/tickets", "answer")
def open_one(visit: Visit) -> Response:
    card, shop = visit.form.get("card", "").strip(), visit.staff.shop or visit.form.get("shop", "").strip()
    if shop and shop not in _shops(visit):
        raise OfficeError(f"There is no shop {shop[:40]}.", hint="No ticket was opened.", code="SHOP_UNKNOWN")
    name = tickets.open_ticket(
        visit.office,
        shop=shop,
        topic=visit.form.get("topic", ""),
        words=visit.form.get("words", ""),
        by=visit.staff.login,
        source="office",
        member=members.of_card(visit.office, card) if card else "",
        receipt=visit.form.get("receipt", "").strip()[:40],
    )
    return visit.go(f"/tickets/{name}", said=f"Ticket {name} is open.")


@page("GET", "/tickets/{ticket}", "tickets")
def one(visit: Visit) -> Response:
    found, may_answer = _seen(visit), bool(visit.leave("answer"))
    card = ""
    if found.about.member:
        with visit.office.database.reading() as connection:
            cards = report.cards_of(connection, [found.about.member]).get(found.about.member, [])
        card = masked(cards[0]) if cards else "a member without a card"
    return visit.show(
        "ticket.html",
        about=found.about,
        # A customer's words may hold how to reach them: that is for whoever answers.
        words=[(word, word.text if may_answer else masked_words(word.text)) for word in found.said],
        card=card,
        statuses=tickets.STATUSES,
        priorities=tickets.PRIORITIES,
        topics=tickets.TOPICS,
        sources=tickets.SOURCES,
        may_answer=may_answer,
        may_see_receipt=bool(visit.leave("ledger")),
        may_see_member=bool(visit.leave("personal_data")),
        may_give=bool(found.about.member and visit.leave("adjust") and visit.leave("personal_data")),
        longest=tickets.LONGEST_REPLY,
    )


@page("POST", "/tickets/{ticket}/reply", "answer")
def reply(visit: Visit) -> Response:
    name = _seen(visit).about.ticket
    tickets.reply(visit.office, name, visit.staff.login, visit.form.get("text", ""))
    return visit.go(
        f"/tickets/{name}", said="The member reads it on their own page, and is told when they next show their card."
    )


@page("POST", "/tickets/{ticket}/note", "answer")
def note(visit: Visit) -> Response:
    name = _seen(visit).about.ticket
    tickets.note(visit.office, name, visit.staff.login, visit.form.get("text", ""))
    return visit.go(f"/tickets/{name}", said="Noted.")


@page("POST", "/tickets/{ticket}/change", "answer")
def change(visit: Visit) -> Response:
    about = _seen(visit).about
    owner = visit.form.get("owner", about.owner)
    tickets.change(
        visit.office,
        about.ticket,
        visit.staff.login,
        status="" if visit.form.get("status", "") == about.status else visit.form.get("status", ""),
        priority="" if visit.form.get("priority", "") == about.priority else visit.form.get("priority", ""),
        owner=None if owner == about.owner else owner if owner in ("", visit.staff.login) else about.owner,
    )
    return visit.go(f"/tickets/{about.ticket}", said="Changed.")


def _shops(visit: Visit) -> list[str]:
    with visit.office.database.reading() as connection:
        return list(connection.scalars(select(schema.shop.c.shop).order_by(schema.shop.c.shop)))


def _seen(visit: Visit) -> tickets.TicketStory:
    """The ticket of the address. Whoever works in one shop sees what was opened there."""
    try:
        found = tickets.story(visit.office, visit.named["ticket"])
    except OfficeError as error:
        raise Refused(error.code, str(error), hint=error.hint, status=404) from error
    if visit.staff.shop not in ("", found.about.shop):
        raise Refused("NOT_ALLOWED", "This ticket is another shop's.", hint="Ask support.", status=403)
    return found
