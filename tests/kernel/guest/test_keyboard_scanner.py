"""A reader that types, beside a keyboard that people type on: claimed, pulled out, moved, held down, and typed faster than read.

The keyboards are the kernel's own (uinput), and one of QEMU on real USB. python-evdev is what other programs read them by.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from evdev import InputDevice, UInput, ecodes
from gadgets import load, wait_for
from qemu import Qemu
from test_rights import as_nobody

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceError
from drivers.scanners import Scanner, scanner_from_url
from drivers.scanners.keyboard.event_devices import attached
from drivers.scanners.keyboard.layouts import LAYOUTS
from drivers.simulated.scanners.keyboard import strokes

CARD, OTHER = "2900000000018", "4006381333931"
URL = "keyboard://05e0:1200"
PAUSE_S = 0.6  # longer than what makes a claimed reader sure that no code is on its way
LONG_S = 10.0
KEY_S = 0.005
QEMU_KEYBOARD = 0x0627, 0x0001


@pytest.fixture(scope="module", autouse=True)
def modules() -> None:
    for module in ("uinput", "evdev", "usbhid", "hid_generic"):
        load(module)


class Keyboard:
    """Types by uinput: the kernel has it for a keyboard like any other."""

    def __init__(self, vendor: int = 0x05E0, product: int = 0x1200) -> None:
        keys = {ecodes.EV_KEY: [*range(1, 249)], ecodes.EV_LED: [0, 1, 2]}
        before = set(Path("/dev/input").glob("event*"))
        self._made = UInput(keys, name=f"keyboard {vendor:04x}", vendor=vendor, product=product)
        wait_for(lambda: set(Path("/dev/input").glob("event*")) - before, "the kernel has the keyboard")
        self.path = str((set(Path("/dev/input").glob("event*")) - before).pop())

    def type(self, text: str, layout: str = "us", key_s: float = 0.0) -> None:
        for held, key in strokes(text, LAYOUTS[layout]):
            self.press(*held, key)
            self.release(key, *held)
            time.sleep(key_s)

    @contextlib.contextmanager
    def typing(self, text: str, layout: str = "us") -> Iterator[None]:
        """At a reader's pace, beside what is done meanwhile: the kernel keeps no more than some sixteen keys."""
        typing = threading.Thread(target=self.type, args=(text, layout, KEY_S))
        typing.start()
        try:
            yield
        finally:
            typing.join()

    def press(self, *keys: int) -> None:
        for key in keys:
            self._made.write(ecodes.EV_KEY, key, 1)
            self._made.syn()

    def release(self, *keys: int) -> None:
        for key in keys:
            self._made.write(ecodes.EV_KEY, key, 0)
            self._made.syn()

    def repeat(self, key: int) -> None:
        """As the kernel does with a key that stays down."""
        self._made.write(ecodes.EV_KEY, key, 2)
        self._made.syn()

    def light(self) -> list[int]:
        """What it was told about Caps Lock since."""
        with contextlib.suppress(BlockingIOError):
            return [event.value for event in self._made.read() if (event.type, event.code) == (ecodes.EV_LED, 1)]
        return []

    def unplug(self) -> None:
        self._made.close()
        wait_for(lambda: not Path(self.path).exists(), "the kernel notices that the keyboard has gone")


Plug = Callable[..., Keyboard]
Open = Callable[[str], Scanner]


@pytest.fixture
def keyboard() -> Iterator[Plug]:
    made: list[Keyboard] = []

    def plug(*args: int) -> Keyboard:
        made.append(Keyboard(*args))
        return made[-1]

    yield plug
    for one in made:
        one._made.close()


@pytest.fixture
def scanner() -> Iterator[Open]:
    opened: list[Scanner] = []

    def open_scanner(url: str = URL) -> Scanner:
        opened.append(scanner_from_url(url))
        opened[-1].open()
        assert opened[-1].read(PAUSE_S) is None
        return opened[-1]

    yield open_scanner
    for one in opened:
        one.close()


def label(scanner: Scanner) -> str:
    scan = scanner.read(LONG_S)
    assert scan is not None, "nothing came"
    return scan.label


def keys_seen(device: InputDevice) -> list[int]:
    seen = []
    try:
        while True:
            seen += [event.code for event in device.read() if event.type == ecodes.EV_KEY and event.value == 1]
    except BlockingIOError:
        return seen


