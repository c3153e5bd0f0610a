"""What the print head does: commands become printed lines, and lines become a picture when somebody looks.

`Paper` keeps the modes (font, size, alignment, code page, …) and the line being composed; it executes the commands
that print, feed or set a mode, and ignores the rest. What has been printed is a list of small records; drawing is left
to `draw`, so that thousands of receipts cost no pixels. It knows no wire and no fault.

Layout follows Epson's ESC/POS command reference for a 203 dpi printer: font A 12 × 24 dots, font B 9 × 17, line spacing
30 dots, one motion unit a dot. Page mode, rotation, user-defined characters and stored images are not drawn; PDF417 and
the rarer bar codes are drawn as a frame with their data in it.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import segno
from PIL import Image, ImageChops, ImageDraw, ImageFont

from drivers.document import display_columns
from drivers.simulated.escpos_parser import Command, Item, Text

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

FONT_A: Final = (12, 24)
FONT_B: Final = (9, 17)
LINE_SPACING_DOTS: Final = 30


class Style(NamedTuple):
    """How a character looks; sizes are multiples of the font's cell."""

    cell: tuple[int, int] = FONT_A
    width: int = 1
    height: int = 1
    spacing: int = 0
    bold: bool = False
    underline: int = 0
    inverted: bool = False

    @property
    def column_dots(self) -> int:
        return (self.cell[0] + self.spacing) * self.width


class Characters(NamedTuple):
    """Text at `x` dots from the left of its line."""

    x: int
    text: str
    style: Style

    @property
    def width_dots(self) -> int:
        text = self.text
        return (len(text) if text.isascii() else display_columns(text)) * self.style.column_dots

    @property
    def height_dots(self) -> int:
        return self.style.cell[1] * self.style.height


class Dots(NamedTuple):
    """A bitmap, rows of whole bytes, most significant bit left, 1 is black; drawn `scale` times as large."""

    x: int
    width: int
    height: int
    rows: bytes
    scale: tuple[int, int] = (1, 1)

    @property
    def width_dots(self) -> int:
        return self.width * self.scale[0]

    @property
    def height_dots(self) -> int:
        return self.height * self.scale[1]


class Area(NamedTuple):
    """Where on the paper a line stands: the printable part and the alignment (0 left, 1 centre, 2 right)."""

    left: int
    width: int
    align: int

    def start(self, width_dots: int) -> int:
        return self.left + (0, (self.width - width_dots) // 2, self.width - width_dots)[self.align]


class Line(NamedTuple):
    """One printed line; `advance` is how far the paper moved."""

    parts: tuple[Characters | Dots, ...]
    area: Area
    advance: int

    @property
    def text(self) -> str:
        """The characters as one string; a gap between two runs becomes as many spaces as fit in it."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Characters) and not self.parts[0].x:
            return self.parts[0].text
        text, end = "", 0
        for part in self.parts:
            if isinstance(part, Characters):
                text += " " * ((part.x - end) // part.style.cell[0]) + part.text
                end = part.x + part.width_dots
        return text


class Picture(NamedTuple):
    """A raster image, printed at once."""

    dots: Dots
    area: Area


class Feed(NamedTuple):
    """Blank paper."""

    dots: int


class Qr(NamedTuple):
    data: bytes
    module_dots: int
    level: str
    area: Area


class BarCode(NamedTuple):
    """`symbology` is GS k's m in its second form (65 UPC-A … 73 CODE128), 0 where the symbology is not drawn at all."""

    symbology: int
    data: bytes
    module_dots: int
    height_dots: int
    text_position: int  # GS H: 1 above, 2 below, 3 both
    area: Area


Printed = Line | Picture | Feed | Qr | BarCode


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


# bar codes: the widths of bars and spaces in modules, beginning with a bar

# ISO/IEC 15417: symbol characters 0 to 105, six widths each, and the stop character.
_CODE_128: Final = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222123122"
    "123221223211221132221231213212223112312131311222321122321221312212322112322211212123212321232121111323"
    "131123131321112313132113132311211313231113231311112133112331132131113123113321133121313121211331231131"
    "213113213311213131311123311321331121312113312311332111314111221411431111111224111422121124121421141122"
    "141221112214112412122114122411142112142211241211221114413111241112134111111242121142121241114212124112"
    "124211411212421112421211212141214121412121111143111341131141114113114311411113411311113141114131311141"
    "411131211412211214211232"
)
_CODE_128_STOP: Final = "2331112"
# ISO/IEC 15420: the digits with odd parity, four widths each; even parity is the same mirrored.
_EAN_DIGITS: Final = "3211222121221411113212311114131212133112"
_EAN_PARITY: Final = "LLLLLLLLGLGGLLGGLGLLGGGLLGLLGGLGGLLGLGGGLLLGLGLGLGLGGLLGGLGL"  # by the first digit, six each


