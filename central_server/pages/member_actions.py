"""The forms on a member's page. What one person may do is done at once; what needs two waits for the second one."""

from __future__ import annotations

import json
from collections.abc import Mapping

from fastapi import Response
from sqlalchemy import select

from central_server import schema
from central_server.errors import OfficeError, Refused
from central_server.membership import cards, data_copy, desk
from central_server.membership.desk import Who
from central_server.pages.frame import Visit, page
from central_server.pages.member_access import is_theirs, own_shop, require_member
from central_server.people.member_proposals import card_named, points_of
from central_server.people.proposals import KINDS, propose
from ledger.identifiers import new_reference

COPY_FOR_S = 7 * 24 * 3600
"""So long a copy that was allowed can be fetched."""
WAITS = "It waits for somebody else to allow it."


def _member(visit: Visit) -> str:
    with visit.office.database.reading() as connection:
        return require_member(visit, connection, visit.named["member"])


def _of_card(visit: Visit, field: str) -> str:
    """The member of a card that was typed, where this person may see them. Raises OfficeError."""
    typed, card = visit.form.get(field, ""), schema.card.c
    with visit.office.database.reading() as connection:
        found = connection.scalar(select(card.member).where(card.card.in_({typed.strip(), "".join(typed.split())})))
        is_seen = found is not None and is_theirs(visit, connection, found)
    if not is_seen:
        # The same for a card of another shop's member: who has it is not for this person to know.
        where = (
            f"Nobody who is known in {visit.staff.shop} has this card." if own_shop(visit) else "Nobody has this card."
        )
        hint = "Type the whole number as it stands on it."
        if own_shop(visit):
            hint += " Whoever shows it at one of your tills is known in your shop from then on."
        raise OfficeError(where, hint=hint, code="CARD_UNKNOWN")
    return str(found)


def _propose(visit: Visit, kind: str, details: Mapping[str, str]) -> Response:
    """Proposes it, once it can be said what it is: what makes no sense is refused before anybody waits for it."""
    what = KINDS[kind].sentence(visit.office, details)
    propose(visit.office, kind, details, visit.form.get("reason", ""), visit.staff)
    return _back(visit, details["member"], f"Proposed: {what} {WAITS}")


def _back(visit: Visit, member: str, said: str) -> Response:
    return visit.go(f"/members/{member}", said=said)


def _who(visit: Visit) -> Who:
    return Who(" ".join(visit.form.get("reason", "").split()), visit.staff.login)


# -- points --------------------------------------------------------------------------------------------------------------


@page("POST", "/members/{member}/adjust", "adjust")
def adjust(visit: Visit) -> Response:
    member, points = _member(visit), points_of(visit.form)
    if not points or abs(points) > desk.MOST_POINTS:
        most = f"at most {desk.MOST_POINTS:,} either way"
        raise OfficeError(f"That is no number of points to move: {most}, and not 0.", code="POINTS_UNFIT")
    details = {"member": member, "points": str(points), "case": new_reference(visit.office.random_bytes)}
    if visit.form.get("goodwill"):
        details["goodwill"] = "yes"
    return _propose(visit, "adjust", details)


@page("POST", "/members/{member}/reinstate", "adjust")
def reinstate(visit: Visit) -> Response:
    return _propose(visit, "reinstate", {"member": _member(visit)})


@page("POST", "/members/{member}/tier", "adjust")
def tier(visit: Visit) -> Response:
    details = {"member": _member(visit), "tier": visit.form.get("tier", ""), "until": visit.form.get("until", "")}
    if visit.form.get("take"):
        details["take"] = "yes"
    else:
        _require_tier(visit, details)
    return _propose(visit, "tier", details)


def _require_tier(visit: Visit, details: Mapping[str, str]) -> None:
    with visit.office.database.reading() as connection:
        program, today = visit.office.program(connection), visit.office.today(connection)
    if program is None or program.tier_named(details["tier"]) is None:
        raise OfficeError("The programme has no such tier.", hint="Choose one of the list.", code="TIER_UNKNOWN")
    if not details["until"] or desk.last_day(details["until"]) < today:
        raise OfficeError("A tier is given through a day to come.", hint="Choose that day.", code="DAY_OVER")


@page("POST", "/members/{member}/write-off", "forfeit")
def write_off(visit: Visit) -> Response:
    return _propose(visit, "write_off", {"member": _member(visit)})


@page("POST", "/members/{member}/merge", "merge")
def merge(visit: Visit) -> Response:
    member, into = _member(visit), _of_card(visit, "card")
    if member == into:
        raise OfficeError(
            "These two cards are one member's already.", hint="Nothing was proposed.", code="MERGED_ALREADY"
        )
    return _propose(visit, "merge", {"member": member, "into": into})


