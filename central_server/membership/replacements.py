"""Cards that are lost or worn, exchanged at a till: carried out here, at once or once somebody has allowed it."""

from __future__ import annotations

from sqlalchemy import Row, select

from central_server import schema
from central_server.errors import OfficeError, Refused
from central_server.membership import desk
from central_server.membership.desk import Who
from central_server.office import Office
from central_server.people import proposals
from central_server.people.staff import Staff
from ledger.wire import CardReplaced, CardReplacement
from loyalty.card import masked
from loyalty.roles import leave

KIND = "card of a till"


def replace(office: Office, terminal: Row[tuple[str, ...]], asked: CardReplacement) -> CardReplaced:
    """Gives the member the new card, where whoever asks may; else proposes it. Asked again, it is done once.

    Raises Refused where it cannot be done.
    """
    operator = asked.operator or "nobody signed on"
    said = f"{terminal.shop}, till {terminal.terminal}: {operator}"
    try:
        if _is_done(office, asked):
            return CardReplaced(office.server_epoch, office.time(), "replaced")
        if "Y" in leave(asked.role, "block"):
            desk.replace_card(office, asked.old, asked.new, Who(asked.reason, said))
            return CardReplaced(office.server_epoch, office.time(), "replaced")
        details = {"member": asked.member, "old": asked.old, "new": asked.new}
        if not any((one.kind, one.details) == (KIND, details) for one in proposals.waiting(office)):
            proposals.propose(office, KIND, details, asked.reason, Staff(said, operator, "cashier", terminal.shop))
    except OfficeError as error:
        raise Refused(error.code, str(error), hint=error.hint, status=409) from error
    return CardReplaced(office.server_epoch, office.time(), "proposed")


def _is_done(office: Office, asked: CardReplacement) -> bool:
    """Whether the new card is the member's already. Raises OfficeError where the old one is not theirs either."""
    about, card = schema.member.c, schema.card.c
    with office.database.reading() as connection:
        became = connection.scalar(select(about.merged_into).where(about.member == asked.member)) or asked.member
        theirs = set(connection.scalars(select(card.card).where(card.member == became)))
    if asked.old not in theirs and asked.new not in theirs:
        raise OfficeError(
            "The old card is not this member's at head office.", hint="Look the member up again.", code="CARD_UNKNOWN"
        )
    return asked.old not in theirs


def _sentence(office: Office, details: proposals.Details) -> str:
    return (
        f"A member's card {masked(details['old'])} is replaced by {masked(details['new'])}, which they have been given."
    )


def _carry_out(office: Office, details: proposals.Details, who: Who) -> str:
    desk.replace_card(office, details["old"], details["new"], who)
    return "The new card is theirs; nobody is known by the old one any more."


proposals.KINDS[KIND] = proposals.Kind("block", _sentence, _carry_out)
