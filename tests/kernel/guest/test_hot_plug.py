"""A serial adapter (FTDI) plugged into a running machine and out again: found by name, and printed through."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from gadgets import SOON_S, SerialPrinter, load, receipt, wait_for
from qemu import Qemu
from serial.tools import list_ports

from drivers.errors import DeviceAbsent
from drivers.finding import found_printers
from drivers.printer import Outcome, Printer
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


def named_by_the_finder() -> set[str]:
    return {printer.address.partition("?")[0] for printer in found_printers()}


def test_an_adapter_is_found_printed_through_and_missed(
    qemu: Qemu, plug_in: Callable[[SerialPrinter], SerialPrinter], new_driver: Callable[[str], Printer]
) -> None:
    assert f"serial://{PORT}" not in named_by_the_finder()
    qemu.do("device_add", driver="usb-serial", id="adapter", chardev="line-b", bus="xhci.0")
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
