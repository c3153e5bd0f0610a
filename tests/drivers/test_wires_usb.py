"""USB by pyusb, against a simulated bus with simulated printers: what is found, what is claimed, what goes wrong."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import usb.core
import usb.util
from far_ends import BarePrinter

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.escpos import profile
from drivers.printer import Outcome, Printer
from drivers.simulated.printer import SimulatedPrinter
from drivers.simulated.usb import IPP, ONE_WAY, TWO_WAY, Setting, SimulatedUsb, UsbPlug
from drivers.wires import UsbWire, WriteBroken, WriteStalled
from drivers.wires.usb import PrinterInterface, libusb, open_error, printer_interface

RECEIPT = b"\x1b@Milk  1.20\n\n\x1dV\x00"
SOON_S = 0.05


@pytest.fixture
def bus() -> SimulatedUsb:
    return SimulatedUsb()


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as made:
        yield made


@pytest.fixture
def plug(bus: SimulatedUsb, printer: SimulatedPrinter) -> UsbPlug:
    return bus.plug_in(printer, serial="X7")


@pytest.fixture
def wire(bus: SimulatedUsb, plug: UsbPlug) -> Iterator[UsbWire]:
    made = UsbWire(0x04B8, 0x0202, backend=bus)
    yield made
    made.close()


def test_a_receipt_is_printed_and_its_verdict_comes_back(wire: UsbWire, printer: SimulatedPrinter) -> None:
    verdict = Printer(wire, profile("default")).print(RECEIPT, timeout_s=5)
    assert verdict.outcome is Outcome.PRINTED
    assert [receipt.lines for receipt in printer.receipts] == [["Milk  1.20", ""]]


# What is chosen from the descriptors. Each: the settings of a device, and the interface that is taken.

CHOSEN = [
    ([Setting(TWO_WAY)], PrinterInterface(0, 0, False, 7, 0x01, 0x82)),
    ([Setting(ONE_WAY)], PrinterInterface(0, 0, False, 7, 0x01, None)),
    # one-way stands first, as in many printers, and two-way second
    ([Setting(ONE_WAY, alternate=0), Setting(TWO_WAY, alternate=1)], PrinterInterface(0, 1, True, 7, 0x01, 0x82)),
    ([Setting(TWO_WAY, alternate=0), Setting(ONE_WAY, alternate=1)], PrinterInterface(0, 0, True, 7, 0x01, 0x82)),
    # a scanner or a display on the first interface
    (
        [Setting(TWO_WAY, interface_class=3), Setting(TWO_WAY, interface=1)],
        PrinterInterface(1, 0, False, 7, 0x01, 0x82),
    ),
    # IPP over USB would take a receipt for a request
    ([Setting(IPP, alternate=0), Setting(ONE_WAY, alternate=1)], PrinterInterface(0, 1, True, 7, 0x01, None)),
    ([Setting(IPP)], None),
    ([Setting(TWO_WAY, interface_class=8)], None),  # a stick
    ([Setting(TWO_WAY, interface_class=0xFF)], None),  # of its maker's class: no printer for all one knows
]


@pytest.mark.parametrize(("settings", "chosen"), CHOSEN)
def test_the_two_way_printer_interface_is_chosen_from_the_descriptors(
    settings: list[Setting], chosen: PrinterInterface | None, bus: SimulatedUsb
) -> None:
    bus.plug_in(BarePrinter(), settings=tuple(settings))  # type: ignore[arg-type]
    assert printer_interface(usb.core.find(backend=bus)) == chosen


def test_a_printer_in_its_makers_own_class_is_taken_when_a_person_has_named_it(
    bus: SimulatedUsb, printer: SimulatedPrinter
) -> None:
    bus.plug_in(printer, settings=(Setting(TWO_WAY, interface_class=0xFF),))
    with pytest.raises(DeviceAbsent):
        UsbWire(port="1-1", backend=bus).open()
    wire = UsbWire(0x04B8, 0x0202, backend=bus)
    wire.open()
    assert Printer(wire, profile("default")).print(RECEIPT, timeout_s=5).outcome is Outcome.PRINTED
    assert wire.trouble(1) == ""  # such an interface knows no requests of printers
    wire.close()


def test_a_one_way_printer_is_silent_and_says_that_it_never_answers(
    bus: SimulatedUsb, printer: SimulatedPrinter
) -> None:
    bus.plug_in(printer, settings=(Setting(ONE_WAY),))
    wire = UsbWire(0x04B8, 0x0202, backend=bus)
    wire.open()
    assert not wire.answers
    wire.write(RECEIPT, 1)
    assert wire.read(0.01) == b""
    assert printer.printed_total == 1
    wire.close()


# The kernel's driver, and what is never done to a printer.


def test_the_kernels_driver_is_taken_off_and_put_back_and_the_printer_is_neither_reset_nor_configured(
    wire: UsbWire, plug: UsbPlug
) -> None:
    wire.open()
    assert (plug.has_kernel_driver, plug.alternate) == (False, 1)
    wire.close()
    assert plug.has_kernel_driver
    assert (plug.drivers_detached, plug.drivers_attached) == (1, 1)
    assert (plug.resets, plug.configurations_set, plug.soft_resets) == (0, 0, [])


@pytest.mark.skipif(os.name != "posix", reason="no such devices elsewhere")
def test_a_printer_that_is_open_by_the_kernels_driver_is_left_to_who_has_it(
    bus: SimulatedUsb, plug: UsbPlug, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sys/bus/usb/devices/1-1:1.0/usbmisc/lp3").mkdir(parents=True)
    (tmp_path / "dev/usb").mkdir(parents=True)
    (tmp_path / "dev/usb/lp3").touch()
    plain = os.open

    def opened(path: object, flags: int, *more: int) -> int:
        if path == tmp_path / "dev/usb/lp3":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return plain(path, flags, *more)  # type: ignore[arg-type]

    wire = UsbWire(0x04B8, 0x0202, backend=bus, root=tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", opened)
        with pytest.raises(DeviceBusy, match="/dev/usb/lp3"):
            wire.open()
    assert (plug.has_kernel_driver, plug.drivers_detached) == (True, 0)
    wire.open()  # who had it has closed it
    wire.close()


def test_a_driver_that_was_not_there_is_not_put_there(wire: UsbWire, plug: UsbPlug) -> None:
    plug.has_kernel_driver = False
    wire.open()
    wire.close()
    assert not plug.has_kernel_driver


def test_a_printer_without_a_configuration_gets_its_first(wire: UsbWire, plug: UsbPlug) -> None:
    plug.configuration, plug.has_kernel_driver = 0, False
    wire.open()
    assert (plug.configuration, plug.configurations_set) == (1, 1)


def test_a_printer_that_does_not_say_whether_it_is_configured_is_not_configured_anew(
    bus: SimulatedUsb, plug: UsbPlug
) -> None:
    def refuse(_: object) -> int:
        raise usb.core.USBError("no", -1, errno.EIO)

    bus.get_configuration = refuse  # type: ignore[assignment,method-assign]
    plug.has_kernel_driver = False
    with pytest.raises(DeviceAbsent):
        UsbWire(0x04B8, 0x0202, backend=bus).open()
    assert plug.configurations_set == 0


def test_an_open_that_failed_leaves_the_printer_to_the_kernel(bus: SimulatedUsb, plug: UsbPlug) -> None:
    def refuse(*_: object) -> None:
        raise usb.core.USBError("no", -1, errno.EIO)

    bus.set_interface_altsetting = refuse  # type: ignore[method-assign]
    with pytest.raises(DeviceAbsent):
        UsbWire(0x04B8, 0x0202, backend=bus).open()
    assert plug.has_kernel_driver
    assert plug.claimed_by is None


# Errors.


def test_a_printer_that_another_program_has_is_busy_and_stays_that_programs(wire: UsbWire, bus: SimulatedUsb) -> None:
    wire.open()
    second = UsbWire(0x04B8, 0x0202, backend=bus)
    with pytest.raises(DeviceBusy) as raised:
        second.open()
    assert "Close that program" in raised.value.hint
    assert not second.is_open
    wire.write(RECEIPT, 1)


def test_a_printer_that_this_user_may_not_open_is_denied_with_the_rule_to_write(wire: UsbWire, plug: UsbPlug) -> None:
    plug.is_denied = True
    with pytest.raises(DeviceDenied) as raised:
        wire.open()
    rule = 'SUBSYSTEM=="usb", ATTR{idVendor}=="04b8", ATTR{idProduct}=="0202", MODE="0660", GROUP="lp", TAG+="uaccess"'
    assert rule in raised.value.hint


def test_a_printer_asked_for_by_its_serial_number_that_may_not_be_read_is_denied(
    bus: SimulatedUsb, plug: UsbPlug
) -> None:
    plug.is_denied = True
    with pytest.raises(DeviceDenied):
        UsbWire(0x04B8, 0x0202, serial="X7", backend=bus).open()


OPENING = [
    (errno.EBUSY, DeviceBusy),
    (errno.EACCES, DeviceDenied),
    (errno.EPERM, DeviceDenied),
    (errno.ENODEV, DeviceAbsent),  # unplugged while it was opened
    (errno.EIO, DeviceAbsent),
    (errno.EPIPE, DeviceAbsent),
    (errno.ETIMEDOUT, DeviceAbsent),
    (None, DeviceAbsent),  # "other" to libusb
]


@pytest.mark.parametrize(("number", "kind"), OPENING)
def test_every_refusal_of_libusb_to_open_has_its_kind_and_a_hint(number: int | None, kind: type[DeviceError]) -> None:
    error = open_error("usb://04b8:0202", 0x04B8, 0x0202, usb.core.USBError("no", -1, number))
    assert type(error) is kind
    assert error.hint


def test_a_system_whose_driver_keeps_the_printer_says_which_driver_it_needs() -> None:
    error = open_error("usb://04b8:0202", 0x04B8, 0x0202, NotImplementedError())
    assert type(error) is DeviceDenied
    assert "WinUSB" in error.hint


def test_a_printer_that_takes_nothing_stalls_the_write_in_time_and_none_of_it_was_sent(
    wire: UsbWire, printer: SimulatedPrinter
) -> None:
    wire.open()
    printer.stall()
    with pytest.raises(WriteStalled) as raised:
        wire.write(RECEIPT, SOON_S)
    assert raised.value.sent == 0


def test_a_printer_without_paper_pushes_back_when_its_buffer_is_full_and_the_port_says_why(
    wire: UsbWire, printer: SimulatedPrinter
) -> None:
    wire.open()
    printer.paper_out()
    with pytest.raises(WriteStalled, match="the paper is out") as raised:
        wire.write(bytes(1_000_000), SOON_S)
    assert raised.value.sent == printer.state()["waiting_bytes"]
    assert wire.trouble(1) == "It reports that the paper is out."


def test_unplugged_in_the_middle_of_a_write_it_breaks_and_the_bytes_are_known_to_the_last_piece(
    wire: UsbWire, plug: UsbPlug, printer: SimulatedPrinter
) -> None:
    wire.open()
    printer.paper_out()
    puller = threading.Thread(
        target=lambda: (printer.wait_until(lambda: printer.state()["waiting_bytes"] > 9_000), plug.pull())
    )
    puller.start()
    with pytest.raises(WriteBroken) as raised:
        wire.write(bytes(1_000_000), 5)
    puller.join()
    assert 9_000 < raised.value.sent < 1_000_000
    wire.close()


def test_unplugged_while_it_is_listened_to_it_is_absent(wire: UsbWire, plug: UsbPlug) -> None:
    wire.open()
    puller = threading.Timer(0.02, plug.pull)
    puller.start()
    with pytest.raises(DeviceAbsent):
        wire.read(5)
    puller.join()
    wire.close()  # the driver is not put back on what is not there
    assert plug.drivers_attached == 0


def test_a_printer_that_sends_empty_packets_is_silent_for_as_long_as_it_is_listened_to(
    wire: UsbWire, plug: UsbPlug
) -> None:
    plug.sends_empty_packets = True
    wire.open()
    began = time.monotonic()
    assert wire.read(0.03) == b""
    assert time.monotonic() - began >= 0.03
    wire.write(b"\x10\x04\x01", 1)
    assert wire.read(1) == b"\x12"


@pytest.mark.parametrize("endpoint", [0x01, 0x82])
def test_a_pipe_that_the_printer_stopped_breaks_the_connection_once_and_works_again(
    endpoint: int, wire: UsbWire, plug: UsbPlug
) -> None:
    wire.open()
    plug.halted_endpoint = endpoint
    with pytest.raises(DeviceAbsent):
        wire.write(b"x", 1) if endpoint < 0x80 else wire.read(0.01)
    wire.close()
    wire.open()
    wire.write(b"\x10\x04\x01", 1)
    assert wire.read(1) == b"\x12"


# Several printers, and coming back.


@pytest.fixture
def two(bus: SimulatedUsb) -> Iterator[list[UsbPlug]]:
    with SimulatedPrinter() as one, SimulatedPrinter() as other:
        yield [bus.plug_in(one, serial="A", port="1-1"), bus.plug_in(other, serial="B", port="1-2.3")]


@pytest.mark.parametrize("words", [{"serial": "B"}, {"port": "1-2.3"}, {"serial": "B", "port": "1-2.3"}])
def test_of_two_that_are_the_same_model_the_one_that_is_named_prints(
    words: dict[str, str], bus: SimulatedUsb, two: list[UsbPlug]
) -> None:
    wire = UsbWire(0x04B8, 0x0202, backend=bus, **words)
    wire.open()
    wire.write(RECEIPT, 1)
    wire.close()
    assert [plug.printer.printed_total for plug in two] == [0, 1]


def test_a_port_alone_names_whatever_printer_is_plugged_in_there(bus: SimulatedUsb, two: list[UsbPlug]) -> None:
    wire = UsbWire(port="1-2.3", backend=bus)
    wire.open()
    wire.write(RECEIPT, 1)
    wire.close()
    assert [plug.printer.printed_total for plug in two] == [0, 1]


@pytest.mark.parametrize(
    ("serials", "choices"),
    [
        (("A", "B"), "usb://04b8:0202?serial=A or usb://04b8:0202?serial=B"),
        (("0", "0"), "usb://04b8:0202?port=1-1 or usb://04b8:0202?port=1-2.3"),  # makers who number all alike
        (("", ""), "usb://04b8:0202?port=1-1 or usb://04b8:0202?port=1-2.3"),
    ],
)
def test_two_of_a_model_that_no_word_tells_apart_are_an_error_that_lists_them(
    serials: tuple[str, str], choices: str, bus: SimulatedUsb, two: list[UsbPlug]
) -> None:
    for plug, serial in zip(two, serials, strict=True):
        plug.serial = plug.texts["serial"] = serial
    with pytest.raises(DeviceError) as raised:
        UsbWire(0x04B8, 0x0202, backend=bus).open()
    assert type(raised.value) is DeviceError
    assert choices in raised.value.hint
    assert [plug.printer.printed_total for plug in two] == [0, 0]


def test_one_that_is_not_there_is_absent_whatever_else_is(bus: SimulatedUsb, two: list[UsbPlug]) -> None:
    for wire in (UsbWire(0x0519, 0x0001, backend=bus), UsbWire(0x04B8, 0x0202, serial="C", backend=bus)):
        with pytest.raises(DeviceAbsent) as raised:
            wire.open()
        assert "by itself" in raised.value.hint


def test_a_printer_is_found_again_at_another_port(wire: UsbWire, plug: UsbPlug, printer: SimulatedPrinter) -> None:
    owner = Printer(wire, profile("default"))
    assert owner.print(RECEIPT, timeout_s=5).outcome is Outcome.PRINTED
    plug.pull()
    assert owner.print(RECEIPT, timeout_s=5).code == "absent"
    plug.push("2-1.4")
    assert owner.print(RECEIPT, timeout_s=5).outcome is Outcome.PRINTED
    assert printer.printed_total == 2


def test_a_printer_that_lost_its_power_is_found_again(wire: UsbWire, printer: SimulatedPrinter) -> None:
    owner = Printer(wire, profile("default"))
    assert owner.print(RECEIPT, timeout_s=5).outcome is Outcome.PRINTED
    printer.unplug()
    assert owner.print(RECEIPT, timeout_s=5).code == "absent"
    printer.plug()
    assert owner.print(RECEIPT, timeout_s=5).outcome is Outcome.PRINTED


# Requests of the printer class.


def test_a_printer_says_what_it_is_and_how_its_port_is(wire: UsbWire, plug: UsbPlug, printer: SimulatedPrinter) -> None:
    wire.open()
    assert wire.device_id() == "MFG:EPSON;CMD:ESC/POS;MDL:TM-T88V;CLS:PRINTER;"
    assert (wire.port_status(), wire.trouble(1)) == (0x18, "")
    printer.paper_out()
    assert (wire.port_status(), wire.trouble(1)) == (0x30, "It reports that the paper is out.")
    plug.device_id = ""
    with pytest.raises(DeviceError):
        wire.device_id()


# The far end is as libusb is, on which all of the above rests.


def test_the_simulated_bus_refuses_what_linux_refuses(bus: SimulatedUsb, plug: UsbPlug) -> None:
    device = usb.core.find(backend=bus)
    with pytest.raises(usb.core.USBError) as raised:
        usb.util.claim_interface(device, 0)
    assert raised.value.errno == errno.EBUSY  # usblp has it
    device.detach_kernel_driver(0)
    with pytest.raises(usb.core.USBError) as raised:
        device.detach_kernel_driver(0)
    assert raised.value.errno == errno.ENOENT
    usb.util.claim_interface(device, 0)
    with pytest.raises(usb.core.USBError) as raised:
        device.attach_kernel_driver(0)
    assert raised.value.errno == errno.EBUSY
    with pytest.raises(usb.core.USBError) as raised:
        device._ctx.backend.bulk_read(device._ctx.handle, 0x82, 0, usb.util.create_buffer(64), 10)
    assert raised.value.errno == errno.ENOENT  # in the one-way setting there is no way back
    device.set_interface_altsetting(0, 1)
    with pytest.raises(usb.core.USBTimeoutError) as timed_out:
        device.read(0x82, 64, 10)
    assert timed_out.value.errno == errno.ETIMEDOUT
    plug.unread += bytes(64)
    with pytest.raises(usb.core.USBError) as raised:
        device.read(0x82, 16, 10)
    assert raised.value.errno == errno.EOVERFLOW
    plug.pull()
    with pytest.raises(usb.core.USBError) as raised:
        device.write(0x01, b"x", 10)
    assert raised.value.errno == errno.ENODEV
    assert usb.core.find(backend=bus) is None
    plug.push()
    with pytest.raises(usb.core.USBError) as raised:
        device.write(0x01, b"x", 10)  # the old handle does not come alive again
    assert raised.value.errno == errno.ENODEV


def test_the_real_libusb_is_there_on_this_machine() -> None:
    assert list(usb.core.find(find_all=True, backend=libusb(), idVendor=0xDEAD)) == []
