"""Blocks of a document as commands: styles, codes, pictures, feeds, cuts, drawer and buzzer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drivers.document import Barcode, Block, Buzz, Cut, Document, Feed, OpenDrawer, Pdf417, Picture, Qr, Text
from drivers.escpos.codes import bar_code, pdf417, qr_code
from drivers.escpos.pictures import print_stored, raster_of
from drivers.escpos.profile import Profile
from drivers.escpos.text import KANJI_OFF, encode_texts

RESET = b"\x1b@"  # ESC @
BOLD = b"\x1bE"  # ESC E n
SIZE = b"\x1d!"  # GS ! n
ALIGN = b"\x1ba"  # ESC a n
INVERTED = b"\x1dB"  # GS B n
UNDERLINED = b"\x1b-"  # ESC - n
PAIRS_UNDERLINED = b"\x1c-"  # FS - n: the same for characters of two bytes
CUT = b"\x1dVB\x00"  # GS V 66 0: feeds the last line past the cutter first; every cutter knows it, and most leave a bridge
FULL_CUT = b"\x1dVA\x00"  # GS V 65 0: some know it, the others do not cut at all
PULSE = b"\x1bp\x00\x19\xfa"  # ESC p: pin 2, 50 ms on, 500 ms off
PULSE_PIN_5 = b"\x1bp\x01\x19\xfa"
_ALIGNMENTS = {"left": 0, "center": 1, "right": 2}
_TEAR_OFF = b"\n" * 4  # a printer without a cutter: past the edge to tear at
_NOTHING: Mapping[str, bytes] = MappingProxyType({})


def encode(
    document: Document,
    profile: Profile,
    *,
    copy: bool = False,
    pictures: Mapping[str, bytes] = _NOTHING,
    stored: Mapping[str, bytes] = _NOTHING,
) -> bytes:
    """The bytes that print `document`; `copy` puts the word COPY above each of its papers.

    `pictures` is digest → PNG, `stored` digest → key of a picture that this printer keeps; one that is in neither is left out.
    Starts from a reset printer and leaves it in the plain style. Nothing in a text can command the printer. Raises ValueError
    for a code that cannot exist.

    >>> encode(Document(42, (Text("Tea"), Cut())), Profile("any", 42, {}))
    b'\\x1b@\\x1c.Tea\\n\\x1dVB\\x00'
    """
    blocks = document.as_copy().blocks if copy else document.blocks
    return RESET + KANJI_OFF + _encoded(Document(document.width_columns, blocks), profile, pictures, stored)


def encode_within(document: Document, profile: Profile) -> bytes:
    """What prints `document` among another program's prints: without a reset, from the plain style to the plain style.

    It is at the beginning of a line before and after. Code pages, two-byte characters and the settings of codes are not put back.
    Pictures are left out. Raises ValueError for a code that cannot exist.
    """
    return _encoded(document, profile, _NOTHING, _NOTHING)


def _encoded(document: Document, profile: Profile, pictures: Mapping[str, bytes], stored: Mapping[str, bytes]) -> bytes:
    room_dots = profile.room_dots(document.width_columns)
    blocks = document.blocks
    # Codes and pictures first: one that the printer cannot print becomes a line of text.
    made = [_printed(block, profile, room_dots, pictures, stored) for block in blocks]
    texts = encode_texts([block for block in made if isinstance(block, Text)], profile)
    style = _Style(has_pairs=bool(profile.ideographs))
    out = []
    for block, ready in zip(blocks, made, strict=True):
        if isinstance(ready, Text):
            out += [style.change(ready), next(texts)]
        elif isinstance(block, Picture):
            out += [style.change(Text("", align=block.align)), ready]
        elif isinstance(block, Barcode | Qr | Pdf417):
            out += [style.change(_CENTERED), ready]
        else:
            out.append(ready)
    out += [*texts, style.change(Text(""))]  # what is left of the texts ends their last mode
    return b"".join(out)


def _printed(
    block: Block, profile: Profile, room_dots: int, pictures: Mapping[str, bytes], stored: Mapping[str, bytes]
) -> bytes | Text:
    """The block's bytes but for its style; or the line of text that it is, or becomes where the printer has no way."""
    match block:
        case Text():
            return block
        case Barcode():
            return bar_code(block, profile, room_dots) or Text(block.data, align="center")
        case Qr():
            return qr_code(block, profile, room_dots) or Text(block.data)
        case Pdf417():
            return pdf417(block, profile, room_dots) or Text(block.data)
        case Picture():
            if block.digest in stored:
                return print_stored(stored[block.digest])
            has = profile.has_raster and block.digest in pictures
            return raster_of(pictures[block.digest], room_dots) if has else b""
        case Feed():
            return b"\n" * block.lines  # ESC d would cut on printers that follow Star
        case Cut():
            return _cut(block, profile)
        case OpenDrawer():
            return PULSE_PIN_5 if block.pin == 5 else PULSE
        case Buzz():
            return _buzz(block, profile)


def _cut(block: Cut, profile: Profile) -> bytes:
    if profile.cut == "none" or not profile.has_cutter:
        return _TEAR_OFF
    return FULL_CUT if profile.cut == "full" and not block.partial else CUT


def _buzz(block: Buzz, profile: Profile) -> bytes:
    times = min(max(block.times, 1), 9)
    if profile.buzzer == "ESC ( A":  # function 48: sound 3 is short; every second
        return b"\x1b(A\x04\x000\x33" + bytes([times, 10])
    if profile.buzzer == "ESC B":  # as many printers from Shenzhen have it: 4 × 50 ms each
        return b"\x1bB" + bytes([times, 4])
    return b""


_CENTERED = Text("", align="center")


class _Style:
    """The style the printer is in; says only what changes."""

    def __init__(self, *, has_pairs: bool) -> None:
        self._has_pairs = has_pairs
        self._now = Text("")

    def change(self, to: Text) -> bytes:
        now = self._now
        self._now = to
        out = b""
        if to.align != now.align:
            out += ALIGN + bytes([_ALIGNMENTS[to.align]])
        if to.bold != now.bold:
            out += BOLD + bytes([to.bold])
        if to.double != now.double:
            out += SIZE + (b"\x11" if to.double else b"\x00")
        if to.inverted != now.inverted:
            out += INVERTED + bytes([to.inverted])
        if to.underlined != now.underlined:
            out += UNDERLINED + bytes([to.underlined])
            if self._has_pairs:
                out += PAIRS_UNDERLINED + bytes([to.underlined])
        return out
