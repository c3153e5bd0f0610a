"""A member's card is lost or worn and they get another one: head office does that, and this till asks it to.

Not while it is offline: another till would go on knowing the old card. Whoever may only propose has proposed it; until somebody
at head office allows it, the old card counts.
"""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING, Literal

import msgspec

from ledger.wire import CardReplacement
from loyalty.card import MemberCard, masked, member_card
from offline_store import members
from offline_store.errors import StoreError
from offline_store.sync import Refused, SyncError
from pos_plugin.codes.member_codes import blocked
from pos_plugin.errors import BadRequest, Conflict, Unknown
from pos_plugin.members.joining import require_stock

if TYPE_CHECKING:
    from pos_plugin.terminal import Terminal


class Replaced(msgspec.Struct, frozen=True):
    """`outcome` is replaced, or proposed: then the old card counts until somebody at head office has allowed it."""

    member: str
    card: str
    outcome: Literal["replaced", "proposed"]


def replace_card(
    terminal: Terminal, member: str, new: str, *, old: str = "", reason: str = "", operator: str = "", role: str = ""
) -> Replaced:
    """`old` is a card of the member, also masked as this till shows it; who has one card need not name it.

    Raises Unknown for a member or an old card that is none, BadRequest and Conflict for a new one that cannot be theirs, Conflict
    where head office cannot be asked now or will not.
    """
    if not reason.strip():
        raise BadRequest("REASON_MISSING", "A card is replaced for a reason.", hint="Say what happened to the old one.")
    with terminal.store.read() as db:
        whom = members.known_as(db, member)
        if not whom:
            raise Unknown("ACCOUNT_INVALID", "This member is not known here.")
        theirs = members.cards_of(db, whom)
        if new in theirs and old in (new, masked(new)):
            raise Conflict("CARD_TAKEN", "This is the old card. Nothing was changed.", hint="Take another one.")
        if new in theirs and not any(old in ("", card, masked(card)) for card in theirs if card != new):
            return Replaced(whom, masked(new), "replaced")  # asked again
        lost = _card_of(theirs, old)
        if not isinstance(member_card(terminal.checkout.moment(db).program.cards.rules, new), MemberCard):
            raise BadRequest("NO_MEMBER_CARD", "The new card is no card of this programme.", hint="Scan it again.")
        if members.member_of_card(db, new) is not None:
            raise Conflict("CARD_TAKEN", "Somebody has the new card already.", hint="Take another one.")
        if stopped := blocked(db, new):
            raise Conflict("CARD_BLOCKED", stopped.message, hint="Take another one.")
        require_stock(db, new)
    asked = CardReplacement(whom, lost, new, reason, operator, role)
    if not terminal.head_office.connection().is_online:
        raise Conflict(
            "REPLACE_OFFLINE",
            "Cards are replaced at head office, which cannot be asked now. Nothing was changed.",
            hint="Do it when the till is online again. Meanwhile the member is found by phone number.",
        )
    try:
        done = terminal.head_office.replace_card(asked)
    except Refused as refused:
        raise Conflict(refused.code, str(refused), hint=refused.hint) from refused
    except (FutureTimeout, SyncError, StoreError) as error:
        raise Conflict(
            "HEAD_OFFICE_SILENT",
            "Head office did not answer in time: the card may be replaced or not.",
            hint="Send the same again: it is done once.",
        ) from error
    terminal.recorded("members")
    return Replaced(whom, masked(new), done.outcome)


def _card_of(theirs: list[str], named: str) -> str:
    found = [card for card in theirs if named in ("", card, masked(card))]
    if len(found) != 1:
        raise Unknown(
            "CARD_UNKNOWN",
            "This is none of the member's cards." if not found else "The member has several cards.",
            hint="Name the old one as the member's data show it.",
        )
    return found[0]
