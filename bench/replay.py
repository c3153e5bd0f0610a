"""The busiest store's year through the real path, with the server going away and coming back.

    python -m bench.replay --till 367 [--limit N] [--json]

Each basket: the card's digits as bytes on the scanner's pseudo-terminal, quote, commit, a receipt to the simulated printer
and its verdict. Whoever has 500 points here uses them. The network is cut and the server is ended at stated baskets and comes
back; at the end everything is sent, and the server is compared with the till, member by member.

The year is moved so that it ends yesterday, by whole weeks: points expire by the calendar, and both clocks are the real one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bench.journey import baskets
from drivers.simulated.printer import SimulatedPrinter
from drivers.simulated.scanners.lines import SimulatedScanner
from loyalty.card import ean13_check_digit
from loyalty.days import business_day
from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from offline_store import members, receipts, settings
from offline_store.store import Store
from pos_plugin import till_state
from pos_plugin.config import Config, PrinterSettings, ScannerSettings, ServerSettings
from pos_plugin.demo.cable import Cable
from pos_plugin.members.joining import join
from pos_plugin.terminal import Terminal

SHOP = "store-367"
REDEEM_FROM = 500
ABSENCES = ((0.0, 0.1, "server not there yet"), (0.3, 0.45, "network cut"), (0.6, 0.75, "server ended"))
"""Shares of the year between which the server cannot be reached, and how."""
PATIENCE_S = 120.0


@dataclass
class Replay:
    """What happened. `server_equals_till` compares every member's balance, and the number of sales."""

    baskets: int = 0
    members: int = 0
    points: int = 0
    redeemed: int = 0
    receipts_printed: int = 0
    receipts_unknown: int = 0
    entries: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    server_equals_till: bool = False
    seconds: float = 0.0
    differences: list[str] = field(default_factory=list)


