"""Readers in HID POS mode through the kernel's HID layer: made by uhid, and on a USB cable (usb_f_hid)."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gadgets import PRODUCT, SOON_S, VENDOR, DeviceEnd, Gadget, load, wait_for
from test_rights import as_nobody

sys.path.insert(0, str(Path(__file__).parents[2] / "drivers"))

from hid_makers import HONEYWELL, KEYBOARD, MAKES, Make, honeywell

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceError
from drivers.scanners.hid_pos.scanner import HidPosScanner, attached
from drivers.scanners.hid_pos.usb_line import UsbLine
from drivers.scanners.identity import UsbIdentity
from drivers.wires.usb import libusb

# struct uhid_event of linux/uhid.h
DESTROY, OUTPUT, GET_REPORT, CREATE2, INPUT2, SET_REPORT = 1, 6, 9, 11, 12, 13
EVENT_BYTES = 4380
BUS_USB = 3
SHORT_S = 0.3
MODEL = MAKES["honeywell"]
LONG = "Müller ☕ 2900000000018 " * 12  # 13 reports' worth of bytes or so, letters of several bytes cut apart
RING = 63


@pytest.fixture(scope="module", autouse=True)
def drivers_of_hid() -> None:
    for module in ("uhid", "hid_generic", "usbhid", "usb_f_hid"):
        load(module)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class UhidDevice:
    """A HID device whose driver is this program."""

    def __init__(self, make: Make, serial: str = "SN42") -> None:
        self._serial = serial
        before = set(Path("/sys/class/hidraw").glob("*"))
        self._fd = os.open("/dev/uhid", os.O_RDWR | os.O_NONBLOCK)
        head = struct.pack("<I128s64s64s", CREATE2, b"A scanner of the kernel", b"", serial.encode())
        numbers = struct.pack("<HHIIII", len(make.descriptor), BUS_USB, make.vendor, make.product, 0x100, 0)
        self._event(head + numbers + make.descriptor)
        wait_for(lambda: set(Path("/sys/class/hidraw").glob("*")) - before, "the kernel takes it up")
        self.node = "/dev/" + (set(Path("/sys/class/hidraw").glob("*")) - before).pop().name
        wait_for(Path(self.node).exists, "its device file")

    def send(self, *reports: bytes) -> None:
        for report in reports:
            self._event(struct.pack("<IH", INPUT2, len(report)) + report)

    def heard(self, timeout_s: float = SOON_S) -> list[bytes]:
        """All that was written to it or asked of it, as (kind of event, bytes), once something was; [] is silence."""
        said = []
        while select.select([self._fd], [], [], 0 if said else timeout_s)[0]:
            event = os.read(self._fd, EVENT_BYTES)
            kind = struct.unpack_from("<I", event)[0]
            if kind == OUTPUT:
                size = struct.unpack_from("<H", event, 4 + 4096)[0]
                said.append(event[4 : 4 + size])
            elif kind in (GET_REPORT, SET_REPORT):
                said.append(b"a request")
        return said

    def unplug(self) -> None:
        if self._fd >= 0:
            self._event(struct.pack("<I", DESTROY))
            os.close(self._fd)
            self._fd = -1
            wait_for(lambda: not Path(self.node).exists(), "the device file has gone")

    def _event(self, event: bytes) -> None:
        os.write(self._fd, event.ljust(EVENT_BYTES, b"\0"))


@pytest.fixture
def uhid() -> Iterator[Callable[..., UhidDevice]]:
    made: list[UhidDevice] = []

    def plug(make: Make = MODEL, serial: str = "SN42") -> UhidDevice:
        made.append(UhidDevice(make, serial))
        return made[-1]

    yield plug
    for one in made:
        one.unplug()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(clock: Clock) -> Iterator[Callable[..., HidPosScanner]]:
    made: list[HidPosScanner] = []

    def open_reader(vendor: int = MODEL.vendor, product: int = MODEL.product, **named: str) -> HidPosScanner:
        made.append(HidPosScanner(UsbIdentity(vendor, product, **named), clock=clock))
        made[-1].open()
        return made[-1]

    yield open_reader
    for one in made:
        one.close()


def label(scanner: HidPosScanner, timeout_s: float = SOON_S) -> str | None:
    scan = scanner.read(timeout_s)
    return None if scan is None else scan.label


@pytest.mark.parametrize("name", MAKES)
def test_the_kernel_takes_every_make_s_descriptor_and_its_codes_arrive(name: str, uhid: Any, reader: Any) -> None:
    make = MAKES[name]
    device = uhid(make)
    (found,) = attached()
    assert (found.vendor, found.product, found.serial) == (make.vendor, make.product, "SN42")
    assert (found.path, found.says, found.may_open) == (device.node, "A scanner of the kernel", True)
    scanner = reader(make.vendor, make.product)
    for text in ("4006381333931", "x" * make.room, LONG):
        device.send(*make.reports(text.encode(), b"]Q1"))
        assert label(scanner) == text
    assert scanner.dropped == 0
    assert label(scanner, SHORT_S) is None


def test_a_keyboard_is_no_scanner(uhid: Any) -> None:
    uhid(Make(0x0C2E, 0x0B61, KEYBOARD, honeywell))
    assert attached() == []


def test_the_beep_that_is_asked_for_is_all_that_is_ever_written(uhid: Any, reader: Any) -> None:
    device = uhid()
    scanner = reader()
    device.send(*MODEL.reports(b"4006381333931", b"]E0"))
    assert label(scanner) == "4006381333931"
    assert device.heard(SHORT_S) == []
    scanner.tell(good=True)
    assert device.heard() == [b"\x04\x40"]
    scanner.tell(good=False)
    assert device.heard() == [b"\x04\x20"]
    scanner.close()
    assert device.heard(SHORT_S) == []


def test_unplugged_it_is_absent_after_what_it_had_sent(uhid: Any, reader: Any) -> None:
    device = uhid()
    scanner = reader()
    device.send(*MODEL.reports(b"A"), *MODEL.reports(b"B"), MODEL.reports(LONG.encode())[0])
    device.unplug()
    assert [label(scanner), label(scanner)] == ["A", "B"]
    with pytest.raises(DeviceAbsent) as gone:
        scanner.read(SOON_S)
    assert gone.value.__cause__ is not None
    assert gone.value.__cause__.errno == 5  # type: ignore[attr-defined]
    assert scanner.dropped == 1
    with pytest.raises(DeviceAbsent):
        scanner.read(SOON_S)


def test_one_of_two_of_a_model_is_found_by_its_number_under_another_name(uhid: Any, reader: Any) -> None:
    first, second = uhid(serial="SN1"), uhid(serial="SN2")
    left, right = reader(serial="SN1"), reader(serial="SN2")
    for device, scanner in ((first, left), (second, right)):
        device.send(*MODEL.reports(device._serial.encode()))
        assert label(scanner) == device._serial
    assert label(left, SHORT_S) is None
    first.unplug()
    with pytest.raises(DeviceAbsent):
        left.read(SOON_S)
    with pytest.raises(DeviceBusy):  # the other of the model is held by its own till
        left.read(SOON_S)
    uhid(serial="SN3", make=MAKES["newland"])  # takes the name that has become free
    again = uhid(serial="SN1")
    assert again.node != first.node
    left.open()
    again.send(*MODEL.reports(b"again"))
    assert label(left) == "again"


def test_two_of_these_drivers_keep_apart_and_another_program_reads_along(uhid: Any, reader: Any) -> None:
    device = uhid()
    scanner = reader()
    with pytest.raises(DeviceBusy) as busy:
        reader()
    assert busy.value.hint
    other = os.open(device.node, os.O_RDONLY | os.O_NONBLOCK)
    (report,) = MODEL.reports(b"4006381333931", b"]E0")
    device.send(report)
    assert label(scanner) == "4006381333931"
    assert os.read(other, 64) == report
    os.close(other)
    scanner.close()
    assert reader().is_open


def test_what_the_kernel_had_no_room_for_is_never_joined_over(uhid: Any, reader: Any, clock: Clock) -> None:
    device = uhid()
    scanner = reader()
    long_code = MODEL.reports(b"9" * 100, b"]C0")
    device.send(*MODEL.reports(b"A", b"]C0") * (RING - 1), *long_code)  # only the first report of the long one is kept
    assert [label(scanner) for _ in range(RING - 1)] == ["A"] * (RING - 1)
    device.send(*MODEL.reports(b"2900000000018", b"]C0"))
    assert label(scanner, SHORT_S) is None  # it may be the rest of the long one, for all that can be seen
    assert scanner.dropped == 1
    clock.now += 1
    assert label(scanner, SHORT_S) is None
    device.send(*long_code)
    assert label(scanner) == "9" * 100


def test_who_may_not_open_it_is_told_the_rule_for_just_this_model(uhid: Any) -> None:
    os.chmod(uhid().node, 0o600)

    def refusal() -> list[str]:
        try:
            HidPosScanner(UsbIdentity(MODEL.vendor, MODEL.product)).open()
        except DeviceError as error:
            return [error.code, error.hint, str(attached()[0].may_open)]
        return []

    code, hint, may_open = as_nobody(refusal)
    assert (code, may_open) == ("DEVICE_DENIED", "False")
    assert 'KERNELS=="*:0C2E:0B81.*"' in hint


# On a USB cable.


class HidGadget(Gadget):
    """A reader with both interrupt endpoints; its own end is `device`."""

    def __init__(self, slot: int = 0, serial: str = "SN0007") -> None:
        settings: dict[str, str | bytes] = {"report_length": "64", "report_desc": HONEYWELL}
        before = set(Path("/dev").glob("hidg*"))
        super().__init__(f"hid.usb{slot}", slot, serial, model="Scanner", settings=settings)
        wait_for(lambda: set(Path("/dev").glob("hidg*")) - before, "the device end of the scanner")
        self.device = str((set(Path("/dev").glob("hidg*")) - before).pop())
        self.end = DeviceEnd(self.device)

    def send(self, *reports: bytes) -> None:
        for report in reports:
            wait_for(lambda report=report: self.end.write(report), "the host takes a report")  # type: ignore[misc]

    def heard(self) -> bytes:
        said: list[bytes] = []

        def listened() -> bool:
            said.append(self.end.read())
            return bool(said[-1])

        wait_for(listened, "the scanner hears something")
        return said[-1]

    def close(self) -> None:
        self.end.close()
        super().close()


@pytest.fixture
def cable() -> Iterator[HidGadget]:
    gadget = HidGadget()
    wait_for(lambda: len(attached()) == 1, "the kernel's HID driver takes it up")
    yield gadget
    gadget.close()


def test_a_reader_on_a_cable_is_found_read_and_beeps(cable: HidGadget, reader: Any) -> None:
    (found,) = attached()
    assert (found.vendor, found.product, found.serial) == (VENDOR, PRODUCT, "SN0007")
    assert found.port == cable.port_path
    assert "Scanner" in found.says
    scanner = reader(VENDOR, PRODUCT, port=cable.port_path)
    for text in ("4006381333931", LONG):
        cable.send(*MODEL.reports(text.encode(), b"]Q1"))
        scan = scanner.read(SOON_S)
        assert (scan.label, scan.symbology) == (text, "qr")
    scanner.tell(good=True)
    assert cable.heard() == b"\x04\x40"
    scanner.tell(good=False)
    assert cable.heard() == b"\x04\x20"


def test_pulled_out_amid_a_code_it_is_absent_and_found_by_its_number_under_another_name(
    cable: HidGadget, reader: Any, uhid: Any
) -> None:
    scanner = reader(VENDOR, PRODUCT, serial="SN0007")
    (before,) = attached()
    cable.send(MODEL.reports(LONG.encode())[0])
    assert label(scanner, SHORT_S) is None
    cable.pull()
    with pytest.raises(DeviceAbsent) as gone:
        scanner.read(SOON_S)
    assert gone.value.__cause__.errno in (5, 19)  # type: ignore[union-attr]
    assert scanner.dropped == 1
    with pytest.raises(DeviceAbsent):
        scanner.read(SOON_S)
    uhid()  # takes the name that has become free
    cable.plug()
    wait_for(lambda: len(attached()) == 2, "the kernel's HID driver takes it up again")
    assert before.path not in [one.path for one in attached() if one.serial == "SN0007"]
    scanner.open()
    with contextlib.suppress(OSError):
        cable.end.close()
    cable.send(*MODEL.reports(b"2900000000018"))
    assert label(scanner) == "2900000000018"


def test_a_beep_that_the_reader_does_not_take_holds_up_no_scan(cable: HidGadget, reader: Any) -> None:
    """The kernel waits five seconds for its taking it, and whoever opens a HID device meanwhile waits with it."""
    scanner = reader(VENDOR, PRODUCT)
    began_at = time.monotonic()
    for _ in range(50):  # the device's own end holds a few
        scanner.tell(good=True)
        cable.send(*MODEL.reports(b"4006381333931"))
        assert label(scanner) == "4006381333931"
    scanner.close()
    assert time.monotonic() - began_at < 4.5
    assert reader(VENDOR, PRODUCT).is_open


def test_by_libusb_a_reader_that_its_driver_has_let_go_of_is_found_and_read(cable: HidGadget, clock: Clock) -> None:
    """As on a system without hidraw."""
    assert attached(usb=libusb()) == []  # this kernel lets nobody ask what its driver has
    assert len(attached()) == 1
    Path("/sys/bus/usb/drivers/usbhid/unbind").write_text(f"{cable.port_path}:1.0")
    (found,) = attached(usb=libusb())
    assert (found.vendor, found.serial, found.port) == (VENDOR, "SN0007", cable.port_path)
    scanner, second = (
        HidPosScanner(UsbIdentity(VENDOR, PRODUCT, "SN0007"), clock=clock, usb=libusb()) for _ in range(2)
    )
    scanner.open()
    with pytest.raises(DeviceError):
        second.open()
    for text in ("4006381333931", LONG):
        # Nobody takes a report before it is asked for: a long code is on its way while it is read.
        sending = threading.Thread(target=cable.send, args=MODEL.reports(text.encode(), b"]Q1"))
        sending.start()
        assert label(scanner) == text
        sending.join()
    assert label(scanner, SHORT_S) is None
    scanner.tell(good=False)
    assert cable.heard() == b"\x04\x20"
    scanner.close()
    scanner.open()
    cable.pull()
    for _ in range(2):
        with pytest.raises(DeviceAbsent):
            scanner.read(SOON_S)


def test_by_libusb_a_reader_is_taken_from_its_driver_and_given_back(cable: HidGadget) -> None:
    (known,) = attached()
    line = UsbLine(msgspec.structs.replace(known, path=f"{cable.port_path}:0"), 64, libusb())
    assert attached() == []
    (report,) = MODEL.reports(b"4006381333931")
    cable.send(report)
    assert line.read(SOON_S) == report
    assert line.read(0.0) == b""
    line.close()
    wait_for(lambda: len(attached()) == 1, "the kernel's driver has it again")
