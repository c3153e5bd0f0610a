"""What waits for a second person, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Response

from central_server.errors import OfficeError
from central_server.office import Office
from central_server.pages.frame import Visit, page
from central_server.people import proposals
from central_server.people.proposals import KINDS, Proposal
from central_server.people.staff import Staff
from loyalty.roles import leave

SEES_ALL = "ledger"
BECAME = {
    "allowed": "allowed, and nobody knows what came of it: the server stopped meanwhile. Look, before it is proposed again.",
    "done": "allowed and done",
    "failed": "allowed, and could not be done",
    "refused": "refused",
    "withdrawn": "withdrawn",
}


@dataclass(frozen=True)
class Row:
    about: Proposal
    sentence: str
    why_not: str
    """Why this person may not allow it; "" where they may."""
    is_own: bool

    @property
    def became(self) -> str:
        return BECAME.get(self.about.outcome, self.about.outcome)


@page("GET", "/approvals", *proposals.ACTIONS, SEES_ALL, menu="Approvals", place=10)
def approvals(visit: Visit) -> Response:
    office, by = visit.office, visit.staff
    waiting = [_row(office, one, by) for one in proposals.waiting(office) if may_see(one, by)]
    decided = [_row(office, one, by) for one in proposals.decided(office) if may_see(one, by)]
    asks_factor = not visit.has_second_factor and any(
        not row.why_not and proposals.needs_second_factor(row.about, by) for row in waiting
    )
    waiting.sort(key=lambda row: bool(row.why_not))  # what this person can do something about comes first
    return visit.show("approvals.html", waiting=waiting, decided=decided, asks_factor=asks_factor)


@page("POST", "/approvals/{proposal}/allow", *proposals.ACTIONS)
def allow(visit: Visit) -> Response:
    found = proposals.find(visit.office, visit.named["proposal"])
    if proposals.needs_second_factor(found, visit.staff) and not visit.has_second_factor:
        raise OfficeError(
            "Whoever allows something needs a second factor.",
            hint="Set one up on the page of your account; then come back.",
            code="SECOND_FACTOR_MISSING",
        )
    became = proposals.decide(visit.office, found.proposal, visit.staff, is_allowed=True)
    if became.outcome == "failed":
        raise OfficeError(f"It was allowed, and could not be done. {became.answer}", code="PROPOSAL_FAILED")
    return visit.go("/approvals", said=became.answer or "It is done.")


@page("POST", "/approvals/{proposal}/refuse", *proposals.ACTIONS)
def refuse(visit: Visit) -> Response:
    found, why = proposals.find(visit.office, visit.named["proposal"]), " ".join(visit.form.get("why", "").split())
    if not why and found.proposed_by != visit.staff.login:
        raise OfficeError("A refusal needs a reason.", hint="Nothing was refused. Say why.", code="REASON_MISSING")
    became = proposals.decide(visit.office, found.proposal, visit.staff, is_allowed=False, why=why)
    return visit.go("/approvals", said=f"It is {became.outcome}. Nothing was changed.")


def may_see(found: Proposal, by: Staff) -> bool:
    """Who proposes or allows such things, or reads the whole ledger; whoever works in one shop, what came from there."""
    kind = KINDS.get(found.kind)
    is_theirs = bool(leave(by.role, SEES_ALL)) or (kind is not None and bool(leave(by.role, kind.action)))
    return found.proposed_by == by.login or (is_theirs and by.shop in ("", found.shop))


def to_allow(office: Office, by: Staff) -> list[Proposal]:
    """What waits for this person."""
    return [one for one in proposals.waiting(office) if may_see(one, by) and not proposals.why_not(office, one, by)]


def _row(office: Office, found: Proposal, by: Staff) -> Row:
    why_not = "" if found.outcome else proposals.why_not(office, found, by)
    return Row(found, proposals.sentence(office, found), why_not, found.proposed_by == by.login)
