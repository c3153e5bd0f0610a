"""Zebra's SSI: the packets on tables, and the driver against the simulated reader with every fault of the wire."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from standing_clock import Clock

from drivers.errors import DeviceAbsent
from drivers.scanners import Scanner, scanner_from_url
from drivers.scanners.lines.ssi import ANSWER_S, SYMBOLOGIES, SsiScanner
from drivers.scanners.lines.ssi_packets import (
    ACK,
    BEEP,
    DECODE_DATA,
    MAX_DATA_BYTES,
    NAK,
    READER,
    SCAN_DISABLE,
    SCAN_ENABLE,
    SEGMENT,
    Damaged,
    Packet,
    PacketCutter,
    built,
)
from drivers.simulated.scanners.ssi import SimulatedSsiReader, packet
from tests.waiting import LONG_S

SHORT_S = 0.1
CARD, OTHER = "2900000000018", "4006381333931"

# Built by the guide's rule (72E-40451: length, opcode, source, status, data, two's complement of the sum of these).
BYTES = [
    (ACK, b"", 4, 0, "04 d0 04 00 ff 28"),
    (NAK, b"\x01", 4, 0, "05 d1 04 00 01 ff 25"),
    (SCAN_ENABLE, b"", 4, 0, "04 e9 04 00 ff 0f"),
    (SCAN_ENABLE, b"", 4, 1, "04 e9 04 01 ff 0e"),  # once more
    (SCAN_DISABLE, b"", 4, 0, "04 ea 04 00 ff 0e"),
    (BEEP, b"\x10", 4, 0, "05 e6 04 00 10 ff 01"),
    (DECODE_DATA, b"\x0b96385074", 0, 0, "0d f3 00 00 0b 39 36 33 38 35 30 37 34 fd 4b"),
]


@pytest.mark.parametrize(("opcode", "data", "source", "status", "wire"), BYTES)
def test_a_packet_is_built_and_cut_by_the_guide_s_rule(
    opcode: int, data: bytes, source: int, status: int, wire: str
) -> None:
    raw = bytes.fromhex(wire)
    assert built(opcode, data, source=source, status=status) == raw
    if source == READER:
        assert packet(opcode, data, status=status) == raw
        assert PacketCutter().feed(raw, 0.0) == [Packet(opcode, source, status, data)]


def test_a_packet_holds_as_much_as_its_length_can_say() -> None:
    longest = built(DECODE_DATA, bytes(MAX_DATA_BYTES), source=READER)
    assert PacketCutter().feed(longest, 0.0) == [Packet(DECODE_DATA, READER, 0, bytes(MAX_DATA_BYTES))]
    with pytest.raises(ValueError, match="holds 251 bytes"):
        built(DECODE_DATA, bytes(MAX_DATA_BYTES + 1))


SCAN = packet(DECODE_DATA, b"\x0b" + CARD.encode())
NEXT = packet(DECODE_DATA, b"\x0b" + OTHER.encode())
EMPTY = packet(ACK, b"")

# What arrives before a silence, the labels in it, and whether something damaged was among it.
STREAMS: list[tuple[str, bytes, list[str], bool]] = [
    ("one", SCAN, [CARD], False),
    ("two without a pause", EMPTY + SCAN + NEXT, [CARD, OTHER], False),
    ("cut off", SCAN[:-1], [], True),
    ("its last byte wrong", SCAN[:-1] + b"\x00", [], True),
    ("a digit wrong", SCAN.replace(b"29", b"39"), [], True),
    ("two digits changed places, which no sum shows", SCAN.replace(b"29", b"92"), ["9200000000018"], False),
    ("without its first byte", SCAN[1:], [], True),
    ("after a byte of noise", b"\xff" + SCAN, [], True),
    ("after a length that none has", b"\x03" + SCAN, [], True),
    ("before noise", SCAN + b"\x00", [CARD], True),
    ("what a host says, come back", built(SCAN_ENABLE), [], True),
    # The code in the damaged packet is a whole packet with another's number in it.
    ("a packet inside a damaged one", packet(DECODE_DATA, b"\x1c" + NEXT)[:-1] + b"\x00" + b"", [], True),
    ("a packet behind a damaged one", SCAN[:-1] + b"\x00" + NEXT, [], True),
    ("nothing", b"", [], False),
]


@pytest.mark.parametrize(("stream", "labels", "damaged"), [row[1:] for row in STREAMS], ids=[row[0] for row in STREAMS])
@pytest.mark.parametrize("chunk_bytes", [1, 3, 1000])
def test_a_stream_gives_the_same_packets_however_it_is_cut(
    stream: bytes, labels: list[str], damaged: bool, chunk_bytes: int
) -> None:
    cutter = PacketCutter()
    packets: list[Packet] = []
    for start in range(0, len(stream), chunk_bytes):
        packets += cutter.feed(stream[start : start + chunk_bytes], now=start / 1000)
    assert [one.data[1:].decode() for one in packets if one.opcode == DECODE_DATA] == labels
    assert cutter.expire(now=0.1) is None
    assert cutter.expire(now=9.0) == (Damaged() if damaged else None)
    assert not cutter.is_amid
    assert cutter.feed(NEXT, now=9.0) == [Packet(DECODE_DATA, READER, 0, b"\x0b" + OTHER.encode())]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[SimulatedSsiReader]:
    with SimulatedSsiReader(tmp_path) as reader:
        yield reader


@pytest.fixture
def scanner(reader: SimulatedSsiReader, clock: Clock) -> Iterator[SsiScanner]:
    scanner = scanner_from_url(reader.address, clock=clock)
    assert isinstance(scanner, SsiScanner)
    scanner.open()
    assert reader.wait_until_told(SCAN_ENABLE)
    yield scanner
    scanner.close()


def until(claim: Callable[[], bool]) -> None:
    """Looks again and again, until the other thread has done its part."""
    give_up = time.monotonic() + 2 * LONG_S
    while not claim():
        assert time.monotonic() < give_up, "it never came true"


def label(scanner: SsiScanner, timeout_s: float = LONG_S) -> str | None:
    scan = scanner.read(timeout_s)
    return None if scan is None else scan.label


def test_each_scan_is_acknowledged_and_the_next_one_follows(reader: SimulatedSsiReader, scanner: SsiScanner) -> None:
    for one in (CARD, OTHER, CARD):
        reader.scan(one)
        assert label(scanner) == one
        assert reader.wait_until_taken()
    assert scanner.dropped == 0


def test_a_scan_sent_again_since_its_acknowledgement_was_lost_is_one_scan(
    reader: SimulatedSsiReader, scanner: SsiScanner
) -> None:
    for lost in (1, 2):
        reader.deaf_to = lost
        reader.scan(CARD)
        assert label(scanner) == CARD
        assert label(scanner, SHORT_S) is None
        assert reader.wait_until_taken()
        reader.scan(CARD)  # which is another, though it says the same
        assert label(scanner) == CARD
        assert reader.wait_until_taken()


def refuse(scanner: SsiScanner, reader: SimulatedSsiReader, clock: Clock, number: int) -> None:
    """What was sent the so-manieth time is heard, and asked for again after a silence."""
    assert reader.wait_until(lambda: reader.sent == number)
    assert label(scanner, SHORT_S) is None
    clock.now += 1
    assert label(scanner, 0.0) is None
    assert scanner.dropped == number


@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_packet_is_asked_for_again_and_arrives(
    damaged: int, reader: SimulatedSsiReader, scanner: SsiScanner, clock: Clock
) -> None:
    reader.damage = damaged
    reader.scan(CARD)
    for number in range(1, damaged + 1):
        refuse(scanner, reader, clock, number)
    assert label(scanner) == CARD
    assert scanner.dropped == damaged
    assert reader.wait_until_taken()


def test_a_scan_that_is_damaged_each_time_is_no_scan(
    reader: SimulatedSsiReader, scanner: SsiScanner, clock: Clock
) -> None:
    reader.damage = 3
    reader.scan(CARD)
    for number in range(1, 4):
        refuse(scanner, reader, clock, number)
    assert scanner.dropped == 3
    assert reader.wait_until_taken()  # it gave up
    reader.scan(OTHER)
    assert label(scanner) == OTHER


def test_a_packet_cut_off_is_sent_again_and_arrives_once(
    reader: SimulatedSsiReader, scanner: SsiScanner, clock: Clock
) -> None:
    reader.cut_off(CARD)
    assert label(scanner, SHORT_S) is None
    clock.now += 1
    assert label(scanner) == CARD
    assert label(scanner, SHORT_S) is None
    assert (scanner.dropped, reader.wait_until_taken()) == (1, True)


def test_of_a_long_code_a_part_that_may_have_come_twice_makes_it_no_scan(
    reader: SimulatedSsiReader, scanner: SsiScanner, clock: Clock
) -> None:
    """The acknowledgement of the first part was lost, and the same part sent again damaged; or the second part says the same."""
    part = packet(DECODE_DATA, b"\x1c1111", status=0x02)
    reader.send(part)
    assert label(scanner, SHORT_S) is None
    reader.send(part[:-1])
    assert label(scanner, SHORT_S) is None
    clock.now += 1
    assert label(scanner, SHORT_S) is None
    reader.send(packet(DECODE_DATA, b"\x1c1111", status=0x03))
    reader.send(packet(DECODE_DATA, b"\x1c2222"))
    assert label(scanner, SHORT_S) is None
    assert scanner.dropped == 2
    reader.scan(OTHER)
    assert label(scanner) == OTHER


def test_noise_between_scans_costs_no_scan(reader: SimulatedSsiReader, scanner: SsiScanner, clock: Clock) -> None:
    for noise in (b"\x00", b"\xff" * 40, b"\r\n4006381333931\r\n", NEXT[:-1] + b"\x00"):
        reader.send(noise)
        reader.scan(CARD)  # at once, so that it is lost in the noise
        assert label(scanner, SHORT_S) is None
        clock.now += 1
        assert label(scanner) == CARD  # asked for again
        assert reader.wait_until_taken()


def test_a_long_code_comes_in_several_packets_and_is_one_scan(reader: SimulatedSsiReader, scanner: SsiScanner) -> None:
    text = "".join(f"{number:04d}" for number in range(250))
    reader.scan(text, "qr")
    assert label(scanner) == text
    assert reader.wait_until_taken()
    reader.deaf_to = 1
    reader.scan(text, "qr")
    assert label(scanner) == text
    assert reader.wait_until_taken()
    assert label(scanner, SHORT_S) is None


def test_a_long_code_whose_second_half_is_lost_is_no_scan_and_not_glued_to_the_next(
    reader: SimulatedSsiReader, scanner: SsiScanner, clock: Clock
) -> None:
    reader.send(packet(DECODE_DATA, b"\x1c" + CARD[:7].encode(), status=0x02))
    assert label(scanner, SHORT_S) is None
    clock.now += ANSWER_S + 0.1
    reader.send(packet(DECODE_DATA, b"\x1c" + CARD[7:].encode()))  # the rest, or another code: nobody can tell
    assert label(scanner, SHORT_S) is None
    assert scanner.dropped == 1
    reader.scan(OTHER)
    assert label(scanner) == OTHER


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (packet(DECODE_DATA, b"\x0b" + OTHER.encode()), "another kind of code"),
        (packet(DECODE_DATA, b""), "nothing"),
    ],
)
def test_what_cannot_be_the_rest_of_a_long_code_is_not_taken_for_it(
    second: bytes, says: str, reader: SimulatedSsiReader, scanner: SsiScanner
) -> None:
    reader.send(packet(DECODE_DATA, b"\x1c29000", status=0x02))
    reader.send(second)
    assert label(scanner, SHORT_S) is None
    assert scanner.dropped == 1
    reader.scan(OTHER)
    assert label(scanner) == OTHER


def test_a_packet_without_a_kind_of_code_is_no_part_of_one(reader: SimulatedSsiReader, scanner: SsiScanner) -> None:
    reader.send(packet(DECODE_DATA, b"", status=0x02))
    reader.send(packet(DECODE_DATA, b"\x0b" + CARD.encode()))
    assert label(scanner, SHORT_S) is None
    assert scanner.dropped == 1
    reader.scan(OTHER)
    assert label(scanner) == OTHER


def test_a_code_without_end_is_refused_and_costs_no_memory(reader: SimulatedSsiReader, scanner: SsiScanner) -> None:
    for _ in range(40):
        reader.send(packet(DECODE_DATA, b"\x1c" + b"9" * 250, status=0x02))
        assert label(scanner, 0.0) is None
        assert sum(map(len, scanner._parts)) <= 8192
    reader.send(packet(DECODE_DATA, b"\x1c9"))
    assert label(scanner, SHORT_S) is None
    assert scanner.dropped == 1


def test_a_segment_of_a_kind_that_the_guide_does_not_describe_is_refused(
    reader: SimulatedSsiReader, scanner: SsiScanner
) -> None:
    reader.send(packet(SEGMENT, b"\x00\xf3" + CARD.encode()))
    assert label(scanner, SHORT_S) is None
    assert reader.wait_until_told(NAK)
    assert scanner.dropped == 1


@pytest.mark.parametrize("cordless", [0x20, 0x80, 0xA0])
def test_bits_of_the_status_that_mean_nothing_here_are_left_alone(
    cordless: int, reader: SimulatedSsiReader, scanner: SsiScanner
) -> None:
    reader.send(packet(DECODE_DATA, b"\x0b" + CARD.encode(), status=cordless))
    assert label(scanner) == CARD


def test_an_event_is_acknowledged_and_is_no_scan(reader: SimulatedSsiReader, scanner: SsiScanner) -> None:
    reader.send(packet(0xF6, b"\x03"))  # EVENT: it was powered up
    assert label(scanner, SHORT_S) is None
    assert reader.wait_until_told(ACK)


def test_good_and_bad_sound_different(reader: SimulatedSsiReader, scanner: SsiScanner) -> None:
    for good in (True, False):
        scanner.tell(good=good)
        until(lambda: label(scanner, 0.0) is None and not scanner._commands)
    assert reader.beeps == [0x01, 0x10]


def test_of_tones_that_wait_only_the_last_sounds(reader: SimulatedSsiReader, scanner: SsiScanner) -> None:
    until(lambda: label(scanner, 0.0) is None and not scanner._commands)  # it has acknowledged that it is enabled
    for good in (True, True, False, True, False):
        scanner.tell(good=good)
    until(lambda: label(scanner, 0.0) is None and not scanner._commands)
    assert reader.beeps == [0x01, 0x10]


def test_scanning_is_enabled_while_it_is_open_and_disabled_when_it_is_closed(
    reader: SimulatedSsiReader, scanner: SsiScanner
) -> None:
    assert reader.enabled
    scanner.close()
    assert reader.wait_until_told(SCAN_DISABLE)
    assert not reader.enabled


class ScriptedLine:
    """Gives what it is given, piece by piece, then silence."""

    def __init__(self, *pieces: bytes) -> None:
        self.is_open = False
        self.pieces = list(pieces)

    def open(self) -> None:
        self.is_open = True

    def receive(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def send(self, data: bytes) -> None: ...

    def close(self) -> None:
        self.is_open = False


def test_the_line_is_let_go_when_the_last_command_has_arrived_and_not_one_before(clock: Clock) -> None:
    """Closing throws away what is still to be sent."""
    line = ScriptedLine(EMPTY, b"", EMPTY, b"what comes later")
    scanner = SsiScanner(line, clock=clock, name="ssi")
    scanner.open()
    scanner.close()
    assert line.pieces == [b"what comes later"]


def test_a_reader_that_does_not_answer_is_asked_three_times_and_then_absent_until_it_does(
    reader: SimulatedSsiReader, clock: Clock
) -> None:
    reader.answers_commands = False
    scanner = scanner_from_url(reader.address, clock=clock)
    scanner.open()
    for _ in range(2):
        clock.now += ANSWER_S
        assert scanner.read(SHORT_S) is None
    assert reader.wait_until(lambda: len(reader.heard) == 3)
    assert [(opcode, status) for opcode, status, _ in reader.heard] == [
        (SCAN_ENABLE, 0),
        (SCAN_ENABLE, 1),
        (SCAN_ENABLE, 1),
    ]
    clock.now += ANSWER_S
    for _ in range(2):
        with pytest.raises(DeviceAbsent, match="does not answer") as silent:
            scanner.read(SHORT_S)
        assert "SSI" in silent.value.hint
    reader.answers_commands = True
    clock.now += ANSWER_S  # it is asked again
    until(lambda: opens(scanner))
    reader.scan(CARD)
    scan = scanner.read(LONG_S)
    assert scan is not None
    assert scan.label == CARD
    scanner.close()


def opens(scanner: Scanner) -> bool:
    try:
        scanner.open()
    except DeviceAbsent:
        return False
    return True


def test_a_reader_that_scans_has_answered_even_if_it_acknowledges_nothing(
    reader: SimulatedSsiReader, scanner: SsiScanner, clock: Clock
) -> None:
    reader.answers_commands = False
    scanner.tell(good=True)
    reader.scan(CARD)
    assert label(scanner) == CARD
    for _ in range(4):
        clock.now += ANSWER_S
        assert label(scanner, 0.0) is None  # the tone was in vain
    reader.answers_commands = True
    scanner.tell(good=False)
    until(lambda: label(scanner, 0.0) is None and len(reader.beeps) == 1)
    assert reader.beeps == [0x10]


@pytest.mark.parametrize(
    ("code_type", "text", "expected", "symbology"),
    [
        (0x0B, b"4006381333931", "4006381333931", "ean13"),
        (0x0B, b"]E04006381333931", "4006381333931", "ean13"),  # with the identifier as well
        (0x08, b"036000291452", "036000291452", "upca"),
        (0x08, b"0036000291452", "0036000291452", ""),  # with the country's zero it is no UPC-A by its length
        (0x09, b"01234565", "01234565", "upce"),
        (0x0A, b"96385074", "96385074", "ean8"),
        (0x4B, b"978014300723451234", "978014300723451234", "ean13-addon"),
        (0x0B, b"ABC", "ABC", ""),  # claims a length and digits that it has not
        (0x03, b"ABC", "ABC", "code128"),
        (0x0F, b"0104006381333931\x1d17", "0104006381333931\x1d17", "gs1-128"),
        (0x1C, "Zoë".encode(), "Zoë", "qr"),
        (0x2D, b"x", "x", "aztec"),
        (0xC8, b"x", "x", ""),  # of which the table knows nothing
        (0x1C, b"2900000000018\r", "2900000000018", "qr"),  # a suffix that the reader adds
    ],
)
def test_the_code_type_says_the_symbology_where_the_text_can_be_it(
    code_type: int, text: bytes, expected: str, symbology: str, reader: SimulatedSsiReader, scanner: SsiScanner
) -> None:
    reader.send(packet(DECODE_DATA, bytes([code_type]) + text))
    scan = scanner.read(LONG_S)
    assert scan is not None
    assert (scan.label, scan.symbology, scan.raw) == (expected, symbology, text)


def test_the_kinds_of_code_are_named_as_identifiers_name_them() -> None:
    from drivers.scanners.scan import _RETAIL, _SYMBOLOGIES

    assert set(SYMBOLOGIES.values()) <= {*_SYMBOLOGIES.values(), *_RETAIL.values()}
