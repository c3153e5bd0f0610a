"""A printer, and a bar code reader, on a serial line by USB (CDC ACM): unplugged at every moment, and taken up again."""

from __future__ import annotations

import os
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gadgets import SOON_S, DeviceEnd, SerialGadget, SerialPrinter, receipt, wait_for

from drivers.errors import DeviceAbsent, DeviceBusy
from drivers.printer import Outcome, Printer
from drivers.scanners.lines.serial_line import SerialScanner
from drivers.wires import Wire, WriteBroken, WriteStalled, wire_from_url

PORT = "/dev/ttyACM0"
URL = f"serial://{PORT}?baud=115200"

OpenWire = Callable[[str], Wire]


def wait_for_port() -> None:
    wait_for(Path(PORT).exists, "the kernel's serial driver takes it up")


@pytest.fixture
def gadget() -> Iterator[SerialGadget]:
    gadget = SerialGadget()
    wait_for_port()
    yield gadget
    gadget.close()


@pytest.fixture
def far_end(gadget: SerialGadget) -> Iterator[DeviceEnd]:
    end = DeviceEnd(gadget.device)
    assert end.fd() is not None
    yield end
    end.close()


@pytest.fixture
def pull_soon(gadget: SerialGadget) -> Iterator[Callable[[], None]]:
    """Pulls the cable while something waits for the device."""
    hands: list[threading.Timer] = []

    def pull() -> None:
        hands.append(threading.Timer(0.3, gadget.pull))
        hands[-1].start()

    yield pull
    for hand in hands:
        hand.join()


def test_a_receipt_is_printed_unplugged_and_printed_again(
    plug_in: Callable[[SerialPrinter], SerialPrinter], new_driver: Callable[[str], Printer]
) -> None:
    far = plug_in(SerialPrinter(SerialGadget()))
    wait_for_port()
    printer = new_driver(URL)
    assert printer.print(receipt("Sale 1"), timeout_s=SOON_S).outcome is Outcome.PRINTED
    far.pull()
    verdict = printer.print(receipt("Sale 2"), timeout_s=SOON_S)
    assert (verdict.outcome, verdict.code) == (Outcome.NOT_PRINTED, "absent")
    far.plug()
    wait_for_port()
    assert printer.print(receipt("Sale 2"), timeout_s=SOON_S).outcome is Outcome.PRINTED
    assert far.printed() == ["Sale 1", "Sale 2"]


def test_a_port_unplugged_amid_reading_is_gone_at_once(
    gadget: SerialGadget, open_wire: OpenWire, pull_soon: Callable[[], None]
) -> None:
    wire = open_wire(URL)
    pull_soon()
    began_at = time.monotonic()
    with pytest.raises(DeviceAbsent):
        wire.read(SOON_S)
    assert time.monotonic() - began_at < SOON_S / 2
    with pytest.raises(WriteBroken):
        wire.write(b"x", SOON_S)
    wire.close()
    with pytest.raises(DeviceAbsent):
        wire.open()
    gadget.plug()
    wait_for_port()
    wire.open()


def test_a_port_unplugged_amid_writing_breaks(
    far_end: DeviceEnd, open_wire: OpenWire, pull_soon: Callable[[], None]
) -> None:
    wire = open_wire(URL)
    pull_soon()
    began_at = time.monotonic()
    with pytest.raises(WriteBroken) as broken:
        wire.write(bytes(1_000_000), SOON_S)
    assert time.monotonic() - began_at < SOON_S / 2
    assert 0 < broken.value.sent < 1_000_000


def test_a_device_that_takes_no_more_stalls_within_the_bound_and_closing_does_not_wait_for_it(
    far_end: DeviceEnd, open_wire: OpenWire
) -> None:
    wire = open_wire(URL)
    began_at = time.monotonic()
    with pytest.raises(WriteStalled) as stalled:
        wire.write(bytes(1_000_000), 0.5)
    wire.close()
    assert time.monotonic() - began_at < 4  # the kernel would wait for half a minute
    assert 0 < stalled.value.sent < 1_000_000


def test_a_port_that_another_program_has_is_busy(gadget: SerialGadget, open_wire: OpenWire) -> None:
    open_wire(URL)
    with pytest.raises(DeviceBusy):
        wire_from_url(URL).open()


def test_a_break_is_not_an_answer(far_end: DeviceEnd, open_wire: OpenWire) -> None:
    wire = open_wire(URL)
    fd = far_end.fd()
    assert fd is not None
    termios.tcsendbreak(fd, 0)
    os.write(fd, b"\x12")
    assert wire.read(SOON_S) == b"\x12"


def test_a_reader_unplugged_amid_reading_is_gone_and_reads_again_once_it_is_back(
    gadget: SerialGadget, far_end: DeviceEnd, pull_soon: Callable[[], None]
) -> None:
    """pyserial says it in words, in a bare OSError or in a termios.error, by the moment; the driver in one way."""
    scanner = SerialScanner(PORT)
    scanner.open()
    far_end.write(b"4006381333931\r\n")
    scan = scanner.read(SOON_S)
    assert scan is not None
    assert scan.label == "4006381333931"
    pull_soon()
    with pytest.raises(DeviceAbsent):
        scanner.read(SOON_S)
    with pytest.raises(DeviceAbsent):
        scanner.read(0)
    gadget.plug()
    wait_for_port()
    scanner.open()
    wait_for(lambda: far_end.write(b"96385074\r\n"), "the reader can send again")
    scan = scanner.read(SOON_S)
    assert scan is not None
    assert scan.label == "96385074"
    scanner.close()
