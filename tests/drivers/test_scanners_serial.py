"""The serial reader over real wires, pseudo-terminals and loopback TCP, with the simulated reader at the far end."""

from __future__ import annotations

import errno
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import serial

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners.scan import ScanData
from drivers.scanners.serial_line import SerialScanner
from drivers.simulated.scanner import SimulatedScanner

Wire = Literal["pty", "tcp"]
WIRES: list[Wire] = ["tcp"] if sys.platform == "win32" else ["pty", "tcp"]

LONG_S = 5.0  # a bound on waiting for what must come
SHORT_S = 0.1  # how long to listen for what must not come


class Clock:
    """Stands still unless told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


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


def test_importing_the_driver_imports_no_pyserial() -> None:
    script = "import sys, drivers.scanners.serial_line, drivers.simulated.scanner; sys.exit('serial' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
