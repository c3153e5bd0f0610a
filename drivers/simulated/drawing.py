"""How printed pieces look: a PNG with one pixel a dot, drawn with Pillow when somebody asks for it.

Characters stand in their cells in whatever monospaced font this machine has. PDF417 and the rarer bar codes are drawn as
a frame with their data in it. It knows no command and no printer: what was printed comes in as `pieces`.
"""

from __future__ import annotations

import functools
import importlib.util
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import segno
from PIL import Image, ImageChops, ImageDraw, ImageFont

from drivers.document import display_columns
from drivers.simulated.bar_codes import bar_widths, readable_text
from drivers.simulated.pieces import FONT_A, BarCode, Characters, Dots, Feed, Line, Printed, Qr, Style

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
    if not text.isascii() and (drawn := _drawn_cell(text, columns, style)) is not None:
        return drawn
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


def _drawn_cell(text: str, columns: int, style: Style) -> Image.Image | None:
    """A letter of the printer that the monospaced font lacks (ideographs, Hebrew), in the best font that has it."""
    from drivers.escpos import scripts

    if scripts.is_like_a_printer(text) or style.spacing or not scripts.can_draw(text):
        return None
    ink = scripts.draw(text, columns, 12)
    ink = scripts.bold(ink) if style.bold else ink
    cell = ImageChops.invert(ink).resize((columns * style.column_dots, style.cell[1] * style.height))
    if style.underline:
        ImageDraw.Draw(cell).rectangle((0, cell.height - style.underline, cell.width, cell.height), fill=0)
    return ImageChops.invert(cell) if style.inverted else cell


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
    text = readable_text(bar_code.symbology, bar_code.data)
    start = (total - len(text) * FONT_A[0]) // 2
    for wanted, y in ((above, 0), (below, top + bar_code.height_dots + 4)):
        if wanted:
            _draw_characters(picture, Characters(start, text, Style()), start, y)
    return picture


def _frame(name: str, data: bytes) -> Image.Image:
    text = f"{name} {data.decode('latin-1')}".strip()[:40]
    picture = Image.new("L", (len(text) * FONT_A[0] + 16, FONT_A[1] + 16), 255)
    ImageDraw.Draw(picture).rectangle((0, 0, picture.width - 1, picture.height - 1), outline=0)
    _draw_characters(picture, Characters(8, text, Style()), 8, 8)
    return picture
