"""The terminal: opens everything, starts the loops, closes in order. The only place with threads of its own.

The same object is the way in for a till that is written in Python:

    with Terminal.open(Path("till")) as terminal:
        who = terminal.checkout.identify("2900000000018")
        quote = terminal.checkout.quote(sale, who.member)
        done = terminal.checkout.commit(quote.quote_id, key="sale 17")

Workers meet at tables: a loop that is woken looks there, and one that is not woken looks there a little later.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from drivers.status import Level, PrinterStatus, StatusChange
from drivers.verdict import Verdict
from drivers.wires import Wire
from ledger.identifiers import RandomBytes, read_receipt_reference, receipt_reference
from ledger.keys import SigningKey, phone_hash
from ledger.wire import CardReplaced, CardReplacement, Enrolled, MemberLookup, MembersFound
from offline_store import journal, members, pictures, receipts, rights, settings
from offline_store.errors import StoreError
from offline_store.members import Balance
from offline_store.receipts import PrintJob
from offline_store.store import Store
from offline_store.sync import NotEnrolled, Sync, SyncError
from offline_store.sync import Refused as SyncRefused
from pos_plugin import till_state
from pos_plugin.checkout import Checkout
from pos_plugin.codes.identifying import Identified
from pos_plugin.codes.readers import Reader
from pos_plugin.codes.scale_labels import beside_cards
from pos_plugin.config import Config, ConfigError, ServerSettings, printer_profile, read_config, read_layout
from pos_plugin.customer.line_display import CustomerDisplay, Figures, Notice, Told
from pos_plugin.customer.window import CustomerWindow
from pos_plugin.errors import BadRequest, Conflict, Unknown
from pos_plugin.events import Events
from pos_plugin.intercept.printed_sales import PrintedSales
from pos_plugin.lane import Lane
from pos_plugin.operators import Operators
from pos_plugin.papers import host_prints, sample_sheet
from pos_plugin.papers.drawer import Kicks, Opened, no_printer, not_in_time, opened
from pos_plugin.papers.errands import Errands, TooBusy
from pos_plugin.papers.kept_logo import KeptLogo
from pos_plugin.papers.sample_sheet import Sampled
from pos_plugin.papers.spooler import Device, Spooler
from pos_plugin.plugins import Plugins
from pos_plugin.quotes import Completed, Connection, Quote
from pos_plugin.recent_log import RecentLog
from pos_plugin.server_link import HttpLink

if TYPE_CHECKING:
    from pos_plugin.ways_in.cloudprnt.queue import CloudQueue

log = logging.getLogger("pos_plugin")

SYNC_EVERY_S = 5.0
SYNC_SLOWEST_S = 15.0
ONLINE_FOR_S = 30.0
CURRENT_FOR_S = 60.0
CHECKPOINT_EVERY_S = 5.0
LOOK_EVERY_S = 2.0
LOOK_BEHIND_RELAY_S = 5.0
LISTEN_EVERY_S = 0.25
DRAWER_WAIT_S = 8.0
"""How long a drawer may have to wait for the receipt that is being printed; after that a person opens it with its key."""
LOOK_WAIT_S = 3.0
NO_ANSWER = frozenset(("absent", "busy", "denied", "timeout", "wrong_address", "silent"))
"""The troubles of a printer in which what it last said about itself is old news."""
SCANS_KEPT = 16
FORM_S = 60.0
"""So long the page's last word counts that a form of its takes the scans: a page that is gone must not keep them."""
REACT_S = 0.5
RIGHTS_WAIT_S = 2.0
"""How long a quote waits for more rights; after that it says what is held."""


CHANGE_WAIT_S = 10.0
"""How long a person waits for a change at head office that no sale waits for."""


class TillPrinter(Device, Kicks, sample_sheet.Prints, host_prints.Prints, Protocol):
    """What a terminal needs of `drivers.printer.Printer`."""


class Scan(msgspec.Struct, frozen=True):
    """Something that a scanner read, and what it was. `number` counts scans since the start."""

    number: int
    device: str
    result: Identified


