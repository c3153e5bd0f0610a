"""One character in its cell: fonts, the lines of tables, and the modes that change how a character looks.

Characters stand in whatever monospaced font this machine has, and what that lacks as the encoder draws it; lines of tables and
blocks are drawn to the edges of their cells, so that they meet. It knows no line and no paper.
"""

from __future__ import annotations

import functools
import importlib.util
import unicodedata
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFont

from drivers.escpos import scripts
from drivers.simulated.pieces import FONT_A, Style

_LEAN: Final = 0.2


@functools.lru_cache(maxsize=4096)
def cell_picture(text: str, columns: int, style: Style) -> Image.Image:
    """One character in its cell, centred; never wider than the cell, so that columns stay columns."""
    cell_width, cell_height = style.cell
    width, height = columns * cell_width * style.width, cell_height * style.height
    drawn_width = columns * cell_width * style.height  # drawn in its natural shape, then stretched
    cell = Image.new("L", (drawn_width, height), 255)
    if not _draw_block(cell, text):
        _draw_character(cell, text, columns, style)
    if drawn_width != width:
        cell = cell.resize((width, height), Image.Resampling.BICUBIC)
    spaced = Image.new("L", (width + columns * style.spacing * style.width, height), 255)
    spaced.paste(cell, (0, 0))
    if style.underline and not style.rotated:
        ImageDraw.Draw(spaced).rectangle((0, height - style.underline, spaced.width, height), fill=0)
    if style.inverted:
        spaced = ImageChops.invert(spaced)
    if not style.rotated:
        return spaced
    turned = spaced.transpose(Image.Transpose.ROTATE_270)
    return turned.crop((0, 0, columns * style.column_dots, style.height_dots))


def _draw_character(cell: Image.Image, text: str, columns: int, style: Style) -> None:
    font, has_bold = _font(style.cell[1] * style.height, style.bold)
    baseline = round(cell.height * 0.78)
    if not text.isascii() and (not scripts.is_like_a_printer(text) or _lacks(font, text)) and scripts.can_draw(text):
        ink = scripts.draw(text, columns, FONT_A[0])
        ink = scripts.bold(ink) if style.bold else ink
        cell.paste(ImageChops.invert(ink.resize(cell.size)))
    else:
        pen = ImageDraw.Draw(cell)
        for offset in (0, style.height) if style.bold and not has_bold else (0,):
            pen.text((cell.width / 2 + offset, baseline), text, font=font, fill=0, anchor="ms")
    if style.italic:
        leaning = cell.transform(
            cell.size, Image.Transform.AFFINE, (1, _LEAN, -_LEAN * baseline, 0, 1, 0), fillcolor=255
        )
        cell.paste(leaning)


def monospaced_fonts() -> list[Path]:
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


@functools.lru_cache(maxsize=64)
def _font(cell_height: int, bold: bool) -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, bool]:
    """A font whose characters fit a cell, and whether it is bold by itself; with none at hand, the one inside Pillow."""
    size = cell_height * 5 / 6  # DejaVu Sans Mono advances 0.602 em: 20 pixels fill the 12 of font A
    for path in monospaced_fonts():
        bold_path = path.with_name("DejaVuSansMono-Bold.ttf")
        has_bold = bold and bold_path.exists()
        # Basic layout: one cell, one character; Raqm refuses some characters that stand alone.
        return ImageFont.truetype(bold_path if has_bold else path, size, layout_engine=ImageFont.Layout.BASIC), has_bold
    return ImageFont.load_default(size * 0.9), False  # proportional, and of little more than ASCII


def _lacks(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, text: str) -> bool:
    """Whether the font draws for `text` what it draws for a character that there is not."""
    return bytes(font.getmask(text)) == bytes(font.getmask("\uffff"))


# Lines of tables and blocks, by what Unicode calls them.

_SIDES: Final = {
    "UP": "U",
    "DOWN": "D",
    "LEFT": "L",
    "RIGHT": "R",
    "VERTICAL": "UD",
    "HORIZONTAL": "LR",
}
_WEIGHTS: Final = ("LIGHT", "SINGLE", "HEAVY", "DOUBLE")
_SHARES: Final = {
    "ONE EIGHTH": 1,
    "ONE QUARTER": 2,
    "THREE EIGHTHS": 3,
    "HALF": 4,
    "FIVE EIGHTHS": 5,
    "THREE QUARTERS": 6,
    "SEVEN EIGHTHS": 7,
    "FULL": 8,
}
_SHADES: Final = {"LIGHT SHADE": 4, "MEDIUM SHADE": 2, "DARK SHADE": 4}


def _draw_block(cell: Image.Image, text: str) -> bool:
    """Whether `text` is one, and is drawn."""
    if len(text) != 1 or not "\u2500" <= text <= "\u259f":
        return False
    name = unicodedata.name(text)
    if name.startswith("BOX DRAWINGS") and "DASH" not in name and "DIAGONAL" not in name:
        _draw_lines(cell, name.removeprefix("BOX DRAWINGS "))
    elif name in _SHADES:
        _draw_shade(cell, _SHADES[name], is_dark=name == "DARK SHADE")
    elif name.endswith(" BLOCK"):
        side, _, share = name.removesuffix(" BLOCK").partition(" ")
        _draw_share(cell, side, _SHARES[share or side])
    else:
        return False
    return True


def _draw_lines(cell: Image.Image, name: str) -> None:
    """`LIGHT DOWN AND RIGHT` has one weight, `DOWN SINGLE AND RIGHT DOUBLE` one a side."""
    first = name.partition(" ")[0]
    weights: dict[str, str] = {}
    for part in name.split(" AND "):
        words = part.split()
        weight = next((word for word in words if word in _WEIGHTS), first)
        for word in words:
            for side in _SIDES.get(word, ""):
                weights[side] = weight
    thick = max(2, cell.height // 12)
    for side, weight in weights.items():
        for offset in (-thick, thick) if weight == "DOUBLE" else (0,):
            _draw_arm(cell, side, offset, 2 * thick if weight == "HEAVY" else thick)


def _draw_arm(cell: Image.Image, side: str, offset: int, thick: int) -> None:
    """From the middle, and a little over it so that arms join, to the edge."""
    x, y = cell.width // 2, cell.height // 2
    half = thick // 2
    start = thick - half + abs(offset)
    box = {
        "U": (x + offset - half, 0, x + offset - half + thick - 1, y + start - 1),
        "D": (x + offset - half, y - start, x + offset - half + thick - 1, cell.height),
        "L": (0, y + offset - half, x + start - 1, y + offset - half + thick - 1),
        "R": (x - start, y + offset - half, cell.width, y + offset - half + thick - 1),
    }[side]
    ImageDraw.Draw(cell).rectangle(box, fill=0)


def _draw_share(cell: Image.Image, side: str, eighths: int) -> None:
    width, height = cell.width * eighths // 8, cell.height * eighths // 8
    box = {
        "FULL": (0, 0, cell.width, cell.height),
        "UPPER": (0, 0, cell.width, height - 1),
        "LOWER": (0, cell.height - height, cell.width, cell.height),
        "LEFT": (0, 0, width - 1, cell.height),
        "RIGHT": (cell.width - width, 0, cell.width, cell.height),
    }[side]
    ImageDraw.Draw(cell).rectangle(box, fill=0)


def _draw_shade(cell: Image.Image, step: int, *, is_dark: bool) -> None:
    for y in range(cell.height):
        for x in range(cell.width):
            is_dot = (x + (y % 2) * step // 2) % step == 0
            if is_dot != is_dark:
                cell.putpixel((x, y), 0)
