"""Bar code readers on a serial line by USB (CDC ACM): found by which device they are, wherever they are plugged in by then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from gadgets import PRODUCT, SOON_S, VENDOR, DeviceEnd, SerialGadget, wait_for

from drivers.errors import DeviceAbsent, DeviceBusy
from drivers.scanners import Scanner, scanner_from_url
from drivers.scanners.identity import Attached
from drivers.scanners.lines.serial_port import attached
from drivers.simulated.scanners.ssi import packet

MODEL = f"{VENDOR:04x}:{PRODUCT:04x}"
CARD, OTHER = "2900000000018", "4006381333931"


class PluggedReader:
    """A reader at the other end of a USB cable."""

    def __init__(self, serial: str, slot: int = 0) -> None:
        self.serial = serial
        self.gadget = SerialGadget(slot, serial)
        self.end = DeviceEnd(self.gadget.device)
        wait_for(self.is_there, "the system lists the reader's port")

    def is_there(self) -> bool:
        return bool(self.ports())

    def ports(self) -> list[Attached]:
        return [port for port in attached() if port.serial == self.serial]

    def sends(self, data: bytes) -> None:
        wait_for(lambda: self.end.write(data) == len(data), "the reader can send")

    def hears(self) -> bytes:
        heard: list[bytes] = []

        def something() -> bool:
            heard.append(self.end.read())
            return bool(heard[-1])

        wait_for(something, "the reader is told something")
        return heard[-1]

    def pull(self) -> None:
        self.gadget.pull()
        wait_for(lambda: not self.is_there(), "the system lists it no more")

    def plug(self) -> None:
        self.gadget.plug()
        wait_for(self.is_there, "the system lists the reader's port")

    def close(self) -> None:
        self.end.close()
        self.gadget.close()


@pytest.fixture
def plugged() -> Iterator[Callable[..., PluggedReader]]:
    readers: list[PluggedReader] = []

    def plug(serial: str, slot: int = 0) -> PluggedReader:
        readers.append(PluggedReader(serial, slot))
        return readers[-1]

    yield plug
    for reader in readers:
        reader.close()


@pytest.fixture
def scanner_at() -> Iterator[Callable[[str], Scanner]]:
    scanners: list[Scanner] = []

    def at(url: str) -> Scanner:
        scanners.append(scanner_from_url(url))
        return scanners[-1]

    yield at
    for scanner in scanners:
        scanner.close()


Plugged = Callable[..., PluggedReader]
ScannerAt = Callable[[str], Scanner]


def opens(scanner: Scanner) -> bool:
    try:
        scanner.open()
    except (DeviceBusy, DeviceAbsent):
        return False
    return True


def read(scanner: Scanner) -> str:
    scan = scanner.read(SOON_S)
    assert scan is not None, "nothing came"
    return scan.label


def test_a_reader_is_listed_as_the_device_it_is(plugged: Plugged) -> None:
    reader = plugged("SC17", slot=1)
    (port,) = reader.ports()
    assert (port.vendor, port.product, port.port) == (VENDOR, PRODUCT, reader.gadget.port_path)
    assert port.path.startswith("/dev/ttyACM")
    assert port.may_open
    assert "Serial device" in port.says


def test_each_of_two_of_a_model_is_found_by_its_number_or_its_port(plugged: Plugged, scanner_at: ScannerAt) -> None:
    left, right = plugged("SC17", 0), plugged("SC18", 1)
    by_port = scanner_at(f"serial://{MODEL}?port={left.gadget.port_path}")
    by_number = scanner_at(f"serial://{MODEL}?serial=SC18")
    by_number.open()
    by_port.open()
    left.sends(CARD.encode() + b"\r")
    right.sends(OTHER.encode() + b"\r\n")
    assert read(by_port) == CARD
    assert read(by_number) == OTHER


def test_whichever_is_free_is_taken_and_a_third_is_told_that_both_are_busy(
    plugged: Plugged, scanner_at: ScannerAt
) -> None:
    readers = [plugged("SC17", 0), plugged("SC18", 1)]
    first, second, third = (scanner_at(f"serial://{MODEL}") for _ in range(3))
    first.open()
    second.open()
    with pytest.raises(DeviceBusy):
        third.open()
    for number, reader in enumerate(readers):
        reader.sends(b"%d\r" % number)
    assert {read(first), read(second)} == {"0", "1"}


def test_unplugged_it_is_absent_and_is_found_by_its_number_under_another_name(
    plugged: Plugged, scanner_at: ScannerAt
) -> None:
    reader = plugged("SC17", 0)
    scanner = scanner_at(f"serial://{MODEL}?serial=SC17")
    scanner.open()
    reader.sends(CARD.encode() + b"\r" + OTHER[:6].encode())
    assert read(scanner) == CARD
    before = reader.ports()[0].path
    reader.pull()
    began_at = time.monotonic()
    with pytest.raises(DeviceAbsent):
        scanner.read(SOON_S)
    assert time.monotonic() - began_at < SOON_S / 2
    with pytest.raises(DeviceAbsent):
        scanner.open()
    taker = plugged("SC99", 1)  # another reader of the model gets the name that has become free
    assert taker.ports()[0].path == before
    reader.plug()
    assert reader.ports()[0].path != before
    scanner.open()
    reader.sends(OTHER.encode() + b"\r")
    assert read(scanner) == OTHER  # and not with the half before the unplugging


def test_moved_to_another_socket_it_is_found_and_swapped_for_the_same_model_too(
    plugged: Plugged, scanner_at: ScannerAt
) -> None:
    neighbour = plugged("SC20", 2)
    owner = scanner_at(f"serial://{MODEL}?serial=SC20")
    owner.open()
    scanner = scanner_at(f"serial://{MODEL}?serial=SC17&port=9-1")
    for serial, slot in (("SC17", 0), ("SC17", 1), ("SC18", 0)):
        reader = plugged(serial, slot)
        scanner.open()  # and not the neighbour's, which is held
        reader.sends(CARD.encode() + b"\r")
        assert read(scanner) == CARD
        reader.pull()
        with pytest.raises(DeviceAbsent):
            scanner.read(SOON_S)
        with pytest.raises(DeviceBusy):  # there is one of the model, and another program has it
            scanner.open()
        reader.close()
        reader.close = lambda: None  # type: ignore[method-assign]
    neighbour.sends(OTHER.encode() + b"\r")
    assert read(owner) == OTHER


def test_a_make_s_answers_arrive_and_closing_waits_for_nothing(plugged: Plugged, scanner_at: ScannerAt) -> None:
    reader = plugged("SC17")
    scanner = scanner_at(f"serial://{MODEL}?answers=honeywell&prefix=stx&suffix=etx")
    scanner.open()
    reader.sends(b"\x02" + CARD.encode() + b"\x03")
    assert read(scanner) == CARD
    assert reader.hears() == b"\x06"
    for _ in range(20_000):  # into a reader that takes no more
        scanner.tell(good=False)
    began_at = time.monotonic()
    scanner.close()
    assert time.monotonic() - began_at < SOON_S / 2
    with pytest.raises(DeviceBusy, match="did not take"):
        scanner.open()
    wait_for(reader.hears, "the reader takes again what it is sent")
    reader.pull()
    reader.plug()
    wait_for(lambda: opens(scanner), "the port is free again")
    reader.sends(b"\x02" + OTHER.encode() + b"\x03")
    assert read(scanner) == OTHER


def test_packets_of_ssi_are_acknowledged_over_usb(plugged: Plugged, scanner_at: ScannerAt) -> None:
    reader = plugged("SC17")
    scanner = scanner_at(f"ssi://{MODEL}?serial=SC17")
    scanner.open()
    assert reader.hears() == bytes.fromhex("04e90400ff0f")
    reader.sends(packet(0xD0, b""))
    reader.sends(packet(0xF3, b"\x0b" + OTHER.encode()))
    scan = scanner.read(SOON_S)
    assert scan is not None
    assert (scan.label, scan.symbology) == (OTHER, "ean13")
    assert reader.hears() == bytes.fromhex("04d00400ff28")
    reader.sends(packet(0xF3, b"\x0b" + OTHER.encode(), status=1))
    assert scanner.read(0.5) is None
    reader.pull()
    with pytest.raises(DeviceAbsent):
        scanner.read(SOON_S)
