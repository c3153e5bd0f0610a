"""What one person asks for and another allows. A kind of proposal names its action in the table of roles, and what is done.

What is allowed is done at once. Between "allowed" and what came of it lies what is done: where a server dies in there, the
proposal stays "allowed", which says that a person has to look.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

import msgspec
from sqlalchemy import Connection, func, select, update

from central_server import kept_settings, schema
from central_server.database import add
from central_server.errors import CentralError, OfficeError
from central_server.membership.desk import MAX_REASON, Who
from central_server.office import Office
from central_server.people.staff import Staff
from ledger.identifiers import new_reference
from loyalty.roles import LEAVES, leave

Details = Mapping[str, str]

OUTCOMES = ("", "allowed", "done", "failed", "refused", "withdrawn")
MOST_WAITING = 200
MOST_OF_ONE = 50
LARGEST = 300_000
"""Characters of all details: a programme's text is among them."""

ACTIONS = tuple(action for action, roles in LEAVES.items() if any("P" in may or "2" in may for may in roles.values()))
"""Those of the table of roles that somebody proposes or allows."""


class Kind(msgspec.Struct, frozen=True):
    """`action` of the table of roles: who has P there may propose, who has 2 or Y allow. `sentence` says what it is to a person,
    with what is and what will be where it can; `carry_out` does it and answers what became of it. Both raise CentralError where
    it cannot be done (any more). `details["points"]` is what a limit is held against: whoever has L2 allows no more than head
    office's setting says, and what was proposed in their own shop alone."""

    action: str
    sentence: Callable[[Office, Details], str]
    carry_out: Callable[[Office, Details, Who], str]
    may_allow: Callable[[Office, Details, Staff], bool] = lambda office, details, staff: True


KINDS: dict[str, Kind] = {}
"""By name; each page that proposes something puts its kinds here."""


class Proposal(msgspec.Struct, frozen=True):
    """`outcome` is one of OUTCOMES, `answer` what became of it or why it was refused. `sentence` is what whoever decided it has
    read, "" while it waits."""

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
    sentence: str


def propose(office: Office, kind: str, details: Details, reason: str, by: Staff) -> str:
    """Asks for it; the name of the proposal. Raises OfficeError for whoever may not, without a reason, and for what the same
    person has asked for in the same words and waits: a form that was sent twice."""
    if not proposes(by.role, KINDS[kind].action):
        raise OfficeError("Your role does not propose this.", hint="Ask somebody whose role does.", code="NOT_ALLOWED")
    reason = _reason(reason)
    text = json.dumps(dict(details))
    if len(text) > LARGEST:
        raise OfficeError("This is too large for a proposal.", hint="Nothing was proposed.", code="PROPOSAL_UNFIT")
    row = {"proposal": new_reference(office.random_bytes), "kind": kind, "details": text}
    row |= {"reason": reason, "shop": by.shop, "proposed_by": by.login, "proposed_at": office.time()}
    row |= {"decided_by": "", "decided_at": "", "outcome": "", "answer": "", "sentence": ""}
    table = schema.people.proposal

    def work(connection: Connection) -> None:
        own = (table.c.outcome == "") & (table.c.proposed_by == by.login)
        same = select(table.c.details).where(own, table.c.kind == kind, table.c.reason == reason)
        if any(_asked(json.loads(theirs)) == _asked(details) for theirs in connection.scalars(same)):
            raise OfficeError(
                "You have proposed this already, and it waits for a decision.",
                hint="Nothing was proposed a second time. If it is to be done twice, say in the reason why.",
                code="PROPOSED_ALREADY",
            )
        count: dict[str, int] = dict(
            connection.execute(
                select(table.c.proposed_by, func.count()).where(table.c.outcome == "").group_by(table.c.proposed_by)
            ).all()
        )
        if sum(count.values()) >= MOST_WAITING or count.get(by.login, 0) >= MOST_OF_ONE:
            raise OfficeError(
                "Too much waits for a decision already.",
                hint="Nothing was proposed. See to it that what waits is decided: /office/approvals.",
                code="PROPOSALS_FULL",
            )
        add(connection, table, [row])

    office.database.write(work)
    return row["proposal"]


def _asked(details: Details) -> dict[str, str]:
    """Without what names this one proposal alone."""
    return {name: value for name, value in details.items() if name != "case"}


def proposes(role: str, action: str) -> bool:
    """Whether the table lets this role ask for it. Who has 2 alone decides about what others ask for."""
    return bool(set(leave(role, action)) & {"P", "Y", "L"})


def waiting(office: Office) -> list[Proposal]:
    """Those that nobody has decided yet, the oldest first."""
    table = schema.people.proposal
    with office.database.reading() as connection:
        rows = connection.execute(select(table).where(table.c.outcome == "").order_by(table.c.proposed_at)).all()
    return [_read(row) for row in rows]


