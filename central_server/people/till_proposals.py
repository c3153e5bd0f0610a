"""What of a till needs two people: letting one in, shutting one out, and giving up what lies at one that is lost."""

from __future__ import annotations

import json

from sqlalchemy import select, update

from central_server import schema
from central_server.errors import OfficeError
from central_server.membership.desk import Who
from central_server.office import Office
from central_server.people.proposals import KINDS, Details, Kind
from central_server.tills import enrolment, forfeits

CODE_WITHIN_S = 24 * 3600
CODE_ALLOWED = "The code can be made once, within a day, on the page of the shop, by who proposed or allowed it."


def _enrol_sentence(office: Office, details: Details) -> str:
    return f"Let one more till of {details['shop']} in, by a code that is good for a day."


def _enrol(office: Office, details: Details, who: Who) -> str:
    # The code itself is a secret: it is made when somebody is there to read it, and stands in no table but as a hash.
    return CODE_ALLOWED


def _revoke_sentence(office: Office, details: Details) -> str:
    return f"Revoke till {details['terminal']}: from then on nothing of it is taken, what it has not sent is lost."


def _revoke(office: Office, details: Details, who: Who) -> str:
    enrolment.revoke(office, details["terminal"])
    return f"Till {details['terminal']} is revoked."


def _forfeit_sentence(office: Office, details: Details) -> str:
    points = forfeits.lying_at(office, details["terminal"])
    return (
        f"Give up till {details['terminal']} for lost: the {points:,} points that lie at it are the members' again; "
        f"what it turns out to have spent of them is the shop's loss, {points:,} at most."
    )


def _forfeit(office: Office, details: Details, who: Who) -> str:
    points = forfeits.forfeit(office, details["terminal"])
    return f"{points:,} points that lay at till {details['terminal']} are the members' again."


KINDS["enrol_till"] = Kind("devices", _enrol_sentence, _enrol)
KINDS["revoke"] = Kind("devices", _revoke_sentence, _revoke)
KINDS["forfeit"] = Kind("forfeit", _forfeit_sentence, _forfeit)


def codes_allowed(office: Office, shop: str, login: str) -> list[str]:
    """The proposals by which this person may make a code for a till of this shop now."""
    table, since = schema.people.proposal.c, office.later(-CODE_WITHIN_S)
    query = select(table.proposal, table.details, table.proposed_by, table.decided_by).where(
        table.kind == "enrol_till", table.outcome == "done", table.answer == CODE_ALLOWED, table.decided_at > since
    )
    with office.database.reading() as connection:
        rows = connection.execute(query.order_by(table.decided_at)).all()
    return [
        row.proposal
        for row in rows
        if json.loads(row.details).get("shop") == shop and login in (row.proposed_by, row.decided_by)
    ]


def make_code(office: Office, shop: str, login: str) -> str:
    """The code that was allowed, once. Raises OfficeError where none was."""
    table = schema.people.proposal
    used = update(table).where(table.c.answer == CODE_ALLOWED).values(answer=f"The code was made by {login}.")
    for name in codes_allowed(office, shop, login):
        mine = used.where(table.c.proposal == name)
        if office.database.write(lambda connection, mine=mine: connection.execute(mine).rowcount):  # type: ignore[misc]
            return enrolment.new_code(office, shop)
    raise OfficeError(
        f"No code for a till of {shop} has been allowed to you.", hint="Propose one first.", code="APPROVAL_MISSING"
    )
