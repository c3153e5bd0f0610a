"""How long head office's pages take at the size of a chain's year, on SQLite and on PostgreSQL.

    python -m bench.pages DIR [--only WORD] [--json]

DIR is what `bench.office` loaded; it is copied, and its rows go into a PostgreSQL from a wheel as well. Every page that a person
opens is asked, by somebody whose role has it: single ones for many members, shops, tills and periods, no two alike. Each once as
right after new data, when no answer is kept, then once more. In one process, without a network; the page as it is sent. Beside
other work only the time of the processor says something: of this process and of PostgreSQL's, which is counted in hundredths of
a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
from sqlalchemy import func, select

from bench.postgres import new_database, postgres
from central_server import schema
from central_server.app import create_app
from central_server.database import Database, add
from central_server.figures import answers
from central_server.migrations import migrate
from central_server.office import Office, read_office_file, write_office_file
from central_server.pages.frame import COOKIE, PAGES, ROOT
from central_server.people import sessions
from central_server.people.staff import Staff, put_account
from ledger.identifiers import read_receipt_reference, receipt_reference
from loyalty.roles import may_any

TARGET_MS = 300.0
MANY = 20
ROLES = ("finance", "support", "marketing", "integrator", "auditor", "manager")
"""Who asks, the first of them that may."""

PLOTS = "/figures/plot/"
FILES = re.compile(r"\.(csv|json)$|/data-copy$|/figures/table/")
"""Files to keep are streamed, and take as long as what is in them."""


@dataclass(frozen=True)
class Asked:
    """What can be asked of this year."""

    last: date
    shops: Sequence[str]
    tills: Sequence[str]
    members: Sequence[str]
    """The one with the longest history first."""
    receipts: Sequence[str]
    program: str

    def periods(self, path: str) -> Iterator[str]:
        """Of every four: a month and a quarter of all shops, a month and a year of one."""
        yield path
        for count in range(MANY - 1):
            end, shop = self.last - timedelta(days=5 * count), quote(self.shops[count % len(self.shops)])
            days, of = [(30, ""), (90, ""), (30, shop), (365, shop)][count % 4]
            yield f"{path}?from={end - timedelta(days=days)}&to={end}&shop={of}"

    def addresses(self, path: str) -> list[str]:
        """Of one registered page."""
        of_period = ("/figures", "/figures/tiers", "/figures/at-risk", "/figures/segments")
        if path in of_period or path.startswith(PLOTS):
            return list(self.periods(path.replace("{name}", "points.svg")))
        if path == "/figures/by/{by}":
            return [one for by in ("shop", "cashier", "month") for one in self.periods(f"/figures/by/{by}")]
        if path == "/figures/books/{period}":
            return [f"/figures/books/{(self.last - timedelta(days=30 * count)).isoformat()[:7]}" for count in range(6)]
        if path == "/closings":  # the newest day of all shops, each of the others, and one of a shop
            before = [(self.last - timedelta(days=count)).isoformat() for count in range(2, MANY)]
            return [path, *(f"{path}?day={day}" for day in before), f"{path}?shop={quote(self.shops[0])}"]
        if path == "/members/{member}":
            return [f"/members/{one}" for one in self.members]
        if path == "/receipt":
            return [path, *(f"{path}?reference={one}" for one in self.receipts if read_receipt_reference(one))]
        named = {"shop": self.shops, "terminal": self.tills, "program": [self.program]}
        if found := re.search(r"\{(\w+)\}", path):
            return [path.replace(found[0], quote(one)) for one in named.get(found[1], ())[:MANY]]
        return [path]


def asked_of(office: Office) -> Asked:
    sale, terminal, inbox = schema.sale.c, schema.terminal.c, schema.inbox.c
    with office.database.reading() as connection:
        last = date.fromisoformat(office.today(connection))
        shops = list(connection.scalars(select(schema.shop.c.shop).order_by(schema.shop.c.shop)))
        tills = connection.scalars(select(terminal.terminal).order_by(terminal.shop)).all()
        counts = select(sale.member).where(sale.member != "").group_by(sale.member)
        members = connection.scalars(counts.order_by(func.count().desc(), sale.member)).all()
        rows = connection.execute(
            select(inbox.terminal, func.max(inbox.number)).group_by(inbox.terminal).limit(MANY)
        ).all()
        program = office.program(connection)
        assert program is not None
    receipts = [receipt_reference(till, number) for till, number in rows]

    return Asked(last, _some(shops), _some(tills), [members[0], *_some(members[1:])], receipts, program.id)


def _some(all_of_them: Sequence[str]) -> Sequence[str]:
    return all_of_them[:: max(1, len(all_of_them) // MANY)]


def copied(folder: Path, into: Path, url: str = "") -> Office:
    """The same head office once more, its rows on PostgreSQL where that is given."""
    shutil.copytree(folder, into, ignore=shutil.ignore_patterns("demo", "central.db*" if url else "*.loading"))
    if url:
        about = read_office_file(folder)
        source, database = Office.open(folder, lambda: datetime.now(UTC), os.urandom), Database(url)
        with source.database.reading() as reading, database.writing() as writing:
            migrate(writing)
            for table in schema.metadata.sorted_tables:
                for rows in reading.execute(select(table)).partitions(5000):
                    add(writing, table, [row._asdict() for row in rows])
        source.close()
        database.close()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")  # which PostgreSQL does by itself within a minute
        write_office_file(into, type(about)(about.server, about.server_epoch, url))
    return Office.open(into, lambda: datetime.now(UTC), os.urandom)


@dataclass(frozen=True)
class Timed:
    """Milliseconds by the clock and of the processor: of each address as right after new data, and again."""

    page: str
    first: list[tuple[float, float]]
    again: list[tuple[float, float]]


Clock = Callable[[], float]


def processor(server: Path | None) -> Clock:
    """Seconds that this process has worked, and those of the PostgreSQL whose socket lies in `server`."""
    if server is None:
        return time.process_time
    import psutil  # type: ignore[import-untyped]

    postmaster = psutil.Process(int((server / "data" / "postmaster.pid").read_text().splitlines()[0]))

    def worked() -> float:
        done: float = time.process_time() + sum(
            postmaster.cpu_times()[:4]
        )  # its own, and its children's that have ended
        for child in postmaster.children():
            with suppress(psutil.NoSuchProcess):
                done += sum(child.cpu_times()[:2])
        return done

    return worked


async def measured(office: Office, asked: Asked, only: str, worked: Clock) -> list[Timed]:
    transport = httpx.ASGITransport(create_app(office))
    cookies = {}
    for role in ROLES:
        put_account(
            office,
            Staff(f"bench-{role}", "Bench", role, asked.shops[0] if role == "manager" else ""),
            os.urandom(16).hex(),
        )
        cookies[role] = sessions.begin(office, f"bench-{role}")
    found = []
    for page in PAGES:
        if page.method != "GET" or FILES.search(page.path) or only not in page.path:
            continue
        role = next(one for one in ROLES if not page.actions or may_any(one, page.actions))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1", cookies={COOKIE: cookies[role]}
        ) as client:
            addresses = asked.addresses(page.path)
            timed = Timed(page.path or "/", [], [])
            for one in addresses:
                answers.forget()
                if page.path.startswith(PLOTS):  # a browser asks for them once it has their page
                    await _timed(client, worked, re.sub("^/figures/plot/[a-z.]+", "/figures", one))
                timed.first.append(await _timed(client, worked, one))
                timed.again.append(await _timed(client, worked, one))
        if addresses:
            found.append(timed)
        if page.path == "/members":
            found.append(await _searched(transport, cookies["support"], worked))
    return found


async def _timed(
    client: httpx.AsyncClient, worked: Clock, address: str, form: dict[str, str] | None = None
) -> tuple[float, float]:
    before, start = worked(), time.perf_counter()
    answer = await (client.post(ROOT + address, data=form) if form else client.get(ROOT + address))
    took = 1000 * (time.perf_counter() - start), 1000 * (worked() - before)
    assert answer.status_code == 200, (address, answer.status_code, answer.text[-400:])
    return took


async def _searched(transport: httpx.ASGITransport, cookie: str, worked: Clock) -> Timed:
    """Finding members by name, a posted form: what few have, and what all have."""
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", cookies={COOKIE: cookie}) as client:
        page = await client.get(f"{ROOT}/members")
        [key] = set(re.findall(r'name="form_key" value="([^"]+)"', page.text))
        names = ["household", *(f"household {count}" for count in range(11, 10 + MANY))]
        forms = [{"form_key": key, "asked": one} for one in names]
        return Timed(
            "/members, searched", *[[await _timed(client, worked, "/members", one) for one in forms] for _ in range(2)]
        )


def quantiles(values: Sequence[float]) -> tuple[float, float]:
    """p50 and p95; of fewer than twenty the largest stands for the second."""
    if len(values) < 20:
        return statistics.median(values), max(values)
    cuts = statistics.quantiles(values, n=20)
    return cuts[9], cuts[18]


def report(name: str, found: Sequence[Timed]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    together = Timed(
        "all of them", *([one for page in found for one in getattr(page, when)] for when in ("first", "again"))
    )
    for one in (*found, together):
        row: dict[str, object] = {"database": name, "page": one.page, "asked": len(one.first)}
        for when, times in (("first", one.first), ("again", one.again)):
            for of, values in zip(("", "cpu_"), zip(*times, strict=True), strict=True):
                p50, p95 = quantiles(values)
                row |= {f"{when}_{of}p50_ms": round(p50, 1), f"{when}_{of}p95_ms": round(p95, 1)}
        rows.append(row | {"target_ms": TARGET_MS, "met": row["first_p95_ms"] <= TARGET_MS})  # type: ignore[operator]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pages", description="Head office's pages over a loaded year."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="Only pages with this in their address.")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="Only on this one.")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = []
    with ExitStack() as closing:
        scratch = Path(closing.enter_context(tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR"))))
        for name in (given.database,) if given.database else ("sqlite", "postgresql"):
            server = closing.enter_context(postgres()) if name == "postgresql" else None
            url = new_database(server, "office") if server is not None else ""
            office = copied(given.folder, scratch / name, url)
            closing.callback(office.close)
            answers.warm(office)  # the first plot of a process takes half a second more
            part = report(name, asyncio.run(measured(office, asked_of(office), given.only, processor(server))))
            rows += part
            if not given.json:
                show(name, part)
    if given.json:
        print(json.dumps({"pages": rows, "target_ms": TARGET_MS, "met": all(row["met"] for row in rows)}))


def show(name: str, rows: Sequence[dict[str, object]]) -> None:
    print(
        f"{name:<34}{'asked':>6}   {'first p50':>9}{'p95':>7}   {'again p50':>9}{'p95':>7}   {'processor, first p95':>20}  ms"
    )
    for row in rows:
        print(
            f"{row['page']:<34}{row['asked']:>6}   {row['first_p50_ms']:>9,.0f}{row['first_p95_ms']:>7,.0f}   "
            f"{row['again_p50_ms']:>9,.0f}{row['again_p95_ms']:>7,.0f}   {row['first_cpu_p95_ms']:>20,.0f}  "
            f"{'' if row['met'] else f'over {TARGET_MS:.0f}'}".rstrip()
        )


if __name__ == "__main__":
    main()
