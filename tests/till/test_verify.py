"""Tampering with a till's file by hand, past all its guards: each kind is found, and its entry or member named."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

import pytest

from ledger.entry import Draft, JoinBody, Slice, entry_hash
from ledger.wire import GrantItem
from offline_store import journal
from offline_store.store import FILE, Store
from offline_store.verify import verify
from pos_plugin.sales.returns import void


@pytest.fixture
def busy(till):
    """A till with a bit of everything: 1 join, 2 to 5 sales, 6 take, 7 void, 8 take not yet acknowledged, 9 sale."""
    member = till.member()
    for number, total in enumerate((5000, 2799, 100), 2):
        till.sell(str(number), total, member)
    till.sell("5", 2000, member, redeem=30)
    with till.store.read() as db:
        who = journal.identity(db)
    till.take(GrantItem("1-a", who.terminal, who.epoch, member, [Slice("far", 40, "2027-01-01")], ""))
    till.acknowledge(till.head()[0])
    void(till.checkout, "1", "5")
    till.take(GrantItem("1-b", who.terminal, who.epoch, member, [Slice("further", 9, "2027-01-01")], ""))
    till.sell("9", 700)
    return till


def problems(till) -> list[str]:
    with Store.open_for_reading(till.folder) as store, store.read() as db:
        return verify(db).problems


def by_hand(till, work: Callable[[sqlite3.Connection], object]) -> None:
    till.store.close()
    raw = sqlite3.connect(till.folder / FILE, isolation_level=None)
    for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    work(raw)
    raw.close()


def test_an_honest_file_has_no_problem_and_its_figures_are_told(busy) -> None:
    with busy.store.read() as db:
        found = verify(db)
        assert found.problems == []
        assert (found.entries, found.members) == (9, 1)
        assert found.head == busy.head()[1]
        # 50 + 27 + 1 awarded; sale 5 was voided whole, and what was granted is the member's wherever it lies.
        assert found.points == 50 + 27 + 1


def data_of(db: sqlite3.Connection, number: int) -> bytes:
    return db.execute("SELECT data FROM entry WHERE number = ?", (number,)).fetchone()[0]


def rewrite(number: int, was: bytes, becomes: bytes, *, with_hash: bool) -> Callable[[sqlite3.Connection], object]:
    def work(db: sqlite3.Connection) -> None:
        data = data_of(db, number)
        assert was in data
        changed = data.replace(was, becomes)
        db.execute("UPDATE entry SET data = ? WHERE number = ?", (changed, number))
        if with_hash:
            db.execute("UPDATE entry SET hash = ? WHERE number = ?", (bytes.fromhex(entry_hash(changed)), number))

    return work


def sql(*statements: str) -> Callable[[sqlite3.Connection], object]:
    return lambda db: [db.execute(statement) for statement in statements]


def swap(one: int, other: int) -> Callable[[sqlite3.Connection], object]:
    return sql(
        f"UPDATE entry SET number = -1 WHERE number = {one}",
        f"UPDATE entry SET number = {one} WHERE number = {other}",
        f"UPDATE entry SET number = {other} WHERE number = -1",
    )


AWARD = "(SELECT lot FROM lot ORDER BY held DESC LIMIT 1)"


@pytest.mark.parametrize(
    ("tampering", "named"),
    [
        (rewrite(2, b'"awarded":50', b'"awarded":99', with_hash=False), "entry 2 is not what was recorded"),
        (rewrite(2, b'"awarded":50', b'"awarded":99', with_hash=True), "entry 3 does not follow the entry before it"),
        (rewrite(9, b'"total_minor":700', b'"total_minor":900', with_hash=False), "entry 9 is not what was recorded"),
        (rewrite(2, b'{"format"', b'["format"', with_hash=True), "entry 2 cannot be read"),
        (sql("DELETE FROM entry WHERE number = 3"), "entry 3 is missing"),
        (sql("DELETE FROM entry WHERE number IN (3, 4)"), "entries 3 to 4 are missing"),
        (swap(3, 4), "entry 3 says that it is number 4"),
        (sql("UPDATE entry SET hash = zeroblob(32) WHERE number = 4"), "entry 4 is not what was recorded"),
        (sql("DELETE FROM entry WHERE number = 9"), "1 receipts belong to entries that are not there"),
        (
            sql(*(f"DELETE FROM {table} WHERE number >= 6" for table in ("entry", "posting", "document", "receipt"))),
            "head office has entries up to 6, here the last is 5",
        ),
        (sql("UPDATE posting SET amount = amount + 1 WHERE number = 3 AND account = 'escrow'"), "entry 3: its postings"),
        (sql("DELETE FROM posting WHERE number = 3"), "entry 3: its postings are []"),
        (sql("UPDATE posting SET member = 'thief' WHERE number = 3"), "entry 3: its postings"),
        (sql("INSERT INTO posting VALUES ('thief', 9, 'points', 'escrow', 5)"), "entry 9: its postings"),
        (sql("INSERT INTO posting VALUES ('thief', 99, 'points', 'escrow', 5)"), "posting of entry 99, which is not"),
        (sql("INSERT INTO posting VALUES ('thief', 0, 'points', 'escrow', 5)"), "posting of entry 0, which is not"),
        (sql("UPDATE lot SET held = held + 1000"), "points are held here or coming, the postings say 127"),
        (sql("UPDATE lot SET held = 0"), "9 points are held here or coming, the postings say 127"),
        (sql("DELETE FROM lot"), "points are held here or coming, the postings say"),
        (sql("UPDATE lot SET member = 'thief'"), "member thief: 118 points are held here or coming, the postings say 0"),
        (sql("UPDATE lot SET held = held - 1 WHERE lot = 'far'", f"UPDATE lot SET held = held + 1 WHERE lot = {AWARD}"),
         "of other lots than the journal says"),
        (sql("UPDATE lot SET expires_on = '2099-01-01' WHERE lot = 'far'"), "lot far expires on 2027-01-01, here it is"),
        (sql(f"UPDATE lot SET expires_on = '2099-01-01' WHERE lot = {AWARD}"), "here it is kept until 2099-01-01"),
        (sql("DELETE FROM pending_take"), "points are held here or coming, the postings say"),
        (sql("DELETE FROM document WHERE number = 3"), "entry 3: document sale/1/3 does not lead back to it"),
        (sql("UPDATE document SET number = 4 WHERE number = 3"), "entry 3: document sale/1/3 does not lead back to it"),
        (sql("INSERT INTO document VALUES ('sale/1/next', 3)"), "1 documents are of entries that are not there"),
    ],
)  # fmt: skip
def test_tampering_is_found_and_named(busy, tampering: Callable[[sqlite3.Connection], object], named: str) -> None:
    by_hand(busy, tampering)
    found = problems(busy)
    assert any(named in problem for problem in found), found


def test_a_changed_byte_anywhere_in_any_entry_is_found(busy) -> None:
    with busy.store.read() as db:
        numbers = {number: len(data) for number, _, data in journal.every(db)}
    busy.store.close()
    raw = sqlite3.connect(busy.folder / FILE, isolation_level=None)
    for trigger in ("entry_is_never_changed",):
        raw.execute(f"DROP TRIGGER {trigger}")
    for number, length in numbers.items():
        honest = data_of(raw, number)
        for place in range(0, length, 29):
            changed = bytearray(honest)
            changed[place] ^= 0x04
            raw.execute("UPDATE entry SET data = ? WHERE number = ?", (bytes(changed), number))
            assert any(f"entry {number}" in problem for problem in verify(raw).problems), (number, place)
        raw.execute("UPDATE entry SET data = ? WHERE number = ?", (honest, number))
    assert verify(raw).problems == []
    raw.close()


def test_an_opening_that_names_no_owner_is_a_problem_and_no_crash(busy) -> None:
    def work(db: sqlite3.Connection) -> None:
        entry = json.loads(data_of(db, 9))
        entry.update(kind="open", body={"version": "1"}, esc={"far": -40})
        data = json.dumps(entry).encode()
        db.execute("UPDATE entry SET data = ?, hash = ? WHERE number = 9", (data, bytes.fromhex(entry_hash(data))))

    by_hand(busy, work)
    assert any("entry 9: its postings" in problem for problem in problems(busy))


def test_progress_is_told_now_and_then(till) -> None:
    def fill(db: sqlite3.Connection) -> None:
        for number in range(4100):
            draft = Draft(JoinBody(), f"join/{number}", "t", "2026-11-21", member=str(number))
            journal.record(db, journal.identity(db), draft, "t")

    till.store.write(fill)
    told: list[int] = []
    with till.store.read() as db:
        assert verify(db, told.append).entries == 4100
    assert told == [2000, 4000]
