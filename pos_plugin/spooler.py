"""The spooler: takes receipts from the table in order, prints them, writes the verdict down. One step at a time.

Started is committed before the first byte, so a power cut leaves "unknown", never a receipt printed twice by itself. What the
printer proves it did not print waits and is printed when the printer can; what is unknown waits for a person.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from drivers.document import decode_document
from drivers.errors import DeviceError
from drivers.escpos import Profile, encode
from drivers.printer import Outcome, Verdict
from drivers.status import PrinterStatus
from offline_store import pictures, receipts
from offline_store.receipts import PrintJob
from offline_store.store import Store

PRINT_TIMEOUT_S = 30.0


class Device(Protocol):
    """What the spooler needs of `drivers.printer.Printer`."""

    def print(self, data: bytes, *, timeout_s: float) -> Verdict: ...
    def status(self, timeout_s: float = 2.0) -> PrinterStatus: ...
    def close(self) -> None: ...


class Spooler:
    """Prints one till's receipts on one printer. One thread owns it."""

    def __init__(
        self, store: Store, device: Device, profile: Profile, *, changed: Callable[[PrintJob], None] = lambda job: None
    ) -> None:
        self._store = store
        self._device = device
        self._profile = profile
        self._changed = changed
        self._done = 0
        self.trouble = ""
        """Why nothing comes out, in words; "" while all is well."""
        self.trouble_code = ""
        store.write(receipts.mark_interrupted)

    def step(self) -> bool:
        """Prints the next receipt if one waits; whether there may be more to do at once.

        After a step that answers False, wait for a new receipt or a while before the next.
        """
        with self._store.read() as db:
            job = receipts.next_job(db, self._done)
            document = receipts.document(db, job.number) if job else None
        if job is None:
            return False
        if document is None:
            self._mark(job, "dropped", "no_receipt", "There is no receipt to print.")
            return True
        try:
            receipt = decode_document(document)
            with self._store.read() as db:
                kept = pictures.of(db, receipt.pictures())
            data = encode(receipt, self._profile, copy=job.copy, pictures=kept)
        except (ValueError, msgspec.DecodeError) as error:
            # One receipt that cannot be laid out must not keep those behind it from being printed.
            self._mark(job, "dropped", "unreadable", f"This receipt cannot be printed: {error}. The sale stands.")
            return True
        if not self._store.write(lambda db: receipts.start(db, job.job)):
            return True
        verdict = self._device.print(data, timeout_s=PRINT_TIMEOUT_S)
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
        self._done = job.job
        return True

    def look(self) -> None:
        """Asks an idle printer how it is, so that paper out is seen before the next customer."""
        try:
            status = self._device.status()
        except DeviceError as error:
            self.trouble, self.trouble_code = (
                f"{error} {error.hint}".strip(),
                error.code.removeprefix("DEVICE_").lower(),
            )
            return
        self.trouble = status.sentence if status.trouble else ""
        self.trouble_code = status.trouble

    def close(self) -> None:
        self._device.close()

    def _mark(self, job: PrintJob, state: str, code: str = "", reason: str = "") -> None:
        self._store.write(lambda db: receipts.mark(db, job.job, state, code, reason))
        self._changed(PrintJob(job.job, job.number, job.copy, state, code, reason))
