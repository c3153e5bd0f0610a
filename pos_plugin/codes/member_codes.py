"""What a code that says more than a number turned out to be, and cards that are blocked. Tokens and passes have a file each."""

from __future__ import annotations

import sqlite3

import msgspec

from loyalty.card import masked
from offline_store import codes

OTHERWISE = "Find the member by phone number, or sell without."

_BLOCKED = {
    "lost": "This card was reported lost and is blocked: nothing is earned or used with it.",
    "stolen": "This card was reported stolen and is blocked: nothing is earned or used with it.",
    "replaced": "This card was replaced by a new one: nothing is earned or used with it. Ask for the new card.",
}


class Accepted(msgspec.Struct, frozen=True):
    """Whose code it is. `mark` is what the receipt shows the end of. One that proves nothing earns, and does not redeem."""

    member: str
    mark: str
    can_redeem: bool = True


class Declined(msgspec.Struct, frozen=True):
    """A member's code that is not taken: `kind` as in `Identified`, and one sentence for the cashier."""

    kind: str
    message: str
    card: str = ""


def blocked(db: sqlite3.Connection, card: str) -> Declined | None:
    """The refusal of a card that is blocked."""
    why, _ = codes.why_blocked(db, card)
    if not why:
        return None
    said = _BLOCKED.get(why, "This card is blocked: nothing is earned or used with it.")
    return Declined("blocked card", f"{said} {OTHERWISE}", masked(card))
