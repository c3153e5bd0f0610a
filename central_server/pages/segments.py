"""Segments: whom somebody means, how many and who that is now, as a file, and sent to other systems.

Whoever sees figures sees how many; whoever keeps segments saves and sends them. Whoever belongs to a shop asks of that shop.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from urllib.parse import quote

from fastapi import Response
from sqlalchemy import Connection

from central_server.errors import Refused
from central_server.figures import facts
from central_server.pages.exports import CSV, sent_as_file
from central_server.pages.frame import Visit, page
from central_server.pages.member_access import shown_card
from central_server.reports import exporting
from central_server.segments import saved
from central_server.segments.conditions import Choices, Conditions, choices, read, typed_of, words
from central_server.segments.found import COLUMNS, Found, found, rows
from central_server.webhooks import deliveries, endpoints

SHOWN = 100


def keeps(visit: Visit) -> bool:
    return "Y" in visit.leave("segments")


def require_keeper(visit: Visit) -> None:
    if not keeps(visit):
        hint = "Marketing keeps segments, and has them sent. Nothing was changed."
        raise Refused("NOT_ALLOWED", "Your role looks at segments only.", hint=hint, status=403)


def troubles_of(visit: Visit, connection: Connection) -> list[str]:
    """What is wrong with endpoints, a sentence each."""
    found = deliveries.troubles(visit.office, connection)
    return [deliveries.told_of_trouble(one, visit.zone()) for one in found]


def _shop(visit: Visit) -> str:
    """Of which shop somebody may ask; "" for all."""
    if visit.leave("figures") == "F":
        hint = "Their own sales are on the closing at their till."
        raise Refused("NOT_ALLOWED", "A cashier has no segments.", hint=hint, status=403)
    return visit.staff.shop


def _address(name: str) -> str:
    return f"/segments/named/{quote(name, safe='')}"


@page("GET", "/segments", "segments", "figures", menu="Segments", place=26)
def segments(visit: Visit) -> Response:
    _shop(visit)
    with visit.office.database.reading() as connection:
        may = choices(visit.office, connection)
        troubles = troubles_of(visit, connection)
        kept = [(one, _address(one.name), words(one.conditions, may)) for one in saved.every(connection)]
    return visit.show(
        "segments.html",
        kept=kept,
        troubles=troubles if visit.leave("segments") else [],
        may=may,
        typed={},
        keeps=keeps(visit),
    )


@page("GET", "/segments/look", "segments", "figures")
def look(visit: Visit) -> Response:
    """Who meets conditions that nobody has saved yet."""
    with visit.office.database.reading() as connection:
        may = choices(visit.office, connection)
    wanted = read(visit.query, may)
    return _shown(visit, wanted, may, "", typed_of(wanted))


@page("GET", "/segments/named/{name}", "segments", "figures")
def named(visit: Visit) -> Response:
    with visit.office.database.reading() as connection:
        one, may = saved.named(connection, visit.named["name"]), choices(visit.office, connection)
    return _shown(visit, one.conditions, may, one.name, typed_of(one.conditions))


def _shown(visit: Visit, wanted: Conditions, may: Choices, name: str, typed: Mapping[str, str]) -> Response:
    shop = _shop(visit)
    facts.count_few(visit.office)
    with visit.office.database.reading() as connection:
        count, agree, first = _counted(visit, connection, wanted, shop)
        hooks = endpoints.every(connection)
        nightly = saved.named(connection, name).nightly if name else []
    return visit.show(
        "segment.html",
        name=name,
        address=_address(name),
        words=words(wanted, may),
        may=may,
        typed=typed,
        shop=shop,
        count=count,
        agree=agree,
        first=[(one, shown_card(visit, one.card)) for one in first],
        keeps=keeps(visit),
        hooks=[(one, one.name in nightly) for one in hooks],
    )


def _counted(visit: Visit, connection: Connection, wanted: Conditions, shop: str) -> tuple[int, int, list[Found]]:
    """How many, how many of them agree, and the first of them."""
    everybody = found(visit.office, connection, wanted, shop)
    first = list(islice(everybody, SHOWN))
    count, agree = len(first), sum(one.agrees for one in first)
    for one in everybody:
        count, agree = count + 1, agree + one.agrees
    return count, agree, first


@page("GET", "/segments/named/{name}/members.csv", "segments", "figures")
def file(visit: Visit) -> Response:
    """Of its members those who agree to be written to, with their cards as this role may see them."""
    shop = _shop(visit)
    facts.count_few(visit.office)
    with visit.office.database.reading() as connection:
        one = saved.named(connection, visit.named["name"])
        members = rows(visit.office, connection, one.conditions, shop, lambda card: shown_card(visit, card))
        return sent_as_file(visit, exporting.as_csv(COLUMNS, members), CSV, f"{one.name}.csv")


# -- kept and sent -------------------------------------------------------------------------------------------------------


@page("POST", "/segments", "segments")
def keep(visit: Visit) -> Response:
    require_keeper(visit)
    with visit.office.database.reading() as connection:
        may = choices(visit.office, connection)
    name = " ".join(visit.form.get("name", "").split())
    is_new = saved.keep(visit.office, name, read(visit.form, may), visit.staff.login)
    return visit.go(_address(name), said=f"{name} is {'kept' if is_new else 'changed'}.")


@page("POST", "/segments/named/{name}/remove", "segments")
def remove(visit: Visit) -> Response:
    require_keeper(visit)
    name = visit.named["name"]
    saved.remove(visit.office, name)
    return visit.go("/segments", said=f"{name} is removed. What was not sent of it is not sent any more.")


@page("POST", "/segments/named/{name}/send", "segments")
def send(visit: Visit) -> Response:
    require_keeper(visit)
    name, webhook = visit.named["name"], visit.form.get("webhook", "")
    put_up = saved.send(visit.office, name, webhook, visit.staff.login)
    count = f"{put_up.members:,} {'member goes' if put_up.members == 1 else 'members go'}"
    return visit.go(_address(name), said=f"{count} to {webhook} within seconds; Endpoints shows what came of it.")


@page("POST", "/segments/named/{name}/nightly", "segments")
def nightly(visit: Visit) -> Response:
    require_keeper(visit)
    name, webhook = visit.named["name"], visit.form.get("webhook", "")
    is_on = visit.form.get("is_on") == "yes"
    saved.set_nightly(visit.office, name, webhook, is_on=is_on, by=visit.staff.login)
    when = "each night, from the next one on" if is_on else "at night no more"
    return visit.go(_address(name), said=f"{name} is sent to {webhook} {when}.")
