"""A small chain on which accidents happen: real tills (Store, Sync, Checkout), a real head office, the real commands.

Tills and head office meet in the same process, through the functions that the served application calls; `tests/recovery`
has one drill over HTTP as well. Everybody's clock is the test's.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, make_url, select
from typer.testing import CliRunner

import central_server.cli
import central_server.cli.basics
from central_server import errors, schema
from central_server.applying import apply
from central_server.care import tickets
from central_server.membership import members as office_members
from central_server.office import Office
from central_server.reports import report
from central_server.tills import auth, enrolment, feed, grants, inbox
from central_server.upkeep import witness
from ledger.entry import Entry, ReturnBody, SaleBody, read_entry
from ledger.wire import MemberLookup, unpack
from loyalty.program import preset, read_program
from loyalty.sale import Sale
from offline_store import journal, members, rights, settings
from offline_store.store import Store
from offline_store.sync import Progress, Refused, Sync, Unreachable
from offline_store.verify import verify
from pos_plugin.members.joining import join
from pos_plugin.papers.layout import Layout
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.quotes import Completed, Connection

TESTS = Path(__file__).parents[1]
CARD, OTHER_CARD, THIRD_CARD = "2900000000018", "2900000000025", "2900000000032"
SECRET = {"name": "Anna Bell", "phone": "+49 170 1234567"}


def _central() -> Any:
    spec = importlib.util.spec_from_file_location("central_conftest", TESTS / "central" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


central = _central()
postgres = central.postgres  # the same PostgreSQL from a wheel
_numbers = itertools.count()


class Link:
    """The wire: `is_cut` and nothing arrives. Head office's refusals reach the till as the HTTP link words them."""

    def __init__(self, world: World, terminal: str) -> None:
        self.world, self.terminal, self.is_cut = world, terminal, False

    def _ask(self, work: Callable[[Office, Any], Any], *, is_known: bool = True) -> Any:
        office = self.world.office
        if self.is_cut or office is None:
            raise Unreachable("No connection.")
        try:
            with office.database.reading() as connection:
                row = auth.terminal_row(connection, self.terminal) if is_known else None
            return work(office, row)
        except errors.Refused as refused:
            raise Refused(refused.code, str(refused), hint=refused.hint) from refused

    def enroll(self, request: Any) -> Any:
        return self._ask(lambda office, _: enrolment.enroll(office, enrolment.WrongCodes(), request), is_known=False)

    def send(self, batch: bytes) -> Any:
        def work(office: Office, _: Any) -> Any:
            reply = inbox.record(office, unpack(batch))
            while apply.apply_pending(office, 1000) == 1000:
                pass
            return reply

        return self._ask(work, is_known=False)

    def feed(self, request: Any) -> Any:
        return self._ask(lambda office, row: feed.read(office, row.terminal, row.shop, request))

    def grant(self, request: Any) -> Any:
        return self._ask(lambda office, row: grants.grant(office, row, request))

    def details(self, request: Any) -> Any:
        return self._ask(lambda office, row: office_members.take_details(office, row, request))

    def lookup(self, request: Any) -> Any:
        return self._ask(lambda office, row: office_members.look_up(office, row, request))

    def ticket(self, request: Any) -> Any:
        return self._ask(lambda office, row: tickets.take(office, row, request))

    def told(self, request: Any) -> Any:
        return self._ask(lambda office, row: tickets.take_told(office, row, request))


