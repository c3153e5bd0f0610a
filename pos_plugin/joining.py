"""Members who join at this till, also while it is offline: a random reference in the journal, a card beside it.

Name and phone number are sealed to head office's key at once; this till keeps only initials and a keyed hash of the phone.
"""

from __future__ import annotations

import secrets
import sqlite3

import msgspec

from ledger.identifiers import new_reference
from ledger.keys import phone_hash, seal
from ledger.wire import MemberDetails
from loyalty.card import MemberCard, member_card, new_card_number
from offline_store import members, settings
from pos_plugin.checkout import Checkout
from pos_plugin.errors import BadRequest, Conflict


class Joined(msgspec.Struct, frozen=True):
    """A new member with their card's number in full: shown once, on this page."""

    member: str
    card: str
    initials: str


def join(checkout: Checkout, card: str = "", *, name: str = "", phone: str = "") -> Joined:
    """A new member with this card, or with a new number where none is given.

    Raises BadRequest where the code is no card of this programme, or where personal fields cannot be sealed yet; Conflict where
    the card is somebody's already. Nothing is recorded then.
    """
    with checkout.store.read() as db:
        rules = settings.program_in_force(db, checkout.clock()).cards.rules
        sealing_key, phone_key = settings.get(db, "sealing_key"), settings.get(db, "phone_key")
    if not card:
        card = new_card_number(rules, lambda count: "".join(str(secrets.randbelow(10)) for _ in range(count)))
    if not isinstance(member_card(rules, card), MemberCard):
        raise BadRequest(
            "NO_MEMBER_CARD",
            "This is no card of this programme.",
            hint="Scan a member card, or leave it empty for a new number.",
        )
    if (name or phone) and not sealing_key:
        raise BadRequest(
            "NOT_CONNECTED_YET",
            "Name and phone number can be taken once this till has been connected to head office.",
            hint="Join with the card alone; the rest can be added later.",
        )
    sealed = seal(sealing_key, msgspec.json.encode({"name": name, "phone": phone})) if name or phone else ""
    initials = "".join(f"{word[0].upper()}." for word in name.split()[:3])
    member = new_reference(checkout.random_bytes)

    def work(db: sqlite3.Connection) -> None:
        if members.member_of_card(db, card) is not None:
            raise Conflict("CARD_TAKEN", "Somebody has joined with this card already.", hint="Scan it to see.")
        at = checkout.moment(db)
        members.join(db, at, MemberDetails(member, [card], at.recorded_at, sealed), initials)
        if phone:
            db.execute(
                "INSERT INTO phone (phone_hash, member) VALUES (?, ?) ON CONFLICT (phone_hash) DO NOTHING",
                (phone_hash(phone_key, phone), member),
            )

    checkout.store.write(work)
    return Joined(member, card, initials)
