"""What a till prints, as a `Paper`: the simulated printer's print head reads it, and its pieces become rows and codes.

Bounded: of a paper that never ends the last rows are kept.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable
from typing import Final, Literal

from drivers.errors import DeviceError
from drivers.escpos.parser import Command, Item, Oversized, Text
from drivers.escpos.profile import Profile
from drivers.simulated.bar_codes import readable_text
from drivers.simulated.paper import Paper as PrintHead
from drivers.simulated.pieces import (
    FONT_A,
    FONT_B,
    BarCode,
    Characters,
    Dots,
    Frame,
    Line,
    Page,
    Pdf417,
    Picture,
    Printed,
    Qr,
    joined,
)
from drivers.simulated.text import TwoByte
from pos_plugin.intercept.papers import Code, Paper, Row

MOST_ROWS: Final = 2000
MOST_CODES: Final = 100
NARROWEST_COLUMNS: Final = 32
"""What every receipt printer has room for, on paper of 58 mm."""
WIDE_ROLL_DOTS: Final = 576  # 80 mm. A till may know its printer to be wider than the settings say

_TWO_BYTE: Final[dict[str, TwoByte]] = {
    "gb18030": "gb18030",
    "shift_jis": "shift_jis",
    "big5": "big5",
    "euc_kr": "euc-kr",
}
Symbology = Literal["upca", "ean13", "ean8", "code39", "itf", "code128", "other"]
_SYMBOLOGIES: Final[dict[int, Symbology]] = {
    65: "upca",
    67: "ean13",
    68: "ean8",
    69: "code39",
    70: "itf",
    73: "code128",
    74: "code128",
}


class Reading:
    """From one cut to the next. Blank lines are left out, and so are the spaces at the end of a line."""

    def __init__(self, profile: Profile) -> None:
        self._room_dots = max(profile.room_dots(profile.width_columns), WIDE_ROLL_DOTS)
        self._profile = profile
        self._head = _print_head(profile, self._room_dots)
        self.begin_anew()

    def begin_anew(self) -> None:
        self._rows: deque[Row] = deque(maxlen=MOST_ROWS)
        self._codes: list[Code] = []
        self._row_dots = 0
        self._longest: dict[tuple[int, int], int] = {}  # by the font's cell
        self._digest = hashlib.sha256()

    @property
    def line_is_open(self) -> bool:
        return self._head.line_is_open

    @property
    def is_in_page_mode(self) -> bool:
        return self._head.is_in_page_mode

    @property
    def is_blank(self) -> bool:
        return not (self._rows or self._codes or self._row_dots)

    def take(self, item: Item, *, prints: bool) -> None:
        """`prints` says that the item is part of what is printed, and not of how the printer stands or is asked."""
        if prints:
            self._digest.update(_bytes_of(item))
        self._head.execute(item)
        self._head.answers.clear()
        self._collect()

    def _collect(self) -> None:
        if self._head.printed:
            for printed in self._head.tear():
                self._add(printed)

    def end_line(self) -> None:
        """A cut prints the line that is still open."""
        if not self.is_in_page_mode:
            self._head.execute(Command("FF"))
            self._collect()

    def paper(self, *, font: int) -> Paper:
        """`font` is the one in which the columns count: 1 is font B."""
        return Paper(
            rows=tuple(self._rows),
            codes=tuple(self._codes),
            row_dots=self._row_dots,
            columns=self._columns(FONT_B if font == 1 else FONT_A),
            digest=self._digest.hexdigest(),
        )

    def _columns(self, cell: tuple[int, int]) -> int:
        most = self._room_dots // cell[0]
        return max(min(self._longest.get(cell, 0), most), min(NARROWEST_COLUMNS, self._profile.width_columns))

    def _add(self, printed: Printed) -> None:
        match printed:
            case Line(parts):
                self._add_line(parts)
            case Picture(dots):
                self._row_dots += dots.height_dots
            case Page():
                for text in printed.lines:
                    if text.strip():
                        self._rows.append(Row(_in_utf8(text.rstrip())))
                for placed in printed.placed:
                    if isinstance(placed.part, Dots):
                        self._row_dots += placed.part.height_dots
                    elif not isinstance(placed.part, Characters):
                        self._add_code(placed.part)
            case Qr() | Pdf417() | BarCode() | Frame():
                self._add_code(printed)

    def _add_line(self, parts: Iterable[Characters | Dots]) -> None:
        """Prices may be printed before the names on their left (ESC $): what counts is where they stand."""
        letters = sorted((part for part in parts if isinstance(part, Characters)), key=lambda part: part.x)
        text = _in_utf8(joined([(part.x, part) for part in letters]).rstrip())
        if not text:
            self._row_dots += max((part.height_dots for part in parts if isinstance(part, Dots)), default=0)
            return
        styles = [part.style for part in letters if part.text.strip()]
        large = any(style.width > 1 or style.height > 1 for style in styles)
        self._rows.append(Row(text, bold=all(style.bold for style in styles), large=large))
        if all(style.width == 1 and not style.spacing for style in styles):
            cell = styles[0].cell
            self._longest[cell] = max(self._longest.get(cell, 0), len(text))

    def _add_code(self, code: Qr | Pdf417 | BarCode | Frame) -> None:
        if len(self._codes) >= MOST_CODES:
            return
        match code:
            case Qr():
                self._codes.append(Code("qr", _text(code.data)))
            case Pdf417():
                self._codes.append(Code("pdf417", _text(code.data)))
            case BarCode():
                symbology = _SYMBOLOGIES.get(code.symbology, "other")
                self._codes.append(Code(symbology, readable_text(code.symbology, code.data)))
            case Frame():
                self._codes.append(Code("other", _text(code.data)))


def _print_head(profile: Profile, width_dots: int) -> PrintHead:
    two_byte = _TWO_BYTE.get(profile.ideographs, "")
    try:
        return PrintHead(width_dots, printer=profile.name, two_byte=two_byte)
    except DeviceError:  # a profile of the shop's own: its code pages are not in the database
        return PrintHead(width_dots, two_byte=two_byte)


def _in_utf8(text: str) -> str:
    """A row that was read in the code page of delivery, as a printer has it that takes UTF-8 untold (clones with Android).

    No row that is meant in that page comes out as UTF-8: a letter of it would have to stand before box drawings.
    """
    if text.isascii():
        return text
    try:
        return text.encode("cp437").decode("utf-8")
    except UnicodeError:
        return text


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _bytes_of(item: Item) -> bytes:
    if isinstance(item, Text):
        return item.data
    return item.name.encode() if isinstance(item, Oversized) else item.raw
