"""A till on a real file, with a clock that the test sets, and with whatever connection the test says it has."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.wire import ExpiringPoints, GrantItem, MemberItem
from loyalty.program import read_program
from loyalty.sale import LineItem, Sale
from offline_store import journal, members, rights, settings
from offline_store.store import Store
from pos_plugin.checkout import Checkout
from pos_plugin.joining import join
from pos_plugin.quotes import Completed, Connection, Quote
from pos_plugin.receipts import Layout

PROGRAM = """\
name = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"
[earn]
points = 1
per_minor = 100
[expire]
months = 12
[redeem]
points = 100
worth_minor = 100
[claim]
within_days = 7
"""
START = datetime(2026, 11, 21, 17, 5, tzinfo=UTC)  # 18:05 in Berlin
CARD = "2900000000018"


class Till:
    """What a test does at the counter, in a line each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = START
        self.random = random.Random(1)
        self.connected = Connection(is_online=False, is_current=False)
        self.store = Store.create(folder, random_bytes=self.random.randbytes)
        self.use_program(PROGRAM)
        self.checkout = self.new_checkout()

    def new_checkout(self, **how: object) -> Checkout:
        self.checkout = Checkout(
            self.store,
            layout=Layout(32),
            clock=lambda: self.now,
            random_bytes=self.random.randbytes,
            connection=lambda: self.connected,
            **how,  # type: ignore[arg-type]
        )
        return self.checkout

    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(self.folder)
        self.new_checkout()

    def close(self) -> None:
        self.store.close()

    def go_online(self, *, is_current: bool = True) -> None:
        self.connected = Connection(is_online=True, is_current=is_current)

    def go_offline(self) -> None:
        self.connected = Connection(is_online=False, is_current=False)

    def pass_time(self, **how_long: float) -> None:
        self.now += timedelta(**how_long)

    def use_program(self, text: str) -> None:
        self.store.write(lambda db: settings.use_program(db, read_program(text), "2026-01-01T00:00:00+00:00"))

    def member(self, card: str = CARD) -> str:
        """Joins here, and holds the card to the reader."""
        joined = join(self.checkout, card)
        self.scan(card)
        return joined.member

    def scan(self, card: str = CARD) -> None:
        assert self.checkout.identify(card).kind == "member"

    def sale(self, ref: str = "17", total: int = 2799, lines: tuple[LineItem, ...] = (), **more: str) -> Sale:
        local = self.now.astimezone(read_program(PROGRAM).zone).replace(tzinfo=None)
        day = more.pop("day", local.date().isoformat())
        return Sale("1", ref, local.isoformat(timespec="seconds"), day, "EUR", total, lines, **more)

    def quote(self, ref: str = "17", total: int = 2799, member: str = "", redeem: int = 0) -> Quote:
        return self.checkout.quote(self.sale(ref, total), member, redeem)

    def sell(self, ref: str = "17", total: int = 2799, member: str = "", redeem: int = 0) -> Completed:
        return self.checkout.commit(self.quote(ref, total, member, redeem).quote_id)

    def held(self, member: str) -> int:
        with self.store.read() as db:
            return rights.held_points(db, member, self.checkout.today(db))

    def balance(self, member: str) -> members.Balance:
        with self.store.read() as db:
            return members.balance(db, member, self.checkout.today(db))

    def head(self) -> tuple[int, str]:
        with self.store.read() as db:
            return journal.head(db)

    def entry(self, number: int) -> journal.Entry:
        with self.store.read() as db:
            found = journal.read(db, number)
        assert found is not None
        return found

    def hear_of(self, member: str, *points: tuple[str, int], as_of: datetime, includes: int = 0, debt: int = 0) -> None:
        """Head office's word on a member, as the feed brings it."""
        item = MemberItem(
            member,
            [CARD],
            as_of.isoformat(),
            includes,
            [ExpiringPoints(day, count) for day, count in points],
            debt=debt,
        )
        self.store.write(lambda db: members.apply_item(db, item))

    def hear_time(self, at: datetime) -> None:
        self.store.write(lambda db: settings.put(db, "server_time", at.isoformat()))

    def acknowledge(self, number: int) -> None:
        def work(db: sqlite3.Connection) -> None:
            settings.put(db, "acknowledged", str(number))
            rights.count_takes(db, number)

        self.store.write(work)

    def take(self, grant: GrantItem) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            return rights.take(db, self.checkout.moment(db), grant)

        return self.store.write(work)

    def release(self, member: str) -> int:
        def work(db: sqlite3.Connection) -> int:
            return rights.release(db, self.checkout.moment(db), member)

        return self.store.write(work)


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    one = Till(tmp_path / "till")
    yield one
    one.close()
