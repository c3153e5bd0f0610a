"""Readers on the network: those that this program connects to, and those that connect to it. On the loopback."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from standing_clock import Clock

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceError
from drivers.scanners import Scanner
from drivers.scanners.lines.framing import Framer
from drivers.scanners.lines.listening import FIRST_CALL_S, MOST_READERS, ListeningScanner
from drivers.scanners.lines.tcp import CONNECT_S, TcpScanner
from tests.waiting import LONG_S

SHORT_S = 0.1
CARD, OTHER = "2900000000018", "4006381333931"


def label(scanner: Scanner, timeout_s: float = LONG_S) -> str | None:
    scan = scanner.read(timeout_s)
    return None if scan is None else scan.label


# To which this program connects.


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LONG_S)
        yield listener


@pytest.fixture
def connecting(listener: socket.socket, clock: Clock) -> Iterator[TcpScanner]:
    scanner = TcpScanner("127.0.0.1", listener.getsockname()[1], clock=clock)
    yield scanner
    scanner.close()


def test_a_connection_is_watched_over_so_that_a_reader_gone_without_a_word_is_missed(
    listener: socket.socket, connecting: TcpScanner
) -> None:
    connecting.open()
    line = connecting._line._socket  # type: ignore[attr-defined]
    assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if hasattr(socket, "TCP_KEEPIDLE"):
        idle, every, count = (
            line.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
            for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
        )
        assert idle + every * count <= 30


def test_a_reset_is_gone_like_a_hanging_up(listener: socket.socket, connecting: TcpScanner) -> None:
    connecting.open()
    reader, _ = listener.accept()
    reader.sendall(b"29000")
    assert label(connecting, SHORT_S) is None
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    reader.close()  # which resets the connection
    with pytest.raises(DeviceAbsent):
        connecting.read(LONG_S)
    assert not connecting.is_open
    assert connecting.dropped == 1
    connecting.open()
    again, _ = listener.accept()
    again.sendall(b"00000018\r" + CARD.encode() + b"\r")
    assert label(connecting) == "00000018"  # what it sends anew is its own affair; the half before it is forgotten
    assert label(connecting) == CARD
    again.close()


@pytest.mark.slow
def test_an_address_at_which_nobody_answers_costs_no_more_than_its_bound(clock: Clock) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # one connection waits in it, and a further one is not answered
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        scanner = TcpScanner("127.0.0.1", port, clock=clock)
        began_at = time.monotonic()
        with pytest.raises(DeviceAbsent, match="cannot be reached") as unreachable:
            scanner.read(SHORT_S)
        assert time.monotonic() - began_at < CONNECT_S + LONG_S
        assert "switched on" in unreachable.value.hint
        for one in waiting:
            one.close()


@pytest.mark.parametrize(
    ("host", "says", "hint"),
    [
        ("127.0.0.1", "refused", "port"),
        ("no.such.name.invalid", "No such address", "spelling"),
        ("scanner..shop", "No such address", "spelling"),  # for which Python raises no OSError
    ],
)
def test_where_no_reader_is_the_hint_says_what_to_look_at(host: str, says: str, hint: str) -> None:
    scanner = TcpScanner(host, 1)
    with pytest.raises(DeviceAbsent, match=says) as absent:
        scanner.open()
    assert hint in absent.value.hint
    assert not scanner.is_open


def test_nobody_listens_on_a_name_that_none_can_have() -> None:
    with pytest.raises(DeviceError, match="no such name") as wrong:
        ListeningScanner("till..shop", 4001).open()
    assert "listen://127.0.0.1" in wrong.value.hint


# That connect to this program.


@pytest.fixture
def listening(clock: Clock) -> Iterator[ListeningScanner]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    scanner = ListeningScanner("127.0.0.1", port, clock=clock)
    scanner.open()
    yield scanner
    scanner.close()


@pytest.fixture
def call(listening: ListeningScanner) -> Iterator[list[socket.socket]]:
    """Connections to it, made by `connected`."""
    made: list[socket.socket] = []
    yield made
    for one in made:
        one.close()


def connected(listening: ListeningScanner, call: list[socket.socket]) -> socket.socket:
    call.append(socket.create_connection(("127.0.0.1", listening._port), LONG_S))
    return call[-1]


def test_several_readers_send_at_once_and_their_scans_are_never_mixed(
    listening: ListeningScanner, call: list[socket.socket]
) -> None:
    left, right = connected(listening, call), connected(listening, call)
    for digit, other in zip(CARD, OTHER, strict=True):
        left.sendall(digit.encode())
        right.sendall(other.encode())
        assert label(listening, 0.0) is None
    right.sendall(b"\r")
    assert label(listening) == OTHER
    left.sendall(b"\r\n")
    assert label(listening) == CARD


def test_one_of_several_may_go_and_the_others_are_heard(listening: ListeningScanner, call: list[socket.socket]) -> None:
    left, right = connected(listening, call), connected(listening, call)
    left.sendall(b"29000")
    right.sendall(CARD.encode() + b"\r")
    assert label(listening) == CARD
    left.close()
    assert label(listening, SHORT_S) is None
    assert listening.dropped == 1
    again = connected(listening, call)
    again.sendall(OTHER.encode() + b"\r")
    assert label(listening) == OTHER
    right.close()
    again.close()
    with pytest.raises(DeviceAbsent, match="hung up"):
        listening.read(LONG_S)


def test_what_a_reader_sent_before_it_hung_up_is_read_first(
    listening: ListeningScanner, call: list[socket.socket]
) -> None:
    reader = connected(listening, call)
    reader.sendall(b"A\rB\rhalf")
    reader.close()
    assert [label(listening), label(listening)] == ["A", "B"]
    with pytest.raises(DeviceAbsent):
        listening.read(LONG_S)
    assert listening.dropped == 1


def test_connections_are_bounded_and_one_that_hangs_up_makes_room(
    listening: ListeningScanner, call: list[socket.socket]
) -> None:
    for _ in range(MOST_READERS):
        connected(listening, call)
        assert label(listening, 0.0) is None
    too_many = connected(listening, call)
    assert label(listening, SHORT_S) is None
    assert too_many.recv(1) == b""  # it was hung up on
    call[0].close()
    assert label(listening, SHORT_S) is None
    connected(listening, call).sendall(CARD.encode() + b"\r")
    assert label(listening) == CARD
    assert len(listening._readers) == MOST_READERS


def test_a_reader_is_given_time_for_its_first_call_and_then_missed(
    listening: ListeningScanner, call: list[socket.socket], clock: Clock
) -> None:
    assert label(listening, SHORT_S) is None
    clock.now += FIRST_CALL_S
    for attempt in (listening.open, lambda: listening.read(SHORT_S)):
        with pytest.raises(DeviceAbsent, match="No scanner is connected") as nobody:
            attempt()
        assert "set to connect" in nobody.value.hint
    connected(listening, call).sendall(CARD.encode() + b"\r")
    assert label(listening) == CARD
    clock.now += 1000
    assert label(listening, SHORT_S) is None  # connected, and silent


def test_a_scan_of_a_reader_that_connects_sends_and_goes_is_read(
    listening: ListeningScanner, call: list[socket.socket], clock: Clock
) -> None:
    """Some readers make a connection for each scan."""
    clock.now += FIRST_CALL_S
    for text in (CARD, OTHER):
        one = connected(listening, call)
        one.sendall(text.encode() + b"\r")
        one.close()
        assert label(listening) == text


def test_a_reader_that_sends_without_end_costs_no_memory(
    listening: ListeningScanner, call: list[socket.socket]
) -> None:
    reader = connected(listening, call)
    for _ in range(50):
        reader.sendall(b"9" * 10_000)
        for _ in range(5):
            assert label(listening, 0.0) is None
    (framer,) = listening._readers.values()
    assert isinstance(framer, Framer)
    assert len(framer._buffer) <= 8192
    reader.sendall(b"\r" + CARD.encode() + b"\r")
    assert label(listening) == CARD
    assert listening.dropped == 1


def test_an_address_that_another_program_has_is_busy_and_one_of_another_machine_is_a_wrong_setting(
    listening: ListeningScanner,
) -> None:
    second = ListeningScanner("127.0.0.1", listening._port)
    with pytest.raises(DeviceBusy) as busy:
        second.open()
    assert "another port" in busy.value.hint
    elsewhere = ListeningScanner("192.0.2.1", 4001)  # RFC 5737: nobody's
    with pytest.raises(DeviceError) as wrong:
        elsewhere.open()
    assert type(wrong.value) is DeviceError
    assert "this machine" in wrong.value.hint


def test_it_may_be_closed_and_opened_again_at_once(listening: ListeningScanner, call: list[socket.socket]) -> None:
    for text in (CARD, OTHER):
        connected(listening, call).sendall(text.encode() + b"\r")
        assert label(listening) == text
        listening.close()
        assert not listening.is_open
        listening.open()
