"""Real sockets on loopback and real pseudo-terminals: nothing blocks, nothing is lost without a word."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError, DeviceTimeout
from drivers.wires import SerialWire, TcpWire, Wire, WriteBroken, WriteStalled, wire_from_url

MORE_THAN_ANY_BUFFER = bytes(32 * 1024 * 1024)
SOON_S = 0.1
FAR_TOO_LONG_S = 5  # no assertion here waits that long; it is what "within the bound" is held against


class FarEnd:
    """The printer's side of a wire, in the hands of the test."""

    def __init__(self, kind: str) -> None:
        if kind == "tcp":
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.wire: Wire = TcpWire("127.0.0.1", self._listener.getsockname()[1])
            self.wire.open()
            self._socket, _ = self._listener.accept()
            self.send, self.receive, self.hang_up = self._socket.sendall, self._socket.recv, self._socket.close
            self._closers = [self._socket.close, self._listener.close]
        else:
            import tty

            ours, theirs = os.openpty()
            tty.setraw(theirs)
            self.wire = SerialWire(os.ttyname(theirs))
            self.wire.open()
            os.close(theirs)
            self.send = lambda data: os.write(ours, data)  # type: ignore[assignment,return-value]
            self.receive = lambda size: os.read(ours, size)
            self._open = [ours]
            self.hang_up = lambda: os.close(self._open.pop()) if self._open else None
            self._closers = [self.hang_up]

    def close(self) -> None:
        self.wire.close()
        for close in self._closers:
            close()


KINDS = ["tcp", pytest.param("serial", marks=pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals"))]


@pytest.fixture(params=KINDS)
def far(request: pytest.FixtureRequest) -> Iterator[FarEnd]:
    end = FarEnd(request.param)
    yield end
    end.close()


def test_bytes_go_out_and_come_back(far: FarEnd) -> None:
    far.wire.write(bytes(range(256)), 1)
    received = b""
    while len(received) < 256:
        received += far.receive(4096)
    assert received == bytes(range(256))  # a terminal would have changed some of them
    far.send(b"\x12\x0d\x0a\x03\x00")
    answer = b""
    while len(answer) < 5:
        answer += far.wire.read(1)
    assert answer == b"\x12\x0d\x0a\x03\x00"


def test_silence_is_no_bytes_and_no_error(far: FarEnd) -> None:
    assert far.wire.read(0) == b""
    assert far.wire.read(0.01) == b""


def test_a_far_end_that_hung_up_is_absent(far: FarEnd) -> None:
    far.hang_up()
    with pytest.raises(DeviceAbsent):
        far.wire.read(1)


def test_a_far_end_that_never_reads_is_a_timeout_within_the_bound(far: FarEnd) -> None:
    began = time.monotonic()
    with pytest.raises(DeviceTimeout) as raised:
        far.wire.write(MORE_THAN_ANY_BUFFER, SOON_S)
    assert time.monotonic() - began < FAR_TOO_LONG_S
    assert isinstance(raised.value, WriteStalled)
    assert 0 < raised.value.sent < len(MORE_THAN_ANY_BUFFER)
    far.wire.close()
    assert time.monotonic() - began < FAR_TOO_LONG_S


def test_a_far_end_that_reads_a_little_at_a_time_does_not_stretch_the_bound(far: FarEnd) -> None:
    is_over = threading.Event()

    def sip() -> None:
        while not is_over.is_set():
            far.receive(16)

    reader = threading.Thread(target=sip)
    began = time.monotonic()
    reader.start()
    try:
        with pytest.raises(WriteStalled):
            far.wire.write(MORE_THAN_ANY_BUFFER, SOON_S)
        assert time.monotonic() - began < FAR_TOO_LONG_S
    finally:
        is_over.set()  # while there is still something to read, so that the reader does not wait
        reader.join()


def test_a_far_end_that_hangs_up_in_mid_write_is_absent_and_the_bytes_taken_are_known(far: FarEnd) -> None:
    def take_some_and_hang_up() -> None:
        far.receive(1000)
        far.hang_up()

    reader = threading.Thread(target=take_some_and_hang_up)
    reader.start()
    with pytest.raises(WriteBroken) as raised:
        far.wire.write(MORE_THAN_ANY_BUFFER, FAR_TOO_LONG_S)
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


def test_a_serial_port_that_does_not_exist_is_absent_with_a_hint() -> None:
    with pytest.raises(DeviceAbsent) as raised:
        SerialWire("/dev/no-such-printer").open()
    assert "Plug" in raised.value.hint


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
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


URLS = [
    ("tcp://192.168.1.50", "tcp://192.168.1.50:9100"),
    ("tcp://printer.shop:9101", "tcp://printer.shop:9101"),
    ("tcp://[fe80::1]:9100", "tcp://[fe80::1]:9100"),
    ("serial:///dev/ttyUSB0", "serial:///dev/ttyUSB0?baud=9600"),
    ("serial:///dev/ttyUSB0?baud=19200", "serial:///dev/ttyUSB0?baud=19200"),
    ("serial://COM3?baud=38400&flow=xonxoff", "serial://COM3?baud=38400"),
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
    ],
)
def test_a_malformed_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(DeviceError) as raised:
        wire_from_url(url)
    assert "tcp://192.168.1.50:9100" in raised.value.hint
