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
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from drivers.status import StatusChange
from ledger.identifiers import RandomBytes, receipt_reference
from ledger.wire import Enrolled
from offline_store import journal, members, pictures, rights, settings
from offline_store.errors import StoreError
from offline_store.members import Balance
from offline_store.receipts import PrintJob
from offline_store.store import Store
from pos_plugin.codes.identifying import Identified
from pos_plugin.codes.readers import Reader
from pos_plugin.codes.scale_labels import beside_cards
from pos_plugin.config import Config, ConfigError, ServerSettings, read_config
from pos_plugin.customer.line_display import CustomerDisplay, Figures, Notice, Told
from pos_plugin.customer.window import CustomerWindow
from pos_plugin.errors import Conflict, Unknown
from pos_plugin.events import Events
from pos_plugin.head_office.contact import HeadOffice
from pos_plugin.lane import Lane
from pos_plugin.loops import Loops, Stepped
from pos_plugin.papers.layout import read_layout
from pos_plugin.papers.till_printer import PrinterDevice, TillPrinter
from pos_plugin.plugins import Plugins
from pos_plugin.recent_log import RecentLog
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.printed_sales import PrintedSales
from pos_plugin.sales.quotes import Completed, Quote
from pos_plugin.shop_day.operators import Operators

log = logging.getLogger("pos_plugin")

CHECKPOINT_EVERY_S = 5.0
SCANS_KEPT = 16
FORM_S = 60.0
"""So long the page's last word counts that a form of its takes the scans: a page that is gone must not keep them."""
REACT_S = 0.5


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
        head_office: HeadOffice | None = None,
    ) -> None:
        """Raises ValueError for a plugin that cannot be one."""
        self.plugins = Plugins(plugins)
        self.store = store
        self.config = config
        self.clock = clock
        self.events = Events()
        self._scans: deque[Scan] = deque(maxlen=SCANS_KEPT)
        self._scanning = threading.Lock()
        self._form_until: datetime | None = None
        self.readers: list[Reader] = []
        self.doors: dict[str, str] = {}
        """The doors for other makers' programs, by their name in till.toml: "", or why that one is not open."""
        self.log = RecentLog()
        self._loops = Loops()
        self.head_office = head_office or HeadOffice(
            store,
            config.server.url,
            clock=clock,
            random_bytes=random_bytes,
            changed=lambda: self.events.happened("sync"),
        )
        layout, logo = read_layout(store.folder, config)
        if logo is not None:
            store.write(lambda db: pictures.keep(db, logo.digest, logo.png))
        self.printer = TillPrinter(
            store,
            config,
            logo,
            clock=clock,
            happened=self.events.happened,
            printed=self._print_told,
            told=self._printer_told,
        )
        self.display: CustomerDisplay | None = None
        self._to_show = threading.Event()
        self.checkout = Checkout(
            store,
            layout=layout,
            clock=clock,
            random_bytes=random_bytes,
            connection=self.head_office.connection,
            fetch_rights=self.head_office.fetch_rights,
            look_up_card=self.head_office.look_up_card,
            look_up_phone=self.head_office.look_up_phone,
            look_up_member=self.head_office.look_up_member,
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

    def start(self, device: PrinterDevice | None = None) -> None:
        """Starts printing, reading and syncing with whatever the settings name."""
        log.addHandler(self.log)
        loops = self._loops
        if device is not None or self.config.printer.address:
            self.printer.open(device)
            loops.run("spooler", self.printer.print_all)
        else:
            self.printer.do_without()
        if self.config.display.address:
            self.display = self._open_display()
            loops.run("customer display", self._show)
        loops.run("sync", partial(self.head_office.exchange, self.checkout.needs_rights))
        for reader in self.open_readers():
            self.readers.append(reader)
            loops.step(f"scanner {len(self.readers)}", reader)
        if not self.plugins.is_empty:
            loops.run("plugins", self._react)
        loops.run("checkpoints", self._checkpoint)

    def keep(self, name: str, one: Stepped) -> None:
        """Steps something of another maker's until this till closes, in a thread of its own; then closes it."""
        self._loops.step(name, one)

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
        self._loops.stopping.set()
        self.printer.stop()
        self.head_office.soon()
        self._to_show.set()
        self._loops.join()
        self.printer.close()
        if self.display is not None:
            self.display.close()
        self.head_office.close()
        self.store.checkpoint()
        self.store.close()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what happened

    def recorded(self, about: str) -> None:
        """Something was recorded: print it, send it, show it."""
        self.printer.soon()
        self.head_office.soon()
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

    # -- the customer's display

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
        office = self.head_office
        is_current = office.sync is None or (office.connection().is_current and unsent <= 1)
        return Figures(program, balance, is_current)

    def connect(self, address: str, code: str) -> Enrolled:
        """Enrols this till with a one-time code, and begins to send what it has. Raises as `enrolling.connect`."""
        done = self.head_office.connect(address, code)
        self.config = self.config.model_copy(update={"server": ServerSettings(url=done.url)})
        with contextlib.suppress(ConfigError):  # of the shop's name on receipts, which may be news
            self.checkout.use_header(read_config(self.store.folder).shop.header)
            self.customer.layout = self.checkout.layout
            if self.display is not None:
                self.display.use(self.checkout.layout)
                self._to_show.set()
        self.events.happened("sync")
        return done.enrolled

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
                    is_online=self.head_office.connection().is_online,
                ).points,
                members.cards_of(db, member),
                moved,
            )

    # -- loops

    def _show(self, stopping: threading.Event) -> None:
        display = self.display
        while display is not None and not stopping.is_set():
            self._to_show.clear()
            before = display.trouble
            display.step()
            if display.trouble != before:
                self.events.happened("display")
            self._to_show.wait(1.0)

    def _react(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self.plugins.step(REACT_S)

    def _checkpoint(self, stopping: threading.Event) -> None:
        """The WAL is emptied between customers, so that no sale has to wait for it, or for a longer file to be flushed."""
        while not stopping.wait(CHECKPOINT_EVERY_S):
            self.store.checkpoint()


def _see_beside_cards(store: Store, config: Config) -> None:
    """Says where a label of the shop's scales would be taken for a card. Head office may change its cards: the till sells on."""
    if not config.items.patterns:
        return
    with store.read() as db:
        rules = settings.program_in_force(db, datetime.now(UTC)).cards.rules
    for problem in beside_cards(config.items.scale_patterns, rules):
        log.warning("%s", problem)