def bar_widths(symbology: int, data: bytes) -> str | None:
    """The bars of GS k's symbology m (65–73) as widths in modules, a bar first; None where they cannot be drawn."""
    if symbology == 73:
        return _code_128(data)
    if not data.isdigit():
        return None
    digits = data.decode("ascii")
    if symbology == 65 and len(digits) in (11, 12):
        return _ean_13("0" + digits)
    if symbology == 67 and len(digits) in (12, 13):
        return _ean_13(digits)
    if symbology == 68 and len(digits) in (7, 8):
        return _ean_8(digits)
    return None


def _code_128(data: bytes) -> str | None:
    """`{A`, `{B`, `{C` choose the code set, `{{` is a brace; in set C each byte is two digits, 0 to 99."""
    codes: list[int] = []
    code_set = ""
    at = 0
    while at < len(data):
        if data[at] == 0x7B and not (code_set == "C" and data[at + 1 : at + 2] not in (b"A", b"B", b"1")):
            escape = data[at + 1 : at + 2].decode("latin-1")
            at += 2
            if escape in ("A", "B", "C"):
                switch = {"A": 101, "B": 100, "C": 99}[escape]
                codes.append({"A": 103, "B": 104, "C": 105}[escape] if not codes else switch)
                code_set = escape
                continue
            special = {"S": 98, "1": 102, "2": 97, "3": 96, "4": 101 if code_set == "A" else 100, "{": ord("{") - 32}
            code = special.get(escape, -1)
        else:
            byte = data[at]
            at += 1
            if code_set == "C":
                code = byte if byte <= 99 else -1
            elif byte < 0x20:
                code = byte + 64 if code_set == "A" else -1
            else:
                code = byte - 32 if byte < (0x60 if code_set == "A" else 0x80) else -1
        if code < 0 or not code_set:
            return None
        codes.append(code)
    if len(codes) < 2:
        return None
    check = (codes[0] + sum(place * code for place, code in enumerate(codes))) % 103
    return "".join(_CODE_128[6 * code :][:6] for code in [*codes, check]) + _CODE_128_STOP


def _check_digit(digits: str) -> str:
    """Weights 3 and 1 from the right."""
    total = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def _ean_13(digits: str) -> str:
    digits = digits[:12] + _check_digit(digits[:12])  # a printer computes the last digit itself
    parities = _EAN_PARITY[6 * int(digits[0]) :][:6]
    left = (_ean_digit(digit, parity) for digit, parity in zip(digits[1:7], parities, strict=True))
    return "111" + "".join(left) + "11111" + "".join(map(_ean_digit, digits[7:])) + "111"


def _ean_8(digits: str) -> str:
    digits = digits[:7] + _check_digit(digits[:7])
    return "111" + "".join(map(_ean_digit, digits[:4])) + "11111" + "".join(map(_ean_digit, digits[4:])) + "111"


def _ean_digit(digit: str, parity: str = "L") -> str:
    widths = _EAN_DIGITS[4 * int(digit) :][:4]
    return widths if parity == "L" else widths[::-1]


# drawing

MARGIN_DOTS: Final = 32
_EDGE_DOTS: Final = 12
_SURROUNDINGS: Final = 214


def _monospaced_fonts() -> list[Path]:
    """Where a monospaced font may be, the best first; the last is the one that python-barcode's wheel brings along."""
    places = [
        "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
        "/usr/share/fonts/dejavu-sans-mono-fonts/DejaVuSansMono.ttf",
        "/usr/share/fonts/TTF/DejaVuSansMono.ttf",
    ]
    bar_codes = importlib.util.find_spec("barcode")
    if bar_codes and bar_codes.origin:
        places.append(str(Path(bar_codes.origin).with_name("fonts") / "DejaVuSansMono.ttf"))
    return [path for path in map(Path, places) if path.exists()]


def draw(printed: Iterable[Printed], width_dots: int, *, was_cut: bool) -> Image.Image:
    """Black on white, one pixel a dot, with a margin; the lower edge is cut straight or, uncut, fades out torn."""
    pieces = [_piece(item, width_dots) for item in printed]
    height = sum(advance for _, _, advance in pieces)
    sheet = Image.new("L", (width_dots + 2 * MARGIN_DOTS, height + 2 * MARGIN_DOTS + _EDGE_DOTS), 255)
    y = MARGIN_DOTS
    for picture, left, advance in pieces:
        if picture:
            # Darker wins: a tall letter reaches into the line above it and must not wipe it out.
            box = (MARGIN_DOTS + left, y)
            under = sheet.crop((*box, box[0] + picture.width, box[1] + picture.height))
            sheet.paste(ImageChops.darker(under, picture), box)
        y += advance
    _draw_edge(sheet, was_cut=was_cut)
    return sheet


