"""One contract for every wire, over real sockets, pseudo-terminals, pipes and a simulated USB bus: nothing blocks, nothing is
lost without a word. Then what is particular to each, and which setting names which."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from far_ends import ALL, FarEnd

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError, DeviceTimeout
from drivers.wires import (
    FileWire,
    LinePrinterWire,
    SerialWire,
    TcpWire,
    WriteBroken,
    WriteStalled,
    wire_from_url,
)
from tests.waiting import LONG_S

MORE_THAN_ANY_BUFFER = bytes(32 * 1024 * 1024)
SOON_S = 0.1
FAR_TOO_LONG_S = LONG_S  # no assertion here waits that long; it is what "within the bound" is held against

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals, pipes or mkfifo")


@pytest.fixture(params=ALL, ids=lambda kind: kind.__name__)
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FarEnd]:
    end = request.param(tmp_path)
    yield end
    end.close()


@pytest.fixture(params=[kind for kind in ALL if kind.answers], ids=lambda kind: kind.__name__)
def answering(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FarEnd]:
    end = request.param(tmp_path)
    yield end
    end.close()


@pytest.fixture(params=[kind for kind in ALL if not kind.hands_over_late], ids=lambda kind: kind.__name__)
def streaming(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FarEnd]:
    end = request.param(tmp_path)
    yield end
    end.close()


# The contract.


def test_bytes_go_out_as_they_are(far: FarEnd) -> None:
    if far.hands_over_late:  # its write ends when the far end has all of it
        writing = threading.Thread(target=far.wire.write, args=(bytes(range(256)), FAR_TOO_LONG_S))
        writing.start()
        assert far.receive_all(256) == bytes(range(256))
        writing.join()
    else:
        far.wire.write(bytes(range(256)), 1)
        assert far.receive_all(256) == bytes(range(256))  # a terminal would have changed some of them


def test_answers_come_back_as_they_are(answering: FarEnd) -> None:
    assert answering.wire.answers
    answering.send(b"\x12\x0d\x0a\x03\x00")
    answer = b""
    while len(answer) < 5:
        answer += answering.wire.read(1)
    assert answer == b"\x12\x0d\x0a\x03\x00"


def test_a_wire_says_whether_answers_can_come_at_all(far: FarEnd) -> None:
    assert far.wire.answers == far.answers


def test_silence_is_no_bytes_and_no_error_and_ends_in_time(far: FarEnd) -> None:
    assert far.wire.read(0) == b""
    began = time.monotonic()
    assert far.wire.read(0.02) == b""
    assert 0.02 <= time.monotonic() - began < FAR_TOO_LONG_S


def test_what_was_sent_before_the_wire_was_opened_is_gone(answering: FarEnd) -> None:
    wire = answering.wire
    if isinstance(wire, TcpWire):  # on a new connection the answers to the old one cannot come
        wire.close()
        assert not wire.is_open
        return
    wire.close()
    answering.send(b"of yesterday")
    wire.open()
    assert wire.read(0) == b""
    answering.send(b"of today")
    assert wire.read(1) == b"of today"


def test_a_far_end_that_hung_up_is_absent(answering: FarEnd) -> None:
    answering.hang_up()
    with pytest.raises(DeviceAbsent):
        answering.wire.read(1)


def test_a_far_end_that_never_reads_is_a_timeout_within_the_bound(far: FarEnd) -> None:
    began = time.monotonic()
    with pytest.raises(DeviceTimeout) as raised:
        far.wire.write(MORE_THAN_ANY_BUFFER, SOON_S)
    assert time.monotonic() - began < FAR_TOO_LONG_S
    assert isinstance(raised.value, WriteStalled)
    assert 0 < raised.value.sent <= len(MORE_THAN_ANY_BUFFER)
    assert far.hands_over_late or raised.value.sent < len(MORE_THAN_ANY_BUFFER)
    assert raised.value.hint
    far.wire.close()
    assert time.monotonic() - began < FAR_TOO_LONG_S


def test_a_far_end_that_reads_a_little_at_a_time_does_not_stretch_the_bound(streaming: FarEnd) -> None:
    is_over = threading.Event()

    def sip() -> None:
        while not is_over.is_set():
            streaming.receive()
            is_over.wait(0.002)

    reader = threading.Thread(target=sip)
    began = time.monotonic()
    reader.start()
    try:
        with pytest.raises(WriteStalled):
            streaming.wire.write(MORE_THAN_ANY_BUFFER, SOON_S)
        assert time.monotonic() - began < FAR_TOO_LONG_S
    finally:
        is_over.set()  # while there is still something to read, so that the reader does not wait
        reader.join()


def test_a_far_end_that_hangs_up_in_mid_write_is_absent_and_the_bytes_taken_are_known(streaming: FarEnd) -> None:
    def take_some_and_hang_up() -> None:
        streaming.receive()
        streaming.hang_up()

    reader = threading.Thread(target=take_some_and_hang_up)
    reader.start()
    with pytest.raises(WriteBroken) as raised:
        streaming.wire.write(MORE_THAN_ANY_BUFFER, FAR_TOO_LONG_S)
    reader.join()
    assert 0 < raised.value.sent < len(MORE_THAN_ANY_BUFFER)


def test_a_closed_wire_says_so_and_can_be_closed_again(far: FarEnd) -> None:
    assert far.wire.is_open
    far.wire.close()
    far.wire.close()
    assert not far.wire.is_open
    with pytest.raises(WriteBroken) as raised:
        far.wire.write(b"x", 1)
    assert raised.value.sent == 0
    with pytest.raises(DeviceAbsent):
        far.wire.read(0)
    assert far.wire.trouble(0.1) == ""


def test_a_wire_without_trouble_knows_none(far: FarEnd) -> None:
    assert far.wire.trouble(0.5) == ""


# TCP.


def test_half_a_receipt_is_not_delivered_after_the_write_was_given_up() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    wire = TcpWire("127.0.0.1", listener.getsockname()[1])
    wire.open()
    printer, _ = listener.accept()
    with pytest.raises(WriteStalled) as raised:
        wire.write(MORE_THAN_ANY_BUFFER, SOON_S)
    wire.close()
    received = 0
    with contextlib.suppress(ConnectionResetError):  # which drops what was under way
        while piece := printer.recv(1 << 20):
            received += len(piece)
    assert received < raised.value.sent
    printer.close()
    listener.close()


def test_a_refused_connection_is_absent_with_a_hint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeviceAbsent, match="refused") as raised:
        TcpWire("127.0.0.1", port).open()
    assert "switched on" in raised.value.hint


def test_an_address_that_does_not_exist_is_absent_with_a_hint() -> None:
    with pytest.raises(DeviceAbsent) as raised:
        TcpWire("256.0.0.1.invalid").open(0.05)
    assert raised.value.hint


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_refused_connection_names_the_other_till() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    def wait(_: float) -> None:
        raise AssertionError("a printer of one till is not waited for")

    with pytest.raises(DeviceAbsent) as raised:
        TcpWire("127.0.0.1", port, sleep=wait).open()
    assert "till is connected" in raised.value.hint


def test_a_printer_of_several_tills_is_asked_again_until_the_bound_with_longer_and_longer_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    clock, waits = Clock(), []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.sleep(seconds)

    wire = TcpWire("127.0.0.1", port, connect_per_job=True, clock=clock, sleep=sleep)
    assert wire.connects_per_job
    with pytest.raises(DeviceBusy) as raised:
        wire.open(2)
    assert "Another till" in raised.value.hint
    assert clock.now <= 102
    assert waits == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5]


def test_a_printer_of_several_tills_is_reached_when_the_other_lets_it_go() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    listeners = []

    def the_other_till_is_done(_: float) -> None:
        listeners.append(socket.create_server(("127.0.0.1", port)))

    wire = TcpWire("127.0.0.1", port, connect_per_job=True, sleep=the_other_till_is_done)
    wire.open(2)
    assert wire.is_open
    wire.close()
    listeners[0].close()


def test_an_address_that_does_not_answer_costs_its_bound_once_and_is_then_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []

    def never_answers(self: socket.socket, address: object) -> None:
        tried.append(clock.now)
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", never_answers)
    clock = Clock()
    wire = TcpWire("192.0.2.1", clock=clock)
    while clock.now < 125:
        with pytest.raises(DeviceAbsent) as raised:
            wire.open()
        assert raised.value.hint
        clock.sleep(0.5)
    assert [after - before for before, after in itertools.pairwise(tried)] == [1, 2, 4, 5, 5, 5]


def test_a_printer_that_vanishes_without_a_word_is_noticed_by_the_system() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    wire = TcpWire("127.0.0.1", listener.getsockname()[1])
    wire.open()
    connection = wire._socket
    assert connection is not None
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if hasattr(socket, "TCP_KEEPIDLE"):
        asks = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT]
        idle_s, every_s, times = [connection.getsockopt(socket.IPPROTO_TCP, ask) for ask in asks]
        assert idle_s + every_s * times <= 30
    wire.close()
    listener.close()


# Serial lines.


def test_a_serial_port_that_does_not_exist_is_absent_with_a_hint() -> None:
    with pytest.raises(DeviceAbsent) as raised:
        SerialWire("/dev/no-such-printer").open()
    assert "Plug" in raised.value.hint


def test_a_serial_port_in_use_is_busy() -> None:
    ours, theirs = os.openpty()
    first, second = SerialWire(os.ttyname(theirs)), SerialWire(os.ttyname(theirs))
    first.open()
    with pytest.raises((DeviceBusy, DeviceDenied)):
        second.open()
    assert not second.is_open
    first.close()
    second.open()
    second.close()
    os.close(ours)
    os.close(theirs)


class LineWithDsr:
    """A terminal whose printer holds the line up or down; the system's terminals have no such lines."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import tty

        import serial

        self.is_up = True
        self.looks_left = 1000
        self.ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        monkeypatch.setattr(serial.Serial, "dsr", property(lambda _: self._look()))
        self.wire = SerialWire(os.ttyname(self._theirs), dsrdtr=True)
        self.wire.open()

    def _look(self) -> bool:
        self.looks_left -= 1
        return self.is_up and self.looks_left >= 0

    def close(self) -> None:
        self.wire.close()
        os.close(self.ours)
        os.close(self._theirs)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[LineWithDsr]:
    made = LineWithDsr(monkeypatch)
    yield made
    made.close()


