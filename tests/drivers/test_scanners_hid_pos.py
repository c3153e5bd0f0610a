"""A HID POS reader found, claimed, read and beeped through a hidraw device; see also the contract of all readers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hid_makers import (
    DECODED,
    GENERIC,
    HONEYWELL,
    KEYBOARD,
    MAKES,
    NEWLAND,
    VAGUE,
    Make,
    application,
    bytes_of,
    honeywell,
    padding,
)
from standing_clock import Clock

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners import scanner_from_url
from drivers.scanners.hid_pos.line import AttachedScanner
from drivers.scanners.hid_pos.scanner import HidPosScanner, attached
from drivers.scanners.identity import UsbIdentity
from drivers.simulated.scanners.hid_pos import SimulatedHidScanner
from tests.waiting import LONG_S

if sys.platform == "win32":
    pytest.skip("pseudo-terminals", allow_module_level=True)

SHORT_S = 0.1
MODEL = MAKES["honeywell"]
VENDOR, PRODUCT = MODEL.vendor, MODEL.product


@pytest.fixture
def plug_in(tmp_path: Path) -> Iterator[Callable[..., SimulatedHidScanner]]:
    plugged: list[SimulatedHidScanner] = []

    def plug(descriptor: bytes = HONEYWELL, product: int = PRODUCT, **where: str) -> SimulatedHidScanner:
        plugged.append(SimulatedHidScanner(tmp_path, VENDOR, product, descriptor, **where))
        return plugged[-1]

    yield plug
    for one in plugged:
        one.close()


@pytest.fixture
def reader(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., HidPosScanner]]:
    made: list[HidPosScanner] = []

    def new(product: int = PRODUCT, **named: str) -> HidPosScanner:
        made.append(HidPosScanner(UsbIdentity(VENDOR, product, **named), clock=clock, root=tmp_path))
        return made[-1]

    yield new
    for one in made:
        one.close()


def send(far: SimulatedHidScanner, label: str, make: Make = MODEL) -> None:
    for report in make.reports(label.encode(), b"]C0"):
        far.send(report)


def label(scanner: HidPosScanner, timeout_s: float = LONG_S) -> str | None:
    scan = scanner.read(timeout_s)
    return None if scan is None else scan.label


# Finding.


def test_the_readers_that_are_there_are_named_with_all_that_the_system_knows(
    plug_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = plug_in(serial="S 17", port="3-1.4")
    plug_in(KEYBOARD, 0x0B61)
    plug_in(NEWLAND, 0x0B82)
    first, second = attached(tmp_path)
    assert first == AttachedScanner(
        str(far.node), VENDOR, PRODUCT, "S 17", "3-1.4", "Simulated scanner", may_open=True, descriptor=HONEYWELL
    )
    assert (second.product, second.serial, second.port) == (0x0B82, "", "1-1")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert not attached(tmp_path)[0].may_open


def test_a_system_without_readers_or_without_hidraw_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert attached(tmp_path) == []
    (tmp_path / "sys/class/hidraw/hidraw0").mkdir(parents=True)  # unplugged while it was looked at
    assert attached(tmp_path) == []


@pytest.mark.parametrize(
    "event",
    ["", "HID_ID=nonsense", "HID_ID=0003:00000C2E", "HID_NAME", "\0\0=\xff"],
)
def test_a_device_that_the_system_does_not_name_is_passed_over(event: str, plug_in: Any, tmp_path: Path) -> None:
    far = plug_in()
    (tmp_path / "sys/class/hidraw" / far.node.name / "device/uevent").write_text(event, encoding="latin-1")
    assert attached(tmp_path) == []


def test_a_reader_by_radio_has_no_port_and_a_name_is_not_needed(plug_in: Any, tmp_path: Path, reader: Any) -> None:
    far = plug_in()
    event = tmp_path / "sys/class/hidraw" / far.node.name / "device/uevent"
    event.write_text(f"HID_ID=0005:0000{VENDOR:04X}:0000{PRODUCT:04X}\nHID_UNIQ=00:17:23:aa:bb:cc\nHID_NAME=\n")
    (found,) = attached(tmp_path)
    assert (found.serial, found.says) == ("00:17:23:aa:bb:cc", "a scanner that does not say what it is")
    reader(serial="00:17:23:aa:bb:cc").open()


def test_an_address_names_a_reader() -> None:
    address = "hid-pos://0c2e:0b81?serial=17&port=1-1.4"
    scanner = scanner_from_url(address)
    assert (type(scanner), scanner.name) == (HidPosScanner, address)
    for wrong in ("hid-pos://0c2e", "hid-pos:///dev/hidraw0", "hid-pos://0c2e:0b81?baud=9600", "hid-pos://"):
        with pytest.raises(DeviceError, match="not the address of a scanner"):
            scanner_from_url(wrong)


def test_a_reader_that_is_not_there_is_absent_and_the_hint_names_its_mode(plug_in: Any, reader: Any) -> None:
    plug_in(KEYBOARD)  # the same model, in keyboard mode
    scanner = reader()
    for attempt in (scanner.open, lambda: scanner.read(0.0)):
        with pytest.raises(DeviceAbsent) as absent:
            attempt()
        assert "HID POS" in absent.value.hint
        assert "0c2e:0b81" in str(absent.value)


# Which of several.


def test_the_one_with_the_number_is_opened_wherever_it_is_plugged_in_by_then(plug_in: Any, reader: Any) -> None:
    left, right = plug_in(serial="L", port="1-1"), plug_in(serial="R", port="1-2")
    scanner = reader(serial="R")
    send(right, "before")
    assert scanner.read(0.0) is None  # opening discards it
    send(left, "left")
    send(right, "right")
    assert label(scanner) == "right"
    name = right.node
    right.unplug()
    with pytest.raises(DeviceAbsent):
        scanner.read(LONG_S)
    right.plug("4-2.1")
    assert right.node != name
    scanner.open()
    send(right, "moved")
    assert label(scanner) == "moved"


def test_one_swapped_for_the_same_model_is_found_by_its_port(plug_in: Any, reader: Any) -> None:
    plug_in(serial="other", port="1-2")
    old = plug_in(serial="old", port="1-1")
    scanner = reader(serial="old", port="1-1")
    scanner.open()
    old.unplug()
    with pytest.raises(DeviceAbsent):
        scanner.read(LONG_S)
    new = plug_in(serial="new", port="1-1")
    scanner.open()
    send(new, "swapped")
    assert label(scanner) == "swapped"


def test_where_the_first_is_busy_the_next_is_tried_and_where_all_are_busy_that_is_said(
    plug_in: Any, reader: Any
) -> None:
    left, right = plug_in(serial="L"), plug_in(serial="R")
    first, second, third = reader(), reader(), reader()
    first.open()
    second.open()
    for far in (left, right):
        send(far, far.serial)
    assert {label(first), label(second)} == {"L", "R"}
    with pytest.raises(DeviceBusy) as busy:
        third.open()
    assert busy.value.hint
    first.close()
    third.open()


def test_one_that_vanishes_while_it_is_opened_is_absent(plug_in: Any, reader: Any) -> None:
    far = plug_in()
    far.node.unlink()
    with pytest.raises(DeviceAbsent) as absent:
        reader().open()
    assert absent.value.hint


def test_one_whose_name_another_takes_while_it_is_opened_is_not_taken_for_it(
    plug_in: Any, reader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = plug_in(serial="17")
    event = tmp_path / "sys/class/hidraw" / far.node.name / "device/uevent"
    open_, opened = os.open, []

    def swapped(path: Any, *how: Any) -> int:
        if str(path) == str(far.node):
            event.write_text(event.read_text().replace("HID_UNIQ=17", "HID_UNIQ=18"))
            opened.append(path)
        return open_(path, *how)

    monkeypatch.setattr(os, "open", swapped)
    scanner = reader(serial="17")
    with pytest.raises(DeviceAbsent):
        scanner.open()
    assert opened
    assert not scanner.is_open


@pytest.mark.parametrize("fault", [PermissionError(13, "denied"), PermissionError(1, "denied")])
def test_who_may_not_open_it_is_told_the_rule_for_just_this_model(
    fault: OSError, plug_in: Any, reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = plug_in()
    open_ = os.open

    def refuse(path: Any, *how: Any) -> int:
        if str(path) == str(far.node):
            raise fault
        return open_(path, *how)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DeviceDenied) as denied:
        reader().open()
    assert 'KERNELS=="*:0C2E:0B81.*"' in denied.value.hint
    assert str(far.node) in str(denied.value)


def test_a_reader_that_does_not_say_where_its_codes_are_is_refused_with_another_way(plug_in: Any, reader: Any) -> None:
    plug_in(application(padding(64)))
    with pytest.raises(DeviceError) as error:
        reader().open()
    assert type(error.value) is DeviceError
    assert "serial" in error.value.hint


def test_of_two_interfaces_of_one_reader_the_one_with_the_codes_is_read(plug_in: Any, reader: Any) -> None:
    plug_in(application(padding(64)))
    far, scanner = plug_in(), reader()
    scanner.open()
    send(far, "A")
    assert label(scanner) == "A"


def test_on_windows_a_person_is_told_what_to_set_it_to(
    reader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sys/class/hidraw").mkdir(parents=True)  # nothing is there, as libusb has it
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(DeviceError) as error:
        reader().open()
    assert type(error.value) is DeviceError
    assert "serial://COM3" in error.value.hint


# Reading.


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_every_make_is_read(make: Make, tmp_path: Path, clock: Clock) -> None:
    far = SimulatedHidScanner(tmp_path, make.vendor, make.product, make.descriptor)
    scanner = HidPosScanner(UsbIdentity(make.vendor, make.product), clock=clock, root=tmp_path)
    scanner.open()
    for text in ("4006381333931", "Müller ☕ " * 30):
        send(far, text, make)
        assert label(scanner) == text
    assert scanner.dropped == 0
    scanner.close()
    far.close()


def test_all_reports_of_a_code_that_wait_are_read_at_once_however_little_time_there_is(
    plug_in: Any, reader: Any
) -> None:
    far, scanner = plug_in(), reader()
    scanner.open()
    send(far, "9" * 500)
    assert label(scanner, 0.0) == "9" * 500


def test_what_comes_as_it_is_opened_may_be_the_end_of_a_code_and_is_discarded(plug_in: Any, reader: Any) -> None:
    far, scanner = plug_in(), reader()
    *_, last = MODEL.reports(b"2900000000018" * 10, b"]C0")
    far.send(last)
    assert scanner.read(0.0) is None
    send(far, "4006381333931")
    assert label(scanner) == "4006381333931"


def test_a_code_whose_rest_does_not_come_is_dropped_after_a_second_of_silence(
    plug_in: Any, reader: Any, clock: Clock
) -> None:
    far, scanner = plug_in(), reader()
    scanner.open()
    first, last = MODEL.reports(b"9" * 100, b"]C0")
    far.send(first)
    assert scanner.read(SHORT_S) is None
    clock.now += 0.9
    assert scanner.read(SHORT_S) is None
    assert scanner.dropped == 0
    far.send(last)
    assert label(scanner) == "9" * 100
    far.send(first)
    assert scanner.read(SHORT_S) is None
    clock.now += 1
    assert scanner.read(SHORT_S) is None
    assert scanner.dropped == 1
    send(far, "4006381333931")
    assert label(scanner) == "4006381333931"


def test_as_many_reports_as_the_kernel_keeps_may_have_been_more(plug_in: Any, reader: Any, clock: Clock) -> None:
    far, scanner = plug_in(), reader()
    scanner.open()
    send(far, "9" * 56 * 80)
    for _ in range(5):
        assert scanner.read(SHORT_S) is None
    assert scanner.dropped == 1
    clock.now += 1
    assert scanner.read(SHORT_S) is None
    send(far, "9" * 56 * 60)
    assert label(scanner) == "9" * 56 * 60


def test_what_was_lost_is_counted_over_all_openings(plug_in: Any, reader: Any) -> None:
    far, scanner = plug_in(), reader()
    for times in (1, 2, 3):
        scanner.open()
        far.send(honeywell(b"x" * 56, b"]C0", True))
        assert scanner.read(SHORT_S) is None
        scanner.close()
        assert scanner.dropped == times


def test_control_characters_alone_are_no_scan(plug_in: Any, reader: Any) -> None:
    far, scanner = plug_in(), reader()
    scanner.open()
    for nothing in ("\r", "\n\x02", ""):
        send(far, nothing)
    send(far, "A\r\n")
    assert label(scanner) == "A"


def test_a_reader_that_sends_without_end_keeps_nobody_longer_than_told(
    plug_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = plug_in()
    now = iter(range(1000))
    scanner = HidPosScanner(UsbIdentity(VENDOR, PRODUCT), clock=lambda: float(next(now)), root=tmp_path)
    scanner.open()
    read = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: bytes([3]) + bytes(63))
    assert scanner.read(10.0) is None
    monkeypatch.setattr(os, "read", read)
    scanner.close()
    assert far.written() == b""


# Telling.


def heard(far: SimulatedHidScanner) -> bytes:
    give_up = time.monotonic() + LONG_S
    while not (said := far.written()):
        assert time.monotonic() < give_up, "nothing was written"
        time.sleep(0.001)
    return said


def test_the_beep_of_the_descriptor_is_all_that_is_written(plug_in: Any, reader: Any) -> None:
    far, scanner = plug_in(), reader()
    scanner.tell(good=True)  # to a reader that is not open
    scanner.open()
    send(far, "A")
    assert label(scanner) == "A"
    assert far.written() == b""
    scanner.tell(good=True)
    assert heard(far) == b"\x04\x40"
    scanner.tell(good=False)
    assert heard(far) == b"\x04\x20"
    scanner.close()
    assert far.written() == b""


@pytest.mark.parametrize("descriptor", [NEWLAND, GENERIC, VAGUE, application(bytes_of(DECODED, 63))])
def test_a_reader_without_a_beep_is_not_even_opened_for_writing(
    descriptor: bytes, plug_in: Any, reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    far, scanner = plug_in(descriptor), reader()
    open_, asked = os.open, []

    def watched(path: Any, flags: int, *how: Any) -> int:
        if str(path) == str(far.node):
            asked.append(flags)
        return open_(path, flags, *how)

    monkeypatch.setattr(os, "open", watched)
    scanner.open()
    assert [flags & (os.O_WRONLY | os.O_RDWR) for flags in asked] == [0]
    scanner.tell(good=True)
    scanner.tell(good=False)
    assert far.written() == b""


def test_importing_the_driver_imports_no_library_for_usb() -> None:
    import subprocess

    script = "import sys, drivers.scanners.hid_pos.scanner; sys.exit('usb' in sys.modules or 'fcntl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
