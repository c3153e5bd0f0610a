"""The first page: what waits for whoever has signed in, by what their role may do about it."""

from __future__ import annotations

from fastapi import Response
from sqlalchemy import func, select

from central_server import schema
from central_server.care import tickets
from central_server.office import Office
from central_server.pages import approvals, audit
from central_server.pages.frame import Visit, page
from central_server.pages.members import SEE
from central_server.pages.segments import keeps, troubles_of
from central_server.people import proposals
from central_server.people.proposals import proposes
from central_server.shops import card_stock
from loyalty.roles import leave, may_any

QUIET_S = 24 * 3600
"""A till that was not heard for so long is switched off, or cut off."""
NOTES_OF_S = 7 * 24 * 3600
TILLS = ("forfeit", "devices", "ledger")


@page("GET", "", menu="Home", place=0)
def home(visit: Visit) -> Response:
    office, by = visit.office, visit.staff
    sees_tills = may_any(by.role, TILLS)
    counts = (
        audit.notes_of(office, by.shop, since=office.later(-NOTES_OF_S), most=1)[0] if visit.leave("ledger") else {}
    )
    mine = [one for one in proposals.decided(office) if one.proposed_by == by.login][:5]
    return visit.show(
        "home.html",
        to_allow=len(approvals.to_allow(office, by)),
        mine=[(proposals.sentence(office, one), approvals.BECAME[one.outcome], one.answer) for one in mine],
        asks_factor=allows(by.role) and not visit.has_second_factor,
        sees_tills=sees_tills,
        quiet=quiet_tills(office, by.shop) if sees_tills else [],
        sees_notes=bool(visit.leave("ledger")),
        notes=counts,
        troubles=_troubles(visit) if keeps(visit) else [],
        asked=tickets.counts(office, by.shop)["open"] if visit.leave("answer") else 0,
        few_cards=[one.shop for one in card_stock.by_shop(office) if one.is_low] if proposes(by.role, "stock") else [],
        coming=_coming(office),
        figures=_figures(visit) if visit.leave("figures") not in ("", "F") else [],
    )


def allows(role: str) -> bool:
    """Whether this role is the second person for anything."""
    return any("2" in leave(role, action) for action in proposals.ACTIONS)


def quiet_tills(office: Office, shop: str = "") -> list[tuple[str, str, str]]:
    """(till, shop, when it was last heard) of tills that are not revoked and were not heard for a day; one that was put back from
    the roster has a day from its enrolment."""
    table = schema.terminal.c
    a_day_ago = office.later(-QUIET_S)
    query = select(table.terminal, table.shop, table.heard_at).where(
        table.revoked_at == "", table.heard_at < a_day_ago, (table.heard_at != "") | (table.enrolled_at < a_day_ago)
    )
    with office.database.reading() as connection:
        rows = connection.execute((query.where(table.shop == shop) if shop else query).order_by(table.heard_at))
        return [(row.terminal, row.shop, row.heard_at) for row in rows]


def _troubles(visit: Visit) -> list[str]:
    with visit.office.database.reading() as connection:
        return troubles_of(visit, connection)


def _figures(visit: Visit) -> list[tuple[str, int, str]]:
    """(what, how many, the page that has them, '' where this person has none)."""
    office, shop = visit.office, visit.staff.shop
    member, terminal, home_shop = schema.member.c, schema.terminal.c, schema.member_shop.c
    members = select(func.count()).select_from(schema.member).where(member.merged_into == "")
    if shop:
        members = members.where(member.member.in_(select(home_shop.member).where(home_shop.shop == shop)))
    tills = select(func.count()).select_from(schema.terminal).where(terminal.revoked_at == "")
    with office.database.reading() as connection:
        joined = connection.scalar(members) or 0
        enrolled = connection.scalar(tills.where(terminal.shop == shop) if shop else tills) or 0
    may = {path: may_any(visit.staff.role, actions) for path, actions in (("/members", SEE), ("/shops", TILLS))}
    return [
        (name, number, path if may[path] else "")
        for name, number, path in (("Members", joined, "/members"), ("Tills", enrolled, "/shops"))
    ]


def _coming(office: Office) -> list[tuple[str, str]]:
    """(programme, when it takes effect) of what is published and not in force yet."""
    with office.database.reading() as connection:
        return [(one.id, one.effective) for one in office.programs_to_come(connection)]
