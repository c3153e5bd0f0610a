"""One till of the simulator: the real terminal without its threads, on a disk, a printer and a clock that fail.

Beside it stands its host, the shop's own software, whose memory no accident here touches.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from bench.simulator.disks import Disk, PowerCut, copy_database, store_class
from bench.simulator.memory import Memory, Page
from bench.simulator.network import Wire
from drivers.escpos import Profile
from drivers.printer import Outcome, Verdict
from drivers.status import PrinterStatus
from ledger.identifiers import RandomBytes
from ledger.wire import MemberLookup
from loyalty.sale import Return, Sale
from offline_store.errors import StoreError
from offline_store.store import FILE, KEY, Store
from offline_store.sync import Sync, SyncError
from pos_plugin.config import Config, Shop
from pos_plugin.head_office.contact import HeadOffice
from pos_plugin.papers.spooler import Spooler
from pos_plugin.terminal import Terminal

PROFILE = Profile("simulated", 42, {})


class SimulatedHeadOffice(HeadOffice):
    """As the terminal's, over a wire of its own, and asked in the caller's thread."""

    def __init__(self, store: Store, wire: Wire, clock: Callable[[], datetime], random_bytes: RandomBytes) -> None:
        super().__init__(store, "", clock=clock, random_bytes=random_bytes, changed=lambda: None)
        self.sync: Sync = Sync(store, wire, clock=clock, random_bytes=random_bytes)
        self.wire = wire

    def fetch_rights(self, member: str, points: int) -> str:
        patience = self.wire.draw.choice((0, 1, 9, 9, 9))  # looks at the time before it is over

        def deadline() -> bool:
            nonlocal patience
            patience -= 1
            return patience < 0

        try:
            self.sync.fetch_rights(member, points, deadline)
        except (SyncError, StoreError):
            return "Head office did not answer in time."
        return self.sync.why_not_granted

    def _look_up(self, lookup: MemberLookup) -> str | None:
        if not self.connection().is_online:
            return None
        try:
            return self.sync.look_up(lookup)
        except (SyncError, StoreError):
            return None


class Paper:
    """The printer, and what has come out of it: a reference and whether it says COPY, once for each piece of paper."""

    def __init__(self, disk: Disk, fault: Callable[[str], None]) -> None:
        self.pieces: list[tuple[str, bool]] = []
        self.draw = random.Random(0)
        self.fails = False
        self._disk = disk
        self._fault = fault

    def print(self, data: bytes, *, timeout_s: float) -> Verdict:
        text = data.decode("latin-1")
        piece = (text.partition("Receipt ")[2].split("\n")[0].strip(), "COPY" in text)
        kind = self.draw.random() if self.fails else 1.0
        if kind < 0.2:
            self._fault("paper out")
            return Verdict(Outcome.NOT_PRINTED, "paper_out", "The paper is out.")
        if kind < 0.3 or kind > 0.5:
            self.pieces.append(piece)
        if kind >= 0.5:
            return Verdict(Outcome.PRINTED)
        self._fault("printer dies")
        if self.draw.random() < 0.3:
            self._disk.is_off = True
            raise PowerCut("while printing")
        return Verdict(Outcome.UNKNOWN, "unconfirmed", "The printer did not say that it has printed.")

    def status(self, timeout_s: float = 2.0) -> PrinterStatus:
        return PrinterStatus(online=True, paper="ok", cover_open=False, error="")

    def hear(self) -> PrinterStatus:
        return self.status()

    def proven(self) -> list[int]:
        return []

    def keeps(self, doubt: int) -> bool:
        return False

    def go_on(self, *, timeout_s: float) -> Verdict:
        raise NotImplementedError("what it does not print is gone")

    def drop(self) -> None: ...

    def close(self) -> None:
        pass


@dataclass
class Asked:
    """A sale that the host made and told the till of. `number` is what it was answered, 0 while it was not."""

    sale: Sale
    member: str
    redeem: int
    number: int = 0
    reference: str = ""


@dataclass
class Host:
    """The till software of the shop: it knows every sale it made, whatever became of the plugin's disk."""

    name: str
    sales: dict[str, Asked] = field(default_factory=dict)
    backs: dict[str, Return] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)


class Till:
    """A counter: host, printer, and the machine with the plugin's folder."""

    def __init__(
        self,
        label: str,
        shop: str,
        host: Host,
        folder: Path,
        *,
        now: Callable[[], datetime],
        random_bytes: RandomBytes,
        fault: Callable[[str], None],
    ) -> None:
        self.label = label
        self.shop = shop
        self.host = host
        self.folder = folder
        self.now = now
        self.random_bytes = random_bytes
        self.skew = timedelta()
        self.disk = Disk(lambda kind: fault(f"{label}: {kind}"))
        self.paper = Paper(self.disk, lambda kind: fault(f"{label}: {kind}"))
        self.memory = Memory()
        self.terminal_name = ""
        """Set once it is retired."""
        self.image: tuple[Path, Memory] | None = None
        self.is_copied = False
        """Whether another disk has been this till too: its printer's table may be older than its paper."""
        self.fed_at: datetime | None = None
        """When its feed last arrived."""
        self.heard_at: datetime | None = None
        """When head office's last answer arrived."""
        self.pages: list[Page] = []
        """Pages that have arrived since its file was last looked at."""
        self.wire: Wire

    def clock(self) -> datetime:
        return self.now() + self.skew

    def draw_from(self, draw: random.Random) -> None:
        """From now on `draw` decides what its wire and its printer do."""
        self.wire.draw = self.paper.draw = draw

    def create(self, template: Path) -> None:
        """A file copied from `template`, which is made first where there is none, with a name and a key of its own."""
        if not template.exists():
            _make(template)
        self.folder.mkdir()
        shutil.copy(template / FILE, self.folder / FILE)
        store_class(self.disk).create(self.folder, random_bytes=self.random_bytes).close()

    def start(self) -> None:
        self.store = store_class(self.disk).open(self.folder)
        self.head_office = SimulatedHeadOffice(self.store, self.wire, self.clock, self.random_bytes)
        self.terminal = Terminal(
            self.store,
            Config(shop=Shop(header=["Shop"])),
            clock=self.clock,
            random_bytes=self.random_bytes,
            head_office=self.head_office,
        )
        self.checkout = self.terminal.checkout
        self.eyes = sqlite3.connect(f"file:{self.folder / FILE}?mode=ro", uri=True, isolation_level=None)
        self.spooler = Spooler(self.store, self.paper, PROFILE)
        self.terminal.printer.spooler = self.spooler

    def stop(self) -> None:
        self.eyes.close()
        self.store.close()

    def restart(self) -> None:
        """Off and on again, whether it was a power cut or a person. The first start may be cut off as well."""
        self.stop()
        self.disk.disarm()
        self.start()

    def retire(self) -> None:
        """Off for good; what it was called is kept."""
        self.terminal_name = self.setting("terminal")
        self.disk.disarm()
        self.stop()

    @property
    def sync(self) -> Sync:
        return self.head_office.sync

    def setting(self, name: str, default: str = "") -> str:
        row = self.eyes.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else default

    def copy_folder(self, target: Path) -> None:
        target.mkdir(exist_ok=True)
        copy_database(self.folder / FILE, target / FILE)
        (target / KEY).write_bytes((self.folder / KEY).read_bytes())


def _make(template: Path) -> None:
    """A till's file with its tables and without a name; `Store.create` makes one of it."""
    Store.create(template).close()
    with sqlite3.connect(template / FILE) as file:
        file.execute("DELETE FROM setting")
    file.close()
    (template / KEY).unlink()
