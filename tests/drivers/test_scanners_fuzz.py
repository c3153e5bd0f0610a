"""Millions of random and damaged bytes into each framer: no exception, no memory, and no member who was not scanned."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Iterator

import pytest
from standing_clock import Clock

from drivers.errors import DeviceAbsent
from drivers.scanners.lines.framing import LINE_ENDS, Framer
from drivers.scanners.lines.scanner import ANSWERS, LineScanner
from drivers.scanners.lines.ssi import SsiScanner
from drivers.scanners.lines.ssi_packets import DECODE_DATA, PacketCutter
from drivers.scanners.scan import ScanData, scan_from_bytes
from drivers.simulated.scanners.ssi import packet
from loyalty.card import CardRules, MemberCard, ean13_check_digit, member_card

RULES = CardRules()
MAX_BYTES = 256

FRAMINGS: dict[str, tuple[bytes, bytes | tuple[bytes, ...]]] = {
    "lines": (b"", LINE_ENDS),
    "crlf": (b"", b"\r\n"),
    "stx etx": (b"\x02", b"\x03"),
    "stx cr": (b"\x02", b"\r"),
    "silence": (b"", b""),
    "stx silence": (b"\x02", b""),
}

# The second takes some minutes.
AMOUNTS = [200_000, pytest.param(10_000_000, marks=[pytest.mark.long, pytest.mark.timeout(1200)])]
# Twelve million bytes in all framings together.
AMOUNTS_OF_EACH = [200_000, pytest.param(2_000_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])]


def is_member(label: str, symbology: str = "") -> bool:
    return isinstance(member_card(RULES, label, symbology), MemberCard)


def random_chunks(source: random.Random, total: int) -> Iterator[bytes]:
    """Bytes of every value; sometimes only those that matter to a framer or to a number, which so meet more often."""
    alphabets = [bytes(range(256)), b"0123456789\r\n", b"29\x02\x03\r\n0", bytes(range(16)) + b"\xf3\x00\xd0\xff"]
    while total > 0:
        size = min(total, source.randrange(1, 600))
        alphabet = source.choice(alphabets[:1] * 3 + alphabets)
        yield source.randbytes(size) if len(alphabet) == 256 else bytes(source.choices(alphabet, k=size))
        total -= size


@pytest.mark.parametrize("total", AMOUNTS)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_random_bytes_make_no_member_and_cost_no_memory(framing: str, total: int) -> None:
    source = random.Random(f"{framing} {total}")
    framer = Framer(*FRAMINGS[framing], max_bytes=MAX_BYTES, idle_timeout_s=0.2)
    members, frames, now = 0, 0, 0.0
    # Of bytes of every value: from digits alone one number in ten has a right check digit, by whatever it is cut.
    while total > 0:
        chunk = source.randbytes(min(total, source.randrange(1, 600)))
        total -= len(chunk)
        now += source.choice([0.01, 0.3])
        for frame in [*framer.feed(chunk, now), *framer.expire(now + source.choice([0.0, 0.3]))]:
            frames += 1
            assert 0 < len(frame) <= MAX_BYTES
            scan = scan_from_bytes(frame, "", now)
            members += is_member(scan.label, scan.symbology)
        assert len(framer._buffer) <= MAX_BYTES + 1
    assert frames > 0
    assert framer.dropped > 0
    assert members == 0


@pytest.mark.parametrize("total", AMOUNTS)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_any_mixture_of_bytes_is_framed_without_an_exception_within_bounds(framing: str, total: int) -> None:
    source = random.Random(f"mixture {framing} {total}")
    framer = Framer(*FRAMINGS[framing], max_bytes=MAX_BYTES, idle_timeout_s=0.2)
    now, dropped = 0.0, 0
    for chunk in random_chunks(source, total):
        now += source.choice([0.01, 0.3])
        for frame in [*framer.feed(chunk, now), *framer.expire(now + source.choice([0.0, 0.3]))]:
            assert 0 < len(frame) <= MAX_BYTES
        assert len(framer._buffer) <= MAX_BYTES + 1
        assert framer.dropped >= dropped
        dropped = framer.dropped


def numbers(source: random.Random) -> Iterator[str]:
    """Cards and items in turn."""
    while True:
        for prefix in ("29", "40"):
            twelve = prefix + "".join(source.choices("0123456789", k=10))
            yield twelve + ean13_check_digit(twelve)


def one_bit_wrong(source: random.Random, whole: bytes) -> bytes:
    at = source.randrange(len(whole))
    return whole[:at] + bytes([whole[at] ^ 1 << source.randrange(8)]) + whole[at + 1 :]


def one_byte_wrong(source: random.Random, whole: bytes) -> bytes:
    at = source.randrange(len(whole))
    return whole[:at] + bytes([whole[at] ^ source.randrange(1, 256)]) + whole[at + 1 :]


def one_byte_lost(source: random.Random, whole: bytes) -> bytes:
    at = source.randrange(len(whole))
    return whole[:at] + whole[at + 1 :]


def one_byte_more(source: random.Random, whole: bytes) -> bytes:
    at = source.randrange(len(whole) + 1)
    return whole[:at] + source.randbytes(1) + whole[at:]


def cut_off(source: random.Random, whole: bytes) -> bytes:
    return whole[: source.randrange(len(whole))]


Damage = Callable[[random.Random, bytes], bytes]


@pytest.mark.parametrize("total", AMOUNTS_OF_EACH)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_scan_with_one_fault_is_nobody_else_s_card(framing: str, total: int) -> None:
    """One bit wrong, a byte lost, or the end missing: what a line may do to a scan.

    Where only a silence ends a scan, nothing can tell one that is cut off from a short one: such a reader wants a suffix.
    """
    source = random.Random(f"one fault {framing} {total}")
    prefix, suffix = FRAMINGS[framing]
    end = b"\r" if isinstance(suffix, tuple) else suffix
    framer = Framer(prefix, suffix, max_bytes=MAX_BYTES, idle_timeout_s=0.2)
    damages: list[Damage] = [one_bit_wrong, one_byte_lost] + ([cut_off] if end else [])
    now, seen, true = 0.0, 0, 0
    for number in numbers(source):
        whole = prefix + number.encode() + end
        stream = source.choice(damages)(source, whole) if source.random() < 0.5 else whole
        total -= len(stream)
        now += 1.0
        for frame in [*framer.feed(stream, now), *framer.expire(now + 0.3)]:
            label = scan_from_bytes(frame, "", now).label
            if is_member(label):
                assert label == number
                true += 1
            seen += 1
        if total < 0:
            break
    assert seen > true > 1000


@pytest.mark.parametrize("total", AMOUNTS)
def test_of_random_bytes_only_packets_with_their_check_sum_pass(total: int) -> None:
    source = random.Random(f"packets {total}")
    cutter = PacketCutter()
    heard, now, passed, members = b"", 0.0, 0, 0
    for chunk in random_chunks(source, total):
        now += 0.01
        heard += chunk
        for one in cutter.feed(chunk, now):
            passed += 1
            counted = bytes([len(one.data) + 4, one.opcode, one.source, one.status]) + one.data
            at = heard.find(counted)
            assert at >= 0
            check = int.from_bytes(heard[at + len(counted) : at + len(counted) + 2], "big")
            assert sum(counted) + check & 0xFFFF == 0
            members += one.opcode == DECODE_DATA and is_member(scan_from_bytes(one.data[1:], "", now).label)
        assert len(cutter._buffer) <= 0xFF + 2
        if source.random() < 0.5:
            now += 0.3
            cutter.expire(now)
            assert not cutter.is_amid
            heard = b""
    assert members == 0


@pytest.mark.parametrize("total", AMOUNTS)
def test_a_packet_with_one_fault_never_passes(total: int) -> None:
    """Whatever becomes of one byte. Of whole ones none is lost, and what is between two silences is never mixed."""
    source = random.Random(f"packet, one fault {total}")
    cutter = PacketCutter()
    damages: list[Damage] = [one_byte_wrong, one_byte_lost, one_byte_more, cut_off]
    now, passed, refused = 0.0, 0, 0
    for number in numbers(source):
        whole = packet(DECODE_DATA, b"\x0b" + number.encode())
        stream = source.choice(damages)(source, whole) if source.random() < 0.5 else whole
        total -= len(stream)
        now += 1.0
        labels = [one.data[1:].decode("latin-1") for one in cutter.feed(stream, now)]
        damaged = cutter.expire(now + 0.3)
        if stream == whole or stream.startswith(whole):  # a byte more behind it
            assert labels == [number]
            passed += 1
        elif stream:
            assert not [label for label in labels if is_member(label)]
            assert labels == []
            assert damaged is not None
            refused += 1
        if total < 0:
            break
    assert passed > 1000
    assert refused > 1000


class ScriptedLine:
    """Gives what it is given, then silence."""

    def __init__(self) -> None:
        self.is_open = False
        self.chunks: list[bytes] = []
        self.sent = bytearray()

    def open(self) -> None:
        self.is_open = True

    def receive(self) -> bytes:
        return self.chunks.pop(0) if self.chunks else b""

    def send(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        self.is_open = False


@pytest.mark.parametrize(
    "total", [50_000, pytest.param(10_000_000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]
)
def test_packets_that_say_anything_never_break_the_ssi_driver(total: int) -> None:
    """Right check sums around any opcode, status and data, noise in between, and every pause."""
    source = random.Random(f"ssi driver {total}")
    line, clock = ScriptedLine(), Clock()
    scanner = SsiScanner(line, clock=clock, name="ssi")
    scans: list[ScanData] = []
    while total > 0:
        opcode = source.choice([DECODE_DATA] * 5 + [0xD0, 0xD1, 0x73, 0xF6, source.randrange(256)])
        data = source.randbytes(source.choice([0, 1, 2, source.randrange(252)]))
        status = source.choice([0, 0, 0, 0, 1, 2, 3, source.randrange(256)])
        chunks = [packet(opcode, data, status=status)]
        if source.random() < 0.1:
            chunks.append(source.randbytes(source.randrange(1, 300)))
        total -= sum(map(len, chunks))
        if source.random() < 0.1:
            scanner.tell(good=source.random() < 0.5)
        clock.now += source.choice([0.0, 0.01, 0.3, 2.1, 7.0])
        for line.chunks in ([], chunks, []):
            with contextlib.suppress(DeviceAbsent):  # nothing it said was an answer for six seconds
                if scan := scanner.read(0.0):
                    scans.append(scan)
        assert sum(map(len, scanner._parts)) <= 8192 + 251
        assert len(scanner._commands) <= 2
        assert len(scanner._scans) <= 2
        line.sent.clear()
    assert len(scans) > 20
    assert not [scan for scan in scans if is_member(scan.label, scan.symbology)]


@pytest.mark.parametrize("make", ANSWERS)
def test_a_line_that_says_anything_never_breaks_the_driver(make: str) -> None:
    source = random.Random(f"line driver {make}")
    line, clock = ScriptedLine(), Clock()
    scanner = LineScanner(line, Framer(max_bytes=MAX_BYTES), ANSWERS[make], clock=clock, name="line")
    for chunk in random_chunks(source, 50_000):
        line.chunks = [chunk]
        clock.now += source.choice([0.0, 0.3])
        while scan := scanner.read(0.0):
            assert scan.label
            assert b"\0" not in scan.raw
            assert not re.match(r"[\x00-\x1c\x7f]|.*[\x00-\x1c\x7f]\Z", scan.label, re.DOTALL)
        scanner.tell(good=source.random() < 0.5)
        line.sent.clear()
