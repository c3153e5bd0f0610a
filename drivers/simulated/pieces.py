"""What a print head has put on paper, as small records: lines, pictures, codes, and the paper between them.

They say what was printed and where on the paper, in dots of a 203 dpi printer, so that thousands of receipts cost no
pixels. They know neither the commands that made them (`paper`) nor how they look (`drawing`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from drivers.document import display_columns

FONT_A: Final = (12, 24)
FONT_B: Final = (9, 17)


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


def advance_dots(printed: Printed) -> int:
    """How far printing this moves the paper. A QR code's size is taken from its version 4: near enough for the time it takes."""
    match printed:
        case Feed(dots):
            return dots
        case Line():
            return printed.advance
        case Picture(dots, _):
            return dots.height_dots
        case Qr():
            return 33 * printed.module_dots
        case BarCode():
            return printed.height_dots
