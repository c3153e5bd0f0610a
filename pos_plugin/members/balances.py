"""A member's balance on paper, without a sale. Nothing moves, and nothing is recorded."""

from __future__ import annotations

from datetime import datetime

from drivers.document import Document
from loyalty.days import day_before
from offline_store import members
from pos_plugin.papers.slips import balance_slip
from pos_plugin.terminal import Terminal


def slip_of(terminal: Terminal, member: str) -> Document:
    """The balance as head office told it with what happened here since, and the last five movements here. Raises Unknown."""
    checkout = terminal.checkout
    with terminal.store.read() as db:
        member = members.current(db, member)
        at = checkout.moment(db)
    known = terminal.enquiry(member)
    balance = known.balance
    as_of = ""
    if balance.as_of and not terminal.head_office.connection().is_current:
        as_of = datetime.fromisoformat(balance.as_of).astimezone(at.program.zone).isoformat()
    usable = known.spendable_here
    if terminal.head_office.connection().is_online:
        usable = max(usable, balance.points - balance.vesting)  # what is not held here is fetched once it is asked for
    return balance_slip(
        at.program,
        checkout.layout,
        at=at.occurred_at,
        card=checkout.card_read(member) or next(iter(known.cards), ""),
        points=balance.points,
        as_of=as_of,
        usable_here=usable,
        expiring=(balance.expiring, day_before(balance.next_expiry)) if balance.expiring else (0, ""),
        moves=[(move["day"], move["kind"], move["points"]) for move in known.movements],
    )
