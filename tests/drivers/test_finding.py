"""What is found on this machine, and what stands in till.toml and in a hint for it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import usb.core
from far_ends import PrintServer

from drivers.finding import (
    FoundPrinter,
    UsbDescription,
    found_printers,
    line_printer,
    name_in_id,
    queue,
    serial_candidate,
    usb_name,
    usb_printers,
)
from drivers.simulated.printer import SimulatedPrinter
from drivers.simulated.usb import SimulatedUsb
from drivers.wires import UsbWire, wire_from_url

EPSON = (0x04B8, 0x0202)
CLONE = (0x0416, 0x5011)

# Printers on the bus → the addresses that name each of them alone.
ADDRESSES = [
    ([UsbDescription(*EPSON, "1-1", "A")], ["usb://04b8:0202"]),
    ([UsbDescription(*EPSON, "1-1", "A"), UsbDescription(*CLONE, "1-2", "A")], ["usb://04b8:0202", "usb://0416:5011"]),
    (
        [UsbDescription(*EPSON, "1-1", "A"), UsbDescription(*EPSON, "1-2", "B")],
        ["usb://04b8:0202?serial=A", "usb://04b8:0202?serial=B"],
    ),
    # a maker that gives all the same serial number, or none
    (
        [UsbDescription(*CLONE, "1-1", "0000"), UsbDescription(*CLONE, "1-2.3", "0000")],
        ["usb://0416:5011?port=1-1", "usb://0416:5011?port=1-2.3"],
    ),
    (
        [UsbDescription(*CLONE, "1-1"), UsbDescription(*CLONE, "1-2", "B")],
        ["usb://0416:5011?port=1-1", "usb://0416:5011?serial=B"],
    ),
]


@pytest.mark.parametrize(("there", "addresses"), ADDRESSES)
def test_each_printer_gets_the_shortest_address_that_names_it_alone(
    there: list[UsbDescription], addresses: list[str]
) -> None:
    assert [found.address for found in usb_printers(there)] == addresses
    for address in addresses:
        assert isinstance(wire_from_url(address), UsbWire)


NAMES = [
    (UsbDescription(*EPSON, "1-1", device_id="MFG:EPSON;CMD:ESC/POS;MDL:TM-T20II;CLS:PRINTER;"), "EPSON TM-T20II"),
    (UsbDescription(*EPSON, "1-1", maker="EPSON", model="TM-T88V"), "EPSON TM-T88V"),
    (UsbDescription(*EPSON, "1-1", model="USB Printing Support"), "USB Printing Support"),
    (UsbDescription(*CLONE, "1-1", device_id="garbage"), "a printer that does not say what it is (0416:5011)"),
]


@pytest.mark.parametrize(("one", "name"), NAMES)
def test_a_printer_is_called_what_it_calls_itself(one: UsbDescription, name: str) -> None:
    assert usb_name(one) == name


IDS = [
    ("MFG:EPSON;CMD:ESC/POS;MDL:TM-T20;CLS:PRINTER;", "EPSON TM-T20"),
    ("MANUFACTURER:Star;COMMAND SET:STAR;MODEL:Star TSP143;", "Star TSP143"),
    ("MDL:POS-80;", "POS-80"),
    ("MFG: ;MDL: ;", ""),
    ("", ""),
]


@pytest.mark.parametrize(("text", "name"), IDS)
def test_the_ieee_1284_id_has_maker_and_model(text: str, name: str) -> None:
    assert name_in_id(text) == name


TROUBLES = [
    (None, "", ""),
    (
        usb.core.USBError("no", -3, errno.EACCES),
        "may not open",
        'SUBSYSTEM=="usb", ATTR{idVendor}=="0416", ATTR{idProduct}=="5011", MODE="0660", GROUP="lp", TAG+="uaccess"',
    ),
    (usb.core.USBError("no", -6, errno.EBUSY), "Another program", "Close that program"),
    (usb.core.USBError("no", -4, errno.ENODEV), "does not answer", "switched on"),
    (NotImplementedError(), "own driver", "WinUSB"),
]


@pytest.mark.parametrize(("error", "trouble", "do"), TROUBLES)
def test_what_is_in_the_way_comes_with_what_to_do(error: Exception | None, trouble: str, do: str) -> None:
    found = usb_printers([UsbDescription(*CLONE, "1-1", error=error)])[0]
    assert trouble in found.trouble
    assert do in found.do
    assert bool(found.trouble) == bool(error)


def test_a_device_of_the_kernel_that_this_user_may_not_open_names_the_group() -> None:
    assert line_printer("/dev/usb/lp0", "MFG:EPSON;MDL:TM-T20;", may_open=True) == FoundPrinter(
        "lp:///dev/usb/lp0", "EPSON TM-T20"
    )
    denied = line_printer("/dev/usb/lp0", "", may_open=False)
    assert "/dev/usb/lp0" in denied.trouble
    assert "group lp" in denied.do


def test_a_serial_port_is_only_a_candidate() -> None:
    port = SimpleNamespace(device="/dev/ttyUSB7", description="USB-Serial CH340", serial_number=None, location="1-4")
    found = serial_candidate(port)
    assert found.address == "serial:///dev/ttyUSB7?baud=9600"
    assert "USB-Serial CH340" in found.says
    assert "test print shows" in found.says
    assert found.port == "1-4"


def test_a_queue_that_takes_no_jobs_says_how_it_does_again() -> None:
    found = queue("localhost:631", {"printer-name": ("till",), "printer-is-accepting-jobs": (False,)})
    assert (found.address, found.do) == ("ipp://localhost:631/printers/till", "Type cupsaccept till.")


# On a machine.


@pytest.fixture
def print_server() -> Iterator[PrintServer]:
    made = PrintServer()
    yield made
    made.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "dev/usb").mkdir(parents=True)
    (tmp_path / "dev/usb/lp0").touch()
    device = tmp_path / "sys/class/usbmisc/lp0/device"
    device.mkdir(parents=True)
    (device / "ieee1284_id").write_text("MFG:EPSON;MDL:TM-T20;\n")
    told = tmp_path / "sys/bus/usb/devices/1-2.3"
    told.mkdir(parents=True)
    for name, text in (("serial", "B"), ("manufacturer", "EPSON"), ("product", "TM-T88V")):
        (told / name).write_text(text + "\n")
    return tmp_path


def test_everything_that_a_machine_has_is_found_and_every_address_is_one(root: Path, print_server: PrintServer) -> None:
    bus = SimulatedUsb()
    ports = [SimpleNamespace(device="/dev/ttyS9", description="n/a", serial_number=None, location=None)]
    server = f"127.0.0.1:{print_server.server_address[1]}"
    with SimulatedPrinter() as one, SimulatedPrinter() as other:
        open_one, denied_one = bus.plug_in(one, serial="A"), bus.plug_in(other, serial="B", port="1-2.3")
        denied_one.is_denied = True
        found = found_printers(usb=bus, root=root, serial_ports=ports, print_server=server)
    assert [each.address for each in found] == [
        "usb://04b8:0202?serial=A",
        "usb://04b8:0202?serial=B",
        "lp:///dev/usb/lp0",
        f"ipp://{server}/printers/till",
        f"ipp://{server}/printers/old",
        "serial:///dev/ttyS9?baud=9600",
    ]
    for each in found:
        assert wire_from_url(each.address).name == each.address
        assert bool(each.trouble) == bool(each.do)
    assert [each.says for each in found[:4]] == [
        "EPSON TM-T88V",
        "EPSON TM-T88V",  # by what the system read, since this user may not ask
        "EPSON TM-T20",
        "the queue till: Bon für Küche",
    ]
    assert [bool(each.trouble) for each in found] == [False, True, False, False, True, False]
    # Looking took nobody's printer.
    assert open_one.has_kernel_driver
    assert (open_one.drivers_detached, open_one.resets, open_one.configurations_set) == (0, 0, 0)


def test_a_printer_in_use_is_found_and_stays_in_use(root: Path) -> None:
    bus = SimulatedUsb()
    with SimulatedPrinter() as printer:
        bus.plug_in(printer, serial="A")
        wire = UsbWire(*EPSON, backend=bus)
        wire.open()
        found = found_printers(usb=bus, root=root / "none", serial_ports=[], print_server="127.0.0.1:1")
        assert [(each.address, each.trouble) for each in found] == [("usb://04b8:0202", "")]
        wire.write(b"\x10\x04\x01", 1)
        assert wire.read(1) == b"\x12"
        wire.close()


def test_a_machine_with_nothing_has_nothing(tmp_path: Path) -> None:
    assert found_printers(usb=SimulatedUsb(), root=tmp_path, serial_ports=[], print_server="127.0.0.1:1") == []
