"""Who writes when: an answer waits for its own flush and for no other, and a member's own figures are added up right."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from offline_store import members
from offline_store.store import Store
from tests.waiting import LONG_S

FOLLOWERS = 12


class Queue(deque[Any]):
    """The waiting line, which says when somebody has joined it."""

    def __init__(self) -> None:
        super().__init__()
        self.joined = threading.Semaphore(0)

    def append(self, job: Any) -> None:
        super().append(job)
        self.joined.release()


def held_up(began: threading.Event, may_end: threading.Event) -> Callable[[sqlite3.Connection], None]:
    def work(db: sqlite3.Connection) -> None:
        began.set()
        assert may_end.wait(LONG_S)

    return work


def in_a_thread(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def test_whoever_has_been_committed_for_goes_on_while_the_next_ones_wait_for_the_disk(tmp_path: Path) -> None:
    with Store.create(tmp_path / "till") as store:
        queue = store._waiting = Queue()
        begins, may_end = [threading.Event() for _ in range(3)], [threading.Event() for _ in range(3)]

        def joins_with(work: Callable[[sqlite3.Connection], None]) -> threading.Thread:
            thread = in_a_thread(lambda: store.write(work))
            assert queue.joined.acquire(timeout=LONG_S)
            return thread

        first = joins_with(held_up(begins[0], may_end[0]))
        assert begins[0].wait(LONG_S)
        followers = [joins_with(held_up(begins[1], may_end[1])) for _ in range(FOLLOWERS)]
        may_end[0].set()
        assert begins[1].wait(LONG_S)  # one of them leads, and commits for all
        last = joins_with(held_up(begins[2], may_end[2]))
        may_end[1].set()
        assert begins[2].wait(LONG_S)
        for thread in [first, *followers]:
            thread.join(LONG_S)
        still_here = sum(thread.is_alive() for thread in followers)
        may_end[2].set()
        last.join(LONG_S)
        assert still_here == 0


def test_a_thread_that_settles_waits_for_the_write_under_way_and_for_no_later_one(tmp_path: Path) -> None:
    with Store.create(tmp_path / "till") as store:
        began, may_end = threading.Event(), threading.Event()
        settled = threading.Event()
        writer = in_a_thread(lambda: store.write(held_up(began, may_end)))
        assert began.wait(LONG_S)
        in_a_thread(lambda: (store.settle(), settled.set()))
        assert not settled.is_set()
        may_end.set()
        assert settled.wait(LONG_S)
        writer.join(LONG_S)
        store.settle()  # nobody writes


LOTS: dict[str, tuple[list[tuple[str, int, int]], tuple[int, str, int]]] = {
    # expires_on, held, elsewhere                                            spendable, soonest end, of so many
    "none": ([], (0, "", 0)),
    "one that has ended": ([("2026-11-21", 5, 0)], (0, "", 0)),
    "one that ends today": ([("2026-11-22", 5, 0)], (0, "", 0)),
    "the soonest is used up": ([("2026-11-23", 0, 0), ("2026-12-01", 3, 0)], (3, "2026-12-01", 3)),
    "two end on a day": ([("2027-01-01", 3, 4), ("2027-01-01", 0, 10), ("2027-02-01", 1, 0)], (18, "2027-01-01", 17)),
    "ended ones beside": ([("2026-11-01", 0, 9), ("2027-01-01", 2, 0)], (2, "2027-01-01", 2)),
}


@pytest.mark.parametrize("which", LOTS)
def test_a_member_of_whom_only_this_till_knows_has_what_the_lots_and_postings_leave(tmp_path: Path, which: str) -> None:
    lots, (spendable, soonest, expiring) = LOTS[which]
    owed, granted = -7, -20

    def work(db: sqlite3.Connection) -> members.Balance:
        rows = [("M", f"lot {n}", *lot) for n, lot in enumerate(lots)] + [("other", "lot", "2026-11-30", 99, 99)]
        db.executemany("INSERT INTO lot (member, lot, expires_on, held, elsewhere) VALUES (?, ?, ?, ?, ?)", rows)
        everything = sum(held + elsewhere for _, held, elsewhere in lots)
        posted = {"issued": -everything or 1, "available": everything - granted, "owed": owed, "granted": granted}
        db.executemany(
            "INSERT INTO posting (member, number, commodity, account, amount) VALUES ('M', 1, 'points', ?, ?)",
            list(posted.items()),
        )
        return members.balance(db, "M", "2026-11-22")

    with Store.create(tmp_path / "till") as store:
        balance = store.write(work)
    assert (balance.known, balance.since, balance.as_of) == (0, spendable + owed, "")
    assert (balance.next_expiry, balance.expiring, balance.granted) == (soonest, expiring, granted)