class Till:
    """One till of the chain, by the code that a shop runs. `clock_error` is how far its clock is off."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.clock_error = timedelta()
        if not folder.exists():
            self.store = Store.create(folder, random_bytes=world.random.randbytes)
            made = read_program(preset("points"))
            self.store.write(lambda db: settings.use_program(db, made, "2026-01-01T00:00:00+00:00"))
        else:
            self.store = Store.open(folder)
        with self.store.read() as db:
            self.name = journal.identity(db).terminal
        self.link = Link(world, self.name)
        how = {"clock": self.clock, "random_bytes": world.random.randbytes}
        self.sync = Sync(self.store, self.link, **how)  # type: ignore[arg-type]
        self.checkout = Checkout(
            self.store,
            layout=Layout(32),
            connection=lambda: Connection(not self.link.is_cut and world.office is not None, False),
            fetch_rights=self._fetch,
            look_up_card=self._look_up_card,
            **how,  # type: ignore[arg-type]
        )

    def clock(self) -> datetime:
        return self.world.clock() + self.clock_error

    def _fetch(self, member: str, points: int) -> str:
        if self.link.is_cut or self.world.office is None:
            return "Head office did not answer in time."
        self.sync.fetch_rights(member, points, lambda: False)
        return self.sync.why_not_granted

    def _look_up_card(self, card: str) -> str | None:
        return None if self.link.is_cut or self.world.office is None else self.sync.look_up(MemberLookup(card=card))

    def enroll(self, shop: str) -> Till:
        self.sync.enroll(self.world.ask("enroll-code", "--shop", shop)["code"])
        self.step()
        return self

    def step(self) -> Progress:
        return self.sync.step()

    def member(self, card: str = CARD, **personal: str) -> str:
        """Whoever has this card, as known here or at head office, or a new member."""
        found = self.checkout.identify(card)
        if found.kind != "member":
            join(self.checkout, card, **personal)
            found = self.checkout.identify(card)
        assert found.kind == "member"
        return found.member

    def sell(self, euros: int, card: str = "", redeem: int = 0) -> Completed:
        """`redeem`: exactly so many points must be used."""
        number = str(next(_numbers))
        at = self.clock().replace(tzinfo=None)
        sold = Sale(self.name, number, at.isoformat(timespec="seconds"), at.date().isoformat(), "EUR", euros * 100)
        quote = self.checkout.quote(sold, self.member(card) if card else "", redeem)
        done = self.checkout.commit(quote.quote_id)
        assert done.redeem_points == redeem
        return done

    def can_spend(self, card: str = CARD, euros: int = 1000) -> int:
        number = str(next(_numbers))
        at = self.clock().replace(tzinfo=None)
        sold = Sale(self.name, number, at.isoformat(timespec="seconds"), at.date().isoformat(), "EUR", euros * 100)
        quote = self.checkout.quote(sold, self.member(card), 10**6)
        self.checkout.drop(quote.quote_id)
        return quote.redeem_points

    def fetch(self, points: int, card: str = CARD) -> int:
        """Rights for a sale to come, which stay here until the next exchange; answers what is held."""
        self._fetch(self.member(card), points)
        return self.held(card)

    def held(self, card: str = CARD) -> int:
        with self.store.read() as db:
            found = members.member_of_card(db, card)
            return rights.held_points(db, found, self.checkout.today(db)) if found else 0

    def lots(self) -> Counter[tuple[str, str]]:
        """(member, lot) → points held."""
        with self.store.read() as db:
            rows = db.execute("SELECT member, lot, held FROM lot WHERE held > 0").fetchall()
            return Counter({(members.current(db, member), lot): points for member, lot, points in rows})

    def place(self) -> str:
        with self.store.read() as db:
            who = journal.identity(db)
        return f"{who.terminal}/{who.epoch}"

    def entries(self) -> list[Entry]:
        with self.store.read() as db:
            return [read_entry(data) for _, _, data in journal.every(db)]

    def setting(self, name: str) -> str:
        with self.store.read() as db:
            return settings.get(db, name)

    def image(self, name: str) -> Path:
        """A copy of this till's disk."""
        self.store.close()
        copied = shutil.copytree(self.folder, self.folder.with_name(name))
        self.store._lock_handle = None
        self.reopen()
        return copied

    def reopen(self) -> None:
        """The same till on the same disk, after a start."""
        link, error = self.link, self.clock_error
        self.store.close()
        self.__init__(self.world, self.folder)  # type: ignore[misc]
        self.link.is_cut, self.clock_error = link.is_cut, error

    def leave(self) -> None:
        """Gone: stolen, broken, under water."""
        self.store.close()
        self.world.tills.remove(self)

    def put_back(self, image: Path) -> None:
        """Its disk is what it was when `image` was taken."""
        self.store.close()
        shutil.rmtree(self.folder)
        shutil.copytree(image, self.folder)
        self.reopen()


SHOPS = ("--shop", "Harbour", "--shop", "Mill")