def test_what_a_reader_types_is_seen_here_alone_and_what_a_person_types_is_not(keyboard: Plug, scanner: Open) -> None:
    wedge, ordinary = keyboard(), keyboard(0x046D, 0xC31C)
    others = InputDevice(wedge.path), InputDevice(ordinary.path)
    reader = scanner()
    ordinary.type("12\r")
    with wedge.typing("]E0" + OTHER + "\r"):
        scan = reader.read(LONG_S)
    assert scan is not None
    assert (scan.label, scan.symbology) == (OTHER, "ean13")
    ordinary.type("3")
    assert keys_seen(others[1]) == [2, 3, 28, 4]
    assert keys_seen(others[0]) == []
    assert reader.read(0.0) is None
    reader.close()
    wedge.type("1")
    assert keys_seen(others[0]) == [2]
    assert reader.dropped == 0


@pytest.mark.parametrize("layout", ["us", "fr", "tr"])
def test_a_layout_passes_through_the_kernel(keyboard: Plug, scanner: Open, layout: str) -> None:
    wedge = keyboard()
    reader = scanner(f"{URL}?layout={layout}")
    text = "]Q3010290000000001817A-b\x1d21Z?=&"
    with wedge.typing(f"{text}\r{text}\r", layout):
        assert [label(reader), label(reader)] == 2 * [text.removeprefix("]Q3")]


def test_a_claimed_reader_is_busy_for_others_until_it_is_closed(keyboard: Plug, scanner: Open) -> None:
    wedge = keyboard()
    first = scanner()
    second = scanner_from_url(URL)
    with pytest.raises(DeviceBusy) as busy:
        second.open()
    assert busy.value.hint
    wedge.type(CARD + "\r")
    assert label(first) == CARD
    first.close()
    second.open()
    second.close()
    other = InputDevice(wedge.path)
    other.grab()  # by a program that is not ours
    with pytest.raises(DeviceBusy):
        first.open()


def test_closed_it_is_free_although_a_child_process_has_the_file_too(keyboard: Plug, scanner: Open) -> None:
    keyboard()
    reader = scanner()
    waiting, going = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(going)
        os.read(waiting, 1)
        os._exit(0)
    os.close(waiting)
    reader.close()
    reader.open()
    os.close(going)
    os.waitpid(child, 0)


def test_of_two_of_a_model_each_driver_gets_its_own(keyboard: Plug, scanner: Open) -> None:
    left, right = keyboard(), keyboard()
    first, second = scanner(), scanner()
    left.type(CARD + "\r")
    right.type(OTHER + "\r")
    assert {label(first), label(second)} == {CARD, OTHER}


def test_pulled_out_it_is_absent_at_once_and_found_wherever_it_is_by_then(keyboard: Plug, scanner: Open) -> None:
    wedge = keyboard()
    reader = scanner()
    before = wedge.path
    wedge.type(CARD[:5])  # cut off amid a code
    wedge.unplug()
    began_at = time.monotonic()
    with pytest.raises(DeviceAbsent) as gone:
        reader.read(LONG_S)
    assert time.monotonic() - began_at < LONG_S / 2
    assert gone.value.hint
    with pytest.raises(DeviceAbsent):
        reader.read(0.0)
    assert reader.dropped in (0, 1)  # the kernel keeps nothing of an unplugged device that was not read
    dropped = reader.dropped
    keyboard(0x046D, 0xC31C)  # takes its number
    wedge = keyboard()
    assert wedge.path != before
    assert reader.read(PAUSE_S) is None
    with wedge.typing(OTHER + "\r" + CARD + "\r"):
        assert [label(reader), label(reader)] == [OTHER, CARD]
    assert reader.dropped == dropped


def test_what_began_before_the_claim_is_no_code(keyboard: Plug) -> None:
    wedge = keyboard()
    wedge.type("12")
    reader = scanner_from_url(URL)
    reader.open()
    with wedge.typing(CARD + "\r" + OTHER + "\r"):
        assert label(reader) == OTHER
    assert reader.dropped == 1
    reader.close()


def test_a_key_that_is_down_is_waited_for_so_that_others_see_it_come_up(keyboard: Plug) -> None:
    wedge = keyboard()
    other = InputDevice(wedge.path)
    wedge.press(ecodes.KEY_ENTER)
    reader = scanner_from_url(URL)
    with pytest.raises(DeviceError) as held:
        reader.open()
    assert type(held.value) is DeviceError
    assert "held down" in str(held.value)
    wedge.release(ecodes.KEY_ENTER)
    assert [event.value for event in other.read() if event.code == ecodes.KEY_ENTER and event.value != 2] == [1, 0]
    reader.open()
    reader.close()


