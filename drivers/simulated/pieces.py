"""What a print head has put on paper, as small records: lines, pictures, codes, pages, and the paper between them.

They say what was printed and where on the paper, in dots, so that thousands of receipts cost no pixels. They know neither
the commands that made them (`paper`) nor how they look (`drawing`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from drivers.document import display_columns
from drivers.simulated.bar_codes import bar_widths, readable_text
from drivers.simulated.symbols import pdf417_modules, qr_modules

FONT_A: Final = (12, 24)
FONT_B: Final = (9, 17)
WIDE: Final = (24, 24)  # the cell of a two-byte character
QUIET: Final = 4  # dots between a bar code and its text


class Style(NamedTuple):
    """How a character looks; sizes are multiples of the font's cell. `is_wide`: every character fills a cell of its own."""

    cell: tuple[int, int] = FONT_A
    width: int = 1
    height: int = 1
    spacing: int = 0
    bold: bool = False
    underline: int = 0
    inverted: bool = False
    rotated: bool = False
    italic: bool = False
    is_wide: bool = False

    @property
    def column_dots(self) -> int:
        if self.rotated:  # a quarter turn to the right: the cell lies on its side
            return self.cell[1] * self.height + self.spacing
        return (self.cell[0] + self.spacing) * self.width

    @property
    def height_dots(self) -> int:
        return self.cell[0] * self.width if self.rotated else self.cell[1] * self.height

    def columns(self, text: str) -> int:
        return len(text) if self.is_wide or text.isascii() else display_columns(text)


class Characters(NamedTuple):
    """Text at `x` dots from the left of its line."""

    x: int
    text: str
    style: Style

    @property
    def width_dots(self) -> int:
        return self.style.columns(self.text) * self.style.column_dots

    @property
    def height_dots(self) -> int:
        return self.style.height_dots


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

    def cropped(self, width_dots: int) -> Dots:
        """As much of it as fits the paper: what is printed beside it is not kept."""
        width = -(-width_dots // self.scale[0])
        row, kept = (self.width + 7) // 8, (width + 7) // 8
        if row <= kept:
            return self
        rows = b"".join(self.rows[start : start + kept] for start in range(0, row * self.height, row))
        return self._replace(width=width, rows=rows)


class Area(NamedTuple):
    """Where on the paper a line stands: the printable part and the alignment (0 left, 1 centre, 2 right)."""

    left: int
    width: int
    align: int
    upside_down: bool = False

    def start(self, width_dots: int) -> int:
        """Where something so wide begins. Upside down the paper is read from the other side."""
        align = 2 - self.align if self.upside_down else self.align
        return self.left + (0, (self.width - width_dots) // 2, self.width - width_dots)[align]


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
        return joined([(part.x, part) for part in self.parts if isinstance(part, Characters)])


def joined(parts: list[tuple[int, Characters]]) -> str:
    """Text standing side by side, each run with where it begins."""
    text, end = "", 0
    for x, part in parts:
        text += " " * ((x - end) // part.style.cell[0]) + part.text
        end = x + part.width_dots
    return text


class Picture(NamedTuple):
    """A raster image, printed at once."""

    dots: Dots
    area: Area


class Feed(NamedTuple):
    """Blank paper; below zero it moves backwards."""

    dots: int


class Qr(NamedTuple):
    data: bytes
    module_dots: int
    level: str
    is_micro: bool
    area: Area

    @property
    def modules(self) -> Sequence[Sequence[int]] | None:
        return qr_modules(self.data, self.level, is_micro=self.is_micro)

    @property
    def size_dots(self) -> tuple[int, int]:
        modules = self.modules
        return (len(modules) * self.module_dots,) * 2 if modules else FRAME


class Pdf417(NamedTuple):
    """Columns and rows of 0 are chosen by the printer."""

    data: bytes
    columns: int
    rows: int
    module_dots: int
    row_modules: int  # how many modules a row is high
    level: int
    is_truncated: bool
    area: Area

    @property
    def modules(self) -> Sequence[Sequence[int]] | None:
        return pdf417_modules(self.data, self.columns, self.rows, self.level, is_truncated=self.is_truncated)

    @property
    def size_dots(self) -> tuple[int, int]:
        modules = self.modules
        if not modules:
            return FRAME
        return len(modules[0]) * self.module_dots, len(modules) * self.module_dots * self.row_modules


class BarCode(NamedTuple):
    """`symbology` is GS k's m in its second form, from 65 for UPC-A on."""

    symbology: int
    data: bytes
    module_dots: int
    height_dots: int
    text_position: int  # GS H: 1 above, 2 below, 3 both
    text_cell: tuple[int, int]
    area: Area

    @property
    def size_dots(self) -> tuple[int, int]:
        widths = bar_widths(self.symbology, self.data)
        if widths is None:
            return FRAME
        texts = (self.text_position & 1) + (self.text_position >> 1 & 1)
        height = self.height_dots + texts * (self.text_cell[1] + QUIET)
        text_dots = len(readable_text(self.symbology, self.data)) * self.text_cell[0] if texts else 0
        return max(self.bars_dots(widths), text_dots), height

    def bars_dots(self, widths: str) -> int:
        return sum(self.width_dots(width) for width in widths)

    def width_dots(self, width: str) -> int:
        # Epson's table of GS w: thick elements are two and a half modules, rounded up.
        return (5 * self.module_dots + 1) // 2 if width == "w" else int(width) * self.module_dots


class Frame(NamedTuple):
    """A code that is not drawn, as a frame with its name and data in it."""

    name: str
    data: bytes
    area: Area

    @property
    def size_dots(self) -> tuple[int, int]:
        return FRAME


FRAME: Final = (496, 40)  # forty characters of font A, with a margin

Code = Qr | Pdf417 | BarCode | Frame


class Placed(NamedTuple):
    """Something on a page: its upper left corner after it was turned `quarters` times to the left."""

    x: int
    y: int
    quarters: Literal[0, 1, 2, 3]
    part: Characters | Dots | Code


class Page(NamedTuple):
    """What page mode has put together, printed at once."""

    height: int
    placed: tuple[Placed, ...]

    @property
    def lines(self) -> list[str]:
        """The text that stands upright, from the top down."""
        upright = [one for one in self.placed if isinstance(one.part, Characters) and not one.quarters]
        upright.sort(key=lambda one: (one.y + one.part.height_dots, one.x))  # type: ignore[union-attr]
        rows = itertools.groupby(upright, key=lambda one: one.y + one.part.height_dots)  # type: ignore[union-attr]
        return [joined([(one.x, one.part) for one in row]) for _, row in rows]  # type: ignore[misc]


Printed = Line | Picture | Feed | Code | Page


def advance_dots(printed: Printed) -> int:
    """How far printing this moves the paper."""
    match printed:
        case Feed(dots):
            return dots
        case Line():
            return printed.advance
        case Picture(dots, _):
            return dots.height_dots
        case Page(height, _):
            return height
        case _:
            return printed.size_dots[1]