def test_a_printer_that_drops_dsr_gets_no_byte_and_says_why(line: LineWithDsr) -> None:
    line.is_up = False
    with pytest.raises(WriteStalled, match="holds its line down") as raised:
        line.wire.write(b"receipt", SOON_S)
    assert raised.value.sent == 0


def test_a_printer_that_drops_dsr_in_the_middle_gets_no_more(line: LineWithDsr) -> None:
    line.looks_left = 3
    with pytest.raises(WriteStalled) as raised:
        line.wire.write(bytes(1000), 0.02)
    received = os.read(line.ours, 1000)
    assert raised.value.sent == len(received)
    assert 0 < len(received) <= 200  # of a printer that still has room for a few hundred when it drops the line


def test_a_printer_that_raises_dsr_again_gets_the_rest(line: LineWithDsr) -> None:
    line.is_up = False
    raising = threading.Timer(0.05, lambda: setattr(line, "is_up", True))
    raising.start()
    line.wire.write(b"receipt", FAR_TOO_LONG_S)
    raising.join()
    assert os.read(line.ours, 100) == b"receipt"


def test_a_line_without_dsr_is_refused_when_it_is_opened() -> None:
    ours, theirs = os.openpty()
    wire = SerialWire(os.ttyname(theirs), dsrdtr=True)
    with pytest.raises(DeviceError, match="no DSR line") as raised:
        wire.open()
    assert "flow=" in raised.value.hint
    assert not wire.is_open
    os.close(ours)
    os.close(theirs)


