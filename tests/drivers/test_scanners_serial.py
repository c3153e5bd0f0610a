"""The serial reader over real wires, pseudo-terminals and loopback TCP, with the simulated reader at the far end."""

from __future__ import annotations

import errno
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import serial
from standing_clock import Clock

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners import scanner_from_url
from drivers.scanners.identity import Attached, UsbIdentity
from drivers.scanners.lines.scanner import ANSWERS
from drivers.scanners.lines.serial_line import SerialScanner
from drivers.scanners.lines.serial_port import attached
from drivers.scanners.scan import ScanData
from drivers.simulated.scanners.lines import SimulatedScanner
from tests.waiting import LONG_S

Wire = Literal["pty", "tcp"]
WIRES: list[Wire] = ["tcp"] if sys.platform == "win32" else ["pty", "tcp"]

SHORT_S = 0.1  # how long to listen for what must not come


@pytest.fixture
def simulated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SimulatedScanner]:
    scanner = SimulatedScanner(tmp_path, wire=getattr(request, "param", None))
    yield scanner
    scanner.close()


# Not for every test: pyserial sleeps whenever it closes a TCP connection.
on_every_wire = pytest.mark.parametrize("simulated", WIRES, indirect=True)


@pytest.fixture
def opened(clock: Clock) -> Iterator[Callable[..., SerialScanner]]:
    readers: list[SerialScanner] = []

    def open_reader(port: str, **settings: Any) -> SerialScanner:
        reader = SerialScanner(port, **{"clock": clock, **settings})
        readers.append(reader)
        reader.open()
        return reader

    yield open_reader
    for reader in readers:
        reader.close()


Opened = Callable[..., SerialScanner]


def label_of(scan: ScanData | None) -> str | None:
    return None if scan is None else scan.label


@on_every_wire
def test_a_scan_arrives_whole(simulated: SimulatedScanner, opened: Opened) -> None:
    reader = opened(simulated.port)
    simulated.scan("4006381333931", aim="]E0")
    assert reader.read(LONG_S) == ScanData(
        raw=b"]E04006381333931",
        label="4006381333931",
        symbology="ean13",
        device=simulated.port,
        received_at=100.0,
    )


@on_every_wire
def test_a_scan_in_pieces_arrives_whole(simulated: SimulatedScanner, opened: Opened) -> None:
    reader = opened(simulated.port)
    simulated.send(b"]E040063")
    assert reader.read(SHORT_S) is None
    simulated.send(b"81333")
    assert reader.read(0.0) is None
    simulated.send(b"931\r\n")
    assert label_of(reader.read(LONG_S)) == "4006381333931"
    assert reader.read(SHORT_S) is None


def test_scans_that_arrive_together_are_read_one_by_one(simulated: SimulatedScanner, opened: Opened) -> None:
    reader = opened(simulated.port)
    simulated.send(b"A\rB\r\nC\n")
    assert [label_of(reader.read(LONG_S)) for _ in range(3)] == ["A", "B", "C"]


def test_noise_around_the_prefix_is_no_scan(simulated: SimulatedScanner, opened: Opened) -> None:
    reader = opened(simulated.port, prefix=b"\x02", suffix=b"\x03")
    simulated.send(bytes(range(0x20, 0x100)) + b"\r\n\x00")
    simulated.scan("A", prefix=b"\x02", suffix=b"\x03")
    assert label_of(reader.read(LONG_S)) == "A"
    assert reader.dropped == 0


def test_an_overlong_frame_is_counted_and_the_next_one_read(simulated: SimulatedScanner, opened: Opened) -> None:
    reader = opened(simulated.port, max_bytes=100)
    simulated.scan("9" * 1000)
    simulated.scan("A")
    assert label_of(reader.read(LONG_S)) == "A"
    assert reader.dropped == 1


def test_a_frame_of_control_characters_is_no_scan(simulated: SimulatedScanner, opened: Opened) -> None:
    reader = opened(simulated.port)
    simulated.send(b"\x00\x01\r]E0\rA\r")
    assert label_of(reader.read(LONG_S)) == "A"


