"""What the print head does: commands become printed pieces.

`Paper` keeps the modes (font, size, alignment, code page, …) and the line being composed; it executes the commands
that print, feed or set a mode, and ignores the rest. What has been printed is a list of `pieces`; how they look is left
to `drawing`. It knows no wire and no fault.

Layout follows Epson's ESC/POS command reference for a 203 dpi printer: font A 12 × 24 dots, font B 9 × 17, line spacing
30 dots, one motion unit a dot. Page mode, rotation, user-defined characters and stored images are not drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PIL import Image

from drivers.document import display_columns
from drivers.simulated.escpos_parser import Command, Item, Text
from drivers.simulated.pieces import (
    FONT_A,
    FONT_B,
    Area,
    BarCode,
    Characters,
    Dots,
    Feed,
    Line,
    Picture,
    Printed,
    Qr,
    Style,
)

# ESC t n → Python's codec, as on Epson's TM-T88 series; a number not listed keeps ASCII and shows the rest as �.
CODE_PAGES: Final[dict[int, str]] = {
    0: "cp437",
    1: "cp932",
    2: "cp850",
    3: "cp860",
    4: "cp863",
    5: "cp865",
    13: "cp857",
    14: "cp737",
    15: "iso8859-7",
    16: "cp1252",
    17: "cp866",
    18: "cp852",
    19: "cp858",
    21: "cp874",
    26: "cp874",
    32: "cp720",
    33: "cp775",
    34: "cp855",
    35: "cp861",
    36: "cp862",
    37: "cp864",
    38: "cp869",
    39: "iso8859-2",
    40: "iso8859-15",
    44: "cp1125",
    45: "cp1250",
    46: "cp1251",
    47: "cp1253",
    48: "cp1254",
    49: "cp1255",
    50: "cp1256",
    51: "cp1257",
    52: "cp1258",
    53: "kz1048",
}

LINE_SPACING_DOTS: Final = 30


class Paper:
    """The print head over paper `width_dots` wide: 576 for 80 mm, 384 for 58 mm, at 203 dpi."""

    def __init__(self, width_dots: int) -> None:
        if width_dots < FONT_A[0]:
            raise ValueError("paper is at least one character wide")
        self.width_dots = width_dots
        self.printed: list[Printed] = []
        self.reset()

    def reset(self) -> None:
        """ESC @: standard modes, and the line being composed is lost. What is printed stays."""
        self._codec = "cp437"
        self._style = Style()
        self._left, self._width, self._align = 0, self.width_dots, 0
        self._area = Area(0, self.width_dots, 0)
        self._line_spacing = LINE_SPACING_DOTS
        self._tabs: tuple[int, ...] = tuple(range(8, 256, 8))
        self._parts: list[Characters | Dots] = []
        self._x = 0
        self._bar_height, self._bar_module, self._bar_text = 162, 3, 0
        self._qr_module, self._qr_level, self._qr_data = 3, "L", b""
        self._pdf417_data = b""
        self._graphics: Dots | None = None

    @property
    def line_is_open(self) -> bool:
        """Characters wait for the line feed that prints them."""
        return bool(self._parts)

    def execute(self, item: Item) -> int:
        """Does what the command says and returns how many lines that printed; a picture or a code counts as one."""
        before = len(self.printed)
        if isinstance(item, Text):
            self._characters(item.data)
        elif isinstance(item, Command) and (action := _ACTIONS.get(item.name)):
            action(self, item.parameters)
        else:
            return 0
        if len(self.printed) == before:
            return 0
        return sum(not isinstance(printed, Feed) for printed in self.printed[before:])

    def abandon_line(self) -> None:
        """Forgets the characters that wait for their line feed."""
        self._parts.clear()
        self._x = 0

    def tear(self) -> tuple[Printed, ...]:
        """Takes away what has been printed so far."""
        printed = tuple(self.printed)
        self.printed.clear()
        return printed

    # text

    def _characters(self, data: bytes) -> None:
        text = data.decode("ascii" if data.isascii() else self._codec, "replace")
        style = self._style
        column = style.column_dots
        while True:
            room = (self._area.width - self._x) // column
            if len(text) <= room and (text.isascii() or display_columns(text) <= room):
                break
            head = _first_columns(text, room)
            if head:
                self._add(Characters(self._x, head, style))
            elif not self._parts:  # not one column fits: print it clipped, as there is nowhere else
                break
            self._line_feed(b"")
            text = text[len(head) :]
        if text:
            self._add(Characters(self._x, text, style))

    def _add(self, part: Characters | Dots) -> None:
        self._parts.append(part)
        self._x = part.x + part.width_dots

    def _line_feed(self, _: bytes) -> None:
        self._print_line(self._line_spacing)

    def _print_line(self, feed_dots: int) -> None:
        tallest = max((part.height_dots for part in self._parts), default=0)
        self.printed.append(Line(tuple(self._parts), self._area, max(feed_dots, tallest)))
        self._parts.clear()
        self._x = 0

    def _feed(self, dots: int) -> None:
        if self._parts:
            self._print_line(dots)
        elif dots:
            self.printed.append(Feed(dots))

    def _feed_dots(self, parameters: bytes) -> None:
        self._feed(parameters[0])

    def _feed_lines(self, parameters: bytes) -> None:
        self._feed(parameters[0] * self._line_spacing)

    def _end_line(self, _: bytes) -> None:
        if self._parts:
            self._print_line(self._line_spacing)

    def _cut_feed(self, parameters: bytes) -> None:
        """GS V 65 and 66 feed to the cutter first; every cut prints what was still being composed."""
        self._end_line(b"")
        if len(parameters) == 2 and parameters[1]:
            self.printed.append(Feed(parameters[1]))

    # position

    def _tab(self, _: bytes) -> None:
        column = self._style.column_dots
        self._x = next((stop * column for stop in self._tabs if stop * column > self._x), self._x)

    def _set_tabs(self, parameters: bytes) -> None:
        self._tabs = tuple(parameters[:-1])

    def _move_to(self, parameters: bytes) -> None:
        self._x = _u16(parameters)

    def _move_by(self, parameters: bytes) -> None:
        self._x = max(0, self._x + int.from_bytes(parameters, "little", signed=True))

    def _set_align(self, parameters: bytes) -> None:
        align = parameters[0] & 0x0F
        if align <= 2 and not self._parts:  # takes effect at the beginning of a line only
            self._align = align
            self._set_area()

    def _set_left(self, parameters: bytes) -> None:
        self._left = min(_u16(parameters), self.width_dots - FONT_A[0])
        self._set_area()

    def _set_width(self, parameters: bytes) -> None:
        self._width = max(_u16(parameters), FONT_A[0])
        self._set_area()

    def _set_area(self) -> None:
        self._area = Area(self._left, min(self._width, self.width_dots - self._left), self._align)

    # modes

    def _set_modes(self, parameters: bytes) -> None:
        """ESC !: everything at once."""
        n = parameters[0]
        self._style = self._style._replace(
            cell=FONT_B if n & 0x01 else FONT_A,
            bold=bool(n & 0x08),
            height=2 if n & 0x10 else 1,
            width=2 if n & 0x20 else 1,
            underline=1 if n & 0x80 else 0,
        )

    def _set_bold(self, parameters: bytes) -> None:
        self._style = self._style._replace(bold=bool(parameters[0] & 1))

    def _set_underline(self, parameters: bytes) -> None:
        self._style = self._style._replace(underline=parameters[0] & 0x03)

    def _set_inverted(self, parameters: bytes) -> None:
        self._style = self._style._replace(inverted=bool(parameters[0] & 1))

    def _set_font(self, parameters: bytes) -> None:
        self._style = self._style._replace(cell=FONT_B if parameters[0] & 0x0F == 1 else FONT_A)

    def _set_size(self, parameters: bytes) -> None:
        n = parameters[0]
        self._style = self._style._replace(width=(n >> 4 & 7) + 1, height=(n & 7) + 1)

    def _set_spacing(self, parameters: bytes) -> None:
        self._style = self._style._replace(spacing=parameters[0])

    def _set_line_spacing(self, parameters: bytes) -> None:
        self._line_spacing = parameters[0] if parameters else LINE_SPACING_DOTS

    def _set_code_page(self, parameters: bytes) -> None:
        self._codec = CODE_PAGES.get(parameters[0], "ascii")

    def _set_encoding(self, parameters: bytes) -> None:
        """FS ( C function 48: 1 is the code page, 2 is UTF-8."""
        if parameters[2:3] == b"0" and len(parameters) == 4:
            self._codec = "utf-8" if parameters[3] in (2, 0x32) else "cp437"

    # pictures and codes

    def _bit_image(self, parameters: bytes) -> None:
        """ESC *: columns of 8 or 24 dots, set into the line like a character."""
        mode, columns = parameters[0], _u16(parameters[1:3])
        column_bytes = 3 if mode in (32, 33) else 1
        if columns and mode in (0, 1, 32, 33):
            rows = _turned(parameters[3:], columns, column_bytes)
            scale = (1 if mode in (1, 33) else 2, 1 if column_bytes == 3 else 3)
            self._add(Dots(self._x, columns, 8 * column_bytes, rows, scale))

    def _raster(self, parameters: bytes) -> None:
        """GS v 0: printed at once."""
        mode, row_bytes, rows = parameters[0], _u16(parameters[1:3]), _u16(parameters[3:5])
        if row_bytes and rows:
            self._print_dots(Dots(0, 8 * row_bytes, rows, parameters[5:], (1 + (mode & 1), 1 + (mode >> 1 & 1))))

    def _graphics_command(self, parameters: bytes) -> None:
        """GS ( L and GS 8 L, after their length: function 112 stores raster graphics, 2 and 50 print them."""
        if parameters[:1] != b"0" or len(parameters) < 2:
            return
        if parameters[1] == 112 and len(parameters) >= 10:
            scale_x, scale_y = parameters[3:5]
            width, height = _u16(parameters[6:8]), _u16(parameters[8:10])
            size = (width + 7) // 8 * height
            if size and len(parameters) >= 10 + size:
                self._graphics = Dots(
                    0, width, height, parameters[10 : 10 + size], (min(scale_x, 2) or 1, min(scale_y, 2) or 1)
                )
        elif parameters[1] in (2, 50) and self._graphics:
            self._print_dots(self._graphics)
            self._graphics = None

    def _graphics_u16(self, parameters: bytes) -> None:
        self._graphics_command(parameters[2:])

    def _graphics_u32(self, parameters: bytes) -> None:
        self._graphics_command(parameters[4:])

    def _print_dots(self, dots: Dots) -> None:
        self._end_line(b"")
        self.printed.append(Picture(dots, self._area))

    def _symbol(self, parameters: bytes) -> None:
        """GS ( k, after its length: cn 49 is QR, 48 is PDF417; function 80 stores the data, 81 prints."""
        if len(parameters) < 4:
            return
        code, function, value = parameters[2], parameters[3], parameters[4:]
        if code == 49 and function == 67 and value:
            self._qr_module = min(max(value[0], 1), 16)
        elif code == 49 and function == 69 and value:
            self._qr_level = "LMQH"[value[0] & 3]
        elif code == 49 and function == 80:
            self._qr_data = value[1:]
        elif code == 49 and function == 81 and self._qr_data:
            self._end_line(b"")
            self.printed.append(Qr(self._qr_data, self._qr_module, self._qr_level, self._area))
        elif code == 48 and function == 80:
            self._pdf417_data = value[1:]
        elif code == 48 and function == 81 and self._pdf417_data:
            self._end_line(b"")
            self.printed.append(BarCode(0, self._pdf417_data, 2, 100, 0, self._area))

    def _bar_code(self, parameters: bytes) -> None:
        symbology, data = parameters[0], parameters[2:]
        if symbology <= 6:
            symbology, data = symbology + 65, parameters[1:-1]
        self._end_line(b"")
        self.printed.append(BarCode(symbology, data, self._bar_module, self._bar_height, self._bar_text, self._area))

    def _set_bar_height(self, parameters: bytes) -> None:
        self._bar_height = parameters[0] or 1

    def _set_bar_module(self, parameters: bytes) -> None:
        self._bar_module = min(max(parameters[0], 1), 6)

    def _set_bar_text(self, parameters: bytes) -> None:
        self._bar_text = parameters[0] & 3


_ACTIONS: Final[dict[str, Callable[[Paper, bytes], None]]] = {
    "LF": Paper._line_feed,
    "FF": Paper._end_line,
    "HT": Paper._tab,
    "ESC @": lambda paper, _: paper.reset(),
    "ESC J": Paper._feed_dots,
    "ESC d": Paper._feed_lines,
    "GS V": Paper._cut_feed,
    "ESC i": Paper._cut_feed,
    "ESC m": Paper._cut_feed,
    "ESC D": Paper._set_tabs,
    "ESC $": Paper._move_to,
    "ESC \\": Paper._move_by,
    "ESC a": Paper._set_align,
    "GS L": Paper._set_left,
    "GS W": Paper._set_width,
    "ESC !": Paper._set_modes,
    "ESC E": Paper._set_bold,
    "ESC G": Paper._set_bold,
    "ESC -": Paper._set_underline,
    "GS B": Paper._set_inverted,
    "ESC M": Paper._set_font,
    "GS !": Paper._set_size,
    "ESC SP": Paper._set_spacing,
    "ESC 2": Paper._set_line_spacing,
    "ESC 3": Paper._set_line_spacing,
    "ESC t": Paper._set_code_page,
    "FS ( C": Paper._set_encoding,
    "ESC *": Paper._bit_image,
    "GS v 0": Paper._raster,
    "GS ( L": Paper._graphics_u16,
    "GS 8 L": Paper._graphics_u32,
    "GS ( k": Paper._symbol,
    "GS k": Paper._bar_code,
    "GS h": Paper._set_bar_height,
    "GS w": Paper._set_bar_module,
    "GS H": Paper._set_bar_text,
}


def _u16(two_bytes: bytes) -> int:
    return two_bytes[0] + 256 * two_bytes[1]


def _first_columns(text: str, columns: int) -> str:
    used = 0
    for index, character in enumerate(text):
        used += display_columns(character)
        if used > columns:
            return text[:index]
    return text


def _turned(columns: bytes, width: int, column_bytes: int) -> bytes:
    """ESC * sends columns from the top down; a bitmap has rows."""
    # A bitmap of one row a column, turned a quarter and mirrored, is the picture.
    picture = Image.frombytes("1", (8 * column_bytes, width), columns).transpose(Image.Transpose.TRANSPOSE)
    return picture.tobytes()
