"""Every device of a running till, and head office: how each is in words, what to do, and which buttons help.

Says what `pos-plugin doctor` says of a till that stands still, of one that runs. Knows no sale, and asks no device: its owner
thread has. Only `look_again` looks, where somebody has asked for it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from ledger.entry import read_entry
from loyalty.program import Program
from loyalty.typed import typed
from offline_store import journal, receipts, settings
from offline_store.receipts import PrintJob
from pos_plugin.recent_log import LogLine

if TYPE_CHECKING:
    from pos_plugin.doctor.finding import Finding
    from pos_plugin.terminal import Terminal

Condition = Literal["well", "trouble", "quiet", "asking", "none"]
"""Quiet: it cannot say how it is. Asking: it has not been heard yet. None: not set up."""
Kind = Literal["printer", "drawer", "scanner", "camera", "display", "relay", "door", "cloud till", "head office"]
Fix = Literal["test-print", "drawer", "look", "sync", "connect"]
LOG_SHOWN = 12
_looking = threading.Lock()


class DeviceShown(msgspec.Struct, frozen=True):
    """One device. `do` is for a person; `fixes` are what the page has a button for."""

    kind: Kind
    name: str
    condition: Condition
    text: str
    do: str = ""
    fixes: list[Fix] = []


class Outbox(msgspec.Struct, frozen=True):
    """What has not gone out yet: entries for head office since `oldest` ("" for none), receipts, and prints that are in doubt."""

    entries: int
    oldest: str
    receipts: int
    doubtful: int


class Pairing(msgspec.Struct, frozen=True):
    """Which till of which shop this is; `command` joins it to a head office by hand, as the page does."""

    terminal: str
    shop: str
    url: str
    enrolled: bool
    last_contact: str
    command: str


class Devices(msgspec.Struct, frozen=True):
    devices: list[DeviceShown]
    outbox: Outbox
    pairing: Pairing
    log: list[LogLine]


class Candidate(msgspec.Struct, frozen=True):
    """A device that this machine has and the settings do not name, and how to set it up."""

    kind: Literal["printer", "scanner"]
    found: str
    do: str


class Looked(msgspec.Struct, frozen=True):
    """`printer` is what it answered now, in words."""

    printer: str
    found: list[Candidate]


def devices(terminal: Terminal) -> Devices:
    with terminal.store.read() as db:
        program = settings.program_in_force(db, terminal.clock())
        jobs = receipts.shown_jobs(db)
        outbox, pairing = _outbox(db, program, jobs), _pairing(db, terminal, program)
    shown = [
        *_printer(terminal),
        *_drawer(terminal),
        *_scanners(terminal),
        *_display(terminal),
        *_other_tills(terminal),
        _head_office(terminal, is_enrolled=pairing.enrolled),
    ]
    return Devices(shown, outbox, pairing, terminal.log.lines[-LOG_SHOWN:][::-1])


def look_again(terminal: Terminal) -> Looked:
    """Asks the printer how it is now, so that what waits is printed, and finds devices that could be set up. Takes seconds."""
    from drivers.finding import found_printers
    from drivers.scanners.finding import found_scanners
    from pos_plugin.doctor.candidates import told, what_to_do
    from pos_plugin.doctor.devices import port_of

    config = terminal.config
    with _looking:
        status = terminal.printer.look()
        says = (
            terminal.printer.spooler.trouble or status.sentence if terminal.printer.spooler else "No printer is set up."
        )
        named = {port_of(one.partition("?")[0]) for one in _addresses(terminal)}
        seen = [one for one in found_scanners() if one.path not in named and one.address.partition("?")[0] not in named]
        taken = named | {one.path for one in seen if one.is_sure}
        printers = [one for one in found_printers() if port_of(one.address.partition("?")[0]) not in taken]
    return Looked(
        says,
        [
            *(Candidate("printer", told(one), what_to_do(one, config.printer.profile)) for one in printers),
            *(
                Candidate(
                    "scanner",
                    f"{one.says}{f'; {one.trouble}' if one.trouble else ''}".rstrip("."),
                    f'{one.do} Write [[scanner]] and below it address = "{one.address}" in till.toml.'.strip(),
                )
                for one in seen
            ),
        ],
    )


def _addresses(terminal: Terminal) -> Iterator[str]:
    config = terminal.config
    yield from (config.printer.address, config.display.address, config.intercept.listen)
    yield from (one.address for one in config.scanner)


def _printer(terminal: Terminal) -> Iterator[DeviceShown]:
    spooler, name = terminal.printer.spooler, "Printer"
    if spooler is None:
        text = "No printer is set up. Receipts are kept and can be shown."
        yield DeviceShown("printer", name, "none", text, "See docs/add-a-printer.md.", ["look"])
    elif spooler.trouble:
        yield DeviceShown("printer", name, "trouble", spooler.trouble, "", ["look", "test-print"])
    elif not spooler.asked:
        yield DeviceShown("printer", name, "asking", "The printer is being asked how it is.")
    elif spooler.answers:
        text = spooler.notice or "The printer is ready."
        yield DeviceShown("printer", name, "well", text, "", ["test-print"])
    else:
        text = "The printer does not say how it is."
        yield DeviceShown("printer", name, "quiet", text, "Look at the paper after each receipt.", ["test-print"])


def _drawer(terminal: Terminal) -> Iterator[DeviceShown]:
    spooler = terminal.printer.spooler
    if spooler is None:
        return
    wired = terminal.config.drawer.open_is != "not wired"
    text = "It hangs on the printer" + (
        ", and its switch says whether it is open." if wired else "; whether it is open nothing says."
    )
    if spooler.trouble_code in ("absent", "denied", "timeout", "wrong_address", "silent"):
        do = "Open it with its key until the printer answers."
        yield DeviceShown("drawer", "Cash drawer", "trouble", text, do, ["drawer"])
    else:
        yield DeviceShown("drawer", "Cash drawer", "well" if wired else "quiet", text, "", ["drawer"])


def _scanners(terminal: Terminal) -> Iterator[DeviceShown]:
    if not terminal.readers:
        text = "No scanner is set up. One that types like a keyboard works on this page."
        yield DeviceShown("scanner", "Scanner", "none", text, "See docs/add-a-scanner.md.", ["look"])
    set_up = [one.address for one in terminal.config.scanner if one.address]
    for reader, address in zip(terminal.readers, set_up, strict=False):
        one = reader.state
        kind: Kind = "camera" if address.startswith("camera:") else "scanner"
        many = "One code was" if one.lost == 1 else f"{one.lost} codes were"
        lost = f"{many} lost on the way; if that goes on, check its cable and its settings." if one.lost else ""
        if one.trouble:
            yield DeviceShown(kind, one.name, "trouble", one.trouble, lost, ["look"])
        elif one.ready:
            yield DeviceShown(kind, one.name, "well", f"{one.name} is ready.", lost)
        else:
            yield DeviceShown(kind, one.name, "asking", f"{one.name} is being looked for.", lost)


def _display(terminal: Terminal) -> Iterator[DeviceShown]:
    if terminal.display is None:
        return
    if terminal.display.trouble:
        text = f"The customer's display does not answer. {terminal.display.trouble}"
        yield DeviceShown("display", "Customer's display", "trouble", text, "Check its cable.")
    else:
        yield DeviceShown("display", "Customer's display", "well", "The customer's display is connected.")


def _other_tills(terminal: Terminal) -> Iterator[DeviceShown]:
    """The relay, the doors for other makers' programs, and cloud tills, as the doctor finds them."""
    from pos_plugin.doctor.cloud_tills import cloud_tills
    from pos_plugin.doctor.finding import Till
    from pos_plugin.doctor.interception import interception

    till = Till(terminal.store.folder, terminal.clock, config=terminal.config, is_running=True)
    for one in interception(till):
        name = "The shop's own till" if one.what == "Interception" else "Receipts of the shop's own till"
        yield _found("relay", name, one)
    for name, trouble in terminal.doors.items():
        where = f"[{name}] in till.toml"
        if trouble:
            yield DeviceShown("door", name, "trouble", trouble, f"Correct {where} and start the till again.")
        else:
            port = getattr(terminal.config, name).port
            yield DeviceShown("door", name, "well", f"The door for {name} is open on port {port}.")
    yield from (_found("cloud till", "Cloud till", one) for one in cloud_tills(till))


