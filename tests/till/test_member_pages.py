"""A page of members taken over at once says the same as its members one by one, whoever's card became whose."""

from __future__ import annotations

import random
import sqlite3

import pytest

from ledger.wire import ExpiringPoints, MemberItem
from offline_store import members
from offline_store.schema import migrations

TABLES = ("member", "card", "phone")


def _file() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    for _, sql in migrations():
        db.executescript(sql)
    for member in ("m1", "m2"):  # joined here, and head office does not have their details yet
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


@pytest.mark.parametrize("seed", range(60))
def test_a_page_says_the_same_as_its_members_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    at_once, one_by_one = _file(), _file()
    for _ in range(6):
        page = _page(chance, chance.randrange(1, 10))
        members.apply_items(at_once, page)
        for item in page:
            members.apply_item(one_by_one, item)
        for table in TABLES:
            query = f"SELECT * FROM {table} ORDER BY 1"
            assert at_once.execute(query).fetchall() == one_by_one.execute(query).fetchall(), table


def test_a_page_larger_than_one_question_is_taken_over_whole() -> None:
    db = _file()
    page = [MemberItem(f"n{number:04}", [f"k{number}"], "2026-11-22T10:00:00+00:00", 0) for number in range(1200)]
    members.apply_items(db, page)
    members.apply_items(db, page)
    assert db.execute("SELECT count(*) FROM card WHERE card LIKE 'k%'").fetchone() == (1200,)
    assert db.execute("SELECT count(*) FROM member WHERE member LIKE 'n%'").fetchone() == (1200,)


def test_a_card_of_a_merged_member_finds_the_one_it_became() -> None:
    db = _file()
    at = "2026-11-22T10:00:00+00:00"
    members.apply_items(
        db,
        [
            MemberItem("a", ["c1"], at, 0, merged_into="b"),
            MemberItem("b", ["c2"], at, 0, merged_into="c"),
            MemberItem("c", [], at, 0),
        ],
    )
    db.execute("INSERT INTO card (card, member) VALUES ('stray', 'nobody told of')")
    found = [members.member_of_card(db, card) for card in ("c1", "c2", "own m1", "stray", "unknown")]
    assert found == ["c", "c", "m1", "nobody told of", None]
