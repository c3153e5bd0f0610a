"""The shops and their tills: how they are, what a person should look at, and letting tills in and out."""

from __future__ import annotations

from fastapi import Response

from central_server.errors import Refused
from central_server.pages.frame import Visit, page
from central_server.people import till_proposals
from central_server.people.proposals import KINDS, propose, proposes
from central_server.tills import overview as till_overview
from central_server.tills.enrolment import VALID_S
from central_server.tills.overview import STATES, Till

SEE = ("ledger", "devices", "forfeit")
WAITS = "It waits for somebody else to allow it."


def _own(visit: Visit) -> str:
    """The shop to which this person is bound; '' for none."""
    return visit.staff.shop if "O" in visit.leave("ledger") else ""


def _require(visit: Visit, shop: str) -> None:
    if _own(visit) and shop != _own(visit):
        raise Refused("NOT_ALLOWED", "This is not of your shop.", hint="Head office sees all shops.", status=403)


def _till(visit: Visit) -> Till:
    with visit.office.database.reading() as connection:
        found = till_overview.till(visit.office, connection, visit.named["terminal"])
    _require(visit, found.shop)
    return found


def _shop(visit: Visit) -> till_overview.Shop:
    name = visit.named["shop"]
    _require(visit, name)
    with visit.office.database.reading() as connection:
        found = till_overview.shops(visit.office, connection, name)
    if not found:
        raise Refused("SHOP_UNKNOWN", "There is no such shop.", hint="Look at the list of shops.", status=404)
    return found[0]


@page("GET", "/shops", *SEE, menu="Shops", place=30)
def shops(visit: Visit) -> Response:
    with visit.office.database.reading() as connection:
        found = till_overview.shops(visit.office, connection, _own(visit))
    return visit.show("shops.html", shops=found, states=STATES)


@page("GET", "/shops/{shop}", *SEE)
def shop(visit: Visit) -> Response:
    found = _shop(visit)
    may_make = bool(
        visit.leave("devices") and till_proposals.codes_allowed(visit.office, found.shop, visit.staff.login)
    )
    return visit.show(
        "shop.html", shop=found, states=STATES, may_propose=proposes(visit.staff.role, "devices"), may_make=may_make
    )


@page("POST", "/shops/{shop}/propose-till", "devices")
def propose_till(visit: Visit) -> Response:
    found = _shop(visit)
    propose(visit.office, "enrol_till", {"shop": found.shop}, visit.form.get("reason", ""), visit.staff)
    return visit.go(f"/shops/{found.shop}", said=f"Proposed: one more till of {found.shop}. {WAITS}")


@page("POST", "/shops/{shop}/code", "devices")
def make_code(visit: Visit) -> Response:
    """Answers with the code itself: an address that had it would be in the browser's history."""
    found = _shop(visit)
    code = till_proposals.make_code(visit.office, found.shop, visit.staff.login)
    return visit.show("shop_code.html", shop=found.shop, code=code, until=visit.office.later(VALID_S))


@page("GET", "/terminals/{terminal}", *SEE)
def terminal(visit: Visit) -> Response:
    found = _till(visit)
    with visit.office.database.reading() as connection:
        version = till_overview.version_of(connection, found)
        last = till_overview.last_entry(connection, found.terminal)
        notes = till_overview.notes(connection, found.terminal)
    return visit.show(
        "terminal.html",
        till=found,
        state=STATES[found.state],
        version=version,
        last=last,
        notes=notes,
        most=till_overview.MOST_NOTES,
        may_revoke=proposes(visit.staff.role, "devices") and found.state != "revoked",
        may_forfeit=proposes(visit.staff.role, "forfeit"),
    )


@page("POST", "/terminals/{terminal}/revoke", "devices")
def revoke(visit: Visit) -> Response:
    return _propose(visit, "revoke")


@page("POST", "/terminals/{terminal}/forfeit", "forfeit")
def forfeit(visit: Visit) -> Response:
    return _propose(visit, "forfeit")


def _propose(visit: Visit, kind: str) -> Response:
    found = _till(visit)
    details = {"terminal": found.terminal}
    what = KINDS[kind].sentence(visit.office, details)
    propose(visit.office, kind, details, visit.form.get("reason", ""), visit.staff)
    return visit.go(f"/terminals/{found.terminal}", said=f"Proposed: {what} {WAITS}")
