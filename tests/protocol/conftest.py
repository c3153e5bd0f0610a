"""Real tills and a real head office in one process, both on SQLite files, with every message as bytes between them.

The wire is a `Link` that calls what the server's addresses call, with what it sends and hears encoded and decoded as on the
way. A test cuts it, and says when each till exchanges; nothing happens by itself.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from sqlalchemy import func, select

from central_server import schema
from central_server.applying import apply
from central_server.errors import CentralError
from central_server.founding import init_office
from central_server.membership import members, replacements
from central_server.office import Office
from central_server.reports import report
from central_server.tills import auth, enrolment, feed, forfeits, grants, inbox
from ledger.wire import (
    BatchReply,
    CardReplaced,
    CardReplacement,
    Enrolled,
    Enrolment,
    FeedReply,
    FeedRequest,
    GrantReply,
    GrantRequest,
    MemberDetails,
    MemberFound,
    MemberLookup,
    read_feed,
    unpack,
)
from loyalty.program import preset, read_program
from loyalty.sale import Return, Sale
from offline_store import journal, rights, settings
from offline_store import members as known_members
from offline_store.store import Store
from offline_store.sync import Progress, Refused, Sync, SyncError, Unreachable
from pos_plugin.members.joining import join
from pos_plugin.papers.layout import Layout
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.quotes import Completed, Connection, Quote
from pos_plugin.sales.returns import take_back, void

PROGRAM = """\
name = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"
[earn]
points = 1
per_minor = 100
[expire]
months = 12
grace_days = 14
[redeem]
points = 100
worth_minor = 100
[offline]
"""
POLICIES = {
    "escrow": 'policy = "escrow"',
    "standing": 'policy = "escrow"\nshare_percent = 25\nshare_points = 500',
    "floor_limit": 'policy = "floor_limit"\nfloor_limit = 40',
    "online_only": 'policy = "online_only"',
}
CARD = "2900000000018"
OTHER_CARD = "2900000000025"
START = datetime(2026, 11, 21, 17, 5, tzinfo=UTC)  # 18:05 in Berlin

Message = TypeVar("Message")


def carried(message: Message, kind: type[Message]) -> Message:
    """A message as it comes out of the wire's other end."""
    return msgspec.json.decode(msgspec.json.encode(message), type=kind)


class Wire:
    """A till's link to head office."""

    def __init__(self, office: Office, terminal: str) -> None:
        self.office, self.terminal = office, terminal
        self.is_cut = False
        self.asked: list[str] = []
        self._wrong_codes = enrolment.WrongCodes()

    def _carry(self, name: str, work: Callable[[Any], Any], sent: Any, kind: Any) -> Any:
        if self.is_cut:
            raise Unreachable("the cable is cut")
        self.asked.append(name)
        try:
            return carried(work(sent), kind)
        except CentralError as error:
            raise Refused(error.code, str(error)) from error

    def _row(self) -> Any:
        with self.office.database.reading() as connection:
            return auth.terminal_row(connection, self.terminal)

    def enroll(self, enrolment_: Enrolment) -> Enrolled:
        sent = carried(enrolment_, Enrolment)
        return self._carry("enroll", lambda one: enrolment.enroll(self.office, self._wrong_codes, one), sent, Enrolled)

    def send(self, batch: bytes) -> BatchReply:
        def work(data: bytes) -> BatchReply:
            reply = inbox.record(self.office, unpack(data))
            apply.apply_pending(self.office)
            return reply

        return self._carry("send", work, batch, BatchReply)

    def feed(self, request: FeedRequest) -> FeedReply:
        if self.is_cut:
            raise Unreachable("the cable is cut")
        row = self._row()
        return read_feed(
            msgspec.json.encode(feed.read(self.office, row.terminal, row.shop, carried(request, FeedRequest)))
        )

    def grant(self, request: GrantRequest) -> GrantReply:
        sent = carried(request, GrantRequest)
        return self._carry("grant", lambda one: grants.grant(self.office, self._row(), one), sent, GrantReply)

    def details(self, details: MemberDetails) -> None:
        sent = carried(details, MemberDetails)
        self._carry("details", lambda one: members.take_details(self.office, self._row(), one), sent, MemberFound)

    def lookup(self, lookup: MemberLookup) -> MemberFound:
        sent = carried(lookup, MemberLookup)
        return self._carry("lookup", lambda one: members.look_up(self.office, self._row(), one), sent, MemberFound)

    def replace_card(self, replacement: CardReplacement) -> CardReplaced:
        sent = carried(replacement, CardReplacement)
        return self._carry(
            "replace", lambda one: replacements.replace(self.office, self._row(), one), sent, CardReplaced
        )


