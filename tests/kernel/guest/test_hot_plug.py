"""A serial adapter (FTDI) plugged into a running machine and out again: found by name, printed through, and scanned through."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from gadgets import SOON_S, DeviceEnd, SerialPrinter, load, receipt, wait_for
from qemu import Qemu
from serial.tools import list_ports

from drivers.errors import DeviceAbsent
from drivers.finding import found_printers
from drivers.printer import Outcome, Printer
from drivers.scanners import scanner_from_url
from drivers.wires import wire_from_url

FTDI = 0x0403
PORT = "/dev/ttyUSB0"


@pytest.fixture(scope="module", autouse=True)
def driver() -> None:
    load("ftdi_sio")


class LineEnd:
    """The other end of the adapter's line: a serial port of this machine, wired to it by QEMU."""

    device = "/dev/ttyS3"

    def close(self) -> None:
        pass


def plug_in_adapter(qemu: Qemu) -> str:
    """Refused for a moment after it was pulled out."""
    return qemu.ask("device_add", driver="usb-serial", id="adapter", chardev="line-b", bus="xhci.0")


def named_by_the_finder() -> set[str]:
    return {printer.address.partition("?")[0] for printer in found_printers()}


def test_an_adapter_is_found_printed_through_and_missed(
    qemu: Qemu, plug_in: Callable[[SerialPrinter], SerialPrinter], new_driver: Callable[[str], Printer]
) -> None:
    assert f"serial://{PORT}" not in named_by_the_finder()
    wait_for(lambda: not plug_in_adapter(qemu), "it can be plugged in")
    wait_for(Path(PORT).exists, "the kernel's serial driver takes it up")
    assert [port.device for port in list_ports.comports() if port.vid == FTDI] == [PORT]  # at once, by the first look
    assert f"serial://{PORT}" in named_by_the_finder()

    far = plug_in(SerialPrinter(LineEnd()))
    url = f"serial://{PORT}?baud=115200"
    assert new_driver(url).print(receipt("Sale 1"), timeout_s=SOON_S).outcome is Outcome.PRINTED
    assert far.printed() == ["Sale 1"]

    qemu.do("device_del", id="adapter")
    wait_for(lambda: not Path(PORT).exists(), "the kernel notices that the adapter has gone")
    assert f"serial://{PORT}" not in named_by_the_finder()
    with pytest.raises(DeviceAbsent):
        wire_from_url(url).open()


def test_a_scanner_on_an_adapter_is_found_read_missed_and_read_again(qemu: Qemu) -> None:
    """By the adapter's make: the name of the port is not in the address."""
    scanner = scanner_from_url("serial://0403:6001?baud=115200")
    far = DeviceEnd(LineEnd.device)
    with pytest.raises(DeviceAbsent):
        scanner.open()
    for label in ("2900000000018", "4006381333931"):
        wait_for(lambda: not plug_in_adapter(qemu), "it can be plugged in, again too")
        wait_for(Path(PORT).exists, "the kernel's serial driver takes it up")
        scanner.open()
        wait_for(lambda label=label: far.write(label.encode() + b"\r\nhalf"), "the line takes it")  # type: ignore[misc]
        scan = scanner.read(SOON_S)
        assert scan is not None
        assert scan.label == label
        qemu.do("device_del", id="adapter")
        with pytest.raises(DeviceAbsent):
            scanner.read(SOON_S)
        wait_for(lambda: not Path(PORT).exists(), "the kernel notices that the adapter has gone")
    assert scanner.dropped <= 2  # whether a half came through before the adapter went, the adapter alone knows
    far.close()
