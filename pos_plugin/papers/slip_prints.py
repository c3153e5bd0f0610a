"""Slips that belong to no entry (an X, a balance, a sale on hold): printed once, now, and not kept.

They go between two receipts, as another program's papers do. Whoever asks sees what became of it, and asks again.
"""

from __future__ import annotations

from drivers.document import Document
from drivers.errors import DeviceError
from drivers.escpos import encode, profile
from drivers.verdict import Verdict
from offline_store import pictures
from pos_plugin.config import printer_profile
from pos_plugin.terminal import Terminal


def print_slip(terminal: Terminal, slip: Document) -> Verdict:
    """Prints it on this till's printer. Never raises because of a device."""
    try:
        made = printer_profile(terminal.config.printer)
    except DeviceError:
        made = profile()
    with terminal.store.read() as db:
        kept = pictures.of(db, slip.pictures())
    return terminal.printer.print_for_host(encode(slip, made, pictures=kept))
