"""What is wrong with this till, and what to do: `pos-plugin doctor`.

    machine       packages, versions, disk
    till          folder, key, settings, programme, journal, receipts
    devices       printer, customer's display
    candidates    printers that could be set up, and fonts for what they print
    interception  where the shop's till prints to us
    scanners      scanners, and those that could be set up
    cloud_tills   those that print here by Star CloudPRNT
    head_office   its address, enrolment, clocks

Each check is a function of the till that answers findings in plain words; one that fails is a finding, too, and stops no
other. While it looks, this process owns the till's folder, so that no till starts on the same devices; where a till is
running already, the devices are its own and are left alone. Nothing is repaired, and nothing personal is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from pos_plugin.doctor import candidates, cloud_tills, devices, head_office, interception, machine, scanners, till
from pos_plugin.doctor.finding import Clock, Finding, Till

CHECKS: list[tuple[str, Callable[[Till], Iterator[Finding]]]] = [
    ("Versions", machine.versions),
    ("Disk", machine.room),
    ("Key", till.key),
    ("Programme", till.program),
    ("Journal", till.journal),
    ("Epoch", till.epoch),
    ("Receipts", till.receipts),
    ("Printer", devices.printer),
    ("Interception", interception.interception),
    ("Found", candidates.candidates),
    ("Fonts", candidates.fonts),
    ("Display", devices.display),
    ("Scanner", scanners.scanners),
    ("Found", scanners.candidates),
    ("Cloud till", cloud_tills.cloud_tills),
    ("Head office", head_office.head_office),
]


def examine(store: Path, *, clock: Clock = lambda: datetime.now(UTC)) -> list[Finding]:
    """Everything that can be said of the till in `store`, in the order in which to put it right."""
    examined = Till(store, clock)
    with ExitStack() as opened:
        findings = list(machine.own_packages())
        is_whole = all(one.ok for one in findings)
        findings += _carried_out("Folder", lambda: till.folder(examined, opened), is_whole)
        findings += _carried_out("Settings", lambda: till.settings(examined), is_whole)
        for what, check in CHECKS:
            findings += _carried_out(what, lambda check=check: check(examined), is_whole)  # type: ignore[misc]
    return findings


def _carried_out(what: str, check: Callable[[], Iterator[Finding]], is_whole: bool) -> Iterator[Finding]:
    try:
        yield from check()
    except Exception as error:
        hint = getattr(error, "hint", "")
        if isinstance(error, ImportError):
            hint = "Install again: pip install --force-reinstall pos-plugin" if is_whole else "See the first finding."
        kind = "" if hasattr(error, "hint") else f"{type(error).__name__}: "
        yield Finding(what, False, f"this could not be looked at: {kind}{error}", hint)
