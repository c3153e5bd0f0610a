"""Drawing what a printer has no letters for, dot by dot, in exactly the cells that it was laid out for.

Shaped by HarfBuzz and drawn by its rasteriser, which come in one wheel for every system; Pillow's own shaping needs a library of
the system that neither a bare Debian nor Windows nor macOS has. A picture here is 24 dots high, one byte a dot, 255 is ink.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

import uharfbuzz
from PIL import Image, ImageChops

from drivers.escpos.fonts import Face, face_for

HEIGHT_DOTS = 24
Flush = Literal["left", "center", "right"]

# What reads right to left: letters, their marks, the blanks between words, and the two that join and part letters. Arabic digits
# are not among it, they stand left to right.
RIGHT_TO_LEFT = re.compile(
    "[\u0591-\u05ff\u0608\u060b\u060d\u061b-\u064a\u064b-\u065f\u066d-\u06ef\u06fa-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010cff\U00010d40-\U00010e5f"
    "\U00010e80-\U00010fff\U0001e800-\U0001efff]"
)
# Where letters stand on, under or in each other, so that a word has to be drawn as a whole.
_JOINED = re.compile("[\u0700-\u109f\u1700-\u18af\u1900-\u1cff\ua800-\uabff\U00011000-\U00011fff]")
_THAI = re.compile("[\u0e00-\u0e7f]")
_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")
_IDEOGRAPHS = re.compile(
    "[\u1100-\u11ff\u2e80-\u312f\u3130-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)
_LETTERS = re.compile("[\u0000-\u058f\u1e00-\u1fff\u2000-\u23ff\u2500-\u25ff\u2c60-\u2c7f\ua720-\ua7ff]")
_NOT_DRAWN = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]"
)


class _Look(NamedTuple):
    """The size of the font and how far below the upper edge its letters stand, in dots."""

    size: float
    baseline: float


_LOOKS = ((_THAI, _Look(20, 19)), (_ARABIC, _Look(23, 16)), (_IDEOGRAPHS, _Look(23, 20)), (_JOINED, _Look(18, 18)))
_LOOK = _Look(20, 19)


def is_joined(cell: str) -> bool:
    """Whether this letter is drawn with its neighbours, as one run."""
    return bool(_JOINED.match(cell) or RIGHT_TO_LEFT.match(cell))


def can_draw(text: str) -> bool:
    """Whether this machine has a font for it."""
    return _face(_drawable(text)) is not None


def is_like_a_printer(text: str) -> bool:
    """Whether printers have letters of this kind, of one width: Latin, Greek, Cyrillic, punctuation, lines."""
    return all(map(_LETTERS.match, text))


def region_of(text: str) -> int:
    """Whose ideographs a line is written in, as `face_for` numbers them: kana are Japan's, hangul Korea's, others China's."""
    if re.search("[\u3040-\u30ff]", text):
        return 0
    if re.search("[\u1100-\u11ff\uac00-\ud7a3]", text):
        return 1
    try:
        text.encode("gb18030").decode("gb2312", "strict")
    except UnicodeDecodeError:
        return 3 if _only_in(text, "big5") else 2
    return 2


def _only_in(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=2048)
def draw(
    text: str,
    columns: int,
    column_dots: int,
    *,
    right_to_left: bool = False,
    flush: Flush = "center",
    region: int = 0,
) -> Image.Image:
    """The text in `columns` cells, never wider; where it is narrower it stands `flush`. Blank where no font has it."""
    width = columns * column_dots
    picture = Image.new("L", (width, HEIGHT_DOTS), 0)
    drawable = _drawable(text)
    face = _face(drawable, region)
    if not face or not width:
        return picture
    glyphs, advance = _shape(face, drawable, right_to_left)
    if not is_joined(text) and len(glyphs) > 1 and columns == 2 and not _IDEOGRAPHS.match(text):
        glyphs = glyphs[:1]  # an emoji of several that the font has no one picture for: its first
    look = next((look for script, look in _LOOKS if script.search(text)), _LOOK)
    scale = look.size / face.units_per_em
    ink = _render(face, glyphs, scale, scale, 0.0)
    if ink is None:
        return picture
    left, right = min(ink.left, 0), max(ink.left + ink.image.width, advance * scale)
    narrower = min(1.0, width / (right - left))
    lower = min(1.0, HEIGHT_DOTS / ink.image.height)
    room = width - (right - left) * narrower
    x = {"left": 0.0, "center": room / 2, "right": room}[flush] - left * narrower
    ink = _render(face, glyphs, scale * narrower, scale * lower, x)
    if ink is not None:
        # What would stand above the cell or below it is moved into it.
        top = min(max(round(look.baseline) - ink.top, 0), HEIGHT_DOTS - min(ink.image.height, HEIGHT_DOTS))
        picture.paste(ink.image, (min(max(ink.left, 0), max(width - ink.image.width, 0)), top))
    return picture


