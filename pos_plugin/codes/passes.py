"""Passes at the till: a card on a phone with a code that changes, each of which is taken once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ledger.passes import begins_s, is_current, is_right, read_pass
from loyalty.card import MemberCard, masked, member_card
from offline_store import codes, members
from offline_store.errors import StoreError
from offline_store.moment import moment
from offline_store.store import Store
from pos_plugin.codes.member_codes import OTHERWISE, Accepted, Declined, blocked

LATE = "This pass was shown too late or copied: open the pass again."
USED = "This code was used here before: open the pass again, and scan its next code."
WITHDRAWN = f"This pass is not good any more. {OTHERWISE}"


def read(
    store: Store, clock: Callable[[], datetime], look_up_card: Callable[[str], str | None], scan: str
) -> Accepted | Declined | None:
    """Whose pass it is, or why it is not taken; None for what is no pass of a member's card.

    A till that has no key for it asks head office by `look_up_card`. Without an answer the card's number is believed as much
    as a phone number is: the member earns, and does not redeem.
    """
    shown = read_pass(scan)
    if shown is None:
        return None
    with store.read() as db:
        rules = moment(db, clock()).program.cards.rules
        member = members.member_of_card(db, shown.card)
        is_card = member is not None or isinstance(member_card(rules, shown.card), MemberCard)
        if (
            not is_card or members.member_of_card(db, scan) is not None
        ):  # a card of another system may look like anything
            return None
        refused, key = blocked(db, shown.card), codes.pass_key(db, shown.card)
    if refused:
        return refused
    if key is None:
        found = look_up_card(shown.card)
        with store.read() as db:
            refused, key = blocked(db, shown.card), codes.pass_key(db, shown.card)
            member = members.member_of_card(db, shown.card)
        if refused:
            return refused
        if key is None and found:
            return Declined("refused code", WITHDRAWN)
    if member is None:
        text = f"Nobody has joined with the card of this pass at the shops known here. {OTHERWISE}"
        return Declined("unknown card", text, masked(shown.card))
    if key is None:
        return Accepted(member, shown.card, can_redeem=False)
    with store.read() as db:
        now_s = int(moment(db, clock()).now.timestamp())
    if not is_right(key, shown) or not is_current(key, shown, now_s):
        return Declined("refused code", LATE)
    begins = begins_s(key, shown)
    try:
        is_new = store.write(lambda db: codes.use_pass(db, shown.card, begins))
    except StoreError:  # a code that cannot be remembered as used redeems nothing
        return Accepted(member, shown.card, can_redeem=False)
    return Accepted(member, shown.card) if is_new else Declined("refused code", USED)