@dataclass(frozen=True)
class Enquiry:
    """A member's points, without a sale."""

    balance: Balance
    spendable_here: int
    cards: list[str]
    movements: list[dict[str, Any]]


class Terminal:
    """One till of one shop, open."""

    def __init__(
        self,
        store: Store,
        config: Config,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        random_bytes: RandomBytes = os.urandom,
        plugins: Sequence[object] = (),
    ) -> None:
        """Raises ValueError for a plugin that cannot be one."""
        self.plugins = Plugins(plugins)
        self.store = store
        self.config = config
        self.clock = clock
        self._random_bytes = random_bytes
        self.events = Events()
        self._scans: deque[Scan] = deque(maxlen=SCANS_KEPT)
        self._scanning = threading.Lock()
        self._form_until: datetime | None = None
        self.readers: list[Reader] = []
        self.cloud_queues: list[CloudQueue] = []
        self.doors: dict[str, str] = {}
        """The doors for other makers' programs, by their name in till.toml: "", or why that one is not open."""
        self.log = RecentLog()
        self._stop = threading.Event()
        self._to_print = threading.Event()
        self._to_sync = threading.Event()
        self._threads: list[threading.Thread] = []
        self._asking = ThreadPoolExecutor(2, thread_name_prefix="head-office")
        self._connecting = threading.Lock()
        self.link: HttpLink | None = None
        self.sync: Sync | None = None
        if config.server.url:
            with store.read() as db:
                who = journal.identity(db)
            self.link = HttpLink(config.server.url, who.terminal, lambda: SigningKey(store.secret_key()))
            self.sync = Sync(store, self.link, clock=clock, random_bytes=random_bytes)
        self.spooler: Spooler | None = None
        self._is_paperless = False
        self._printer_shown = ("", False, False)
        layout, self._logo = read_layout(store.folder, config)
        if (logo := self._logo) is not None:
            store.write(lambda db: pictures.keep(db, logo.digest, logo.png))
        self.display: CustomerDisplay | None = None
        self._device: TillPrinter | None = None
        self._wire: Wire | None = None
        self._errands = Errands(self._to_print.set)
        self._to_show = threading.Event()
        self.checkout = Checkout(
            store,
            layout=layout,
            clock=clock,
            random_bytes=random_bytes,
            connection=self.connection,
            fetch_rights=self._fetch_rights,
            look_up_card=self._look_up_card,
            look_up_phone=self._look_up_phone,
            look_up_member=self._look_up_member,
            recorded=lambda: self.recorded("sale"),
            told=self._tell_customer,
            operators=config.operators.members,
            scale_patterns=config.items.scale_patterns,
            own_lines=self.plugins.receipt_lines,
            member_code=self.plugins.member_code,
        )
        self.customer = CustomerWindow(layout, self._figures, clock)
        self.operators = Operators(
            store,
            clock=clock,
            random_bytes=random_bytes,
            limits=config.operators,
            end_quotes=self.checkout.sign_off,
            changed=lambda: self.events.happened("operators"),
        )
        self.lane = Lane(clock)
        self.printed_sales = PrintedSales(self.checkout, self.lane, lambda: self.recorded("sale"), self.operators.on)

    @classmethod
    def open(cls, folder: Path, *, start: bool = True, plugins: Sequence[object] = ()) -> Terminal:
        """Opens the till in `folder` and starts its loops; `plugins` have hooks of `pos_plugin.plugins`.

        Raises StoreError; ConfigError, DeviceError or SyncError where till.toml names what cannot be, TemplateError where
        receipt.toml does. Nothing is left running then.
        """
        config = read_config(folder)
        store = Store.open(folder)
        try:
            _see_beside_cards(store, config)
            terminal = cls(store, config, plugins=plugins)
            if start:
                terminal.start()
        except BaseException:
            store.close()
            raise
        return terminal

    def start(self, device: TillPrinter | None = None) -> None:
        """Starts printing, reading and syncing with whatever the settings name."""
        log.addHandler(self.log)
        if device is not None or self.config.printer.address:
            self.spooler = self.open_printer(device)
            self._run("spooler", self._print)
        else:
            self._is_paperless = True
            self.store.write(receipts.drop_unprinted)
        if self.config.display.address:
            self.display = self._open_display()
            self._run("customer display", self._show)
        if self.sync is not None:
            self._run("sync", self._exchange)
        for reader in self.open_readers():
            self.readers.append(reader)
            self._run(f"scanner {len(self.readers)}", partial(self._read, reader))
        if not self.plugins.is_empty:
            self._run("plugins", self._react)
        if any(one.url for one in self.config.cloudprnt):
            from pos_plugin.ways_in.cloudprnt import open_queues

            for queue in open_queues(self):
                self.cloud_queues.append(queue)
                self._run(f"cloud queue {len(self.cloud_queues)}", partial(self._ask_cloud, queue))
        self._run("checkpoints", self._checkpoint)

    def open_printer(self, device: TillPrinter | None = None) -> Spooler:
        """The spooler of the printer in the settings (or of `device`). Raises DeviceError where the settings name none."""
        from drivers.printer import Printer
        from drivers.wires import wire_from_url

        made = printer_profile(self.config.printer)
        level = self.config.drawer.open_is
        opens: Level = "unknown" if level == "not wired" else level
        kept_logo = None
        if device is None:
            if self.config.intercept.listen:
                from pos_plugin.intercept.relay_wire import RelayWire

                self._wire = RelayWire(self.store.folder)
            else:
                self._wire = wire_from_url(self.config.printer.address)
            device = owned = Printer(self._wire, made, drawer_opens=opens)
            if self._logo is not None and made.has_stored_pictures:
                kept_logo = KeptLogo(self.store, owned, made, self._logo, self.config.printer.width_columns, self.clock)
        self._device = device
        return Spooler(
            self.store,
            self._device,
            made,
            changed=self._print_told,
            told=self._printer_told,
            drawer_opens=opens,
            logo=kept_logo,
        )

    def _printer_told(self, change: StatusChange) -> None:
        log.info("printer: %s", change.sentence)
        self.events.happened("printer")
        self.plugins.tell("printer_changed", code=change.code, sentence=change.sentence)

    def _print_told(self, job: PrintJob) -> None:
        self.events.happened("print")
        if not self.plugins.is_empty:
            with self.store.read() as db:
                reference = receipt_reference(journal.identity(db).terminal, job.number)
            self.plugins.tell("receipt_printed", reference=reference, state=job.state, reason=job.reason)

    def close(self) -> None:
        """Stops the loops, each after the step it is in, then closes the devices, the network and the file."""
        log.removeHandler(self.log)
        self._stop.set()
        self._errands.close()
        self._to_print.set()
        self._to_sync.set()
        self._to_show.set()
        for thread in self._threads:
            thread.join(timeout=40)
        self._asking.shutdown(wait=False, cancel_futures=True)
        if self.spooler is not None:
            self.spooler.close()
        if self.display is not None:
            self.display.close()
        if self.link is not None:
            self.link.close()
        if self._is_paperless:
            # Else the first printer that this till gets would begin with every receipt of before.
            with contextlib.suppress(StoreError):
                self.store.write(receipts.drop_unprinted)
        self.store.checkpoint()
        self.store.close()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what happened

    def recorded(self, about: str) -> None:
        """Something was recorded: print it, send it, show it."""
        self._to_print.set()
        self._to_sync.set()
        self.events.happened(about)

    def open_readers(self) -> list[Reader]:
        """The scanners in the settings, none of them claimed yet. Raises DeviceError where an address names none."""
        from drivers.scanners import scanner_from_url

        return [
            Reader(
                scanner_from_url(set_up.address),
                set_up.name,
                repeat_after_s=set_up.repeat_after_ms / 1000,
                scanned=lambda scan: self.scanned(scan.label, scan.symbology, scan.device).is_of_use,
                changed=lambda: self.events.happened("scanner"),
            )
            for set_up in self.config.scanner
            if set_up.address
        ]

    def scanned(
        self, label: str, symbology: str = "", device: str = "typed", entry_mode: str = "scanned"
    ) -> Identified:
        """A code was read, by whatever reader: what it is, for the page and for the host."""
        try:
            result = self.checkout.identify(label, entry_mode, symbology, is_customer=not self._is_into_form())
        except StoreError as error:  # the scanner reads on, and the cashier is told
            log.error("scan: %s", error)
            result = Identified("refused code", message=f"{error} Scan it again, or sell without the card.")
        with self._scanning:
            self._scans.append(Scan(self._scans[-1].number + 1 if self._scans else 1, device, result))
        self.events.happened("scan")
        self.plugins.tell("scanned", device=device, found=result)
        return result

    def scan_into(self, form: str) -> None:
        """Whoever is read from here on is meant for this form of the page, until it says otherwise, or nothing for a minute; ""
        for none."""
        self._form_until = self.clock() + timedelta(seconds=FORM_S) if form else None

    def _is_into_form(self) -> bool:
        until = self._form_until
        return until is not None and self.clock() < until

    @property
    def scans(self) -> list[Scan]:
        """The last scans, oldest first: more than one, so that a page that was busy misses none."""
        with self._scanning:
            return list(self._scans)

    # -- the drawer and the customer's display

    def open_drawer(self) -> Opened:
        """Opens the cash drawer, whatever the ledger, the paper or head office do, and says whether it did.

        Between two receipts, so that it waits for the one being printed at most; what was given up does not open it later.
        """
        device = self._device
        if self.spooler is None or device is None:
            return no_printer()
        set_up = self.config.drawer
        try:
            return self._errands.ask(lambda: opened(device, set_up), begins_within_s=DRAWER_WAIT_S)
        except TooBusy:
            return not_in_time()

    def print_sample(self, *, drawer: bool = False, buzzer: bool = False) -> Sampled:
        """Prints the test page on this till's printer, between two receipts. Raises Conflict where that cannot be."""
        device, wire = self._device, self._wire
        if self.spooler is None or device is None:
            raise sample_sheet.no_printer()
        name = self.config.printer.profile
        data = sample_sheet.sample_data(self.store.folder, self.config, drawer=drawer, buzzer=buzzer)
        try:
            return self._errands.ask(
                lambda: sample_sheet.print_sample(device, wire, data, profile=name), begins_within_s=DRAWER_WAIT_S
            )
        except TooBusy:
            raise Conflict(
                "PRINTER_BUSY",
                "The printer is busy with a receipt; the test page was not printed.",
                hint="Look at the printer: its cover, its paper. Then print the page again.",
            ) from None

    def print_for_host(self, data: bytes, *, begins_within_s: float = DRAWER_WAIT_S) -> Verdict:
        """Prints another program's bytes between two receipts. Never raises because of a device; nothing is sent twice."""
        device = self._device
        if self.spooler is None or device is None:
            return host_prints.no_printer()
        try:
            return self._errands.ask(lambda: host_prints.printed(device, data), begins_within_s=begins_within_s)
        except TooBusy:
            return host_prints.too_busy()

    def look_at_printer(self) -> PrinterStatus:
        """How the printer is, asked between two receipts; as it last said where it is busy. Unknown where it does not answer."""
        spooler = self.spooler
        if spooler is None:
            return PrinterStatus()
        with contextlib.suppress(TooBusy):
            self._errands.ask(spooler.look, begins_within_s=LOOK_WAIT_S)
        return PrinterStatus() if spooler.trouble_code in NO_ANSWER else spooler.status

    def show_customer(self, upper: str, lower: str, lasts_s: float) -> None:
        """Shows the customer two lines of the host's own for a while; the next sale takes their place. Raises Conflict."""
        if self.display is None:
            raise Conflict(
                "NO_DISPLAY",
                "This till has no customer's display.",
                hint="Write its address under [display] in till.toml.",
            )
        self._tell_customer(Notice(upper, lower, lasts_s))

    def _tell_customer(self, what: Told | None) -> None:
        if what is None:
            self.lane.clear()
        elif isinstance(what, Identified) and what.can_redeem:
            self.lane.arrived(what.member, what.card)
        elif isinstance(what, Completed) and what.till != self.config.intercept.till:
            self.lane.bought(what.member)
        open_quote = self.checkout.open_quotes.get(what.quote_id) if isinstance(what, Quote) else None
        self.customer.tell(what, open_quote.sale if open_quote else None)
        self.events.happened("customer")
        if self.display is not None:
            self.display.tell(what)
            self._to_show.set()

    def _open_display(self) -> CustomerDisplay:
        from drivers.display import LineDisplay
        from drivers.wires import wire_from_url

        set_up = self.config.display
        wire = wire_from_url(set_up.address)
        glass = LineDisplay(wire, set_up.dialect, columns=set_up.columns, code_pages=set_up.code_pages)
        return CustomerDisplay(glass, self.checkout.layout, self._figures, columns=set_up.columns, idle=set_up.idle)

    def _figures(self, member: str) -> Figures:
        with self.store.read() as db:
            balance = members.balance(db, member, self.checkout.today(db))
            unsent = journal.head(db)[0] - int(settings.get(db, "acknowledged", "0"))
            program = settings.program_in_force(db, self.clock())
        # A till without a head office has the only book; with one, all but the sale just made is known there.
        is_current = self.sync is None or (self.connection().is_current and unsent <= 1)
        return Figures(program, balance, is_current)

    # -- head office

    def connection(self) -> Connection:
        sync = self.sync
        if sync is None or sync.last_contact is None:
            return Connection(is_online=False, is_current=False)
        now = self.clock()
        heard_s = (now - sync.last_contact).total_seconds()
        fed_s = (now - sync.last_feed).total_seconds() if sync.last_feed else CURRENT_FOR_S
        is_online = sync.problem is None and heard_s < ONLINE_FOR_S
        return Connection(is_online, is_online and fed_s < CURRENT_FOR_S, sync.last_contact)

    def connect(self, address: str, code: str) -> Enrolled:
        """Enrols this till with a one-time code, and begins to send what it has. Raises as `pos_plugin.enrolling.connect`."""
        from pos_plugin.enrolling import connect

        with self._connecting:
            done = connect(self.store, address, code, clock=self.clock, random_bytes=self._random_bytes)
            is_asked, before = self.sync is not None, self.link
            self.config = self.config.model_copy(update={"server": ServerSettings(url=done.url)})
            self.link, self.sync = done.link, done.sync
            if before is not None:
                before.close()
            if not is_asked:
                self._run("sync", self._exchange)
        with contextlib.suppress(ConfigError):  # of the shop's name on receipts, which may be news
            self.checkout.use_header(read_config(self.store.folder).shop.header)
            self.customer.layout = self.checkout.layout
            if self.display is not None:
                self.display.use(self.checkout.layout)
                self._to_show.set()
        self._to_sync.set()
        self.events.happened("sync")
        return done.enrolled

    def sync_soon(self) -> None:
        self._to_sync.set()

    def _fetch_rights(self, member: str, points: int) -> str:
        sync = self.sync
        if sync is None:
            return ""
        late = threading.Event()
        asked = self._asking.submit(sync.fetch_rights, member, points, late.is_set)
        try:
            asked.result(RIGHTS_WAIT_S)
        except (FutureTimeout, SyncError, StoreError) as error:
            late.set()
            log.info("rights not fetched in time: %s", type(error).__name__)
            return "Head office did not answer in time."
        return sync.why_not_granted

    def _look_up_card(self, card: str) -> str | None:
        return self._look_up(MemberLookup(card=card))

    def _look_up_phone(self, phone: str) -> str | None:
        with self.store.read() as db:
            key = settings.get(db, "phone_key")
            if not key:
                return None
            hashed = phone_hash(key, phone)
            known = members.member_of_phone(db, hashed)
        return known or self._look_up(MemberLookup(phone_hash=hashed))

    def _look_up_member(self, member: str) -> str | None:
        with self.store.read() as db:
            current = members.current(db, member)
            is_known = db.execute("SELECT 1 FROM member WHERE member = ?", (current,)).fetchone() is not None
        return current if is_known else self._look_up(MemberLookup(member=member))

    def search_by_name(self, name: str) -> MembersFound:
        """Members by name, from head office: nobody else keeps names. Raises Conflict where it cannot be asked now."""
        if self.sync is not None and self.connection().is_online:
            try:
                return self._asking.submit(self.sync.search, name).result(RIGHTS_WAIT_S)
            except SyncRefused as refused:
                raise BadRequest(refused.code, str(refused), hint=refused.hint) from refused
            except (FutureTimeout, SyncError, StoreError):
                pass
        raise Conflict(
            "NAMES_OFFLINE",
            "Names are known at head office alone, which cannot be asked now.",
            hint="Scan the card, or look the member up by phone number.",
        )

    def replace_card(self, replacement: CardReplacement) -> CardReplaced:
        """Asks head office to. Raises SyncError, or TimeoutError; then it may be done or not."""
        if self.sync is None:
            raise NotEnrolled("This till has no head office.")
        return self._asking.submit(self.sync.replace_card, replacement).result(CHANGE_WAIT_S)

    def _look_up(self, lookup: MemberLookup) -> str | None:
        if self.sync is None or not self.connection().is_online:
            return None
        try:
            return self._asking.submit(self.sync.look_up, lookup).result(RIGHTS_WAIT_S)
        except (FutureTimeout, SyncError, StoreError):
            return None

    # -- questions

    def enquiry(self, member: str) -> Enquiry:
        """A member's balance and last movements here. Raises Unknown."""
        with self.store.read() as db:
            if db.execute("SELECT 1 FROM member WHERE member = ?", (member,)).fetchone() is None:
                raise Unknown("ACCOUNT_INVALID", "This member is not known here.")
            today = self.checkout.today(db)
            moved = [
                {"day": entry.envelope.business_day, "kind": entry.kind, "points": points}
                for entry, points in members.movements(db, member)
            ]
            return Enquiry(
                members.balance(db, member, today),
                rights.spendable_here(
                    db,
                    settings.program_in_force(db, self.clock()),
                    member,
                    today,
                    is_online=self.connection().is_online,
                ).points,
                members.cards_of(db, member),
                moved,
            )

    def reprint(self, reference: str) -> int:
        """Prints an earlier receipt again, as it was, marked COPY; answers the job. Raises Unknown."""
        read = read_receipt_reference(reference)

        def work(db: sqlite3.Connection) -> int:
            if read is None or read[0] != journal.identity(db).terminal or receipts.document(db, read[1]) is None:
                raise Unknown("RECEIPT_UNKNOWN", "There is no such receipt at this till.", hint="Check the reference.")
            return receipts.ask_to_print(db, read[1], copy=True)

        job = self.store.write(work)
        self._to_print.set()
        return job

    def settle_print(self, job: int, *, came_out: bool) -> None:
        """A person has looked at an unknown print: it came out, or it is printed again as a COPY. Raises Unknown."""

        def work(db: sqlite3.Connection) -> None:
            known = receipts.job(db, job)
            if known is None or known.state not in ("unknown", "not printed"):
                raise Unknown("PRINT_NOT_OPEN", "There is nothing to decide about this print.")
            receipts.mark(db, job, "printed" if came_out else "dropped", "settled", "A person looked.")
            if not came_out:
                receipts.ask_to_print(db, known.number, copy=known.state == "unknown" or known.copy)

        self.store.write(work)
        self._to_print.set()
        self.events.happened("print")

    def go_on_printing(self, job: int) -> str:
        """Lets the printer print the rest of a receipt that stopped half-way; the state of the print then.

        Raises Unknown where the printer keeps nothing of it, Conflict where it is busy for too long.
        """
        spooler = self.spooler
        try:
            state = self._errands.ask(lambda: spooler.go_on(job), begins_within_s=DRAWER_WAIT_S) if spooler else ""
        except TooBusy:
            raise Conflict(
                "PRINTER_BUSY", "The printer is busy. The receipt is kept.", hint="Try again in a moment."
            ) from None
        if not state:
            raise Unknown(
                "PRINT_NOT_KEPT",
                "The printer keeps nothing of this receipt that it could go on with. The receipt itself is kept.",
                hint="Look at the paper, then say that it came out, or print it again.",
            )
        return state

    def state(self) -> dict[str, Any]:
        """Everything the page shows that is not the sale itself."""
        return till_state.shown(self)

    # -- loops

    def _run(self, name: str, loop: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guarded, args=(name, loop), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, name: str, loop: Callable[[], None]) -> None:
        """A loop that fails starts again after a while: a till sells for days without anybody looking at it."""
        while not self._stop.is_set():
            try:
                loop()
            except StoreError as error:
                log.error("%s: %s", name, error)
            except Exception:
                log.exception("%s stopped; it starts again", name)
            self._stop.wait(SYNC_EVERY_S)

    def _print(self) -> None:
        spooler = self.spooler
        while spooler is not None and not self._stop.is_set():
            self._to_print.clear()
            try:
                self._errands.do_all()
                while spooler.step() and not self._stop.is_set():
                    self._errands.do_all()
                if not spooler.asked:
                    spooler.look()  # whoever opens the page hears at once how it is
                self._show_printer(spooler)
                self._wait_for_printing(spooler)
            except StoreError as error:
                # The drawer opens all the same: an errand ends this wait.
                log.error("spooler: %s", error)
                self._to_print.wait(SYNC_EVERY_S)
            self._show_printer(spooler)

    def _show_printer(self, spooler: Spooler) -> None:
        """Before a wait and after it: between the two a trouble may have ended that began in the step before."""
        shown = (spooler.trouble, spooler.answers, spooler.asked)
        if shown != self._printer_shown:
            self._printer_shown = shown
            self.events.happened("printer")

    def _wait_for_printing(self, spooler: Spooler) -> None:
        """Until there is something to print; what the printer says by itself is heard at once, and now and then it is asked."""
        # Behind a relay each look keeps the shop's till from printing for a moment.
        is_rare = bool(self.config.intercept.listen) and not spooler.trouble
        every_s = LOOK_BEHIND_RELAY_S if is_rare else LOOK_EVERY_S
        for _ in range(round(every_s / LISTEN_EVERY_S)):
            if self._to_print.wait(LISTEN_EVERY_S) or spooler.listen():
                return
        spooler.look()

    def _show(self) -> None:
        display = self.display
        while display is not None and not self._stop.is_set():
            self._to_show.clear()
            before = display.trouble
            display.step()
            if display.trouble != before:
                self.events.happened("display")
            self._to_show.wait(1.0)

    def _exchange(self) -> None:
        pause_s = SYNC_EVERY_S
        while self.sync is not None and not self._stop.is_set():
            self._to_sync.clear()
            was_online = self.connection().is_online
            try:
                progress = self.sync.step(self.checkout.needs_rights)
                pause_s = max(progress.wait_s, SYNC_EVERY_S if not progress.unsent else 0.0)
                if progress.uploaded or progress.received:
                    self.events.happened("sync")
            except SyncError as error:
                log.info("sync: %s", error)
                pause_s = min(SYNC_SLOWEST_S, pause_s * 2) if pause_s else SYNC_EVERY_S
            if self.connection().is_online != was_online:
                self.events.happened("sync")
            if self._to_sync.wait(pause_s):
                # A sale wakes the exchange, but a head office that does not answer is not asked again at every sale.
                self._stop.wait(0.05 if self.sync.problem is None else 2.0)

    def _read(self, reader: Reader) -> None:
        try:
            while not self._stop.is_set():
                self._stop.wait(reader.step())
        finally:
            reader.close()

    def _react(self) -> None:
        while not self._stop.is_set():
            self.plugins.step(REACT_S)

    def _ask_cloud(self, queue: CloudQueue) -> None:
        try:
            while not self._stop.is_set():
                self._stop.wait(queue.step())
        finally:
            queue.close()

    def _checkpoint(self) -> None:
        """The WAL is emptied between customers, so that no sale has to wait for it, or for a longer file to be flushed."""
        while not self._stop.wait(CHECKPOINT_EVERY_S):
            self.store.checkpoint()


def _see_beside_cards(store: Store, config: Config) -> None:
    """Says where a label of the shop's scales would be taken for a card. Head office may change its cards: the till sells on."""
    if not config.items.patterns:
        return
    with store.read() as db:
        rules = settings.program_in_force(db, datetime.now(UTC)).cards.rules
    for problem in beside_cards(config.items.scale_patterns, rules):
        log.warning("%s", problem)