class World:
    """The chain: a head office that can be stopped, restored and started, and its tills."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_database: Callable[..., str]) -> None:
        self.tmp_path, self.new_database = tmp_path, new_database
        self.at = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
        self.office_clock_error = timedelta()
        self.random = random.Random(7)
        self.folder = tmp_path / "head-office"
        self.tills: list[Till] = []
        for module in (central_server.cli, central_server.cli.basics):
            monkeypatch.setattr(module, "now", self.office_clock)  # the clock is an edge; commands take none
        self._copy_one(tmp_path.parent)
        self.office: Office | None = None
        self.start()

    def clock(self) -> datetime:
        return self.at

    def office_clock(self) -> datetime:
        return self.at + self.office_clock_error

    def pass_by(self, **delta: float) -> None:
        self.at += timedelta(**delta)

    # -- head office

    def _copy_one(self, folder: Path) -> None:
        """The folder and the database in which `init` has run are the same for all: it takes a fifth of a second and more."""
        url = self.new_database()
        initialised = folder / ("initialised in postgres" if url else "initialised")
        if not initialised.exists():
            assert self.type("init", *(["--database", url] if url else []), *SHOPS) == 0
            self.folder.rename(initialised)
        shutil.copytree(initialised, self.folder)
        if url:
            self.put_back(self.copy_of_the_database())

    def start(self) -> None:
        """What `serve` does before it answers anybody."""
        office = Office.open(self.folder, self.office_clock, self.random.randbytes)
        try:
            witness.require_current(office)
            witness.remember(office)
        except BaseException:
            office.close()
            raise
        apply.understand(office)
        self.office = office

    def stop(self) -> None:
        if self.office is not None:
            witness.remember(self.office)
            self.office.close()
            self.office = None

    def type(self, command: str, *arguments: object) -> int:
        self.typed = CliRunner().invoke(
            central_server.cli.app, [command, "--dir", str(self.folder), *map(str, arguments)]
        )
        assert self.typed.exception is None or isinstance(self.typed.exception, SystemExit), self.typed.exception
        return self.typed.exit_code

    def ask(self, command: str, *arguments: object, status: int = 0) -> Any:
        assert self.type(command, *arguments, "--json") == status, self.typed.output
        return json.loads(self.typed.stdout)

    def backup(self) -> Path:
        file = self.tmp_path / f"{next(_numbers)}.backup"
        assert self.type("backup", file) == 0, self.typed.output
        return file

    def restore(self, file: Path, status: int = 0) -> None:
        self.stop()
        url = self.new_database()
        assert self.type("restore", file, *(["--database", url] if url else [])) == status, self.typed.output
        self.start()

    def copy_of_the_database(self) -> str:
        """What a database administrator keeps; head office is stopped."""
        about = read_json(self.folder / "office.json")
        if about.get("database"):
            return self.new_database(about["database"])
        return str(shutil.copy(self.folder / "central.db", self.tmp_path / "copy.db"))

    def put_back(self, copy: str) -> None:
        """Exchanges the database behind head office's back."""
        about = read_json(self.folder / "office.json")
        if about.get("database"):
            (self.folder / "office.json").write_bytes(msgspec.json.encode({**about, "database": copy}))
        else:
            shutil.copy(copy, self.folder / "central.db")

    # -- tills

    def till(self, shop: str = "Harbour") -> Till:
        one = Till(self, self.tmp_path / f"till{next(_numbers)}").enroll(shop)
        self.tills.append(one)
        return one

    def quiet(self) -> None:
        """Everybody exchanges until nothing moves any more."""
        self.quiet_of(*self.tills)

    def quiet_of(self, *tills: Till) -> None:
        for _ in range(8):
            moved = 0
            for one in tills:
                done = one.step()
                moved += done.uploaded + done.received
                assert done.unsent == 0
            if not moved:
                return
        raise AssertionError("the exchange does not come to rest")

    def found(self, folder: Path) -> Till:
        """A till on a disk that is there: a twin, or one that was thought lost."""
        one = Till(self, folder)
        self.tills.append(one)
        return one

    # -- what must be so in the end

    def notes(self) -> Counter[str]:
        return Counter(one["code"] for one in self.ask("notes", "--last", 0))

    def losses(self) -> int:
        assert self.office is not None
        with self.office.database.reading() as connection:
            return int(connection.scalar(select(func.sum(schema.member.c.loss))) or 0)

    def debts(self) -> int:
        assert self.office is not None
        with self.office.database.reading() as connection:
            return int(connection.scalar(select(func.sum(schema.member.c.debt))) or 0)

    def overspent(self) -> int:
        """Points redeemed beyond what was awarded, over all members."""
        return sum(-left for left in self.sums().values() if left < 0)

    def sums(self) -> Counter[str]:
        """What each member has by what tills sent, each sale and return once, and nothing else."""
        assert self.office is not None
        with self.office.database.reading() as connection:
            rows = connection.execute(select(schema.inbox.c.data, schema.terminal.c.shop).join(schema.terminal)).all()
            became = dict(connection.execute(select(schema.member.c.member, schema.member.c.merged_into)).all())
        once = {}
        for row in rows:
            entry = read_entry(row.data)
            if entry.member and isinstance(entry.body, SaleBody | ReturnBody):
                once[row.shop, entry.envelope.document] = entry
        sums: Counter[str] = Counter()
        for entry in once.values():
            member = became.get(entry.member) or entry.member
            match entry.body:
                case SaleBody(awarded=awarded, redeemed=redeemed):
                    sums[member] += awarded - redeemed
                case ReturnBody(taken=taken, restored=restored):
                    sums[member] += restored - taken
        return sums

    def balances(self) -> Counter[str]:
        """What head office has of each member: points anywhere, less debt and what the shop bore."""
        assert self.office is not None
        holding, about = schema.holding.c, schema.member.c
        with self.office.database.reading() as connection:
            rows = connection.execute(select(holding.member, func.sum(holding.points)).group_by(holding.member))
            found = Counter({member: int(points) for member, points in rows})
            for row in connection.execute(select(about.member, about.debt, about.loss)):
                found[row.member] -= row.debt + row.loss
        return found

    def check(self, *, losses: int = 0, overspent: int = 0, debts: int = 0) -> None:
        """Books sound, server = sum of tills, each sale once, rights right, and no more lost than is said."""
        self.quiet()
        assert self.office is not None
        assert list(report.problems(self.office)) == []
        assert self.type("verify") == 0
        with self.office.database.reading() as connection:
            rows = connection.execute(select(schema.inbox.c.terminal, schema.inbox.c.number, schema.inbox.c.hash)).all()
            there = {tuple(row) for row in rows}
            waiting = connection.scalar(
                select(func.count()).where(schema.branch.c.applied_number < schema.branch.c.head_number)
            )
            sales = connection.execute(select(schema.sale.c.shop, schema.sale.c.document)).all()
            escrow = connection.execute(
                select(schema.holding.c.member, schema.holding.c.branch, schema.holding.c.lot, schema.holding.c.points)
                .where(schema.holding.c.place == "escrow")
            ).all()  # fmt: skip
        assert not waiting
        told = {}
        for one in self.tills:
            with one.store.read() as db:
                assert verify(db).problems == []
            for entry in one.entries():
                assert (one.name, entry.number, entry.hash) in there
                if isinstance(entry.body, SaleBody):
                    told[one.setting("shop"), entry.envelope.document] = entry
        assert set(told) <= {tuple(row) for row in sales}
        assert len(sales) == len({tuple(row) for row in sales})
        for one in self.tills:
            place = one.place()
            here = Counter({(row.member, row.lot): row.points for row in escrow if row.branch == place})
            assert one.lots() == here, f"rights at {place}"
        sums, balances = self.sums(), self.balances()
        assert {member: points for member, points in sums.items() if points} == {
            member: points for member, points in balances.items() if points
        }
        assert (self.losses(), self.overspent(), self.debts()) == (losses, overspent, debts)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path, monkeypatch, lambda like="": "")
    yield made
    _close(made)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def either(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The same on SQLite and on PostgreSQL; each restore goes into a database of its own."""

    def new_database(like: str = "") -> str:
        if request.param == "sqlite":
            return ""
        template = make_url(like).database if like else "template0"
        return str(central.new_database(request.getfixturevalue("postgres"), f"drill_{next(_numbers)}", template))

    made = World(tmp_path, monkeypatch, new_database)
    yield made
    _close(made)


def _close(world: World) -> None:
    for one in world.tills:
        one.store.close()
    world.stop()


def read_json(file: Path) -> Any:
    return msgspec.json.decode(file.read_bytes())
