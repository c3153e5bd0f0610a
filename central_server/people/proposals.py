"""What one person asks for and another allows. A kind of proposal names its action in the table of roles, and what is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import msgspec
from sqlalchemy import select, update

from central_server import schema
from central_server.database import add
from central_server.desk import Who
from central_server.errors import CentralError, OfficeError
from central_server.office import Office
from central_server.people.staff import Staff
from ledger.identifiers import new_reference
from loyalty.roles import leave

Details = Mapping[str, str]


class Kind(msgspec.Struct, frozen=True):
    """`action` of the table of roles: who has P there may propose, who has 2 may allow, and who
    has Y, as they could have done it alone. `sentence` says what it is to a person,
    `carry_out` does it and answers what became of it; it raises CentralError where it cannot be done."""

    action: str
    sentence: Callable[[Office, Details], str]
    carry_out: Callable[[Office, Details, Who], str]
    may_allow: Callable[[Office, Details, Staff], bool] = lambda office, details, staff: True


KINDS: dict[str, Kind] = {}
"""By name; each page that proposes something puts its kinds here."""


class Proposal(msgspec.Struct, frozen=True):
    proposal: str
    kind: str
    details: dict[str, str]
    reason: str
    shop: str
    proposed_by: str
    proposed_at: str
    decided_by: str
    decided_at: str
    outcome: str
    answer: str


def propose(office: Office, kind: str, details: Details, reason: str, by: Staff) -> str:
    """Asks for it; the name of the proposal. Raises OfficeError for whoever may not, or without a reason."""
    if not set(leave(by.role, KINDS[kind].action)) & {"P", "Y", "2", "L"}:
        raise OfficeError("Your role does not propose this.", hint="Ask somebody whose role does.", code="NOT_ALLOWED")
    if not reason.strip():
        raise OfficeError("A proposal needs a reason.", hint="Say why in a sentence.", code="REASON_MISSING")
    row = {"proposal": new_reference(office.random_bytes), "kind": kind, "details": json.dumps(dict(details))}
    row |= {"reason": reason.strip(), "shop": by.shop, "proposed_by": by.login, "proposed_at": office.time()}
    row |= {"decided_by": "", "decided_at": "", "outcome": "", "answer": ""}
    office.database.write(lambda connection: add(connection, schema.people.proposal, [row]))
    return row["proposal"]


def waiting(office: Office) -> list[Proposal]:
    """Those that nobody has decided yet, the oldest first."""
    table = schema.people.proposal
    with office.database.reading() as connection:
        rows = connection.execute(select(table).where(table.c.outcome == "").order_by(table.c.proposed_at)).all()
    return [_read(row) for row in rows]


def decide(office: Office, proposal: str, by: Staff, *, is_allowed: bool) -> Proposal:
    """Allows it, and does it, or refuses it. Raises OfficeError for whoever may not: above all, who has proposed it."""
    table = schema.people.proposal

    def claim(connection):  # type: ignore[no-untyped-def]
        row = connection.execute(select(table).where(table.c.proposal == proposal)).one_or_none()
        if row is None or row.outcome:
            raise OfficeError("This is decided already, or there is no such proposal.", code="DECIDED_ALREADY")
        found = _read(row)
        kind = KINDS[found.kind]
        is_own = found.proposed_by == by.login
        if is_own or not set(leave(by.role, kind.action)) & {"2", "Y"} or not kind.may_allow(office, found.details, by):
            raise OfficeError("Somebody else has to decide this.", code="APPROVAL_MISSING")
        decided = {"decided_by": by.login, "decided_at": office.time(), "outcome": "done" if is_allowed else "refused"}
        connection.execute(update(table).where(table.c.proposal == proposal).values(**decided))
        return msgspec.structs.replace(found, **decided)

    found: Proposal = office.database.write(claim)
    if not is_allowed:
        return found
    try:
        who = Who(found.reason, found.proposed_by, found.decided_by)
        outcome, answer = "done", KINDS[found.kind].carry_out(office, found.details, who)
    except CentralError as error:
        outcome, answer = "failed", f"{error} {error.hint}".strip()
    became = {"outcome": outcome, "answer": answer}
    change = update(table).where(table.c.proposal == proposal).values(**became)
    office.database.write(lambda connection: connection.execute(change))
    return msgspec.structs.replace(found, **became)


def _read(row: object) -> Proposal:
    values = dict(row._mapping)  # type: ignore[attr-defined]
    return Proposal(**{**values, "details": json.loads(values["details"])})