def test_without_a_suffix_silence_ends_the_scan(simulated: SimulatedScanner, opened: Opened) -> None:
    ticks = itertools.count()
    reader = opened(simulated.port, suffix=b"", idle_timeout_s=4, clock=lambda: float(next(ticks)))
    simulated.scan("4006381333931", suffix=b"")
    assert label_of(reader.read(1000.0)) == "4006381333931"


def test_a_scan_that_breaks_off_is_dropped_after_silence(
    simulated: SimulatedScanner, opened: Opened, clock: Clock
) -> None:
    reader = opened(simulated.port, idle_timeout_s=0.2)
    simulated.send(b"B\r29000")  # the scan before shows that the rest has arrived too
    assert label_of(reader.read(LONG_S)) == "B"
    assert reader.read(SHORT_S) is None
    clock.now += 1
    assert reader.read(SHORT_S) is None
    assert reader.dropped == 1
    simulated.scan("A")
    assert label_of(reader.read(LONG_S)) == "A"


def test_silence_is_none_and_nobody_waits_for_it_twice(simulated: SimulatedScanner, opened: Opened) -> None:
    reader = opened(simulated.port)
    assert reader.read(SHORT_S) is None
    assert reader.read(0.0) is None
    assert reader.is_open


@on_every_wire
def test_a_reader_survives_being_unplugged(simulated: SimulatedScanner, opened: Opened) -> None:
    reader = opened(simulated.port)
    port = simulated.port
    for label in ("A", "B", "C"):
        simulated.scan(label, suffix=b"\rhalf")
        assert label_of(reader.read(LONG_S)) == label
        assert reader.read(SHORT_S) is None
        simulated.unplug()
        simulated.scan("lost")
        with pytest.raises(DeviceAbsent) as gone:
            reader.read(LONG_S)
        assert gone.value.hint
        assert not reader.is_open
        with pytest.raises(DeviceAbsent):  # still away
            reader.read(LONG_S)
        simulated.plug()
        assert simulated.port == port
        assert reader.read(0.0) is None
        assert reader.is_open
    assert reader.dropped == 3


@on_every_wire
def test_scans_received_before_the_unplugging_are_still_read(simulated: SimulatedScanner, opened: Opened) -> None:
    reader = opened(simulated.port)
    simulated.send(b"A\rB\r")
    assert label_of(reader.read(LONG_S)) == "A"
    simulated.unplug()
    assert label_of(reader.read(LONG_S)) == "B"
    with pytest.raises(DeviceAbsent):
        reader.read(LONG_S)


def test_reading_opens_the_port(simulated: SimulatedScanner, clock: Clock) -> None:
    reader = SerialScanner(simulated.port, clock=clock)
    assert not reader.is_open
    assert reader.read(0.0) is None
    assert reader.is_open
    reader.open()  # an open one stays as it is
    simulated.scan("A")
    assert label_of(reader.read(LONG_S)) == "A"
    reader.close()
    reader.close()
    assert not reader.is_open


@on_every_wire
def test_a_reader_that_nobody_reads_blocks_nobody(simulated: SimulatedScanner, opened: Opened) -> None:
    flood = b"9" * 1_000_000
    for _ in range(20):
        simulated.send(flood)  # nobody has it open
    reader = opened(simulated.port)
    for _ in range(20):
        simulated.send(flood)  # nobody reads
    reader.close()
    reader.open()  # what was sent before is discarded
    simulated.scan("A")
    assert label_of(reader.read(LONG_S)) == "A"


@on_every_wire
def test_a_simulated_reader_may_be_plugged_and_unplugged_twice(simulated: SimulatedScanner) -> None:
    port = simulated.port
    simulated.plug()
    simulated.unplug()
    simulated.unplug()
    simulated.send(b"lost")
    simulated.plug()
    assert simulated.port == port


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_a_port_that_is_open_elsewhere_is_busy(tmp_path: Path, opened: Opened) -> None:
    simulated = SimulatedScanner(tmp_path, wire="pty")
    first = opened(simulated.port)
    with pytest.raises(DeviceBusy) as busy:
        opened(simulated.port)
    assert "another" in str(busy.value).lower()
    assert busy.value.hint
    simulated.scan("A")
    assert label_of(first.read(LONG_S)) == "A"
    first.close()
    assert opened(simulated.port).is_open
    simulated.close()


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_a_link_that_a_killed_process_left_is_replaced(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "scanner").symlink_to(tmp_path / "gone")
    (tmp_path / "scanner.new").symlink_to(tmp_path / "gone")
    simulated = SimulatedScanner(tmp_path, wire="pty")
    assert opened(simulated.port).is_open
    simulated.close()


