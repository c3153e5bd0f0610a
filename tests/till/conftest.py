"""The tills that tests share.

`till` is one on a real file, with a clock that the test sets, and with whatever connection the test says it has. `served`
and `refusing` are met through their local API: a real server on a real port, a real till in a folder.
"""

from __future__ import annotations

import contextlib
import functools
import random
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.wire import ExpiringPoints, GrantItem, MemberItem
from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from offline_store import journal, members, rights, settings
from offline_store.store import Store
from pos_plugin import api_keys
from pos_plugin.config import Config
from pos_plugin.local_api.server import Server
from pos_plugin.members.joining import join
from pos_plugin.papers.layout import Layout
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.quotes import Completed, Connection, Quote
from pos_plugin.terminal import Terminal

sys.path.insert(0, str(Path(__file__).parent))  # what several tests share

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
OTHER_CARD = "2900000000025"


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
            clock=lambda: self.now,
            random_bytes=self.random.randbytes,
            connection=lambda: self.connected,
            **{"layout": Layout(32), **how},  # type: ignore[arg-type]
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

    def apply_item(self, item: MemberItem) -> None:
        self.store.write(lambda db: members.apply_items(db, self.checkout.moment(db), [item]))

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
        self.apply_item(item)

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


class ServedTill:
    """A running till behind its local API, a client with a key, and what its tests say again and again."""

    def __init__(self, terminal: Terminal, server: Server, key: str) -> None:
        self.terminal, self.server = terminal, server
        self.client = httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=10, trust_env=False, verify=False
        )
        self.stranger = httpx.Client(base_url=server.url, timeout=10, trust_env=False, verify=False)

    recorded: tuple[int, str]

    def head(self) -> tuple[int, str]:
        with self.terminal.store.read() as db:
            return journal.head(db)

    def sale(self, sale_ref: str = "17", total: int = 1250, **more: Any) -> dict[str, Any]:
        line = {"line_id": "1", "sku": "4012345000382", "name": "Bread", "category": "Bakery", "quantity": 1}
        return {
            "till": "front",
            "sale_ref": sale_ref,
            "currency": "EUR",
            "total_minor": total,
            "lines": [{**line, "amount_minor": total, "tax_minor": total * 7 // 107}],
            "operator": "1",
            "shift": "early",
            "sold_at": "2026-11-21T18:05:00",
            **more,
        }

    def quote(self, sale_ref: str = "17", total: int = 1250, **more: Any) -> dict[str, Any]:
        answer = self.client.post("/v1/quotes", json=self.sale(sale_ref, total, **more))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def commit(self, quote: dict[str, Any], key: str = "") -> httpx.Response:
        return self.client.post(
            f"/v1/quotes/{quote['quote_id']}/commit", headers={"Idempotency-Key": key or f"sale {quote['sale_ref']}"}
        )

    def sell(self, sale_ref: str = "17", total: int = 1250, **more: Any) -> dict[str, Any]:
        answer = self.commit(self.quote(sale_ref, total, **more))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def member(self, card: str = CARD) -> str:
        answer = self.client.post("/v1/identify", json={"scan": card})
        return answer.json()["member"]

    def refused(self, answer: httpx.Response, status: int, code: str, words: str = "") -> dict[str, str]:
        """A refusal: its status and code, one clear message, and nothing that betrays the inside."""
        assert answer.status_code == status, answer.text
        said = answer.json()
        assert set(said) == {"code", "message", "hint"}
        assert said["code"] == code
        assert words in said["message"], said["message"]
        assert "Traceback" not in answer.text
        assert ".py" not in answer.text
        return said


@contextlib.contextmanager
def served_till(folder: Path, *, plugins: Sequence[object] = (), **config: Any) -> Iterator[ServedTill]:
    store = Store.create(folder)
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    terminal = Terminal(store, Config.model_validate(config), clock=lambda: START, plugins=plugins)
    join(terminal.checkout, CARD)
    join(terminal.checkout, OTHER_CARD)
    key = api_keys.create(folder, "test")
    with terminal, Server(terminal, 0) as server:
        one = ServedTill(terminal, server, key)
        yield one
        one.client.close()
        one.stranger.close()


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., contextlib.AbstractContextManager[ServedTill]]:
    """Starts a till with the settings that the test names."""
    return functools.partial(served_till, tmp_path / "till")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedTill]:
    with served_till(tmp_path / "till") as one:
        yield one


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedTill]:
    """One for all tests of a file, each of which clears up before it begins."""
    with served_till(tmp_path_factory.mktemp("shared")) as one:
        yield one


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedTill]:
    """A till for what must change nothing: one sale is recorded there, and nothing after it."""
    with served_till(tmp_path_factory.mktemp("refusing")) as one:
        one.sell("1")
        one.recorded = one.head()
        yield one
        assert one.head() == one.recorded
