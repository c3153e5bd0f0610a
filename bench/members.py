"""A card looked up among a million members in the till's file, beside a bare sqlite3 select on the same file.

Two peers, because a look-up answers two questions. Whose card is it: `members.member_of_card`, beside one select by the card.
And all that the till says when a card is scanned: `Checkout.identify`, beside bare selects of the very rows it needs, in one
transaction, the points decoded by the standard library. Statements are prepared once (sqlite3 keeps them) on both sides.
"""

from __future__ import annotations

import json
import random
import sqlite3
import statistics
from typing import Any

from bench.beside import at_most, folder, timed
from bench.big_till import add_members, ean13
from bench.checkout import Ours
from offline_store import members
from offline_store.store import FILE

ENTRIES = 1_000_000
TURNS = 40
TURN = 100


def measure(entries: int = ENTRIES) -> list[dict[str, Any]]:
    with folder() as place:
        Ours(place / "till", members=0).store.close()
        add_members(place / "till" / FILE, entries)
        ours = Ours(place / "till", people=[("", "")])
        chance = random.Random(3)
        peer = sqlite3.connect(f"file:{place / 'till' / FILE}?mode=ro", uri=True, isolation_level=None)
        found: dict[str, list[float]] = {"card": [], "bare card": [], "identify": [], "bare identify": []}
        with ours.store.read() as db:
            for _ in range(TURNS):
                cards = [ean13("29", chance.randrange(1, entries)) for _ in range(TURN)]
                assert members.member_of_card(db, cards[0]) == _whose(peer, cards[0])
                found["card"] += [timed(members.member_of_card, db, card) for card in cards]
                chance.shuffle(cards)
                found["bare card"] += [timed(_whose, peer, card) for card in cards]
        for _ in range(TURNS):
            cards = [ean13("29", chance.randrange(1, entries)) for _ in range(TURN)]
            assert ours.checkout.identify(cards[0]).balance == _identified(peer, cards[0])[1]
            found["identify"] += [timed(ours.checkout.identify, card) for card in cards]
            chance.shuffle(cards)
            found["bare identify"] += [timed(_identified, peer, card) for card in cards]
        peer.close()
        ours.store.close()
    median = {name: statistics.median(times) for name, times in found.items()}
    return [
        at_most(f"a card among {entries:,} members / one bare select", median["card"], median["bare card"], 1.5, "µs"),
        at_most(
            f"a scan among {entries:,} members, with its balance / bare selects of the same rows",
            median["identify"],
            median["bare identify"],
            1.5,
            "µs",
            over_one_bare_select=median["identify"] / median["bare card"],
        ),
    ]


def _whose(db: sqlite3.Connection, card: str) -> str:
    return str(db.execute("SELECT member FROM card WHERE card = ?", (card,)).fetchone()[0])


def _identified(db: sqlite3.Connection, card: str) -> tuple[str, int]:
    """Who it is, and what they have: the rows that an identification needs, and no more."""
    execute = db.execute
    execute("BEGIN")
    settings = dict(execute("SELECT name, value FROM setting").fetchall())
    (member,) = execute("SELECT member FROM card WHERE card = ?", (card,)).fetchone()
    _, includes, points, debt, _, _ = execute(
        "SELECT as_of, includes, points, debt, initials, merged_into FROM member WHERE member = ?", (member,)
    ).fetchone()
    (since,) = execute(
        "SELECT coalesce(sum(amount), 0) FROM movement WHERE member = ? AND number > ?", (member, includes)
    ).fetchone()
    execute(
        "SELECT data FROM posting JOIN entry USING (number) WHERE member = ? AND number > ? AND account = 'redeemed'",
        (member, includes),
    ).fetchall()
    execute("COMMIT")
    assert settings["program"]
    return member, sum(part["points"] for part in json.loads(points)) - debt + since