class Till:
    """A till as its cashier and its cable see it."""

    def __init__(self, shop: Shop, folder: Path, seed: int, shop_name: str) -> None:
        self.shop = shop
        self.random = random.Random(seed)
        self.folder = folder
        self.store = Store.create(folder, random_bytes=self.random.randbytes)
        # As `pos-plugin init` does: the rules that head office has in force come by the feed.
        default, since = read_program(preset("points")), shop.now.isoformat()
        self.store.write(lambda db: settings.use_program(db, default, since))
        with self.store.read() as db:
            self.terminal = journal.identity(db).terminal
        self.wire = Wire(shop.office, self.terminal)
        self._open()
        self.sync.enroll(enrolment.new_code(shop.office, shop_name))
        self.sync.step()

    def _open(self) -> None:
        self.sync = Sync(self.store, self.wire, clock=self.shop.clock, random_bytes=self.random.randbytes)
        self.checkout = Checkout(
            self.store,
            layout=Layout(32),
            clock=self.shop.clock,
            random_bytes=self.random.randbytes,
            connection=lambda: Connection(not self.wire.is_cut, not self.wire.is_cut),
            fetch_rights=self._fetch,
            look_up_card=lambda card: None if self.wire.is_cut else self.sync.look_up(MemberLookup(card=card)),
        )

    def _fetch(self, member: str, points: int) -> str:
        try:
            self.sync.fetch_rights(member, points, lambda: False)
        except SyncError as error:
            return str(error)
        return self.sync.why_not_granted

    def reboot(self) -> None:
        self.store.close()
        self.store = Store.open(self.folder)
        self._open()

    def cut(self) -> None:
        self.wire.is_cut = True

    def mend(self) -> None:
        self.wire.is_cut = False

    def step(self) -> Progress:
        return self.sync.step(self.checkout.needs_rights)

    def settle(self) -> None:
        """Exchanges until there is nothing left to say."""
        for _ in range(10):
            progress = self.step()
            if not (progress.uploaded or progress.received or progress.unsent):
                return
        raise AssertionError("the till and head office go on talking")

    def join(self, card: str = CARD) -> str:
        return join(self.checkout, card).member

    def scan(self, card: str = CARD) -> str:
        found = self.checkout.identify(card)
        assert found.kind == "member", found
        return found.member

    def sale(self, ref: str, total: int) -> Sale:
        local = self.shop.now.astimezone(self.shop.program.zone).replace(tzinfo=None)
        return Sale(
            "1" + self.terminal, ref, local.isoformat(timespec="seconds"), local.date().isoformat(), "EUR", total
        )

    def quote(self, ref: str, total: int, member: str = "", redeem: int = 0) -> Quote:
        return self.checkout.quote(self.sale(ref, total), member, redeem)

    def sell(self, ref: str, total: int, member: str = "", redeem: int = 0) -> Completed:
        return self.checkout.commit(self.quote(ref, total, member, redeem).quote_id)

    def void(self, ref: str) -> Any:
        return void(self.checkout, "1" + self.terminal, ref)

    def refund(self, ref: str, amount_minor: int, name: str = "r") -> Any:
        return take_back(self.checkout, Return("1" + self.terminal, ref, f"{name}{ref}", amount_minor=amount_minor))

    def held(self, member: str) -> int:
        with self.store.read() as db:
            return rights.held_points(db, member, self.checkout.today(db))

    def balance(self, member: str) -> int:
        with self.store.read() as db:
            return known_members.balance(db, member, self.checkout.today(db)).points

    def epoch(self) -> str:
        with self.store.read() as db:
            return journal.identity(db).epoch

    def kinds(self) -> list[str]:
        with self.store.read() as db:
            return [journal.read(db, number).kind for number, _, _ in journal.every(db)]  # type: ignore[union-attr]


class Shop:
    """Head office and its tills."""

    def __init__(self, folder: Path, policy: str, initialised: Callable[[str], Path]) -> None:
        self.folder = folder
        self.now = START
        self.program = read_program(PROGRAM + POLICIES.get(policy, policy))
        made = shutil.copytree(initialised(self.program.text), folder / "office")
        self.office = Office.open(made, self.clock, random.Random(2).randbytes)
        self.tills: list[Till] = []

    def clock(self) -> datetime:
        return self.now

    def pass_by(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def till(self, shop_name: str = "Harbour") -> Till:
        made = Till(self, self.folder / f"till{len(self.tills)}", 10 + len(self.tills), shop_name)
        self.tills.append(made)
        return made

    def figures(self, member: str) -> dict[str, int]:
        """What head office's books say of a member, by account, where it is not zero."""
        holding, about = schema.holding.c, schema.member.c
        with self.office.database.reading() as connection:
            rows = connection.execute(
                select(holding.place, func.sum(holding.points)).where(holding.member == member).group_by(holding.place)
            ).all()
            found = {place: int(points) for place, points in rows}
            row = connection.execute(select(about.debt, about.loss).where(about.member == member)).one_or_none()
        for name in ("debt", "loss"):
            if row is not None and getattr(row, name):
                found[name] = int(getattr(row, name))
        return found

    def notes(self) -> list[str]:
        with self.office.database.reading() as connection:
            return list(connection.scalars(select(schema.note.c.code).order_by(schema.note.c.code)))

    def forfeit(self, till: Till) -> int:
        return forfeits.forfeit(self.office, till.terminal)

    def close(self) -> None:
        for one in self.tills:
            one.store.close()
        problems = list(report.problems(self.office))
        self.office.close()
        assert problems == []


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A head office in which `init` has run with that programme, to be copied."""

    @cache
    def folder_of(program_text: str) -> Path:
        folder = tmp_path_factory.mktemp("initialised") / "office"
        randbytes, shops = random.Random(1).randbytes, ["Harbour", "Mill"]
        init_office(folder, lambda: START, randbytes, program_text=program_text, shops=shops).close()
        return folder

    return folder_of


@pytest.fixture
def open_shop(tmp_path: Path, initialised: Callable[[str], Path]) -> Iterator[Callable[[str], Shop]]:
    opened: list[Shop] = []

    def make(policy: str = "escrow") -> Shop:
        opened.append(Shop(tmp_path / f"shop{len(opened)}", policy, initialised))
        return opened[-1]

    yield make
    for one in opened:
        one.close()
