"""The till's printer: receipts as they are recorded, and between two of them the drawer and what others print.

One thread owns the device (`print_all`); everybody else leaves it an errand.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from drivers.document import Document
from drivers.errors import DeviceError
from drivers.escpos import encode, profile
from drivers.status import Level, PrinterStatus, StatusChange
from drivers.verdict import Verdict
from drivers.wires import Wire
from ledger.identifiers import read_receipt_reference
from offline_store import journal, pictures, receipts
from offline_store.errors import StoreError
from offline_store.receipts import PrintJob
from offline_store.store import Store
from pos_plugin.config import Config, printer_profile
from pos_plugin.errors import Conflict, Unknown
from pos_plugin.papers import host_prints, sample_sheet
from pos_plugin.papers.drawer import Kicks, Opened, no_printer, not_in_time, opened
from pos_plugin.papers.errands import Errands, TooBusy
from pos_plugin.papers.kept_logo import KeptLogo
from pos_plugin.papers.receipt_template import Logo
from pos_plugin.papers.sample_sheet import Sampled
from pos_plugin.papers.spooler import Device, Spooler

log = logging.getLogger("pos_plugin")

LOOK_EVERY_S = 2.0
LOOK_BEHIND_RELAY_S = 5.0
LISTEN_EVERY_S = 0.25
FILE_AGAIN_AFTER_S = 5.0
DRAWER_WAIT_S = 8.0
"""How long a drawer may have to wait for the receipt that is being printed; after that a person opens it with its key."""
LOOK_WAIT_S = 3.0
NO_ANSWER = frozenset(("absent", "busy", "denied", "timeout", "wrong_address", "silent"))
"""The troubles of a printer in which what it last said about itself is old news."""


class PrinterDevice(Device, Kicks, sample_sheet.Prints, host_prints.Prints, Protocol):
    """What is needed of `drivers.printer.Printer`."""


class TillPrinter:
    """`spooler` is None where the till has no printer. `happened` hears "print" and "printer", as `pos_plugin.events` does."""

    def __init__(
        self,
        store: Store,
        config: Config,
        logo: Logo | None,
        *,
        clock: Callable[[], datetime],
        happened: Callable[[str], None],
        printed: Callable[[PrintJob], None],
        told: Callable[[StatusChange], None],
    ) -> None:
        self._store = store
        self._config = config
        self._logo = logo
        self._clock = clock
        self._happened = happened
        self._printed = printed
        self._told = told
        self._to_print = threading.Event()
        self._shown = ("", False, False)
        self._is_paperless = False
        self._device: PrinterDevice | None = None
        self._wire: Wire | None = None
        self.errands = Errands(self._to_print.set)
        self.spooler: Spooler | None = None

    def open(self, device: PrinterDevice | None = None) -> Spooler:
        """The spooler of the printer in the settings (or of `device`). Raises DeviceError where the settings name none."""
        from drivers.printer import Printer
        from drivers.wires import wire_from_url

        made = printer_profile(self._config.printer)
        level = self._config.drawer.open_is
        opens: Level = "unknown" if level == "not wired" else level
        kept_logo = None
        if device is None:
            if self._config.intercept.listen:
                from pos_plugin.intercept.relay_wire import RelayWire

                self._wire = RelayWire(self._store.folder)
            else:
                self._wire = wire_from_url(self._config.printer.address)
            device = owned = Printer(self._wire, made, drawer_opens=opens)
            if self._logo is not None and made.has_stored_pictures:
                columns = self._config.printer.width_columns
                kept_logo = KeptLogo(self._store, owned, made, self._logo, columns, self._clock)
        self._device = device
        self.spooler = Spooler(
            self._store,
            device,
            made,
            changed=self._printed,
            told=self._told,
            drawer_opens=opens,
            logo=kept_logo,
        )
        return self.spooler

    def do_without(self) -> None:
        """There is no printer: the first one that this till gets must not begin with every receipt of before."""
        self._is_paperless = True
        self._store.write(receipts.drop_unprinted)

    def soon(self) -> None:
        """There is something to print."""
        self._to_print.set()

    # -- between two receipts

    def open_drawer(self) -> Opened:
        """Opens the cash drawer, whatever the ledger, the paper or head office do, and says whether it did.

        Between two receipts, so that it waits for the one being printed at most; what was given up does not open it later.
        """
        device = self._device
        if self.spooler is None or device is None:
            return no_printer()
        set_up = self._config.drawer
        try:
            return self.errands.ask(lambda: opened(device, set_up), begins_within_s=DRAWER_WAIT_S)
        except TooBusy:
            return not_in_time()

    def print_sample(self, *, drawer: bool = False, buzzer: bool = False) -> Sampled:
        """Prints the test page. Raises Conflict where that cannot be."""
        device, wire = self._device, self._wire
        if self.spooler is None or device is None:
            raise sample_sheet.no_printer()
        name = self._config.printer.profile
        data = sample_sheet.sample_data(self._store.folder, self._config, drawer=drawer, buzzer=buzzer)
        try:
            return self.errands.ask(
                lambda: sample_sheet.print_sample(device, wire, data, profile=name), begins_within_s=DRAWER_WAIT_S
            )
        except TooBusy:
            raise Conflict(
                "PRINTER_BUSY",
                "The printer is busy with a receipt; the test page was not printed.",
                hint="Look at the printer: its cover, its paper. Then print the page again.",
            ) from None

    def print_for_host(self, data: bytes, *, begins_within_s: float = DRAWER_WAIT_S) -> Verdict:
        """Prints another program's bytes. Never raises because of a device; nothing is sent twice."""
        device = self._device
        if self.spooler is None or device is None:
            return host_prints.no_printer()
        try:
            return self.errands.ask(lambda: host_prints.printed(device, data), begins_within_s=begins_within_s)
        except TooBusy:
            return host_prints.too_busy()

    def print_slip(self, slip: Document) -> Verdict:
        """Prints a slip that belongs to no entry (an X, a balance, a sale on hold): once, now, and it is not kept.

        Whoever asks sees what became of it, and asks again. Never raises because of a device.
        """
        try:
            made = printer_profile(self._config.printer)
        except DeviceError:
            made = profile()
        with self._store.read() as db:
            kept = pictures.of(db, slip.pictures())
        return self.print_for_host(encode(slip, made, pictures=kept))

    def look(self) -> PrinterStatus:
        """How the printer is now; as it last said where it is busy. Unknown where it does not answer."""
        spooler = self.spooler
        if spooler is None:
            return PrinterStatus()
        with contextlib.suppress(TooBusy):
            self.errands.ask(spooler.look, begins_within_s=LOOK_WAIT_S)
        return PrinterStatus() if spooler.trouble_code in NO_ANSWER else spooler.status

    # -- receipts

    def reprint(self, reference: str) -> int:
        """Prints an earlier receipt again, as it was, marked COPY; answers the job. Raises Unknown."""
        read = read_receipt_reference(reference)

        def work(db: sqlite3.Connection) -> int:
            if read is None or read[0] != journal.identity(db).terminal or receipts.document(db, read[1]) is None:
                raise Unknown("RECEIPT_UNKNOWN", "There is no such receipt at this till.", hint="Check the reference.")
            return receipts.ask_to_print(db, read[1], copy=True)

        job = self._store.write(work)
        self._to_print.set()
        return job

    def settle(self, job: int, *, came_out: bool) -> None:
        """A person has looked at an unknown print: it came out, or it is printed again as a COPY. Raises Unknown."""

        def work(db: sqlite3.Connection) -> None:
            known = receipts.job(db, job)
            if known is None or known.state not in ("unknown", "not printed"):
                raise Unknown("PRINT_NOT_OPEN", "There is nothing to decide about this print.")
            receipts.mark(db, job, "printed" if came_out else "dropped", "settled", "A person looked.")
            if not came_out:
                receipts.ask_to_print(db, known.number, copy=known.state == "unknown" or known.copy)

        self._store.write(work)
        self._to_print.set()
        self._happened("print")

    def go_on(self, job: int) -> str:
        """Lets the printer print the rest of a receipt that stopped half-way; the state of the print then.

        Raises Unknown where the printer keeps nothing of it, Conflict where it is busy for too long.
        """
        spooler = self.spooler
        try:
            state = self.errands.ask(lambda: spooler.go_on(job), begins_within_s=DRAWER_WAIT_S) if spooler else ""
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

    # -- the loop

    def print_all(self, stopping: threading.Event) -> None:
        """Prints what was recorded, does errands, and looks at the printer in between, until `stopping`."""
        spooler = self.spooler
        while spooler is not None and not stopping.is_set():
            self._to_print.clear()
            try:
                self.errands.do_all()
                while spooler.step() and not stopping.is_set():
                    self.errands.do_all()
                if not spooler.asked:
                    spooler.look()  # whoever opens the page hears at once how it is
                self._show(spooler)
                self._wait(spooler)
            except StoreError as error:
                # The drawer opens all the same: an errand ends this wait.
                log.error("spooler: %s", error)
                self._to_print.wait(FILE_AGAIN_AFTER_S)
            self._show(spooler)

    def _show(self, spooler: Spooler) -> None:
        """Before a wait and after it: between the two a trouble may have ended that began in the step before."""
        shown = (spooler.trouble, spooler.answers, spooler.asked)
        if shown != self._shown:
            self._shown = shown
            self._happened("printer")

    def _wait(self, spooler: Spooler) -> None:
        """Until there is something to print; what the printer says by itself is heard at once, and now and then it is asked."""
        # Behind a relay each look keeps the shop's till from printing for a moment.
        is_rare = bool(self._config.intercept.listen) and not spooler.trouble
        every_s = LOOK_BEHIND_RELAY_S if is_rare else LOOK_EVERY_S
        for _ in range(round(every_s / LISTEN_EVERY_S)):
            if self._to_print.wait(LISTEN_EVERY_S) or spooler.listen():
                return
        spooler.look()

    def stop(self) -> None:
        """No errand is begun any more; the loop sees that it is to end."""
        self.errands.close()
        self._to_print.set()

    def close(self) -> None:
        """Once the loop has ended."""
        if self.spooler is not None:
            self.spooler.close()
        if self._is_paperless:
            with contextlib.suppress(StoreError):
                self._store.write(receipts.drop_unprinted)
