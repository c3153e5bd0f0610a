"""Who a member's own link is for: a token that head office signed for them, or the code of a receipt of theirs.

A token is the member's: whoever has it may also say what they agree to, choose, ask, and take their data. A receipt may be in
the hands of whoever found it: it shows points and what became of them, and no name.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from central_server import schema
from central_server.care import feedback
from central_server.errors import OfficeError, Refused
from central_server.membership import profiles
from central_server.office import Office
from central_server.tills import channels
from ledger.tokens import Token, is_like_a_token, read_token

LEAVES = "The member wants to leave the programme."
"""What their ticket says to those who see to it."""


class Owner(msgspec.Struct, frozen=True):
    """`is_proved`: the link itself was made for this member."""

    member: str
    is_proved: bool


def of_link(office: Office, code: str) -> Owner:
    """Raises Refused, whatever is wrong with the link: it says no more than that."""
    with office.database.reading() as connection:
        if is_like_a_token(code):
            revoked = select(schema.token.c.serial).where(schema.token.c.revoked_at != "")
            read = read_token(
                code,
                office.signing.public,
                office.today(connection),
                lambda serial: connection.scalar(revoked.where(schema.token.c.serial == serial)) is not None,
            )
            if isinstance(read, Token) and (member := _now(connection, read.member)):
                return Owner(member, is_proved=True)
        else:
            try:
                found = feedback.sale_of(connection, code)
            except feedback.FeedbackRefused:
                found = None
            if found is not None and found.member:
                return Owner(found.member, is_proved=False)
    raise Refused("LINK_UNKNOWN", "This link is not good, or not any more.", hint="Ask for a new one.", status=404)


def choose_charity(office: Office, member: str, charity: str) -> None:
    """Raises OfficeError for one that the programme does not have."""

    def work(connection: Connection) -> None:
        program = office.program(connection)
        known = [one.name for one in program.giving.charities] if program is not None and program.giving else []
        if charity not in known:
            raise OfficeError(
                "The programme gives nothing to that.", hint="Choose one of the list.", code="CHARITY_UNKNOWN"
            )
        profiles.change(connection, member, charity=charity)
        channels.announce_members(connection, [member])

    office.database.write(work)


def _now(connection: Connection, member: str) -> str:
    """Who a reference is now; "" where they were forgotten."""
    about = schema.member.c
    row = connection.execute(select(about.merged_into, about.erased_at).where(about.member == member)).one_or_none()
    if row is None or row.erased_at:
        return ""
    return _now(connection, row.merged_into) if row.merged_into else member