def decided(office: Office, last: int = 100) -> list[Proposal]:
    """What became of the others, the latest first."""
    table = schema.people.proposal
    query = select(table).where(table.c.outcome != "").order_by(table.c.decided_at.desc(), table.c.proposal)
    with office.database.reading() as connection:
        return [_read(row) for row in connection.execute(query.limit(last))]


def find(office: Office, proposal: str) -> Proposal:
    """Raises OfficeError where there is none."""
    table = schema.people.proposal
    with office.database.reading() as connection:
        row = connection.execute(select(table).where(table.c.proposal == proposal)).one_or_none()
    if row is None:
        raise _decided_already()
    return _read(row)


def needs_second_factor(found: Proposal, by: Staff) -> bool:
    """Whoever is the second person shows that they are: a password alone may have been read off by the first."""
    kind = KINDS.get(found.kind)
    return kind is not None and "2" in leave(by.role, kind.action)


def why_not(office: Office, found: Proposal, by: Staff) -> str:
    """Why this person may not allow it, in a sentence; "" where they may."""
    kind = KINDS.get(found.kind)
    if kind is None:
        return "This version of the program does not know what it is."
    letters = leave(by.role, kind.action)
    if found.proposed_by == by.login:
        return f"You have proposed it: another person has to allow it, {_allowing(kind.action)}."
    if not _is_second(letters):
        return f"Your role does not allow this: {_allowing(kind.action)} does."
    if "L" in letters:
        with office.database.reading() as connection:
            most = kept_settings.value(connection, "allow_points")
        points = found.details.get("points", "").replace(",", "").strip()
        if found.shop != by.shop or not re.fullmatch(r"[+-]?[0-9]{1,10}", points) or abs(int(points)) > most:
            return f"You allow up to {most:,} points, and what was proposed in your own shop."
    if by.shop and found.shop != by.shop:
        return "It was proposed in another shop."
    return "" if kind.may_allow(office, found.details, by) else "Somebody else has to allow it."


def _is_second(letters: str) -> bool:
    return bool(set(letters) & {"2", "Y"})  # who has Y could have done it alone


def _allowing(action: str) -> str:
    """
    >>> _allowing("publish"), _allowing("adjust")
    ('finance', 'manager or finance')
    """
    return " or ".join(role for role in LEAVES[action] if _is_second(leave(role, action)))


def decide(office: Office, proposal: str, by: Staff, *, is_allowed: bool, why: str = "") -> Proposal:
    """Allows it, and does it, or refuses it; who has proposed it may withdraw it. `why` is told with a refusal.

    Raises OfficeError for whoever may not: above all, who has proposed it may not allow it.
    """
    table = schema.people.proposal
    was = sentence(office, find(office, proposal))

    def claim(connection: Connection) -> Proposal:
        row = connection.execute(select(table).where(table.c.proposal == proposal).with_for_update()).one()
        if row.outcome:
            raise _decided_already()
        found = _read(row)
        is_own = found.proposed_by == by.login
        if (is_allowed or not is_own) and (problem := why_not(office, found, by)):
            raise OfficeError(problem, hint="Nothing was changed.", code="APPROVAL_MISSING")
        outcome = "allowed" if is_allowed else "withdrawn" if is_own else "refused"
        values = {"decided_by": by.login, "decided_at": office.time(), "outcome": outcome, "answer": why[:MAX_REASON]}
        values["sentence"] = was
        connection.execute(update(table).where(table.c.proposal == proposal).values(**values))
        return msgspec.structs.replace(found, **values)

    found = office.database.write(claim)
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


def sentence(office: Office, found: Proposal) -> str:
    """What it is about, for a person; or why that cannot be said any more. Of what is decided: what was said then."""
    if found.sentence:
        return found.sentence
    kind = KINDS.get(found.kind)
    try:
        return (
            kind.sentence(office, found.details) if kind else f"Something that this version does not know: {found.kind}"
        )
    except CentralError as error:
        return f"This cannot be done any more. {error}"


def _decided_already() -> OfficeError:
    return OfficeError("This is decided already, or there is no such proposal.", code="DECIDED_ALREADY")


def _reason(reason: str) -> str:
    text = " ".join(reason.split())
    if not text:
        raise OfficeError("A proposal needs a reason.", hint="Say why in a sentence.", code="REASON_MISSING")
    if len(text) > MAX_REASON:
        raise OfficeError(f"A reason has at most {MAX_REASON} characters.", code="REASON_LONG")
    return text


def _read(row: object) -> Proposal:
    values = dict(row._mapping)  # type: ignore[attr-defined]
    return Proposal(**{**values, "details": json.loads(values["details"])})
