"""The framer on tables, and on any chunking; noise is in test_scanners_fuzz."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanners.lines.framing import LINE_ENDS, Framer
from drivers.scanners.scan import scan_from_bytes

# prefix, suffix, what arrives, the frames in it, how many are counted as lost
STREAMS: list[tuple[bytes, bytes | tuple[bytes, ...], bytes, list[bytes], int]] = [
    (b"", LINE_ENDS, b"A\r", [b"A"], 0),
    (b"", LINE_ENDS, b"A\nB\r\nC\r", [b"A", b"B", b"C"], 0),
    (b"", LINE_ENDS, b"\r\n\r\n", [], 0),  # nothing between the ends is no scan
    (b"", LINE_ENDS, b"A\rB", [b"A"], 0),  # B may go on
    (b"", b"\r\n", b"A\nB\r\n", [b"A\nB"], 0),  # a line break inside a code
    (b"", b"\t", b"A\tB\t", [b"A", b"B"], 0),
    (b"", (b"\r", b"END"), b"AENDB\r", [b"A", b"B"], 0),
    (b"\x02", b"\x03", b"\x02A\x03\x02B\x03", [b"A", b"B"], 0),
    (b"\x02", b"\x03", b"?\x03\r\n\x02A\x03?", [b"A"], 0),  # bytes outside are noise
    (b"\x02", LINE_ENDS, b"\x02A\r\n\x02B\r\n", [b"A", b"B"], 0),  # the LF stands outside
    (b"<<", b">", b"<<<A>", [b"<A"], 0),
    (b"", LINE_ENDS, b"0123456789\rA\r", [b"0123456789", b"A"], 0),  # exactly as long as allowed
    (b"", LINE_ENDS, b"01234567890\rA\r", [b"A"], 1),  # one byte longer
    (b"", LINE_ENDS, b"0" * 99 + b"\rA\r" + b"1" * 99 + b"\n", [b"A"], 2),
    (b"", b"\r\n", b"01234567890\r\nA\r\n", [b"A"], 1),
    (b"\x02", b"\x03", b"\x02" + b"0" * 99 + b"\x03\x02A\x03", [b"A"], 1),
    (b"\x02", b"\x03", b"0" * 99 + b"\x02A\x03", [b"A"], 0),
]


@pytest.mark.parametrize(("prefix", "suffix", "stream", "frames", "dropped"), STREAMS)
@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 1000])
def test_a_stream_gives_the_same_frames_however_it_is_cut(
    prefix: bytes, suffix: bytes | tuple[bytes, ...], stream: bytes, frames: list[bytes], dropped: int, chunk_bytes: int
) -> None:
    framer = Framer(prefix, suffix, max_bytes=10)
    seen = [
        frame
        for start in range(0, len(stream), chunk_bytes)
        for frame in framer.feed(stream[start : start + chunk_bytes], now=0.0)
    ]
    assert (seen, framer.dropped) == (frames, dropped)


@given(
    st.lists(st.sampled_from([b"\x02", b"\x03", b"\r", b"\n", b"A", b"0123456"]), max_size=30).map(b"".join),
    st.lists(st.integers(0, 60), max_size=8),
    st.sampled_from([b"", b"\x02", b"\x02\x02"]),
    st.sampled_from([LINE_ENDS, b"\x03", b"\r\n", b"\n\r\n", b""]),
)
def test_where_a_stream_is_cut_never_matters(
    stream: bytes, cuts: list[int], prefix: bytes, suffix: bytes | tuple[bytes, ...]
) -> None:
    def outcome(pieces: list[bytes]) -> tuple[list[bytes], int]:
        framer = Framer(prefix, suffix, max_bytes=10)
        frames = [frame for piece in pieces for frame in framer.feed(piece, now=0.0)]
        return frames + framer.expire(now=1.0), framer.dropped

    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert outcome([stream[a:b] for a, b in pairwise(edges)]) == outcome([stream])


def test_without_a_suffix_silence_ends_a_frame() -> None:
    framer = Framer(suffix=b"", idle_timeout_s=0.2)
    assert framer.feed(b"4006381", now=1.0) == []
    assert framer.expire(now=1.1) == []
    assert framer.feed(b"333931", now=1.1) == []
    assert framer.expire(now=1.2) == []  # the silence counts from the last byte
    assert framer.expire(now=1.4) == [b"4006381333931"]
    assert framer.expire(now=9.0) == []
    assert framer.dropped == 0


def test_without_a_suffix_a_prefix_still_keeps_noise_out() -> None:
    framer = Framer(prefix=b"\x02", suffix=b"", idle_timeout_s=0.2)
    framer.feed(b"??", now=1.0)
    assert framer.expire(now=2.0) == []
    framer.feed(b"?\x02A", now=3.0)
    assert framer.expire(now=4.0) == [b"A"]
    assert framer.dropped == 0


def test_without_a_suffix_an_overlong_frame_is_lost_up_to_the_silence() -> None:
    framer = Framer(suffix=b"", max_bytes=10, idle_timeout_s=0.2)
    framer.feed(b"0" * 99, now=1.0)
    framer.feed(b"tail", now=1.1)
    assert framer.expire(now=2.0) == []
    framer.feed(b"A", now=3.0)
    assert framer.expire(now=4.0) == [b"A"]
    assert framer.dropped == 1


@pytest.mark.parametrize("prefix", [b"", b"\x02"])
def test_a_frame_that_breaks_off_is_dropped_and_the_next_one_read(prefix: bytes) -> None:
    framer = Framer(prefix, idle_timeout_s=0.2)
    framer.feed(prefix + b"40063", now=1.0)
    assert framer.expire(now=1.1) == []
    assert framer.dropped == 0
    assert framer.expire(now=1.3) == []
    assert framer.expire(now=1.6) == []
    assert framer.dropped == 1
    assert framer.feed(prefix + b"4006381333931\r", now=2.0) == [b"4006381333931"]
    assert framer.dropped == 1


def test_bytes_that_waited_for_a_busy_caller_are_not_late() -> None:
    framer = Framer(idle_timeout_s=0.2)
    framer.feed(b"4006381", now=1.0)
    assert framer.feed(b"333931\r", now=9.0) == [b"4006381333931"]


def test_a_frame_needs_room_and_a_silence() -> None:
    with pytest.raises(ValueError, match="room for a byte"):
        Framer(max_bytes=0)
    with pytest.raises(ValueError, match="silence"):
        Framer(idle_timeout_s=0.0)


# What each make's readers send, as its manual says. None of it was recorded from a device: an example is one that the manual
# prints, the others are built by its rule. Prefix, suffix, what arrives, labels with their symbologies.
EAN, UPC = b"4006381333931", b"036000291452"
MAKES: list[tuple[str, bytes, bytes | tuple[bytes, ...], bytes, list[tuple[str, str]]]] = [
    # Symbol's decoders, now Zebra's: the examples of the table of code identifiers (Saveo M22D-BH guide, appendix B; Sharp
    # PC-9300 manual, appendix II, with an SE955).
    ("zebra, UPC-A as EAN-13", b"", LINE_ENDS, b"]E00012345678905\r", [("0012345678905", "ean13")]),
    ("zebra, Bookland", b"", LINE_ENDS, b"]X0123456789X\r", [("123456789X", "")]),
    ("zebra, discrete 2 of 5", b"", LINE_ENDS, b"]S04123\r", [("4123", "")]),
    ("zebra, Code 93", b"", LINE_ENDS, b"]G0012345678905\r", [("012345678905", "code93")]),
    ("zebra, MSI", b"", LINE_ENDS, b"]M14123\r", [("4123", "")]),
    ("zebra, DataBar", b"", LINE_ENDS, b"]e001100123456788902\r", [("01100123456788902", "gs1-databar")]),
    # A UPC-A with two digits more, 21 characters of two codes in one: it is none of those that one could take it for.
    ("zebra, add-on", b"", LINE_ENDS, b"]E00012345678905]E110\r", [("0012345678905]E110", "")]),
    # Symbol PDT 6800 reference guide, F-19: the coupon's two codes.
    ("zebra, coupon", b"", LINE_ENDS, b"]E0512345678902]C112345678\r", [("512345678902]C112345678", "")]),
    # Built by the rule of Zebra's "Scan data options": <prefix><data><suffix 1><suffix 2>.
    ("zebra, data and both suffixes", b"", b"\r\n", EAN + b"\r\n" + EAN + b"\r\n", [(EAN.decode(), "")] * 2),
    # Built by the rule of Datalogic's Gryphon guide, 5.3.1: no header, terminator CR-LF; GD4400 guide, page 286: `$` as header
    # (its example), and AIM identifiers, with which UPC-A is sent as EAN-13.
    ("datalogic, as delivered", b"", LINE_ENDS, EAN + b"\r\n", [(EAN.decode(), "")]),
    ("datalogic, header", b"$", LINE_ENDS, b"$12345\r", [("12345", "")]),
    ("datalogic, AIM", b"", LINE_ENDS, b"]E00" + UPC + b"\r\n", [("0" + UPC.decode(), "ean13")]),
    # Built by the rule of Honeywell's guides for a serial port: CR and LF behind, the AIM identifier by choice in front.
    ("honeywell", b"", LINE_ENDS, EAN + b"\r\n", [(EAN.decode(), "")]),
    ("honeywell, AIM", b"", LINE_ENDS, b"]E0" + EAN + b"\r\n]Q1{x}\r\n", [(EAN.decode(), "ean13"), ("{x}", "qr")]),
    # Built by the rule of Newland's BS8060 guide, page 179: [custom prefix][code ID][AIM ID][data][custom suffix][terminator].
    ("newland, AIM", b"", LINE_ENDS, b"]E0" + EAN + b"\r\n", [(EAN.decode(), "ean13")]),
    ("newland, custom prefix", b"##", LINE_ENDS, b"##]C0AB-12\r", [("AB-12", "code128")]),
    # Built by the rule of Intermec's ScanPlus 1800 manual, page 54: [preamble][symbology id]<data>[postamble], CR and LF; and UPC
    # of another length than the standard's is ]X0.
    ("intermec, AIM", b"", LINE_ENDS, b"]A0CODE39\r\n", [("CODE39", "code39")]),
    ("intermec, UPC-A", b"", LINE_ENDS, b"]X0" + UPC + b"\r\n", [(UPC.decode(), "")]),
    # Built by the rule of the 3220's guide, 3-24: STX data ETX, and the record suffix, CR, behind the ETX.
    ("stx, etx and cr", b"\x02", b"\x03", b"\x02" + EAN + b"\x03\r\x02A\x03\r", [(EAN.decode(), ""), ("A", "")]),
    # The same reader with nothing said of STX and ETX: they are control characters, and no part of the text.
    ("stx, etx and cr, unsaid", b"", LINE_ENDS, b"\x02" + EAN + b"\x03\r", [(EAN.decode(), "")]),
]


@pytest.mark.parametrize(
    ("prefix", "suffix", "stream", "scans"), [row[1:] for row in MAKES], ids=[row[0] for row in MAKES]
)
def test_what_the_makes_manuals_say_is_read(
    prefix: bytes, suffix: bytes | tuple[bytes, ...], stream: bytes, scans: list[tuple[str, str]]
) -> None:
    framer = Framer(prefix, suffix)
    read = [scan_from_bytes(frame, "", 0.0) for frame in framer.feed(stream, now=0.0)]
    assert [(scan.label, scan.symbology) for scan in read] == scans
    assert framer.dropped == 0


@pytest.mark.parametrize(
    ("raw", "label", "symbology"),
    [
        (b"4006381333931", "4006381333931", ""),
        (b"]E04006381333931", "4006381333931", "ean13"),
        (b"]E0036000291452", "036000291452", "upca"),
        (b"]E001234565", "01234565", "upce"),
        (b"]E496385074", "96385074", "ean8"),
        (b"]E3978014300723451234", "978014300723451234", "ean13-addon"),
        (b"]E123", "23", ""),
        (b"]X0036000291452", "036000291452", ""),  # one maker's UPC-A
        (b"]E02912345", "2912345", ""),  # claims a length that no EAN has
        ("]E0٤٠٠٦٣٨١٣٣٣٩٣١".encode(), "٤٠٠٦٣٨١٣٣٣٩٣١", ""),  # digits, but not of an EAN
        (b"]C0ABC", "ABC", "code128"),
        (b"]C1010400638133393110\x1d17", "010400638133393110\x1d17", "gs1-128"),  # GS is part of the text
        (b"]Q1hello", "hello", "qr"),
        (b"]Q3x", "x", "gs1-qr"),
        (b"]d2x", "x", "gs1-datamatrix"),
        (b"]d1x", "x", "datamatrix"),
        (b"]D1x", "x", ""),  # case matters
        (b"]L0x", "x", "pdf417"),
        (b"]A0x", "x", "code39"),
        (b"]I01234", "1234", "itf"),
        (b"]zCx", "x", "aztec"),
        (b"\n]E04006381333931", "4006381333931", "ean13"),  # the LF of the CRLF before
        (b"]hello", "]hello", ""),  # no identifier has such a modifier
        (b"]", "]", ""),
        (b"]E0", "", ""),
        (b"", "", ""),
        ("Zoë".encode(), "Zoë", ""),
        ("Zoë".encode("latin-1"), "Zoë", ""),
        (b"\x02]E04006381333931\x03\r", "4006381333931", "ean13"),  # frames that the settings do not know of
        (b"A\x11B", "A\x11B", ""),  # a 1 that lost a bit: without it, this would be another code
        (b"]E0400638133\x139315", "400638133\x139315", ""),
    ],
)
def test_a_frame_is_read_as_text_and_symbology(raw: bytes, label: str, symbology: str) -> None:
    scan = scan_from_bytes(raw, "reader", 5.0)
    assert (scan.raw, scan.label, scan.symbology, scan.device, scan.received_at) == (
        raw,
        label,
        symbology,
        "reader",
        5.0,
    )


@given(st.binary(max_size=60))
def test_any_bytes_are_a_scan_of_which_nothing_is_left_out_but_its_ends(raw: bytes) -> None:
    label = scan_from_bytes(raw, "", 0.0).label
    assert label in _text(raw)
    assert not label or not {label[0], label[-1]} & set("\r\n\t\x00\x02\x03")


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