@page("POST", "/members/{member}/transfer", "merge")
def transfer(visit: Visit) -> Response:
    member, to, points = _member(visit), _of_card(visit, "card"), points_of(visit.form)
    if member == to:
        raise OfficeError("Both cards are one member's.", hint="Nothing was proposed.", code="SAME_MEMBER")
    if not 0 < points <= desk.MOST_POINTS:
        raise OfficeError("A transfer is of 1 or more points.", hint="Nothing was proposed.", code="POINTS_UNFIT")
    return _propose(visit, "transfer", {"member": member, "to": to, "points": str(points)})


# -- cards and the person ------------------------------------------------------------------------------------------------


@page("POST", "/members/{member}/block", "block")
def block(visit: Visit) -> Response:
    member, name, why = _member(visit), visit.form.get("card", ""), visit.form.get("why", "")
    with visit.office.database.reading() as connection:
        card = card_named(visit.office, connection, member, name)
    if "Y" not in visit.leave("block"):
        return _propose(visit, "block", {"member": member, "card": name, "why": why})
    cards.block(visit.office, card, why)
    return _back(visit, member, f"The card that ends {card[-4:]} is blocked; every till hears of it.")


@page("POST", "/members/{member}/unblock", "block")
def unblock(visit: Visit) -> Response:
    member = _require_alone(visit, "block")
    with visit.office.database.reading() as connection:
        card = card_named(visit.office, connection, member, visit.form.get("card", ""))
    cards.unblock(visit.office, card)
    return _back(visit, member, f"The card that ends {card[-4:]} is as good as before.")


@page("POST", "/members/{member}/replace-card", "block")
def replace_card(visit: Visit) -> Response:
    member, new = _require_alone(visit, "block"), "".join(visit.form.get("new", "").split())
    if not new or len(new) > 64 or not new.isprintable():
        raise OfficeError("The new card's number is missing.", hint="Scan the card, or type it.", code="CARD_DAMAGED")
    with visit.office.database.reading() as connection:
        card = card_named(visit.office, connection, member, visit.form.get("card", ""))
    desk.replace_card(visit.office, card, new, _who(visit))
    return _back(
        visit, member, f"The card that ends {new[-4:]} is theirs; the one that ends {card[-4:]} is nobody's now."
    )


@page("POST", "/members/{member}/segment", "enrol")
def segment(visit: Visit) -> Response:
    member, name = _member(visit), visit.form.get("segment", "")
    until = None if visit.form.get("take") else visit.form.get("until", "")
    if until:
        until = desk.last_day(until)
    desk.set_segment(visit.office, member, name, until, _who(visit))
    became = "taken away" if until is None else f"verified through {until}" if until else "verified without an end"
    return _back(visit, member, f"The segment {name} is {became}.")


def _require_alone(visit: Visit, action: str) -> str:
    """The member, for whoever does this without a second person."""
    if "Y" not in visit.leave(action):
        raise Refused("NOT_ALLOWED", "Your role only proposes this.", hint="Ask a colleague who may.", status=403)
    return _member(visit)


@page("POST", "/members/{member}/erase", "erase")
def erase(visit: Visit) -> Response:
    return _propose(visit, "erase", {"member": _member(visit)})


@page("POST", "/members/{member}/data-copy", "erase")
def ask_copy(visit: Visit) -> Response:
    return _propose(visit, "data_copy", {"member": _member(visit)})


@page("GET", "/members/{member}/data-copy", "erase")
def fetch_copy(visit: Visit) -> Response:
    member = _member(visit)
    if not may_fetch_copy(visit, member):
        hint = "It can be fetched for seven days, by who proposed and who allowed it."
        raise Refused("NOT_ALLOWED", "No copy of this member's data has been allowed to you.", hint=hint, status=403)
    copy = json.dumps(data_copy.of(visit.office, member), ensure_ascii=False, indent=2).encode()
    return visit.attachment(copy, "application/json", "member-data.json")


def may_fetch_copy(visit: Visit, member: str) -> bool:
    """Whether a copy was allowed within the last days that this person proposed or allowed."""
    table, since = schema.people.proposal, visit.office.later(-COPY_FOR_S)
    query = select(table.c.details, table.c.proposed_by, table.c.decided_by).where(
        table.c.kind == "data_copy", table.c.outcome == "done", table.c.decided_at > since
    )
    with visit.office.database.reading() as connection:
        rows = connection.execute(query).all()
    return any(
        visit.staff.login in (row.proposed_by, row.decided_by) and json.loads(row.details).get("member") == member
        for row in rows
    )
