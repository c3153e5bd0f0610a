"""A block in a till's receipt leaves every mode as it was: what is printed afterwards looks the same with it and without it."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.document import Barcode, Document, Pdf417, Qr, Text
from drivers.escpos import Profile, profile
from drivers.escpos.parser import Parser
from drivers.escpos.profile import Ideographs
from drivers.simulated.paper import Paper as PrintHead
from drivers.simulated.pieces import FONT_B, Characters, Line, Printed
from drivers.simulated.text import TwoByte
from pos_plugin.intercept.papers import Block, Paper
from pos_plugin.intercept.stream import Stream

EPSON = profile("TM-T88V")
BLOCK = Document(
    32,
    (
        Text("POINTS          Card ****1234", bold=True),
        Text("#$@[]^{|}~ AB Çay ığüş İĞÜŞ €"),
        Text("340", double=True, align="center", underlined=True),
        Text("茶 日本", inverted=True),
        Barcode("T1-42"),
        Qr("https://example.org/42"),
        Pdf417("T1-42"),
        Text("the last line", align="right"),
    ),
)
PLAIN = Document(32, (Text("POINTS          Card ****1234"), Text("the last line")))
CUT = b"\x1bd\x06\x1dV\x00"
# Letters of several pages and sets, two-byte and UTF-8 ones, the host's own; a line, tabs, and codes as they were last set up.
PROBE = (
    b"Probe #$@[]{}~ \x80\xd5\xe1\xfe\x93\xfa\xce\xc4 \xe6\x97\xa5 AB\tc\nmore of it\n"
    b"\x1dkI\x07{BT1-42\x1d(k\x08\x001P0T1-42\x1d(k\x03\x001Q0\x1d(k\x08\x000P0T1-42\x1d(k\x03\x000Q0last\n"
)
SETS: dict[Ideographs, TwoByte] = {
    "": "",
    "gb18030": "gb18030",
    "shift_jis": "shift_jis",
    "big5": "big5",
    "euc_kr": "euc-kr",
}


def through(stream: bytes, block: Document | None, model: Profile) -> bytes:
    def answer(paper: Paper) -> Block | None:
        return block and Block(recorded=True, document=block)

    made = Stream(answer, model)
    out = made.feed(stream) + made.close()
    assert not made.fault
    return out


def on_paper(stream: bytes, model: Profile) -> list[Printed]:
    head, parser = PrintHead(576, printer=model.name, two_byte=SETS[model.ideographs]), Parser()
    parser.feed(stream)
    for item in parser:
        head.execute(item)
    return head.printed


def probe_of(stream: bytes, block: Document | None, model: Profile) -> list[Printed]:
    """What is printed after the cut."""
    out = through(stream + CUT, block, model)
    before = len(on_paper(out, model))
    return on_paper(out + PROBE, model)[before:]


def test_the_table_of_two_byte_sets_is_whole() -> None:
    assert set(SETS) == set(get_args(Ideographs))


MODES = [
    *(
        b"\x1bE\x01",
        b"\x1bG\x01",
        b"\x1bE\x01\x1bG\x00",
        b"\x1b-\x01",
        b"\x1b-2",
        b"\x1b!\xb9",
        b"\x1b!\x01",
        b"\x1bM\x01",
    ),
    *(
        b"\x1d!\x11",
        b"\x1d!\x25",
        b"\x1d!\x25\x1b!\x30",
        b"\x1d!\x11\x1c!\x00",
        b"\x1c!\x0c",
        b"\x1c!\x80",
        b"\x1cW\x01",
    ),
    *(
        b"\x1dB\x01",
        b"\x1bV\x01",
        b"\x1b4",
        b"\x1b{\x01",
        b"\x1ba\x01",
        b"\x1ba2",
        b"\x1b \x05",
        b"\x1cS\x03\x04",
        b"\x1cS\x03\x04\x1dP\x50\x50",
        b"\x1c-\x02",
    ),
    *(b"\x1b3\x50", b"\x1b3\x00", b"\x1b \x05\x1dP\x50\x50", b"\x1b3\x00\x1dP\x50\x50", b"\x1dL\x20\x00\x1dW\xc0\x01"),
    *(
        b"\x1bt\x13",
        b"\x1bt\x0d",
        b"\x1bR\x02",
        b"\x1c&",
        b"\x1c.",
        b"\x1cC\x01",
        b"\x1cC\x01\x1c&",
        b"\x1c(C\x02\x0002",
        b"\x1cC\xff",
        b"\x1c&\x1cC\xff",
    ),
    b"\x1b&\x03AB\x0c" + bytes(range(36)) + b"\x08" + bytes(range(24)) + b"\x1b%\x01",
    *(b"\x1bD\x05\x09\x00", b"\x1dh\x30\x1dw\x02\x1dH\x02\x1df\x01"),
    b"\x1d(k\x04\x001A3\x00\x1d(k\x03\x001C\x07\x1d(k\x03\x001E2",
    b"\x1d(k\x03\x000A\x04\x1d(k\x03\x000C\x05\x1d(k\x04\x000E03",
]


@pytest.mark.parametrize("mode", [b"", *MODES], ids=repr)
def test_one_mode_is_as_it_was(mode: bytes) -> None:
    for ideographs in ("", "gb18030"):
        model = made_for(ideographs)  # type: ignore[arg-type]
        for stream in (mode + b"Tea\n", b"Tea " + mode + b"3.50"):
            assert probe_of(stream, BLOCK, model) == probe_of(stream, None, model)


def made_for(ideographs: Ideographs) -> Profile:
    from msgspec.structs import replace

    return replace(EPSON, ideographs=ideographs)


@settings(max_examples=40)
@given(
    st.lists(st.one_of(st.sampled_from(MODES), st.sampled_from([b"\n", b"Tea ", b"\x1b@"])), max_size=12),
    st.sampled_from([*SETS]),
    st.sampled_from([BLOCK, PLAIN]),
)
@example([b"\x1d!\x11", b"Tea", b"\x1b!\x00"], "gb18030", BLOCK)
@example([b"\x1b-2", b"\x1b!\xb9"], "", BLOCK)
def test_any_modes_are_as_they_were(parts: list[bytes], ideographs: Ideographs, block: Document) -> None:
    stream, model = b"x" + b"".join(parts), made_for(ideographs)
    assert probe_of(stream, block, model) == probe_of(stream, None, model)


@pytest.mark.parametrize(
    "mode",
    [mode for mode in MODES if not mode.startswith((b"\x1dL", b"\x1bD")) and not mode.endswith(b"\x1cC\xff")],
    ids=repr,
)
def test_the_block_looks_the_same_in_every_mode(mode: bytes) -> None:
    """But for its font, and for how far lines and columns are apart where the till has said so."""
    mode = b"\x1bt\x13" + mode

    def block_of(stream: bytes) -> list[tuple[object, ...]]:
        pieces = on_paper(through(stream + CUT, BLOCK, EPSON), EPSON)
        return [
            (
                part.text,
                style.bold,
                style.inverted,
                style.rotated,
                style.width,
                piece.area.align,
                piece.area.upside_down,
            )
            for piece in pieces
            if isinstance(piece, Line)
            for part in piece.parts
            if isinstance(part, Characters) and part.text.strip() and part.text != "Tea"
            for style in [part.style]
        ]

    plain = block_of(b"\x1bt\x13Tea\n")
    assert len(plain) >= 5
    assert block_of(mode + b"Tea\n") == plain


@pytest.mark.parametrize("ideographs", SETS)
def test_where_a_clone_takes_utf8_alone_the_block_sends_ascii_and_pictures(ideographs: Ideographs) -> None:
    """Of code pages and pairs its printer would make UTF-8: wrong letters, or none."""
    model = made_for(ideographs)
    head = on_paper(through(b"\x1bt\x13\x1cC\xffTea\n" + CUT, BLOCK, model), model)
    parts = [part for piece in head if isinstance(piece, Line) for part in piece.parts]
    words = "".join(part.text for part in parts if isinstance(part, Characters))
    assert words.isascii()
    assert "the last line" in words
    assert not all(isinstance(part, Characters) for part in parts)  # the letters that are none of ASCII are drawn


def test_a_block_is_printed_in_the_font_of_the_till() -> None:
    out = on_paper(through(b"\x1bM\x01" + b"x" * 56 + b"\n" + CUT, PLAIN, EPSON), EPSON)
    styles = [
        part.style for piece in out if isinstance(piece, Line) for part in piece.parts if isinstance(part, Characters)
    ]
    assert {style.cell for style in styles} == {FONT_B}


def test_modes_that_a_till_sets_among_the_feeds_hold_after_the_cut_and_not_in_the_block() -> None:
    stream = b"Tea\n\n\x1bE\x01\n\n\n\x1dV\x00after\n"
    assert through(stream, PLAIN, EPSON) == b"Tea\nPOINTS          Card ****1234\nthe last line\n" + stream[4:]


def test_where_the_till_has_chosen_no_code_page_none_is_chosen() -> None:
    """Which one it prints in is a setting of the printer, and could not be put back."""
    block = Document(32, (Text("Çay ığüş"),))
    assert b"\x1bt" not in through(b"Tea\n" + CUT, block, EPSON)
    assert through(b"\x1bt\x02Tea\n" + CUT, block, EPSON).count(b"\x1bt\x02") == 2
    can_only_type = Profile("typewriter", 32, {"cp857": 13})
    assert through(b"Tea\n" + CUT, block, can_only_type) == b"Tea\nCay igus\n" + CUT
