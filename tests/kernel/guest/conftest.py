"""The devices of this kernel, and that it had nothing to complain of."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from gadgets import SLOTS, SOON_S, PluggedPrinter, load
from qemu import Qemu

from drivers.escpos import profile
from drivers.printer import Printer
from drivers.wires import Wire, wire_from_url

Printing = TypeVar("Printing", bound=PluggedPrinter)

COMPLAINT = re.compile(r"BUG:|WARNING: CPU|Oops|general protection|blocked for more than")


@pytest.fixture(scope="session", autouse=True)
def modules() -> None:
    for module in ("usb_f_printer", "usb_f_acm", "usblp", "cdc_acm"):
        load(module)
    load("dummy_hcd", f"num={SLOTS}")


@pytest.fixture(scope="session")
def kernel_log() -> Iterator[int]:
    log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    os.lseek(log, 0, os.SEEK_END)
    yield log
    os.close(log)


@pytest.fixture(autouse=True)
def kernel_has_nothing_to_complain_of(kernel_log: int) -> Iterator[None]:
    yield
    said = []
    while True:
        try:
            said.append(os.read(kernel_log, 8192).decode(errors="replace").rstrip())
        except BlockingIOError:
            break
        except BrokenPipeError:  # so much that the first of it is lost
            continue
    assert not [line for line in said if COMPLAINT.search(line)], "\n".join(said)


@pytest.fixture(scope="session")
def qemu() -> Iterator[Qemu]:
    load("xhci_pci")
    qemu = Qemu()
    yield qemu
    qemu.close()


@pytest.fixture
def plug_in() -> Iterator[Callable[[Printing], Printing]]:
    """Keeps printers that a test plugs in until it has ended."""
    plugged: list[PluggedPrinter] = []

    def plug(printer: Printing) -> Printing:
        plugged.append(printer)
        return printer

    yield plug
    for printer in plugged:
        printer.close()


@pytest.fixture
def open_wire() -> Iterator[Callable[[str], Wire]]:
    """Opens the wire of an address; the test may close it itself."""
    wires: list[Wire] = []

    def opened(url: str) -> Wire:
        wires.append(wire_from_url(url))
        wires[-1].open()
        return wires[-1]

    yield opened
    for wire in wires:
        wire.close()


@pytest.fixture
def new_driver() -> Iterator[Callable[[str], Printer]]:
    """What the till prints by."""
    printers: list[Printer] = []

    def driver(url: str) -> Printer:
        printers.append(Printer(wire_from_url(url), profile("default"), reply_timeout_s=SOON_S))
        return printers[-1]

    yield driver
    for printer in printers:
        printer.close()