def png(printed: Iterable[Printed], width_dots: int, *, was_cut: bool) -> bytes:
    file = io.BytesIO()
    draw(printed, width_dots, was_cut=was_cut).save(file, "PNG")
    return file.getvalue()


def _draw_edge(sheet: Image.Image, *, was_cut: bool) -> None:
    pen = ImageDraw.Draw(sheet)
    bottom = sheet.height - _EDGE_DOTS
    if not was_cut:  # the paper goes on inside the printer
        pen.rectangle((0, bottom, sheet.width, sheet.height), fill=_SURROUNDINGS // 3)
        return
    tooth = _EDGE_DOTS
    teeth = [(x, bottom + (tooth - 2 if x // tooth % 2 else 0)) for x in range(0, sheet.width + tooth, tooth)]
    pen.polygon([*teeth, (sheet.width, sheet.height), (0, sheet.height)], fill=_SURROUNDINGS)
    pen.line(teeth, fill=_SURROUNDINGS // 2)


def _piece(item: Printed, width_dots: int) -> tuple[Image.Image | None, int, int]:
    """The picture of one printed thing, its left edge, and how far it moves the paper."""
    if isinstance(item, Feed):
        return None, 0, item.dots
    if isinstance(item, Line):
        return (_line_picture(item) if item.parts else None), 0, item.advance
    if isinstance(item, Qr):
        picture, area = _qr_picture(item), item.area
    elif isinstance(item, BarCode):
        picture, area = _bar_code_picture(item), item.area
    else:
        picture, area = _dots_picture(item.dots), item.area
    picture = picture.crop((0, 0, min(picture.width, area.width), picture.height))
    return picture, area.start(picture.width), picture.height


def _line_picture(line: Line) -> Image.Image:
    width = max(part.x + part.width_dots for part in line.parts)
    height = max(part.height_dots for part in line.parts)
    start = line.area.start(min(width, line.area.width))
    picture = Image.new("L", (line.area.left + line.area.width, height), 255)
    for part in line.parts:
        if isinstance(part, Dots):
            picture.paste(_dots_picture(part), (start + part.x, height - part.height_dots))
        else:
            _draw_characters(picture, part, start + part.x, height - part.height_dots)
    return picture


def _draw_characters(picture: Image.Image, part: Characters, x: int, y: int) -> None:
    style = part.style
    for cluster, columns in _clusters(part.text):
        width = columns * style.column_dots
        cell = _cell_picture(cluster, columns, style)
        if style.inverted or cluster != " " or style.underline:
            picture.paste(cell, (x, y))
        x += width


def _clusters(text: str) -> list[tuple[str, int]]:
    """Characters with the combining marks that follow them, and their columns."""
    clusters: list[tuple[str, int]] = []
    for character in text:
        columns = 1 if character.isascii() else display_columns(character)
        if columns or not clusters:
            clusters.append((character, columns or 1))
        else:
            clusters[-1] = (clusters[-1][0] + character, clusters[-1][1])
    return clusters


@functools.lru_cache(maxsize=4096)
def _cell_picture(text: str, columns: int, style: Style) -> Image.Image:
    """One character in its cell, centred; never wider than the cell, so that columns stay columns."""
    cell_width, cell_height = style.cell
    width, height = columns * cell_width * style.width, cell_height * style.height
    font, has_bold = _font(cell_height * style.height, style.bold)
    drawn_width = columns * cell_width * style.height  # drawn in its natural shape, then stretched
    cell = Image.new("L", (drawn_width, height), 255)
    pen = ImageDraw.Draw(cell)
    baseline = round(height * 0.78)
    pen.text((drawn_width / 2, baseline), text, font=font, fill=0, anchor="ms")
    if style.bold and not has_bold:
        pen.text((drawn_width / 2 + style.height, baseline), text, font=font, fill=0, anchor="ms")
    if drawn_width != width:
        cell = cell.resize((width, height), Image.Resampling.BICUBIC)
    spaced = Image.new("L", (columns * style.column_dots, height), 255)
    spaced.paste(cell, (0, 0))
    if style.underline:
        ImageDraw.Draw(spaced).rectangle((0, height - style.underline, spaced.width, height), fill=0)
    return ImageChops.invert(spaced) if style.inverted else spaced


@functools.lru_cache(maxsize=64)
def _font(cell_height: int, bold: bool) -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, bool]:
    """A font whose characters fit a cell, and whether it is bold by itself; with none at hand, the one inside Pillow."""
    size = cell_height * 5 / 6  # DejaVu Sans Mono advances 0.602 em: 20 pixels fill the 12 of font A
    for path in _monospaced_fonts():
        bold_path = path.with_name("DejaVuSansMono-Bold.ttf")
        has_bold = bold and bold_path.exists()
        # Basic layout: one cell, one character; Raqm refuses some characters that stand alone.
        return ImageFont.truetype(bold_path if has_bold else path, size, layout_engine=ImageFont.Layout.BASIC), has_bold
    return ImageFont.load_default(size * 0.9), False  # proportional, and of little more than ASCII


def _dots_picture(dots: Dots) -> Image.Image:
    picture = Image.frombytes("1", (dots.width, dots.height), dots.rows, "raw", "1;I").convert("L")
    return (
        picture
        if dots.scale == (1, 1)
        else picture.resize((dots.width_dots, dots.height_dots), Image.Resampling.NEAREST)
    )


def _qr_picture(qr: Qr) -> Image.Image:
    try:
        text, encoding = qr.data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = qr.data.decode("latin-1"), "latin-1"
    try:
        code = segno.make_qr(text, error=qr.level, encoding=None if text.isascii() else encoding, boost_error=False)
    except segno.DataOverflowError:
        return _frame("QR: too much data", b"")
    return _modules_picture(code.matrix, qr.module_dots)


def _modules_picture(matrix: Sequence[Sequence[int]], module_dots: int) -> Image.Image:
    picture = Image.new("L", (len(matrix[0]), len(matrix)), 255)
    picture.putdata([0 if module else 255 for row in matrix for module in row])
    return picture.resize((picture.width * module_dots, picture.height * module_dots), Image.Resampling.NEAREST)


_SYMBOLOGIES: Final = ("UPC-A", "UPC-E", "EAN-13", "EAN-8", "CODE39", "ITF", "CODABAR", "CODE93", "CODE128")


def _bar_code_picture(bar_code: BarCode) -> Image.Image:
    widths = bar_widths(bar_code.symbology, bar_code.data)
    if widths is None:
        names = {0: "PDF417", **dict(enumerate(_SYMBOLOGIES, 65))}
        return _frame(names.get(bar_code.symbology, "bar code"), bar_code.data)
    module = bar_code.module_dots
    total = sum(map(int, widths)) * module
    above, below = bar_code.text_position & 1, bar_code.text_position >> 1 & 1
    row = FONT_A[1] + 4
    picture = Image.new("L", (total, bar_code.height_dots + row * (above + below)), 255)
    pen = ImageDraw.Draw(picture)
    x, top = 0, row * above
    for index, width in enumerate(widths):
        dots = int(width) * module
        if index % 2 == 0:
            pen.rectangle((x, top, x + dots - 1, top + bar_code.height_dots - 1), fill=0)
        x += dots
    text = _readable(bar_code.symbology, bar_code.data)
    start = (total - len(text) * FONT_A[0]) // 2
    for wanted, y in ((above, 0), (below, top + bar_code.height_dots + 4)):
        if wanted:
            _draw_characters(picture, Characters(start, text, Style()), start, y)
    return picture


def _readable(symbology: int, data: bytes) -> str:
    """What stands at the bars: for Code 128 without code set marks, set C's bytes as two digits each."""
    if symbology != 73:
        digits = data.decode("latin-1")
        lacks_check_digit = len(digits) == {65: 11, 67: 12, 68: 7}.get(symbology)
        return digits + _check_digit(digits) if lacks_check_digit else digits
    readable, code_set = "", ""
    for mark, text in re.findall(rb"(\{.)?([^{]*)", data, re.DOTALL):
        if mark in (b"{A", b"{B", b"{C"):
            code_set = mark[1:].decode()
        elif mark == b"{{":
            readable += "{"
        readable += "".join(f"{byte:02}" for byte in text) if code_set == "C" else text.decode("latin-1")
    return readable


def _frame(name: str, data: bytes) -> Image.Image:
    text = f"{name} {data.decode('latin-1')}".strip()[:40]
    picture = Image.new("L", (len(text) * FONT_A[0] + 16, FONT_A[1] + 16), 255)
    ImageDraw.Draw(picture).rectangle((0, 0, picture.width - 1, picture.height - 1), outline=0)
    _draw_characters(picture, Characters(8, text, Style()), 8, 8)
    return picture