@pytest.mark.parametrize(
    ("port", "baudrate", "error"),
    [
        ("{folder}/ttyUSB7", 9600, DeviceAbsent),
        ("socket://127.0.0.1:1", 9600, DeviceAbsent),  # nobody listens there
        ("socket://127.0.0.1", 9600, DeviceAbsent),
        ("nonsense://127.0.0.1:1", 9600, DeviceError),
        ("{folder}/ttyUSB7", -1, DeviceError),
        ("{folder}", 9600, DeviceError),
        ("{folder}/file", 9600, DeviceError),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="paths of ports")
def test_a_port_that_cannot_be_opened_says_what_to_do(
    port: str, baudrate: int, error: type[DeviceError], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    reader = SerialScanner(port.format(folder=tmp_path), baudrate=baudrate)
    for attempt in (reader.open, lambda: reader.read(0.0)):
        with pytest.raises(error) as raised:
            attempt()
        assert type(raised.value) is error
        assert port.format(folder=tmp_path) in str(raised.value)
        assert raised.value.hint
    assert not reader.is_open


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_a_speed_beyond_all_numbers_is_a_wrong_setting(simulated: SimulatedScanner) -> None:
    with pytest.raises(DeviceError, match="can be opened like this") as wrong:
        SerialScanner(simulated.port, baudrate=2**32).open()
    assert type(wrong.value) is DeviceError
    assert "9600" in wrong.value.hint


def windows_error(text: str) -> Exception:
    return serial.SerialException(f"could not open port 'COM3': {text}")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (serial.SerialException(errno.ENOENT, "could not open port"), DeviceAbsent),
        (serial.SerialException(errno.ENXIO, "could not open port"), DeviceAbsent),
        (serial.SerialException("Could not configure port: (5, 'Input/output error')"), DeviceAbsent),
        (OSError(errno.EIO, "Input/output error"), DeviceAbsent),
        (OSError(errno.ENODEV, "No such device"), DeviceAbsent),
        (serial.SerialException(errno.EACCES, "could not open port"), DeviceDenied),
        (serial.SerialException(errno.EPERM, "could not open port"), DeviceDenied),
        (serial.SerialException(errno.EBUSY, "could not open port"), DeviceBusy),
        (serial.SerialException(errno.EAGAIN, "Could not exclusively lock port"), DeviceBusy),
        (windows_error("PermissionError(13, 'Access is denied.', None, 5)"), DeviceBusy),  # so Windows says busy
        (windows_error("FileNotFoundError(2, 'The system cannot find the file specified.', None, 2)"), DeviceAbsent),
        (windows_error("OSError(22, 'The semaphore timeout period has expired.', None, 121)"), DeviceAbsent),
        (ValueError("Invalid baud rate"), DeviceError),
    ],
)
def test_each_system_s_way_of_refusing_a_port_has_one_name(
    fault: Exception, error: type[DeviceError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(serial, "serial_for_url", refuse)
    with pytest.raises(error) as raised:
        SerialScanner("COM3").open()
    assert type(raised.value) is error
    assert raised.value.hint


class BreakingPort:
    """A port that is pulled out: reading, counting or closing raises."""

    def __init__(self, *, read: Exception | None = None, count: Exception | None = None) -> None:
        self._read, self._count = read, count

    def read(self, size: int) -> bytes:
        if self._read:
            raise self._read
        return b"A"

    @property
    def in_waiting(self) -> int:
        if self._count:
            raise self._count
        return 0

    def fileno(self) -> int:
        raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    def reset_output_buffer(self) -> None:
        raise OSError(errno.EIO, "Input/output error")

    def close(self) -> None:
        raise OSError(errno.EIO, "Input/output error")


def unplugged_faults() -> Iterator[Exception]:
    yield serial.SerialException("device reports readiness to read but returned no data")
    yield serial.SerialException("ClearCommError failed (PermissionError(13, 'Access is denied.', None, 5))")
    yield OSError(errno.EIO, "Input/output error")
    yield OSError(errno.ENODEV, "No such device")
    if sys.platform != "win32":
        import termios

        yield termios.error(errno.EIO, "Input/output error")


@pytest.mark.parametrize("fault", list(unplugged_faults()), ids=repr)
@pytest.mark.parametrize("where", ["read", "count"])
def test_every_way_of_vanishing_is_absent(fault: Exception, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial, "serial_for_url", lambda *_, **__: BreakingPort(**{where: fault}))
    reader = SerialScanner("/dev/ttyUSB0")
    with pytest.raises(DeviceAbsent):
        reader.read(LONG_S)
    assert not reader.is_open


# Found by which USB device it is.

HONEYWELL = (0x0C2E, 0x0901)


class Ports:
    """What is plugged in, as the system lists it."""

    def __init__(self) -> None:
        self.there: list[Attached] = []

    def __call__(self) -> list[Attached]:
        return self.there


def usb_port(path: str, serial: str = "", port: str = "", model: tuple[int, int] = HONEYWELL) -> Attached:
    return Attached(path, *model, serial, port)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[list[SimulatedScanner]]:
    readers = []
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
        readers.append(SimulatedScanner(tmp_path / name, wire="pty"))
    yield readers
    for reader in readers:
        reader.close()


def opened_at(identity: UsbIdentity, ports: Ports, clock: Clock) -> SerialScanner:
    return SerialScanner(identity, there=ports, clock=clock)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_a_reader_is_found_by_its_number_then_its_port_then_its_model_at_each_opening(
    two: list[SimulatedScanner], clock: Clock
) -> None:
    left, right = two
    ports = Ports()
    reader = opened_at(UsbIdentity(*HONEYWELL, serial="17", port="1-1"), ports, clock)
    rounds: list[tuple[list[Attached], SimulatedScanner]] = [
        ([usb_port(left.port, "17", "1-1"), usb_port(right.port, "18", "1-2")], left),
        (
            [usb_port(left.port, "18", "1-1"), usb_port(right.port, "17", "1-2")],
            right,
        ),  # moved, and another in its place
        (
            [usb_port(left.port, "18", "1-2"), usb_port(right.port, "19", "1-1")],
            right,
        ),  # swapped for another of the model
        ([usb_port(left.port, "18", "1-3")], left),  # of which nothing but the model is known
    ]
    for there, device in rounds:
        ports.there = there
        assert reader.read(0.0) is None
        device.scan("A")
        assert label_of(reader.read(LONG_S)) == "A"
        reader.close()
    ports.there = [usb_port(left.port, "17", "1-1", model=(0x0C2E, 0x0902))]
    with pytest.raises(DeviceAbsent, match="0c2e:0901"):
        reader.open()


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_one_of_the_model_that_another_has_is_left_to_it(two: list[SimulatedScanner], clock: Clock) -> None:
    left, right = two
    ports = Ports()
    ports.there = [usb_port("/dev/there/is/none"), usb_port(left.port), usb_port(right.port)]
    first, second, third = (opened_at(UsbIdentity(*HONEYWELL), ports, clock) for _ in range(3))
    first.open()
    second.open()
    ports.there = ports.there[1:]
    with pytest.raises(DeviceBusy):
        third.open()
    left.scan("A")
    right.scan("B")
    assert (label_of(first.read(LONG_S)), label_of(second.read(LONG_S))) == ("A", "B")
    first.close()
    second.close()


class ListedPort:
    """As pyserial lists one: what it does not know is None."""

    def __init__(self, device: str, **known: Any) -> None:
        self.device = device
        for name in ("vid", "pid", "serial_number", "location", "description"):
            setattr(self, name, known.get(name))


def test_ports_are_listed_in_the_order_of_their_names_with_what_is_known_of_them(tmp_path: Path) -> None:
    (tmp_path / "ttyACM0").touch()
    listed = [
        ListedPort(
            "/dev/ttyACM10", vid=0x0C2E, pid=0x0901, serial_number="17", location="1-1.4:1.0", description="CDC"
        ),
        ListedPort("/dev/ttyS1", description="n/a"),
        ListedPort("/dev/ttyACM2", vid=0x0403, pid=0x6001, location="2-1"),
        ListedPort(f"{tmp_path}/ttyACM0", description=f"{tmp_path}/ttyACM0"),
    ]
    assert attached(listed) == [
        Attached("/dev/ttyS1", may_open=False),
        Attached("/dev/ttyACM2", 0x0403, 0x6001, port="2-1", may_open=False),
        Attached("/dev/ttyACM10", 0x0C2E, 0x0901, "17", "1-1.4", "CDC", may_open=False),
        Attached(f"{tmp_path}/ttyACM0"),
    ]


def test_a_device_pulled_out_while_the_ports_are_listed_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def comports() -> list[ListedPort]:
        return [ListedPort("/dev/ttyACM0", vid=int(None, 16))]  # type: ignore[call-overload]  # pyserial 3.5, SysFS

    monkeypatch.setattr("serial.tools.list_ports.comports", comports)
    assert attached() == []
    with pytest.raises(DeviceAbsent):
        SerialScanner(UsbIdentity(0x0C2E, 0x0901)).open()


def test_the_ports_of_this_machine_can_be_listed() -> None:
    assert all(port.path for port in attached())


# What a make wants to hear.


@on_every_wire
@pytest.mark.parametrize(
    ("make", "at_opening", "after_a_scan", "good", "bad"),
    [
        ("none", b"", b"", b"", b""),
        ("honeywell", b"", b"\x06", b"\x1b7,", b"\x1b8,\x1b8,"),
        ("datalogic", b"E", b"", b"\x01", b"FE"),
    ],
)
def test_a_make_is_told_what_its_manual_says(
    make: str,
    at_opening: bytes,
    after_a_scan: bytes,
    good: bytes,
    bad: bytes,
    simulated: SimulatedScanner,
    opened: Opened,
) -> None:
    reader = opened(simulated.port, answers=ANSWERS[make])
    assert told(simulated, len(at_opening)) == at_opening
    simulated.scan("A")
    simulated.send(b"\r")  # an empty line is no scan, and is not answered
    assert label_of(reader.read(LONG_S)) == "A"
    assert reader.read(SHORT_S) is None
    assert told(simulated, len(after_a_scan)) == after_a_scan
    reader.tell(good=True)
    assert told(simulated, len(good)) == good
    reader.tell(good=False)
    assert told(simulated, len(bad)) == bad


def told(simulated: SimulatedScanner, size: int) -> bytes:
    """What the reader was told: at least so much, and all there is."""
    data, give_up = b"", time.monotonic() + LONG_S
    while len(data) < size and time.monotonic() < give_up:
        data += simulated.told()
    return data + simulated.told()


def test_a_reader_is_never_asked_to_send_a_scan_again() -> None:
    for answers in ANSWERS.values():
        assert b"\x15" not in answers.opened + answers.arrived + answers.good + answers.bad


def test_telling_a_reader_that_takes_nothing_blocks_nobody(simulated: SimulatedScanner, opened: Opened) -> None:
    reader = opened(simulated.port, answers=ANSWERS["honeywell"])
    began_at = time.monotonic()
    for _ in range(20_000):
        reader.tell(good=False)
    reader.close()
    assert time.monotonic() - began_at < LONG_S
    reader.open()
    simulated.scan("A")
    assert label_of(reader.read(LONG_S)) == "A"


# Bytes that came damaged.


def test_a_frame_with_a_damaged_byte_is_no_scan(simulated: SimulatedScanner, opened: Opened) -> None:
    """Left out, the digit would be missing, and one number in ten that is a digit too short has a right check digit."""
    reader = opened(simulated.port)
    simulated.send(b"29000\x000000018\r\x00\r")
    simulated.scan("2900000000018")
    assert label_of(reader.read(LONG_S)) == "2900000000018"
    assert reader.dropped == 2


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_the_system_is_asked_to_mark_damaged_bytes_and_to_leave_out_breaks(
    simulated: SimulatedScanner, opened: Opened
) -> None:
    import termios

    reader = opened(simulated.port)
    flags = termios.tcgetattr(reader._line._port.fileno())[0]  # type: ignore[attr-defined]
    assert flags & termios.INPCK
    assert flags & termios.IGNBRK
    assert not flags & (termios.IGNPAR | termios.PARMRK | termios.ISTRIP)


# Addresses.


@pytest.mark.parametrize(
    ("options", "stream", "labels"),
    [
        ("", b"A\rB\nC\r\n", ["A", "B", "C"]),
        ("suffix=cr", b"A\nA\rB\r", ["A\nA", "B"]),  # a line break inside a code is a character like any other
        ("suffix=lf", b"A\r\nB\n", ["A", "B"]),
        ("suffix=crlf", b"A\rA\r\nB\r\n", ["A\rA", "B"]),
        ("suffix=tab", b"A\tB\t", ["A", "B"]),
        ("prefix=stx&suffix=etx", b"?\x02A\x03\r\n\x02B\x03", ["A", "B"]),
        ("prefix=none&suffix=%03", b"A\x03B\x03", ["A", "B"]),
        ("prefix=%5BC%5D", b"[C]A\r[C]B\r", ["A", "B"]),
        ("parity=none&bytesize=8&baud=115200&answers=none", b"A\r", ["A"]),
    ],
)
def test_an_address_says_how_a_scan_begins_and_ends(
    options: str, stream: bytes, labels: list[str], simulated: SimulatedScanner, clock: Clock
) -> None:
    reader = scanner_from_url(f"{simulated.address}?{options}", clock=clock)
    reader.open()
    simulated.send(stream)
    assert [label_of(reader.read(LONG_S)) for _ in labels] == labels
    assert reader.name == f"{simulated.address}?{options}"
    reader.close()


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_a_reader_without_a_suffix_is_read_after_a_silence(simulated: SimulatedScanner) -> None:
    reader = scanner_from_url(f"{simulated.address}?suffix=none")
    reader.open()
    simulated.send(b"2900000000018")
    assert label_of(reader.read(LONG_S)) == "2900000000018"
    reader.close()


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("serial:///dev/ttyACM0?baud=fast", "baud is a number"),
        ("serial:///dev/ttyACM0?parity=mark", "parity is none or even or odd"),
        ("serial:///dev/ttyACM0?bytesize=5", "bytesize is 8 or 7"),
        ("serial:///dev/ttyACM0?answers=zebra", "answers is none or honeywell or datalogic"),
        ("serial:///dev/ttyACM0?serial=17", "no option serial"),  # a port's name leaves nothing to find
        ("serial://0c2e:0901?port=usb1", "not the address"),
        ("serial://0c2e:0901/more", "not the address"),
        ("serial://", "not the address"),
        ("serial:///", "not the address"),
        ("ssi://", "not the address"),
        ("ssi://05e0:1701?suffix=cr", "no option suffix"),  # packets need none
        ("tcp://192.168.1.60", "not the address"),
        ("tcp://192.168.1.60:4001/x", "not the address"),
        ("tcp://192.168.1.60:port", "not the address"),
        ("tcp://192.168.1.60:4001?baud=9600", "no option baud"),
        ("listen://:4001", "not the address"),  # on which network must be said
        ("listen://127.0.0.1", "not the address"),
        ("listen://127.0.0.1:4001?answers=honeywell", "no option answers"),
    ],
)
def test_an_address_that_names_no_reader_says_why(address: str, says: str) -> None:
    with pytest.raises(DeviceError, match=says) as wrong:
        scanner_from_url(address)
    assert "serial://" in wrong.value.hint


@pytest.mark.parametrize(
    "address",
    [
        "serial://COM3",
        "serial://0c2e:0901?serial=17&port=1-1.4&baud=115200&parity=even&bytesize=7&answers=honeywell&prefix=stx&suffix=etx",
        "ssi://05e0:1701?serial=17&baud=115200",
        "ssi:///dev/ttyS0",
        "ssi://192.168.1.60:4001",
        "tcp://[::1]:4001?suffix=crlf&answers=datalogic",
        "listen://192.168.1.10:4001?prefix=stx&suffix=etx",
    ],
)
def test_an_address_names_a_reader_that_is_not_yet_open(address: str) -> None:
    scanner = scanner_from_url(address)
    assert (scanner.name, scanner.is_open, scanner.dropped) == (address, False, 0)
    scanner.tell(good=True)
    scanner.close()


def test_importing_the_driver_imports_no_pyserial() -> None:
    script = (
        "import sys, drivers.scanners.lines.serial_line, drivers.scanners.lines.ssi, drivers.scanners.lines.listening; "
        "import drivers.simulated.scanners.ssi; "
        "sys.exit('serial' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