def test_a_key_that_hangs_writes_once(keyboard: Plug, scanner: Open) -> None:
    wedge = keyboard()
    reader = scanner(f"{URL}?pause_ms=3000")
    assert reader.read(3.0) is None
    wedge.press(ecodes.KEY_1)
    for _ in range(30):
        wedge.repeat(ecodes.KEY_1)
        assert reader.read(0.03) is None
    wedge.release(ecodes.KEY_1)
    wedge.type("2\r")
    assert label(reader) == "12"


def test_caps_lock_is_put_out_when_it_is_claimed(keyboard: Plug) -> None:
    wedge = keyboard()
    InputDevice(wedge.path).set_led(ecodes.LED_CAPSL, 1)
    wait_for(lambda: wedge.light() == [1], "the light is on")
    reader = scanner_from_url(URL)
    reader.open()
    wait_for(lambda: wedge.light() == [0], "the light is off")
    reader.close()


def test_a_code_waits_for_who_is_busy_and_of_too_many_none_is_torn(keyboard: Plug, scanner: Open) -> None:
    wedge = keyboard()
    reader = scanner()
    wedge.type(CARD + "\r")  # the kernel keeps that much
    assert label(reader) == CARD
    for count in range(2, 40):
        wedge.type((CARD + "\r") * count)  # and no more
        while scan := reader.read(0.0):
            assert scan.label == CARD
    assert reader.dropped > 0
    assert reader.read(PAUSE_S) is None
    wedge.type(OTHER + "\r")
    assert label(reader) == OTHER


def test_who_may_not_open_it_is_told_the_rule_for_that_reader(keyboard: Plug) -> None:
    os.chmod(keyboard().path, 0o660)

    def refusal() -> list[object]:
        try:
            scanner_from_url(URL).open()
        except DeviceError as error:
            return [error.code, error.hint, [one.may_open for one in attached() if one.vendor == 0x05E0]]
        return []

    code, hint, may_open = as_nobody(refusal)
    assert code == "DEVICE_DENIED"
    assert 'ATTRS{id/vendor}=="05e0", ATTRS{id/product}=="1200"' in hint
    assert may_open == [False]
    assert [one.may_open for one in attached() if one.vendor == 0x05E0] == [True]


def qemu_keyboards() -> list[tuple[str, str]]:
    return [(one.serial, one.port) for one in attached() if (one.vendor, one.product) == QEMU_KEYBOARD]


def test_on_real_usb_a_reader_is_known_by_its_number_and_its_port(qemu: Qemu, scanner: Open) -> None:
    for number, port in (("17", "1"), ("18", "2")):
        qemu.do("device_add", driver="usb-kbd", id=f"kbd{number}", bus="xhci.0", port=port, serial=number)
    wait_for(lambda: len(qemu_keyboards()) == 2, "both keyboards are there")
    ports = dict(qemu_keyboards())
    assert set(ports) == {"17", "18"}
    assert all(Path("/sys/bus/usb/devices", port).exists() for port in ports.values())

    reader = scanner(f"keyboard://0627:0001?serial=18&port={ports['17']}")
    assert reader.read(0.0) is None
    paths = {one.serial: one.path for one in attached() if (one.vendor, one.product) == QEMU_KEYBOARD}
    with pytest.raises(OSError, match="busy"):
        InputDevice(paths["18"]).grab()  # the number counts more than the port
    free = InputDevice(paths["17"])
    free.grab()
    free.ungrab()

    qemu.do("device_del", id="kbd17")
    for key in ("shift", "a"), ("1",), ("ret",):
        qemu.do("send-key", keys=[{"type": "qcode", "data": name} for name in key], **{"hold-time": 20})
    assert label(reader) == "A1"
    qemu.do("device_del", id="kbd18")
    with pytest.raises(DeviceAbsent):
        reader.read(LONG_S)
    qemu.do("device_add", driver="usb-kbd", id="kbd18b", bus="xhci.0", port="3", serial="18")
    wait_for(lambda: len(qemu_keyboards()) == 1, "it is back elsewhere")
    assert reader.read(PAUSE_S) is None
    assert reader.is_open
    reader.close()
    qemu.do("device_del", id="kbd18b")
    wait_for(lambda: not qemu_keyboards(), "it is gone")
