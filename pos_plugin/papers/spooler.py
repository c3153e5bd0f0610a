"""The spooler: takes receipts from the table in order, prints them, writes the verdict down. One step at a time.

Started is committed before the first byte, so a power cut leaves "unknown", never a receipt printed twice by itself. What the
printer proves it did not print waits and is printed when the printer can. What is unknown waits for a person, or for the
printer: with a new roll it prints the rest, and says so. Those behind it go on as soon as the printer can print.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from drivers.document import decode_document
from drivers.errors import DeviceError
from drivers.escpos import Profile, encode
from drivers.printer import Outcome, Verdict
from drivers.status import Level, PrinterStatus, StatusChange, changes
from offline_store import pictures, receipts
from offline_store.receipts import PrintJob
from offline_store.store import Store
from pos_plugin.papers.kept_logo import KeptLogo

PRINT_TIMEOUT_S = 30.0
SLOWEST_BYTES_PER_S = 400  # a serial line at 4800 baud; a long receipt has as much longer
GO_ON_TIMEOUT_S = 5.0
DOUBTS = 100


class Device(Protocol):
    """What the spooler needs of `drivers.printer.Printer`."""

    def print(self, data: bytes, *, timeout_s: float) -> Verdict: ...
    def status(self, timeout_s: float = 2.0) -> PrinterStatus: ...
    def hear(self) -> PrinterStatus: ...
    def proven(self) -> list[int]: ...
    def keeps(self, doubt: int) -> bool: ...
    def go_on(self, *, timeout_s: float) -> Verdict: ...
    def drop(self) -> None: ...
    def close(self) -> None: ...


class Spooler:
    """Prints one till's receipts on one printer. One thread owns it."""

    def __init__(
        self,
        store: Store,
        device: Device,
        profile: Profile,
        *,
        changed: Callable[[PrintJob], None] = lambda job: None,
        told: Callable[[StatusChange], None] = lambda change: None,
        drawer_opens: Level = "unknown",
        logo: KeptLogo | None = None,
    ) -> None:
        self._store = store
        self._device = device
        self._profile = profile
        self._changed = changed
        self._told = told
        self._logo = logo
        self._drawer_opens = drawer_opens
        self._done = 0
        self._doubts: dict[
            int, PrintJob
        ] = {}  # unknown prints that may yet be proven, by the printer's number for them
        self.trouble = ""
        """Why nothing comes out, in words; "" while all is well."""
        self.trouble_code = ""
        self.notice = ""
        """What will be in the way soon, in words: the paper is nearly used up."""
        self.status = PrinterStatus()
        self.asked = False
        """Whether it was asked how it is, or printed for, since the start: before that its silence says nothing."""
        store.write(receipts.mark_interrupted)

    def step(self) -> bool:
        """Prints the next receipt if one waits; whether there may be more to do at once.

        After a step that answers False, wait for a new receipt or a while before the next.
        """
        self._see_to_doubts()
        with self._store.read() as db:
            job = receipts.next_job(db, self._done)
            document = receipts.document(db, job.number) if job else None
        if job is None:
            if self._logo is not None and not self._doubts:
                self._logo.see_to_it()
            return False
        if document is None:
            self._mark(job, "dropped", "no_receipt", "There is no receipt to print.")
            return True
        try:
            receipt = decode_document(document)
            with self._store.read() as db:
                kept = pictures.of(db, receipt.pictures())
            data = encode(receipt, self._profile, copy=job.copy, pictures=kept)
            short = b""
            if self._logo is not None and (stored := self._logo.stored(receipt.width_columns)):
                short = encode(receipt, self._profile, copy=job.copy, pictures=kept, stored=stored)
        except (ValueError, msgspec.DecodeError) as error:
            # One receipt that cannot be laid out must not keep those behind it from being printed.
            self._mark(job, "dropped", "unreadable", f"This receipt cannot be printed: {error}. The sale stands.")
            return True
        if not self._store.write(lambda db: receipts.start(db, job.job)):
            return True
        timeout_s = PRINT_TIMEOUT_S + len(data) / SLOWEST_BYTES_PER_S
        if self._logo is not None and short:
            verdict = self._logo.print(short, data, timeout_s=timeout_s)
        else:
            verdict = self._device.print(data, timeout_s=timeout_s)
        self.asked = True
        self._see_to_doubts()  # to print this one the printer may first have ended the one before
        match verdict.outcome:
            case Outcome.PRINTED:
                self.trouble = self.trouble_code = ""
                self._mark(job, "printed")
            case Outcome.NOT_PRINTED:
                self.trouble, self.trouble_code = verdict.reason, verdict.code
                self._mark(job, "not printed", verdict.code, verdict.reason)
                return False
            case Outcome.UNKNOWN:
                self.trouble, self.trouble_code = verdict.reason, verdict.code
                self._mark(job, "unknown", verdict.code, verdict.reason)
                if verdict.doubt:
                    self._doubts[verdict.doubt] = job
                    while len(self._doubts) > DOUBTS:
                        del self._doubts[next(iter(self._doubts))]
        self._done = job.job
        return True

    @property
    def answers(self) -> bool:
        """Whether it has said how it is; a printer on a one-way wire never does."""
        return self.status.online is not None

    def look(self) -> None:
        """Asks an idle printer how it is, so that paper out is seen before the next customer."""
        try:
            status = self._device.status()
        except DeviceError as error:
            self.asked = True
            self.trouble, self.trouble_code = (
                f"{error} {error.hint}".strip(),
                error.code.removeprefix("DEVICE_").lower(),
            )
            return
        self._heard(status)
        self.asked = True
        self._see_to_doubts()

    def listen(self) -> bool:
        """Takes in what an idle printer says by itself, without asking; whether it can print again."""
        could_not = bool(self.trouble)
        try:
            status = self._device.hear()
        except DeviceError:
            return False  # the next look says what is the matter
        if status != self.status and status.online is not None:
            self._heard(status)
        self._see_to_doubts()
        return could_not and not self.trouble

    def can_go_on(self, job: int) -> bool:
        """Whether the printer keeps the rest of that unknown print."""
        return any(one.job == job and self._device.keeps(doubt) for doubt, one in list(self._doubts.items()))

    def go_on(self, job: int) -> str:
        """Lets the printer print the rest of an unknown print; its state then. "" where there is no rest to go on with."""
        self._see_to_doubts()
        if not self.can_go_on(job):
            return ""
        doubt, kept = next((doubt, one) for doubt, one in self._doubts.items() if one.job == job)
        verdict = self._device.go_on(timeout_s=GO_ON_TIMEOUT_S)
        if verdict.outcome is Outcome.PRINTED:
            self._prove(doubt)
            return "printed"
        self._mark(kept, "unknown", verdict.code, verdict.reason)
        return "unknown"

    def close(self) -> None:
        self._device.close()

    def _mark(self, job: PrintJob, state: str, code: str = "", reason: str = "") -> None:
        self._store.write(lambda db: receipts.mark(db, job.job, state, code, reason))
        self._changed(PrintJob(job.job, job.number, job.copy, state, code, reason))

    def _heard(self, status: PrinterStatus) -> None:
        before, self.status = self.status, status
        self.trouble = status.sentence if status.trouble else ""
        self.trouble_code = status.trouble
        self.notice = status.sentence if status.paper == "near end" and not status.trouble else ""
        for change in changes(before, status, drawer_opens=self._drawer_opens):
            self._told(change)

    def _see_to_doubts(self) -> None:
        """Writes down what the printer has proven, and has it drop what a person has settled."""
        if not self._doubts:
            return
        for doubt in self._device.proven():
            self._prove(doubt)
        with self._store.read() as db:
            settled = [doubt for doubt, one in self._doubts.items() if receipts.state(db, one.job) != "unknown"]
        for doubt in settled:
            del self._doubts[doubt]
            if self._device.keeps(doubt):
                self._device.drop()

    def _prove(self, doubt: int) -> None:
        job = self._doubts.pop(doubt, None)
        if job is not None and self._store.write(lambda db: receipts.prove(db, job.job)):
            self._changed(PrintJob(job.job, job.number, job.copy, "printed", "", ""))
