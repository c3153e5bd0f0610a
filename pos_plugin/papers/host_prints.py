"""What another program has printed on this till's printer: whole jobs, between two receipts, each with a verdict.

The bytes are the program's own. Nothing is kept of them: who sent them knows what they were, and prints them again if need be.
"""

from __future__ import annotations

from typing import Protocol

from drivers.verdict import Verdict, not_printed

LARGEST_JOB = 4 * 1024 * 1024
TIMEOUT_S = 30.0
SLOWEST_BYTES_PER_S = 500


class Prints(Protocol):
    """What is needed of `drivers.printer.Printer`."""

    def print(self, data: bytes, *, timeout_s: float) -> Verdict: ...


def no_printer() -> Verdict:
    return not_printed("no_printer", "This till has no printer (till.toml).")


def too_busy() -> Verdict:
    return not_printed("catching_up", "The printer is busy with a receipt. Send it again.")


def printed(device: Prints, data: bytes) -> Verdict:
    """Prints `data` on the thread that owns the printer; the verdict is that of any receipt."""
    if not data:
        return not_printed("nothing", "There was nothing to print.")
    if len(data) > LARGEST_JOB:
        return not_printed("too_large", f"The job is larger than {LARGEST_JOB:,} bytes.")
    return device.print(data, timeout_s=TIMEOUT_S + len(data) / SLOWEST_BYTES_PER_S)
