"""One member's page: what they have, everything that ever happened to it, and what can be done for them. And a receipt's page."""

from __future__ import annotations

import re

from fastapi import Response
from sqlalchemy import select

from central_server import schema
from central_server.membership import consents
from central_server.membership import story as member_story
from central_server.membership.missing_points import has_all_come_back
from central_server.pages.approvals import may_see
from central_server.pages.frame import Visit, page
from central_server.pages.member_access import (
    own_shop,
    require_member,
    sees_all,
    shown_card,
    title,
)
from central_server.pages.member_actions import may_fetch_copy
from central_server.pages.members import SEE
from central_server.people import proposals
from central_server.people.member_proposals import MEMBERS, to_reinstate
from central_server.people.proposals import Proposal, proposes
from central_server.reports import report
from central_server.reports.report import Found
from central_server.shops import operator_names
from ledger.identifiers import read_receipt_reference
from ledger.keys import card_hash
from loyalty.days import days_after, is_day
from loyalty.program import Program
from loyalty.words import in_language

_LEDGER = {"Y", "R", "O"}
"""The letters that read entries."""


@page("GET", "/members/{member}", *SEE)
def member(visit: Visit) -> Response:
    office, query = visit.office, visit.query
    with office.database.reading() as connection:
        who = require_member(visit, connection, visit.named["member"])
        about = member_story.summary(office, connection, who)
        reads = bool(set(visit.leave("ledger")) & _LEDGER)
        number = int(query["page"]) if re.fullmatch("[0-9]{1,6}", query.get("page", "")) else 1
        moves = query.get("only") != "balance"
        story = member_story.story(office, connection, who, number, moves=moves) if reads else None
        names = operator_names.of_shops(connection, {line.shop for line in story.lines}) if story else {}
        agreed = consents.of(connection, who)
        program = office.program(connection)
        assert program is not None, "init puts a programme in force"
        back = to_reinstate(office, connection, who)
    has = {action: set(visit.leave(action)) for action in ("adjust", "block", "merge", "erase", "forfeit", "enrol")}
    cards = [(card_hash(office.phone_key, one.card), shown_card(visit, one.card), one) for one in about.cards]
    return visit.show(
        "member.html",
        about=about,
        title=title(visit, about),
        is_seen=sees_all(visit),
        is_person=bool(visit.leave("personal_data")),
        cards=cards,
        story=story,
        names=names,
        moves=moves,
        consents=agreed,
        has=has,
        asks={action: proposes(visit.staff.role, action) for action in ("adjust", "merge", "forfeit", "erase")},
        tiers=[(one.name, in_language(one.title)) for one in program.tier],
        segments=[(name, in_language(words)) for name, words in program.segments.items()],
        reinstatable=back,
        may_fetch=bool(has["erase"]) and may_fetch_copy(visit, who),
        waiting=_waiting(visit, who),
    )


def _waiting(visit: Visit, member: str) -> list[tuple[str, Proposal]]:
    """What somebody has asked for about this member and nobody has decided, in a sentence, as far as this person may see it."""
    office = visit.office
    return [
        (proposals.sentence(office, one), one)
        for one in proposals.waiting(office)
        if member in (one.details.get(name) for name in MEMBERS) and may_see(one, visit.staff)
    ]


@page("GET", "/receipt", "ledger", menu="Receipt", place=21)
def receipt(visit: Visit) -> Response:
    """What head office knows of a receipt: the first thing to look at where somebody says that points are missing."""
    asked = visit.query.get("reference", "").strip()[:80]
    if not asked:
        return visit.show("receipt.html", asked="", answer="", do="", found=[])
    read = read_receipt_reference(asked)
    if read is None:
        do = "It looks like 7K3M2P-17-6 and stands at the foot of the receipt. Type it again."
        return visit.show("receipt.html", 422, asked=asked, answer="This reference is mistyped.", do=do, found=[])
    found = [one for one in report.find(visit.office, *read) if not own_shop(visit) or one.shop == own_shop(visit)]
    answer, do = _about_receipt(visit, *read, found)
    return visit.show("receipt.html", asked=asked, answer=answer, do=do, found=found)


def _about_receipt(visit: Visit, terminal: str, number: int, found: list[Found]) -> tuple[str, str]:
    """What is the matter with this receipt, and what to do."""
    if not found:
        return _not_here(visit, terminal, number)
    one = found[0]
    if not one.is_applied:
        return "Head office has it, and has not worked it out yet.", "Look again in a minute."
    if one.kind != "sale":
        return "It is no sale.", ""
    if one.member:
        earned = one.points.get("earned", 0)
        told = (
            f"It was sold to a member and earned {earned:,} points."
            if earned
            else "It was sold to a member, and earned nothing."
        )
        with visit.office.database.reading() as connection:
            if has_all_come_back(connection, one.shop, one.document):
                return (
                    told,
                    "All of it has come back since, and so have its points. Their page says it, entry by entry.",
                )
        return told, "Their page says why, entry by entry."
    return _without_member(visit, one)


def _not_here(visit: Visit, terminal: str, number: int) -> tuple[str, str]:
    table, inbox = schema.terminal.c, schema.inbox.c
    with visit.office.database.reading() as connection:
        row = connection.execute(select(table.heard_at, table.shop).where(table.terminal == terminal)).one_or_none()
        last = connection.scalar(
            select(inbox.number).where(inbox.terminal == terminal).order_by(inbox.number.desc()).limit(1)
        )
    if row is None or (own_shop(visit) and row.shop != own_shop(visit)):
        return "No till of this name is known here.", "Read the reference again."
    if number <= (last or 0):
        return "There is no such entry, although later ones of this till are here.", "Read the reference again."
    heard = visit.moment(row.heard_at) or "never"
    return (
        f"Its till has not sent it: it sent up to number {last or 0} (last heard: {heard}).",
        "The points are at the till, and arrive when it is online. If it is lost, record the sale at another till.",
    )


def _without_member(visit: Visit, one: Found) -> tuple[str, str]:
    with visit.office.database.reading() as connection:
        program, today = visit.office.program(connection), visit.office.today(connection)
        sale = schema.sale.c
        claimed = connection.scalar(select(sale.claim).where(sale.shop == one.shop, sale.document == one.document))
        owner = connection.scalar(select(sale.member).where(sale.shop == one.shop, sale.document == one.document))
        is_gone = has_all_come_back(connection, one.shop, one.document)
    if claimed and owner:
        return (
            "It was sold without a card, and its points were claimed since.",
            "The claim stands in that member's story.",
        )
    if is_gone:
        return "It was sold without a card, and all of it has come back: there are no points to claim.", ""
    assert program is not None, "init puts a programme in force"
    until = _claim_until(program, one.business_day)
    if not until or until < today:
        said = f"its points could be claimed through {until}" if until else "its points cannot be claimed"
        return f"It was sold without a card, and {said}.", "What is fair can be given as goodwill."
    return (
        f"It was sold without a card: that is why there are no points. They can be claimed through {until}.",
        f"At a till of {one.shop}: “Forgotten card”, this reference, and the member's card.",
    )


def _claim_until(program: Program, day: str) -> str:
    within = program.claim.within_days
    return days_after(day, within) if within and is_day(day) else ""
