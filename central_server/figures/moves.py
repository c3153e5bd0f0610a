"""What an entry's postings are called in the figures, so that their sums explain every point that is open. Pure.

    issued     awarded by sales and claims, and given by the programme: for joining, an activity, a birthday, a friend
    reversed   taken back with goods that came back
    redeemed   spent
    restored   given back because what they had paid for came back
    expired    ended; below zero where a person brought them back
    adjusted   given or taken by a person, taken over from another system, moved between members
    borne      what the shop bears: spent at a till that had been given up for lost, or debt written off

    owed       by how much more members owe; it is counted beside the others, because what is owed makes no open point less

Open points, less what members owe = issued − reversed − redeemed + restored − expired + adjusted + borne.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger.entry import Entry, GiveBody
from ledger.postings import postings

WHATS = ("issued", "reversed", "redeemed", "restored", "expired", "adjusted", "borne")
SIGNS = {"issued": 1, "reversed": -1, "redeemed": -1, "restored": 1, "expired": -1, "adjusted": 1, "borne": 1}

OWED = "owed"

BY_A_PERSON = frozenset(("goodwill", "adjustment", "opening", "transfer"))
"""Of what is given without a sale, what no rule of the programme gave."""


def moves(entry: Entry, cause: str = "") -> Iterator[tuple[str, int]]:
    """(what, points) of an entry that was posted as it stands.

    What head office settled is called by the kind of the entry that was its `cause`: `repeated` where another had brought the
    same document, so that nothing of it was to count. A return that was heard before its sale is settled with the sale.
    """
    body = entry.body
    is_by_a_person = isinstance(body, GiveBody) and body.why in BY_A_PERSON
    for posting in postings(entry):
        amount = posting.amount
        match posting.account:
            case "issued" if is_by_a_person:
                yield "adjusted", -amount
            case "issued" if cause == "repeated":
                yield "issued", -amount
            case "issued" if amount > 0 or cause == "return":
                yield "reversed", amount
            case "issued":
                yield "issued", -amount
            case "redeemed" if cause == "repeated":
                yield "redeemed", amount
            case "redeemed" if amount < 0 or cause == "return":
                yield "restored", -amount
            case "redeemed":
                yield "redeemed", amount
            case "expired":
                yield "expired", amount
            case "loss":
                yield "borne", -amount
            case "owed":
                yield OWED, -amount
            case _:
                pass