def _found(kind: Kind, name: str, one: Finding) -> DeviceShown:
    text = f"{one.found[:1].upper()}{one.found[1:]}"
    return DeviceShown(kind, name, "well" if one.ok else "trouble", text.rstrip(".") + ".", one.do)


def _head_office(terminal: Terminal, *, is_enrolled: bool) -> DeviceShown:
    sync, name = terminal.head_office.sync, "Head office"
    if sync is None or not is_enrolled:
        text = "This till is not connected to a head office yet. It sells, and everything is kept here."
        do = "With head office's address and its one-time code it is connected here, at any time."
        return DeviceShown("head office", name, "none", text, do, ["connect"])
    if terminal.head_office.connection().is_online:
        return DeviceShown("head office", name, "well", "Connected to head office.", "", ["sync"])
    if sync.problem is None:
        return DeviceShown("head office", name, "asking", "Head office is being asked.", "", ["sync"])
    return DeviceShown("head office", name, "trouble", str(sync.problem), sync.problem.hint, ["sync"])


def _outbox(db: sqlite3.Connection, program: Program, jobs: list[PrintJob]) -> Outbox:
    last, _ = journal.head(db)
    acknowledged = int(settings.get(db, "acknowledged", "0"))
    oldest = [
        _local(program, read_entry(data).envelope.recorded_at) for _, _, data in journal.after(db, acknowledged, 1)
    ]
    waiting = sum(job.state in ("waiting", "not printed", "started") for job in jobs)
    doubtful = sum(job.state == "unknown" for job in jobs)
    return Outbox(last - acknowledged, oldest[0] if oldest else "", waiting, doubtful)


def _pairing(db: sqlite3.Connection, terminal: Terminal, program: Program) -> Pairing:
    shop, url, heard = settings.get(db, "shop"), terminal.config.server.url, terminal.head_office.connection().since
    at = heard.isoformat() if heard else settings.get(db, "server_time")
    return Pairing(
        terminal=journal.identity(db).terminal,
        shop=shop,
        url=url,
        enrolled=bool(shop),
        last_contact=_local(program, at) if at else "",
        command=f"pos-plugin enroll {url or 'https://head-office.example'} CODE --store {typed(terminal.store.folder)}",
    )


def _local(program: Program, at: str) -> str:
    return datetime.fromisoformat(at).astimezone(program.zone).isoformat(timespec="minutes")