def bold(picture: Image.Image) -> Image.Image:
    """Each dot once more to its right, as printers do."""
    shifted = Image.new("L", picture.size, 0)
    shifted.paste(picture, (1, 0))
    return ImageChops.lighter(picture, shifted)


def _drawable(text: str) -> str:
    return _NOT_DRAWN.sub("", text).replace("\u200d", "") if not is_joined(text) else text


def _face(text: str, region: int = 0) -> Face | None:
    characters = frozenset(text) - frozenset(" \u200c\u200d")
    if not characters:
        return None
    return face_for(characters, like_a_printer=is_like_a_printer("".join(characters)), region=region)


_Glyph = tuple[int, float, float]


class _Ink(NamedTuple):
    """What is black: how far right of the line's start and how far above the baseline its upper left corner stands."""

    image: Image.Image
    left: int
    top: int


def _shape(face: Face, text: str, right_to_left: bool) -> tuple[list[_Glyph], float]:
    """The glyphs and where they stand, in the font's units; and how wide all of it is."""
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if right_to_left else "ltr"
    uharfbuzz.shape(face.font, buffer, {})
    glyphs: list[_Glyph] = []
    x = 0.0
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        glyphs.append((info.codepoint, x + position.x_offset, position.y_offset))
        x += position.x_advance
    return glyphs, x


def _render(face: Face, glyphs: list[_Glyph], across: float, down: float, x: float) -> _Ink | None:
    """The glyphs at `x`; None where they are blank."""
    pen = uharfbuzz.RasterDraw()
    for glyph, dx, dy in glyphs:
        pen.transform = (across, 0.0, 0.0, down, x + dx * across, dy * down)
        pen.draw_glyph(face.font, glyph)
    raster = pen.render()
    if raster is None or not raster.extents or not raster.extents.width or not raster.extents.height:
        return None
    at = raster.extents
    image = Image.frombytes("L", (at.width, at.height), raster.buffer, "raw", "L", at.stride, -1).point(_INK)
    box = image.getbbox()
    return box and _Ink(image.crop(box), at.x_origin + box[0], at.y_origin + at.height - box[1])


_INK = [255 if coverage >= 96 else 0 for coverage in range(256)]
"""A dot is printed where the letter covers three eighths of it: thin strokes stay whole."""


SCRIPTS = {
    "Arabic": ("\u0628", "fonts-noto-core"),
    "Hebrew": ("\u05d0", "fonts-noto-core"),
    "Thai": ("\u0e17\u0e35\u0e48", "fonts-noto-core"),
    "Devanagari": ("\u0939", "fonts-noto-core"),
    "Bengali": ("\u09ac", "fonts-noto-core"),
    "Tamil": ("\u0ba4", "fonts-noto-core"),
    "Georgian": ("\u10d0", "fonts-noto-core"),
    "Armenian": ("\u0531", "fonts-noto-core"),
    "Vietnamese": ("\u1edf", "fonts-dejavu-core"),
    "Chinese": ("\u8336", "fonts-noto-cjk"),
    "Japanese": ("\u304a", "fonts-noto-cjk"),
    "Korean": ("\ud55c", "fonts-noto-cjk"),
    "emoji": ("\U0001f600", "fonts-symbola"),
}
"""Scripts that no usual code page has, a sample of each, and Debian's package of a font for it."""


def scripts_without_font() -> dict[str, str]:
    """The scripts that this machine cannot draw, and for each the Debian package that brings a font."""
    return {script: package for script, (sample, package) in SCRIPTS.items() if not can_draw(sample)}
