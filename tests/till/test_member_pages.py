"""A page of members taken over at once says the same as its members one by one, whoever's card became whose."""

from __future__ import annotations

import random
import sqlite3

import pytest

from ledger.wire import ExpiringPoints, MemberItem
from offline_store import members
from offline_store.schema import migrations

WAITING = ("m1", "m2")
"""They joined here, and head office does not have their details yet."""

NO_MATTER = None
"""The moment, which only an entry needs: a merge that is told with its id."""


def _file() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    for _, sql in migrations():
        db.executescript(sql)
    for member in WAITING:
        db.execute("INSERT INTO member (member, initials) VALUES (?, 'X.')", (member,))
        db.execute("INSERT INTO card (card, member) VALUES (?, ?)", (f"own {member}", member))
        db.execute("INSERT INTO member_outbox (member, details) VALUES (?, '')", (member,))
    return db


def _page(chance: random.Random, size: int) -> list[MemberItem]:
    names = [f"m{chance.randrange(12)}" for _ in range(size)] if size % 3 else chance.sample(
        [f"m{number}" for number in range(12)], size
    )  # fmt: skip
    return [
        MemberItem(
            name,
            chance.sample(["c1", "c2", "c3", "c4", "own m1"], chance.randrange(3)),
            f"2026-11-22T10:00:{chance.randrange(60):02}+00:00",
            chance.randrange(9),
            [ExpiringPoints("2027-01-01", chance.randrange(1, 9))],
            debt=chance.randrange(3),
            phone_hashes=chance.sample(["p1", "p2", "p3"], chance.randrange(3)),
            merged_into=chance.choice(["", "", "m3"]),
            initials=chance.choice(["", "A.B."]),
        )
        for name in names
    ]


class Told:
    """What should be known after each member in turn, kept as plainly as it can be."""

    def __init__(self) -> None:
        self.member: dict[str, tuple[object, ...]] = dict.fromkeys(WAITING, ("", "[]", 0, "X.", ""))
        self.card = {f"own {member}": member for member in WAITING}
        self.phone: dict[str, str] = {}

    def hear(self, item: MemberItem) -> None:
        is_waiting = item.member in WAITING
        initials = self.member[item.member][3] if is_waiting else item.initials
        points = (
            "[" + ",".join(f'{{"expires_on":"{one.expires_on}","points":{one.points}}}' for one in item.points) + "]"
        )
        self.member[item.member] = (item.as_of, points, item.debt, initials, item.merged_into)
        for known, told in ((self.card, item.cards), (self.phone, item.phone_hashes)):
            if not is_waiting:
                for one in [key for key, member in known.items() if member == item.member]:
                    del known[one]
            known.update(dict.fromkeys(told, item.member))


@pytest.mark.parametrize("seed", range(60))
def test_a_page_says_the_same_as_its_members_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    db, told = _file(), Told()
    for _ in range(6):
        page = _page(chance, chance.randrange(1, 10))
        members.apply_items(db, NO_MATTER, page)
        for item in page:
            told.hear(item)
        assert dict(db.execute("SELECT card, member FROM card")) == told.card
        assert dict(db.execute("SELECT phone_hash, member FROM phone")) == told.phone
        rows = db.execute("SELECT member, as_of, points, debt, initials, merged_into FROM member")
        assert {member: tuple(about) for member, *about in rows} == told.member


def test_a_page_larger_than_one_question_is_taken_over_whole() -> None:
    db = _file()
    at = "2026-11-22T10:00:00+00:00"
    for kind in ("k", "l"):  # everybody gets a new card, and the old one is nobody's
        members.apply_items(
            db, NO_MATTER, [MemberItem(f"n{number:04}", [f"{kind}{number}"], at, 0) for number in range(1200)]
        )
    assert db.execute("SELECT count(*) FROM card WHERE card LIKE 'k%'").fetchone() == (0,)
    assert db.execute("SELECT count(*) FROM card WHERE card LIKE 'l%'").fetchone() == (1200,)


def test_a_card_of_a_merged_member_finds_the_one_it_became() -> None:
    db = _file()
    at = "2026-11-22T10:00:00+00:00"
    members.apply_items(
        db,
        NO_MATTER,
        [
            MemberItem("a", ["c1"], at, 0, merged_into="b"),
            MemberItem("b", ["c2"], at, 0, merged_into="c"),
            MemberItem("c", [], at, 0),
        ],
    )
    db.execute("INSERT INTO card (card, member) VALUES ('stray', 'nobody told of')")
    found = [members.member_of_card(db, card) for card in ("c1", "c2", "own m1", "stray", "unknown")]
    assert found == ["c", "c", "m1", "nobody told of", None]