# The kernel's printer device.


ERRORS_OF_LP = [
    (errno.EBUSY, DeviceBusy, "Close"),  # usblp lets one in
    (errno.EACCES, DeviceDenied, "group lp"),
    (errno.ENOENT, DeviceAbsent, "Plug"),
    (errno.ENODEV, DeviceAbsent, "Plug"),  # the node is still there, the printer is not
]


@pytest.mark.parametrize(("number", "kind", "hint"), ERRORS_OF_LP)
def test_the_kernels_refusal_to_open_a_printer_has_its_kind_and_hint(
    number: int, kind: type[DeviceError], hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(kind) as raised:
        LinePrinterWire("/dev/usb/lp0").open()
    assert type(raised.value) is kind
    assert hint in raised.value.hint


@pytest.mark.parametrize(("scheme", "told"), [("lp", "is no printer device"), ("serial", "is no serial port")])
def test_a_file_is_no_printer_whatever_the_address_says(scheme: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    wire = wire_from_url(f"{scheme}://{file}")
    with pytest.raises(DeviceError, match=told):
        wire.open()
    assert not wire.is_open
    assert file.read_text() == "mine"


class Usblp:
    """A terminal that behaves as usblp in one point: what a read or a write of it answers first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import tty

        self.ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self._read, self._write = os.read, os.write
        self.answers: list[bytes | int] = []
        self.refusals: list[int] = []
        monkeypatch.setattr(os, "read", self._reading)
        monkeypatch.setattr(os, "write", self._writing)
        self.wire = LinePrinterWire(os.ttyname(self._theirs))

    def _reading(self, fd: int, size: int) -> bytes:
        if self.answers and fd == self.wire._fd:
            answer = self.answers.pop(0)
            if isinstance(answer, int):
                raise OSError(answer, os.strerror(answer))
            return answer
        return self._read(fd, size)

    def _writing(self, fd: int, data: bytes) -> int:
        if self.refusals and fd == self.wire._fd:
            number = self.refusals.pop(0)
            raise OSError(number, os.strerror(number))
        return self._write(fd, data)

    def close(self) -> None:
        self.wire.close()
        os.close(self.ours)
        os.close(self._theirs)


@pytest.fixture
def usblp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Usblp]:
    made = Usblp(monkeypatch)
    yield made
    made.close()


def test_an_empty_packet_is_no_end_and_what_follows_is_read(usblp: Usblp) -> None:
    usblp.wire.open()
    usblp.answers = [b"", b""]
    os.write(usblp.ours, b"\x12")
    assert usblp.wire.read(1) == b"\x12"


def test_a_one_way_interface_is_found_out_when_it_is_opened_and_is_silent(usblp: Usblp) -> None:
    assert usblp.wire.answers
    usblp.answers = [errno.EINVAL] * 3
    usblp.wire.open()
    assert not usblp.wire.answers
    assert usblp.wire.read(0.01) == b""


def test_a_printer_that_was_pulled_while_nothing_was_sent_is_absent_at_once(usblp: Usblp) -> None:
    usblp.wire.open()
    usblp.answers = [errno.ENODEV]
    with pytest.raises(DeviceAbsent):
        usblp.wire.read(FAR_TOO_LONG_S)


def test_a_device_that_calls_itself_writable_and_takes_nothing_is_waited_for_without_a_busy_loop(usblp: Usblp) -> None:
    usblp.wire.open()
    usblp.refusals = [errno.EAGAIN] * 1000
    with pytest.raises(WriteStalled) as raised:
        usblp.wire.write(b"receipt", SOON_S)
    assert raised.value.sent == 0
    assert len(usblp.refusals) > 900


def test_a_printer_that_is_pulled_before_the_first_byte_has_nothing(usblp: Usblp) -> None:
    usblp.wire.open()
    usblp.refusals = [errno.ENODEV]
    with pytest.raises(WriteBroken) as raised:
        usblp.wire.write(b"receipt", 1)
    assert raised.value.sent == 0


# Files.


def test_a_file_grows_by_what_is_written(tmp_path: Path) -> None:
    file = tmp_path / "receipts.bin"
    file.write_bytes(b"kept ")
    wire = FileWire(str(file))
    for _ in range(2):
        wire.open()
        wire.write(b"receipt ", 1)
        wire.close()
    assert file.read_bytes() == b"kept receipt receipt "


def test_a_full_disk_is_a_write_that_broke_and_the_bytes_that_went_are_known() -> None:
    wire = FileWire("/dev/full")
    wire.open()
    with pytest.raises(WriteBroken) as raised:
        wire.write(b"receipt", 1)
    assert raised.value.sent == 0
    wire.close()


def test_a_device_that_was_pulled_out_is_absent_and_no_file_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "lp0"
    ours, theirs = os.openpty()
    path.symlink_to(os.ttyname(theirs))
    wire = FileWire(str(path))
    wire.open()
    wire.close()
    path.unlink()
    with pytest.raises(DeviceAbsent, match="There is no"):
        wire.open()
    assert not path.exists()
    for end in (ours, theirs):
        os.close(end)


def test_a_device_that_was_never_there_is_absent_and_not_made() -> None:
    path = Path("/dev/there-is-no-such-printer")
    try:
        with pytest.raises(DeviceAbsent, match="There is no"):
            FileWire(str(path)).open()
        assert not path.exists()
    finally:
        path.unlink(missing_ok=True)


REFUSED_FILES = [
    ("no-such-folder/receipts.bin", DeviceAbsent, "folder"),
    (".", DeviceError, "name of a file"),
    ("pipe", DeviceAbsent, "Start the program"),  # that nobody reads
]


@pytest.mark.parametrize(("name", "kind", "hint"), REFUSED_FILES)
def test_a_file_that_cannot_be_written_has_its_kind_and_hint(
    name: str, kind: type[DeviceError], hint: str, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(kind) as raised:
        FileWire(str(tmp_path / name)).open()
    assert type(raised.value) is kind
    assert hint in raised.value.hint


# Addresses.


URLS = [
    ("tcp://192.168.1.50", "tcp://192.168.1.50:9100"),
    ("tcp://printer.shop:9101", "tcp://printer.shop:9101"),
    ("tcp://[fe80::1]:9100", "tcp://[fe80::1]:9100"),
    ("serial:///dev/ttyUSB0", "serial:///dev/ttyUSB0?baud=9600"),
    ("serial:///dev/ttyUSB0?baud=19200", "serial:///dev/ttyUSB0?baud=19200"),
    ("serial://COM3?baud=38400&flow=xonxoff", "serial://COM3?baud=38400"),
    ("serial:///dev/ttyS0?flow=dtrdsr&parity=even", "serial:///dev/ttyS0?baud=9600"),
    ("tcp://192.168.1.50?connect=job", "tcp://192.168.1.50:9100"),
    ("usb://04b8:0202", "usb://04b8:0202"),
    ("usb://04B8:0E15?serial=X 1", "usb://04b8:0e15?serial=X+1"),
    ("usb://?port=1-2.3", "usb://?port=1-2.3"),
    ("usb://04b8:0202?port=1-2&serial=A", "usb://04b8:0202?serial=A&port=1-2"),
    ("lp:///dev/usb/lp0", "lp:///dev/usb/lp0"),
    ("file:///var/spool/receipts.bin", "file:///var/spool/receipts.bin"),
    ("ipp://localhost/printers/Till", "ipp://localhost:631/printers/Till"),
    ("ipp://[::1]:6310/printers/Till", "ipp://[::1]:6310/printers/Till"),
]


@pytest.mark.parametrize(("url", "name"), URLS)
def test_an_address_names_a_wire(url: str, name: str) -> None:
    wire = wire_from_url(url)
    assert wire.name == name
    assert not wire.is_open


@pytest.mark.parametrize(
    "url",
    [
        "",
        "192.168.1.50:9100",
        "http://printer",
        "tcp://",
        "tcp://printer:port",
        "tcp://printer:99999",
        "tcp://printer/queue",
        "serial://",
        "serial:///dev/ttyUSB0?baud=fast",
        "serial:///dev/ttyUSB0?baud=0",
        "serial:///dev/ttyUSB0?flow=water",
        "serial:///dev/ttyUSB0?speed=9600",
        "serial:///dev/ttyUSB0?parity=mark",
        "tcp://printer?connect=never",
        "usb://",
        "usb://04b8",
        "usb://04b8:02020",
        "usb://EPSON/TM-T20",  # CUPS writes them so
        "usb://04b8:0202/1",
        "usb://04b8:0202?bus=1",
        "usb://?serial=A",  # of which maker?
        "usb://?port=2",
        "lp://",
        "lp://server/queue",
        "file://",
        "ipp://localhost",
        "ipp://localhost/printers",
        "ipp:///printers/Till",
    ],
)
def test_a_malformed_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(DeviceError) as raised:
        wire_from_url(url)
    assert "tcp://192.168.1.50:9100" in raised.value.hint


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("tcp://printer?connect=jobs", "connect is open or job, not 'jobs'"),
        ("serial:///dev/ttyUSB0?baud=fast", "baud is the speed, a number like 9600, not 'fast'"),
        ("serial:///dev/ttyUSB0?bauds=9600", "serial:// has no option bauds"),
        ("lp:///dev/usb/lp0?baud=9600", "lp:// has no option baud"),
    ],
)
def test_an_option_that_is_wrong_is_named_with_what_it_can_be(url: str, told: str) -> None:
    with pytest.raises(DeviceError, match=re.escape(told)):
        wire_from_url(url)
