"""Debian's CUPS with its own USB backend, as any till has it: a receipt goes through a queue to a printer on USB."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from gadgets import SOON_S, PrinterGadget, UsbPrinter, receipt, wait_for

from drivers.errors import DeviceError
from drivers.escpos import profile
from drivers.printer import Outcome, Printer
from drivers.wires import wire_from_url

QUEUE = "ipp://localhost:631/printers/till"
DEVICE = "usb://EPSON/TM-T20?serial=SN0001"
pytestmark = pytest.mark.timeout(100)
PATIENT_S = 30  # the backend looks at the whole bus first, and the machine is slow


@pytest.fixture
def print_server() -> Iterator[None]:
    server = subprocess.Popen(["cupsd", "-f"])
    wait_for(Path("/run/cups/cups.sock").exists, "CUPS listens", PATIENT_S)
    yield
    server.terminate()
    server.wait(PATIENT_S)


def cups(*command: str) -> str:
    said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENT_S, check=False)
    assert said.returncode == 0, said.stderr
    return said.stdout


@pytest.fixture
def far(print_server: None, plug_in: Callable[[UsbPrinter], UsbPrinter]) -> UsbPrinter:
    far = plug_in(UsbPrinter(PrinterGadget()))
    cups("lpadmin", "-p", "till", "-E", "-v", DEVICE)
    return far


@pytest.fixture
def printer(far: UsbPrinter) -> Iterator[Printer]:
    wire = wire_from_url(QUEUE)

    def is_served() -> bool:
        with contextlib.suppress(DeviceError):
            wire.open()
        return wire.is_open

    wait_for(is_served, "CUPS answers as fast as the wire expects", PATIENT_S)
    printer = Printer(wire, msgspec.structs.replace(profile("default"), answers=False))
    yield printer
    printer.close()


def test_a_receipt_through_a_queue_comes_out_and_the_queue_proves_nothing(far: UsbPrinter, printer: Printer) -> None:
    verdict = printer.print(receipt("Sale 1"), timeout_s=PATIENT_S)
    assert verdict.outcome is Outcome.UNKNOWN, verdict
    assert far.simulated.wait_until(lambda: far.printed() == ["Sale 1"], SOON_S)


def test_a_queue_whose_printer_is_gone_does_not_say_printed(far: UsbPrinter, printer: Printer) -> None:
    far.pull()
    verdict = printer.print(receipt("Sale 1"), timeout_s=3)
    assert verdict.outcome is not Outcome.PRINTED, verdict
    assert far.printed() == []
