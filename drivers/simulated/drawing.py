"""How printed pieces look: a PNG with one pixel a dot, drawn with Pillow when somebody asks for it.

It knows no command and no printer: what was printed comes in as `pieces`, and single characters are drawn by `glyphs`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from PIL import Image, ImageChops, ImageDraw

from drivers.simulated.bar_codes import bar_widths, readable_text
from drivers.simulated.glyphs import cell_picture
from drivers.simulated.pieces import (
    FRAME,
    QUIET,
    Area,
    BarCode,
    Characters,
    Code,
    Dots,
    Feed,
    Frame,
    Line,
    Page,
    Pdf417,
    Picture,
    Printed,
    Qr,
    Style,
    advance_dots,
)

MARGIN_DOTS: Final = 32
_EDGE_DOTS: Final = 12
_SURROUNDINGS: Final = 214


def draw(printed: Iterable[Printed], width_dots: int, *, was_cut: bool) -> Image.Image:
    """Black on white, one pixel a dot, with a margin; the lower edge is cut straight or, uncut, fades out torn."""
    placed: list[tuple[Image.Image, int, int]] = []
    y = bottom = 0
    for item in printed:
        placed += ((picture, left, y + top) for picture, left, top in _pictures(item))
        y = max(0, y + advance_dots(item))
        bottom = max(bottom, y)
    sheet = Image.new("L", (width_dots + 2 * MARGIN_DOTS, bottom + 2 * MARGIN_DOTS + _EDGE_DOTS), 255)
    paper = Image.new("L", (width_dots, bottom), 255)
    for picture, left, top in placed:
        _print(paper, picture, left, top)
    sheet.paste(paper, (MARGIN_DOTS, MARGIN_DOTS))
    _draw_edge(sheet, was_cut=was_cut)
    return sheet


def _print(paper: Image.Image, picture: Image.Image, left: int, top: int) -> None:
    """Darker wins: a tall letter reaches into the line above it and must not wipe it out. Outside the paper is nothing."""
    box = (max(left, 0), max(top, 0), min(left + picture.width, paper.width), min(top + picture.height, paper.height))
    if box[0] < box[2] and box[1] < box[3]:
        part = picture.crop((box[0] - left, box[1] - top, box[2] - left, box[3] - top))
        paper.paste(ImageChops.darker(paper.crop(box), part), box[:2])


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


def _pictures(item: Printed) -> Iterator[tuple[Image.Image, int, int]]:
    """The pictures of one printed thing, each with its place: dots from the left edge, and below where the paper stands."""
    match item:
        case Feed():
            return
        case Line():
            if item.parts:
                yield _line_picture(item), 0, 0
        case Page():
            for x, y, quarters, part in item.placed:
                picture = _part_picture(part)
                yield picture.transpose(_TURNS[quarters]) if quarters else picture, x, y
        case Picture(dots, area):
            picture = _upright(_dots_picture(dots), area)
            yield picture.crop((0, 0, min(picture.width, area.width), picture.height)), _start(picture, area), 0
        case _:
            picture = _upright(_code_picture(item), item.area)
            yield (
                picture.crop((0, 0, min(picture.width, item.area.width), picture.height)),
                _start(picture, item.area),
                0,
            )


_TURNS: Final = (
    Image.Transpose.ROTATE_180,  # of no quarter: not used
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
)


def _start(picture: Image.Image, area: Area) -> int:
    return area.start(min(picture.width, area.width))


def _upright(picture: Image.Image, area: Area) -> Image.Image:
    return picture.transpose(Image.Transpose.ROTATE_180) if area.upside_down else picture


def _part_picture(part: Characters | Dots | Code) -> Image.Image:
    if isinstance(part, Dots):
        return _dots_picture(part)
    if not isinstance(part, Characters):
        return _code_picture(part)
    picture = Image.new("L", (max(part.width_dots, 1), part.height_dots), 255)
    _draw_characters(picture, part, 0, 0)
    return picture


def _line_picture(line: Line) -> Image.Image:
    """As wide as the paper up to the right end of the area."""
    area = line.area
    width = max(part.x + part.width_dots for part in line.parts)
    height = max(part.height_dots for part in line.parts)
    start = area._replace(upside_down=False).start(min(width, area.width)) - area.left
    picture = Image.new("L", (area.width, height), 255)
    for part in line.parts:
        _print(picture, _part_picture(part), start + part.x, height - part.height_dots)
    whole = Image.new("L", (area.left + area.width, height), 255)
    whole.paste(_upright(picture, area), (area.left, 0))
    return whole


def _draw_characters(picture: Image.Image, part: Characters, x: int, y: int) -> None:
    style = part.style
    for cluster, columns in _clusters(part.text, style):
        cell = cell_picture(cluster, columns, style)
        if style.inverted or cluster != " " or style.underline:
            picture.paste(cell, (x, y))
        x += columns * style.column_dots


def _clusters(text: str, style: Style) -> list[tuple[str, int]]:
    """Characters with the combining marks that follow them, and their columns."""
    clusters: list[tuple[str, int]] = []
    for character in text:
        columns = style.columns(character)
        if columns or not clusters:
            clusters.append((character, columns or 1))
        else:
            clusters[-1] = (clusters[-1][0] + character, clusters[-1][1])
    return clusters


def _dots_picture(dots: Dots) -> Image.Image:
    picture = Image.frombytes("1", (dots.width, dots.height), dots.rows, "raw", "1;I").convert("L")
    return (
        picture
        if dots.scale == (1, 1)
        else picture.resize((dots.width_dots, dots.height_dots), Image.Resampling.NEAREST)
    )


def _code_picture(code: Code) -> Image.Image:
    match code:
        case Qr():
            name, size = "QR", (code.module_dots, code.module_dots)
        case Pdf417():
            name, size = "PDF417", (code.module_dots, code.module_dots * code.row_modules)
        case BarCode():
            return _bar_code_picture(code)
        case Frame():
            return _frame(code.name, code.data)
    modules = code.modules
    return _modules_picture(modules, size) if modules else _frame(f"{name}: too much data", b"")


def _modules_picture(rows: Sequence[Sequence[int]], size: tuple[int, int]) -> Image.Image:
    picture = Image.new("L", (len(rows[0]), len(rows)), 255)
    picture.putdata([255 * (not module) for row in rows for module in row])
    return picture.resize((picture.width * size[0], picture.height * size[1]), Image.Resampling.NEAREST)


def _bar_code_picture(code: BarCode) -> Image.Image:
    widths = bar_widths(code.symbology, code.data)
    assert widths, "paper prints a frame where there are no bars"
    width, height = code.size_dots
    above, below = code.text_position & 1, code.text_position >> 1 & 1
    picture = Image.new("L", (width, height), 255)
    pen = ImageDraw.Draw(picture)
    bars = code.bars_dots(widths)
    x, top = (width - bars) // 2, (code.text_cell[1] + QUIET) * above
    for index, element in enumerate(widths):
        dots = code.width_dots(element)
        if index % 2 == 0:
            pen.rectangle((x, top, x + dots - 1, top + code.height_dots - 1), fill=0)
        x += dots
    text = readable_text(code.symbology, code.data)
    start = (width - len(text) * code.text_cell[0]) // 2
    for wanted, y in ((above, 0), (below, top + code.height_dots + QUIET)):
        if wanted:
            _draw_characters(picture, Characters(start, text, Style(code.text_cell)), start, y)
    return picture


def _frame(name: str, data: bytes) -> Image.Image:
    width, height = FRAME
    text = f"{name} {data.decode('latin-1')}".strip()[:40]
    picture = Image.new("L", FRAME, 255)
    ImageDraw.Draw(picture).rectangle((0, 0, width - 1, height - 1), outline=0)
    _draw_characters(picture, Characters(8, text, Style()), 8, 8)
    return picture
