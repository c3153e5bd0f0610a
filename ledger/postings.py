"""Posting rules: how an entry moves points between accounts, always adding up to zero.

Every account belongs to one member; the programme's totals are sums over members.

    issued      points awarded, as a negative number (what the programme owes)
    available   the member's, spendable once a terminal is granted them
    granted     on their way to a terminal: granted by the server, not yet taken
    escrow      at a terminal, which alone can spend them
    owed        taken back although already spent; the server settles it, what cannot be covered stays as debt
    redeemed    spent
    expired     no longer spendable
    loss        spent at a till whose rights had been forfeited, or whose grants were forgotten: borne by the shop, negative

The same function runs at the till and at head office, so an audit is the same code.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ledger.entry import (
    ClaimBody,
    Entry,
    GiveBody,
    GrantBody,
    OpenBody,
    ReleaseBody,
    ReturnBody,
    SaleBody,
    SettleBody,
    TakeBody,
)

ACCOUNTS = ("issued", "available", "granted", "escrow", "owed", "redeemed", "expired", "loss")
MEMBER_ACCOUNTS = ("available", "granted", "escrow", "owed")
"""The accounts whose sum is a member's balance."""

POINTS = "points"


class Posting(NamedTuple):
    """`amount` of a commodity into a member's account; negative is out of it, and it is never zero."""

    member: str
    commodity: str
    account: str
    amount: int


def postings(entry: Entry) -> list[Posting]:
    """The postings of an entry; they add up to zero, member by member. An entry that moves nothing has none."""
    member, esc = entry.member, entry.envelope.esc
    match entry.body:
        case SaleBody(awarded=awarded, redeemed=redeemed, lot=lot, floor=floor):
            kept_here = esc.get(lot, 0)
            moves = {
                "issued": -awarded,
                "available": awarded - kept_here,
                "escrow": kept_here - (redeemed - floor),
                "owed": -floor,
                "redeemed": redeemed,
            }
        case ClaimBody(awarded=awarded, lot=lot):
            kept_here = esc.get(lot, 0)
            moves = {"issued": -awarded, "available": awarded - kept_here, "escrow": kept_here}
        case GiveBody(points=points, lot=lot):
            kept_here = esc.get(lot, 0) if points > 0 else 0
            out_of_escrow = -sum(change for change in esc.values() if change < 0)
            moves = {
                "issued": -points,
                "available": max(0, points) - kept_here,
                "escrow": kept_here - out_of_escrow,
                "owed": min(0, points) + out_of_escrow,
            }
        case ReturnBody(taken=taken, restored=restored):
            out_of_escrow = -sum(change for change in esc.values() if change < 0)
            into_escrow = sum(change for change in esc.values() if change > 0)
            moves = {
                "issued": taken,
                "redeemed": -restored,
                "escrow": into_escrow - out_of_escrow,
                "available": restored - into_escrow,
                "owed": -(taken - out_of_escrow),
            }
        case TakeBody():
            moves = {"granted": -sum(esc.values()), "escrow": sum(esc.values())}
        case ReleaseBody():
            moves = {"escrow": sum(esc.values()), "available": -sum(esc.values())}
        case OpenBody(owners=owners):
            given_up: Counter[str] = Counter()
            for lot, change in esc.items():
                given_up[owners.get(lot, member)] += change
            return [
                posting
                for owner, change in given_up.items()
                for posting in _posted(owner, {"escrow": change, "available": -change})
            ]
        case GrantBody(slices=slices):
            points = sum(part.points for part in slices)
            moves = {"available": -points, "granted": points}
        case SettleBody(changes=changes):
            moves = changes
        case _:
            return []
    return _posted(member, moves)


def _posted(member: str, moves: dict[str, int]) -> list[Posting]:
    return [Posting(member, POINTS, account, amount) for account, amount in moves.items() if amount]
