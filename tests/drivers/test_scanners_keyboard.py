"""The reader that types, over sockets that carry the kernel's own bytes; what every reader does stands in the contract."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from linux_keyboards import VOLUME, put_device
from standing_clock import Clock

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners import scanner_from_url
from drivers.scanners.identity import UsbIdentity
from drivers.scanners.keyboard.event_devices import INPUT_EVENT, AttachedKeyboard, EventDevice, attached
from drivers.scanners.keyboard.keystrokes import EV_KEY, EV_SYN, SYN_DROPPED
from drivers.scanners.keyboard.layouts import LAYOUTS
from drivers.scanners.keyboard.scanner import KeyboardScanner, udev_rule
from drivers.simulated.scanners.keyboard import SimulatedKeyboard
from tests.waiting import LONG_S

CARD, OTHER = "2900000000018", "4006381333931"
MODEL = UsbIdentity(0x05E0, 0x1200)
SHORT_S = 0.1


class Machine:
    """Several keyboards at once; opening a path opens whichever has it."""

    def __init__(self, *keyboards: SimulatedKeyboard) -> None:
        self.keyboards = keyboards

    def attached(self) -> list[AttachedKeyboard]:
        return [found for keyboard in self.keyboards for found in keyboard.attached()]

    def open(self, path: str) -> EventDevice:
        return next(one for one in self.keyboards if path in one.attached()[0].paths).open(path)


@pytest.fixture
def keyboard() -> Iterator[SimulatedKeyboard]:
    keyboard = SimulatedKeyboard()
    yield keyboard
    keyboard.close()


@pytest.fixture
def driver(clock: Clock) -> Iterator[Callable[..., KeyboardScanner]]:
    made: list[KeyboardScanner] = []

    def new(machine: SimulatedKeyboard | Machine, wanted: UsbIdentity = MODEL, **settings: Any) -> KeyboardScanner:
        settings = {"clock": clock, **settings}
        made.append(KeyboardScanner(wanted, attached=machine.attached, open_device=machine.open, **settings))
        return made[-1]

    yield new
    for one in made:
        one.close()


Driver = Callable[..., KeyboardScanner]


def label(scanner: KeyboardScanner) -> str:
    scan = scanner.read(LONG_S)
    assert scan is not None, "nothing came"
    return scan.label


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_reader_is_decoded_for_its_own_layout(layout: str, driver: Driver) -> None:
    keyboard = SimulatedKeyboard(layout=LAYOUTS[layout])
    scanner = driver(keyboard, layout=LAYOUTS[layout])
    scanner.open()
    keyboard.scan("0102900000000018\x1d21Zy?=&", aim="]Q3")
    scan = scanner.read(LONG_S)
    assert scan is not None
    assert (scan.label, scan.symbology) == ("0102900000000018\x1d21Zy?=&", "gs1-qr")
    keyboard.close()


def test_without_a_suffix_silence_by_the_clock_ends_the_scan(keyboard: SimulatedKeyboard, driver: Driver) -> None:
    clock = Clock()
    scanner = driver(keyboard, suffix="none", clock=clock)
    scanner.open()
    keyboard.scan(CARD, suffix="")
    clock.now = keyboard.now + 0.4
    assert scanner.read(SHORT_S) is None
    clock.now = keyboard.now + 0.6
    assert label(scanner) == CARD
    assert scanner.read(SHORT_S) is None
    assert scanner.dropped == 0


def test_what_waited_for_a_busy_program_is_not_late(keyboard: SimulatedKeyboard, driver: Driver, clock: Clock) -> None:
    scanner = driver(keyboard)
    scanner.open()
    keyboard.scan(CARD[:5], suffix="")
    assert scanner.read(0.0) is None
    keyboard.type(CARD[5:] + "\r")
    clock.now = keyboard.now + 60
    assert label(scanner) == CARD


def test_what_is_typed_at_the_very_moment_of_the_claim_is_no_code(driver: Driver, clock: Clock) -> None:
    keyboard = SimulatedKeyboard(now=clock.now)
    scanner = driver(keyboard)
    keyboard.type("29")
    scanner.open()
    keyboard.type("00000000018\r")
    assert scanner.read(SHORT_S) is None
    assert scanner.dropped == 1
    keyboard.type(CARD + "\r")
    assert label(scanner) == CARD
    keyboard.close()


def test_what_the_kernel_lost_drops_the_code(keyboard: SimulatedKeyboard, driver: Driver) -> None:
    scanner = driver(keyboard)
    scanner.open()
    keyboard.rest()
    keyboard.type("290")
    keyboard.send(keyboard.packed(EV_SYN, SYN_DROPPED, 0))
    keyboard.type(CARD + "\r")
    assert scanner.read(SHORT_S) is None
    assert scanner.dropped == 1
    keyboard.type(OTHER + "\r")
    assert label(scanner) == OTHER


def test_an_ordinary_keyboard_is_never_touched(driver: Driver) -> None:
    ordinary = SimulatedKeyboard(vendor=0x046D, product=0xC31C, port="1-2")
    with pytest.raises(DeviceAbsent) as absent:
        driver(ordinary).open()
    assert absent.value.hint
    assert not ordinary.is_grabbed("/dev/input/event0")
    ordinary.close()


def test_a_claim_takes_every_device_of_the_reader_that_has_letters(driver: Driver) -> None:
    keyboard = SimulatedKeyboard(devices=2)
    scanner = driver(keyboard)
    scanner.open()
    assert keyboard.is_grabbed("/dev/input/event0")
    assert keyboard.is_grabbed("/dev/input/event1")
    keyboard.rest()
    for key in (3, 10, 28):  # 2, 9, Enter
        keyboard.event(EV_KEY, key, 1, device=1)
    assert label(scanner) == "29"
    scanner.close()
    assert not keyboard.is_grabbed("/dev/input/event0")
    assert not keyboard.is_grabbed("/dev/input/event1")
    keyboard.close()


def test_half_claimed_it_is_let_go_again(driver: Driver) -> None:
    keyboard = SimulatedKeyboard(devices=2)
    other = keyboard.open("/dev/input/event1")
    other.grab()
    with pytest.raises(DeviceBusy):
        driver(keyboard).open()
    assert not keyboard.is_grabbed("/dev/input/event0")
    other.close()
    keyboard.close()


def test_moved_to_another_socket_it_goes_on(keyboard: SimulatedKeyboard, driver: Driver) -> None:
    scanner = driver(keyboard, UsbIdentity(0x05E0, 0x1200, serial="S1", port="1-1"))
    scanner.open()
    keyboard.unplug()
    with pytest.raises(DeviceAbsent):
        scanner.read(LONG_S)
    keyboard.plug(port="1-3")
    scanner.open()
    keyboard.scan(CARD)
    assert label(scanner) == CARD


def test_of_two_of_a_model_each_driver_has_its_own(driver: Driver) -> None:
    left = SimulatedKeyboard(serial="L")
    right = SimulatedKeyboard(serial="R", first=7)
    machine = Machine(left, right)
    first, second = driver(machine), driver(machine)
    first.open()
    second.open()
    left.scan(CARD)
    right.scan(OTHER)
    assert (label(first), label(second)) == (CARD, OTHER)
    left.close()
    right.close()


def test_a_key_that_is_down_is_waited_for(
    keyboard: SimulatedKeyboard, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = driver(keyboard)
    keyboard.press(28)
    monkeypatch.setattr(keyboard, "is_grabbed", lambda path: pytest.fail("claimed for a moment, it may come up unseen"))
    for attempt in (scanner.open, lambda: scanner.read(0.0)):
        with pytest.raises(DeviceError, match="held down") as held:
            attempt()
        assert held.value.hint
    monkeypatch.undo()
    keyboard.release(28)
    scanner.open()
    assert keyboard.is_grabbed("/dev/input/event0")


def test_a_key_that_goes_down_just_before_the_claim_is_seen_too(keyboard: SimulatedKeyboard, driver: Driver) -> None:
    class Late(SimulatedKeyboard):
        def is_grabbed(self, path: str) -> bool:  # asked amid the claim
            self.held.add(28)
            return super().is_grabbed(path)

    late = Late()
    with pytest.raises(DeviceError, match="held down"):
        driver(late).open()
    assert not SimulatedKeyboard.is_grabbed(late, "/dev/input/event0")
    late.close()


def test_caps_lock_is_put_out_when_it_is_claimed(keyboard: SimulatedKeyboard, driver: Driver) -> None:
    keyboard.caps_lock_is_lit = True  # readers that heed the light would type the other case
    driver(keyboard).open()
    assert not keyboard.caps_lock_is_lit


def type_by_hand(keyboard: SimulatedKeyboard, text: str) -> None:
    keyboard.rest()
    for count, character in enumerate(text):
        keyboard.rest(0.15 + 0.1 * (count % 3))
        keyboard.type(character)


def test_a_keyboard_that_a_person_types_on_is_let_go_until_it_is_plugged_in_anew(
    keyboard: SimulatedKeyboard, driver: Driver
) -> None:
    scanner = driver(keyboard)
    scanner.open()
    type_by_hand(keyboard, CARD + "\r")
    for attempt in (lambda: scanner.read(LONG_S), scanner.open, lambda: scanner.read(0.0)):
        with pytest.raises(DeviceError, match="a person types on") as person:
            attempt()
        assert type(person.value) is DeviceError
        assert "doctor" in person.value.hint
        assert not scanner.is_open
        assert not keyboard.is_grabbed("/dev/input/event0")
    keyboard.unplug()
    with pytest.raises(DeviceAbsent):
        scanner.read(0.0)
    keyboard.plug()
    scanner.open()
    keyboard.scan(CARD)
    assert label(scanner) == CARD


def test_beside_a_keyboard_of_the_same_model_the_reader_is_found(driver: Driver) -> None:
    person, reader = SimulatedKeyboard(serial="A"), SimulatedKeyboard(serial="B", first=7)
    scanner = driver(Machine(person, reader))
    scanner.open()
    type_by_hand(person, CARD)
    with pytest.raises(DeviceError, match="a person types on"):
        scanner.read(LONG_S)
    scanner.open()
    reader.scan(CARD)
    assert label(scanner) == CARD
    person.close()
    reader.close()


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (errno.EACCES, DeviceDenied, udev_rule(0x05E0, 0x1200)),
        (errno.EPERM, DeviceDenied, "plugdev"),
        (errno.EBUSY, DeviceBusy, "only one"),
        (errno.ENODEV, DeviceAbsent, "Plug it in"),
        (errno.ENOENT, DeviceAbsent, "Plug it in"),
        (errno.EIO, DeviceAbsent, "Plug it in"),
    ],
)
def test_each_refusal_has_one_name_and_says_what_to_do(
    number: int, error: type[DeviceError], words: str, keyboard: SimulatedKeyboard
) -> None:
    def refuse(path: str) -> EventDevice:
        raise OSError(number, os.strerror(number))

    scanner = KeyboardScanner(MODEL, attached=keyboard.attached, open_device=refuse)
    for attempt in (scanner.open, lambda: scanner.read(0.0)):
        with pytest.raises(error) as raised:
            attempt()
        assert type(raised.value) is error
        assert words in raised.value.hint
        assert "05e0:1200" in str(raised.value)


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_elsewhere_it_says_what_works_there(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(DeviceError) as raised:
        KeyboardScanner(MODEL).open()
    assert type(raised.value) is DeviceError
    for way_out in ("serial://", "hid-pos://", "page", "works everywhere"):
        assert way_out in raised.value.hint


def test_importing_the_driver_needs_nothing_of_linux() -> None:
    modules = "drivers.scanners.keyboard.scanner, drivers.simulated.scanners.keyboard"
    script = f"import sys; sys.modules['fcntl'] = None; import {modules}"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(
    ("address", "right"),
    [
        ("keyboard://05e0:1200", True),
        ("keyboard://05e0:1200?serial=17&port=1-1.4&layout=de&suffix=none&pause_ms=800", True),
        ("keyboard://05e0:1200?layout=tr&suffix=tab", True),
        ("keyboard://05e0", False),
        ("keyboard:///dev/input/event3", False),  # a number that is another's after the next start
        ("keyboard://05e0:1200?layout=klingon", False),
        ("keyboard://05e0:1200?suffix=cr", False),
        ("keyboard://05e0:1200?pause_ms=0", False),
        ("keyboard://05e0:1200?baud=9600", False),
    ],
)
def test_an_address_says_which_reader_and_how_it_types(address: str, right: bool) -> None:
    if right:
        assert scanner_from_url(address).name == address
    else:
        with pytest.raises(DeviceError) as raised:
            scanner_from_url(address)
        assert "keyboard://" in raised.value.hint


# Which keyboards are there, as /sys says it.


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links, as /sys has them")
@pytest.mark.skipif(struct.calcsize("@l") != 8, reason="the words above are of 64 bits")
def test_the_keyboards_of_a_machine_are_found_with_number_and_port(tmp_path: Path) -> None:
    usb = "pci0000:00/0000:00:14.0/usb1/1-1/1-1.4"
    put_device(tmp_path, 10, f"{usb}/1-1.4:1.0/0003:05E0:1200.0001", uniq="S17")
    put_device(tmp_path, 2, f"{usb}/1-1.4:1.1/0003:05E0:1200.0002", uniq="S17")
    put_device(tmp_path, 3, f"{usb}/1-1.4:1.2/0003:05E0:1200.0003", uniq="S17", keys=VOLUME)
    put_device(tmp_path, 4, "platform/i8042/serio0", model="0001:0001")
    put_device(tmp_path, 5, "virtual/misc/uhid/0005:0C2E:0200.0004", model="0c2e:0200", uniq="aa:bb")
    put_device(tmp_path, 6, "virtual/misc/uhid/0005:0C2E:0200.0005", model="0c2e:0200", uniq="aa:cc")
    put_device(tmp_path, 7, "LNXSYSTM:00/LNXPWRBN:00", keys="10000000000000 0", model="0000:0001")
    found = attached(tmp_path)
    assert [(f"{one.vendor:04x}:{one.product:04x}", one.serial, one.port) for one in found] == [
        ("05e0:1200", "S17", "1-1.4"),
        ("0001:0001", "", ""),
        ("0c2e:0200", "aa:bb", ""),
        ("0c2e:0200", "aa:cc", ""),
    ]
    assert found[0].paths == ("/dev/input/event2", "/dev/input/event10")
    assert (found[0].path, found[0].says, found[0].plugged) == ("/dev/input/event2", "device 2", "input22")
    assert all(one.may_open for one in found)
    (tmp_path / "dev/input/event10").unlink()
    assert not attached(tmp_path)[0].may_open


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links, as /sys has them")
@pytest.mark.skipif(struct.calcsize("@l") != 8, reason="the words above are of 64 bits")
def test_two_bluetooth_readers_behind_one_usb_adapter_are_two(tmp_path: Path) -> None:
    adapter = "pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.0/bluetooth/hci0"
    put_device(tmp_path, 5, f"{adapter}/hci0:12/0005:0C2E:0200.0004", model="0c2e:0200", uniq="aa:bb")
    put_device(tmp_path, 6, f"{adapter}/hci0:13/0005:0C2E:0200.0005", model="0c2e:0200", uniq="aa:cc")
    assert [(one.serial, one.paths) for one in attached(tmp_path)] == [
        ("aa:bb", ("/dev/input/event5",)),
        ("aa:cc", ("/dev/input/event6",)),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links, as /sys has them")
@pytest.mark.skipif(struct.calcsize("@l") != 8, reason="the words above are of 64 bits")
def test_a_device_of_another_bus_is_at_no_usb_port(tmp_path: Path) -> None:
    put_device(tmp_path, 5, "pci0000:00/i2c_designware.0/i2c-0/0-0018/0018:05E0:1200.0001")
    assert [one.port for one in attached(tmp_path)] == [""]


def test_one_that_is_unplugged_while_they_are_counted_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_device(tmp_path, 3, "usb1/1-1/1-1:1.0/0003:05E0:1200.0001")
    put_device(tmp_path, 4, "usb1/1-2/1-2:1.0/0003:05E0:1200.0002", uniq="S1")
    readlink = os.readlink

    def unplugged(path: str) -> str:
        if path.endswith("event3"):
            Path(path).unlink()
        return readlink(path)

    monkeypatch.setattr(os, "readlink", unplugged)  # what the kernel does between two looks
    assert [one.serial for one in attached(tmp_path)] == ["S1"]


def test_a_machine_without_such_files_has_no_keyboards(tmp_path: Path) -> None:
    assert attached(tmp_path) == []


def test_an_event_is_as_long_as_the_kernel_has_it() -> None:
    assert INPUT_EVENT.size == 2 * struct.calcsize("@l") + 8