class HeadOffice:
    """The server as a child process that can be ended and started again."""

    def __init__(self, folder: Path, program: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._ask("init", "--shop", SHOP, "--program", str(program))

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "central_server", "serve", "--dir", str(self.folder), "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
        )
        until(self._is_listening, "the server to answer")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def report(self, *command: str) -> Any:
        return json.loads(self._ask(*command, "--json"))

    def _ask(self, command: str, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "central_server", command, "--dir", str(self.folder), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def _is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def until(claim: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not claim():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience_s:.0f} s for {what}")
        time.sleep(0.002)


def card_of(household: int) -> str:
    first = f"29{household:010d}"
    return first + ean13_check_digit(first)


def sales_of(till: int, limit: int | None) -> list[tuple[str, Sale]]:
    """(card, sale) of every basket, moved by whole weeks so that the last is yesterday or in the week before."""
    year = list(baskets(till, limit))
    last = datetime.fromisoformat(year[-1][0][2]).date()
    weeks = (date.today() - timedelta(days=1) - last).days // 7  # noqa: DTZ011 - the machine's own day
    made = []
    for basket in year:
        store, reference, at, household, *_ = basket[0]
        sold_at = datetime.fromisoformat(at) + timedelta(weeks=weeks)
        lines = tuple(
            LineItem(str(count), row[7], quantity_milli=row[6] * 1000, sku=str(row[4]), name=f"Article {row[4]}")
            for count, row in enumerate(basket, 1)
        )
        total = sum(line.amount_minor for line in lines)
        sale = Sale(
            str(store),
            str(reference),
            sold_at.isoformat(timespec="seconds"),
            business_day(sold_at),
            "USD",
            total,
            lines,
        )
        made.append((card_of(household), sale))
    return made


class Shop:
    """The till with its devices, and head office."""

    def __init__(self, folder: Path) -> None:
        program = folder / "programme.toml"
        program.write_text(preset("points").replace('"EUR"', '"USD"'), encoding="utf-8")
        with socket.socket() as free:  # held until the cable has a port of its own
            free.bind(("127.0.0.1", 0))
            office_port = int(free.getsockname()[1])
            self.cable = Cable(office_port)
        self.office = HeadOffice(folder / "office", program, office_port)
        self.printer = SimulatedPrinter()
        self.scanner = SimulatedScanner(folder)
        config = Config(
            printer=PrinterSettings(address=f"tcp://127.0.0.1:{self.printer.serve_tcp()}"),
            # Customers come faster here than in any shop, so the same card soon afterwards is another sale.
            scanner=[ScannerSettings(address=f"serial://{self.scanner.port}", repeat_after_ms=0)],
            server=ServerSettings(url=f"http://127.0.0.1:{self.cable.port}"),
        )
        store = Store.create(folder / "till")
        store.write(
            lambda db: settings.use_program(
                db, read_program(program.read_text(encoding="utf-8")), "2017-01-01T00:00:00+00:00"
            )
        )
        self.terminal = Terminal(store, config)
        self.terminal.start()
        until(lambda: self.terminal.readers[0].state.ready, "the scanner")
        self._is_away = ""

    def close(self) -> None:
        self.terminal.close()
        self.scanner.close()
        self.printer.close()
        self.cable.cut()
        self.office.stop()

    def weather(self, share: float) -> None:
        """The server goes away and comes back at the stated times."""
        now = next((how for start, end, how in ABSENCES if start <= share < end), "")
        if now == self._is_away:
            return
        match self._is_away:  # it comes back
            case "server not there yet":
                self.office.start()
                self._enroll()
            case "network cut":
                self.cable.mend()
            case "server ended":
                self.office.start()
        match now:  # it goes away
            case "network cut":
                self.cable.cut()
            case "server ended":
                self.office.stop()
        self._is_away = now
        self.terminal.head_office.soon()

    def _enroll(self) -> None:
        code = self.office.report("enroll-code", "--shop", SHOP)["code"]
        assert self.terminal.head_office.sync is not None
        self.terminal.head_office.sync.enroll(code)

    def sell(self, card: str, sale: Sale, done: Replay) -> None:
        terminal = self.terminal
        before = terminal.scans[-1].number if terminal.scans else 0
        self.scanner.scan(card)
        until(lambda: bool(terminal.scans) and terminal.scans[-1].number > before, "the scan")
        found = terminal.scans[-1].result
        member = found.member
        if found.kind == "unknown card":
            member = join(terminal.checkout, card).member
            terminal.checkout.identify(card)
            done.members += 1
        points = found.balance if found.balance >= REDEEM_FROM else 0
        quote = terminal.checkout.quote(sale, member, points)
        completed = terminal.checkout.commit(quote.quote_id, key=f"{sale.till}/{sale.sale_ref}")
        done.baskets += 1
        done.points += completed.earned_points
        done.redeemed += completed.redeem_points

    def settle(self, done: Replay) -> None:
        """Waits until everything is printed and sent, then compares."""
        terminal, store = self.terminal, self.terminal.store
        assert terminal.head_office.sync is not None

        def is_printed() -> bool:
            with store.read() as db:
                return not any(receipts.counts(db).get(state) for state in ("waiting", "started", "not printed"))

        def is_quiet() -> bool:
            """Nothing unsent, nothing held here, and nothing more to hear."""
            state = till_state.shown(terminal)
            with store.read() as db:
                (held,) = db.execute("SELECT coalesce(sum(held), 0) FROM lot").fetchone()
            if state["network"]["unsent"] or held or not state["network"]["online"]:
                terminal.head_office.soon()
                time.sleep(0.05)
                return False
            return True

        until(is_printed, "the printer")
        until(is_quiet, "the exchange with head office")

        def is_applied() -> bool:
            state = self.office.report("status")
            return bool(state["recorded"] == state["applied"])

        until(is_applied, "head office to apply what it has")
        terminal.head_office.sync.step(terminal.checkout.needs_rights)
        with store.read() as db:
            counted = receipts.counts(db)
            day = terminal.checkout.today(db)
            cards = db.execute("SELECT card, member FROM card").fetchall()
            here = {card: members.balance(db, members.current(db, member), day).points for card, member in cards}
            (done.entries,) = db.execute("SELECT count(*) FROM entry").fetchone()
            done.acknowledged = int(settings.get(db, "acknowledged", "0"))
            (sales,) = db.execute("SELECT count(*) FROM document WHERE document LIKE 'sale/%'").fetchone()
        done.receipts_printed = counted.get("printed", 0)
        done.receipts_unknown = counted.get("unknown", 0)
        done.duplicates = sales - done.baskets + self.printer.printed_total - done.receipts_printed
        there = {row["card"]: row["balance"] for row in self.office.report("members")}
        done.differences = [
            f"card {card}: the till says {here.get(card)}, the server {there.get(card)}"
            for card in sorted(here.keys() | there.keys())
            if here.get(card) != there.get(card)
        ]
        done.server_equals_till = not done.differences and done.acknowledged == done.entries


def replay(till: int, limit: int | None, folder: Path, progress: Callable[[str], None]) -> Replay:
    done, started = Replay(), time.monotonic()
    sales = sales_of(till, limit)
    shop = Shop(folder)
    try:
        for index, (card, sale) in enumerate(sales):
            shop.weather(index / len(sales))
            shop.sell(card, sale, done)
            progress(shop._is_away or "connected")
        shop.weather(0.99)
        shop.settle(done)
    finally:
        shop.close()
    done.seconds = time.monotonic() - started
    return done


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.replay", description=__doc__.split("\n")[0] if __doc__ else ""
    )
    parser.add_argument("--till", type=int, default=367)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    total = len(sales_of(asked.till, asked.limit))
    with tempfile.TemporaryDirectory(prefix="replay-") as folder, _bar(total, hidden=asked.json) as progress:
        done = replay(asked.till, asked.limit, Path(folder), progress)
    if asked.json:
        print(json.dumps({name: value for name, value in vars(done).items() if name != "differences"}))
    else:
        table = Table(title=f"Store {asked.till}: a year through the till", show_header=False)
        for name, value in vars(done).items():
            if name != "differences":
                table.add_row(
                    name.replace("_", " "),
                    f"{value:,.1f}"
                    if isinstance(value, float)
                    else f"{value:,}"
                    if not isinstance(value, bool)
                    else "yes"
                    if value
                    else "NO",
                )
        Console().print(table)
    for difference in done.differences[:20]:
        print(difference, file=sys.stderr)
    sys.exit(0 if done.server_equals_till and not done.duplicates else 1)


@contextlib.contextmanager
def _bar(total: int, *, hidden: bool) -> Iterator[Callable[[str], None]]:
    with Progress(
        TextColumn("{task.description:22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=hidden,
    ) as bar:
        task = bar.add_task("starting", total=total)
        yield lambda state: bar.update(task, advance=1, description=state)


if __name__ == "__main__":
    main()
